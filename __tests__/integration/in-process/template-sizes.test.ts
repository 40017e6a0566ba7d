import '../../helpers/in-process-environment';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';

/** Templates that any signed-in user may have resolved, by the plugin that resolves them. */
describeWithPostgres('the templates of a request', () => {
  let app: InProcessApp;

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, 'ui-schema-storage', 'flow-engine', OURS] });
    // The first expression of a process locks its realm down, which Jest's realm does not let it do.
    await resolve({ template: '{{ 1 }}' });
  });

  afterAll(() => app?.end());

  const resolve = async (values: object) => {
    const { status, body } = await app.post('/api/variables:resolve', { values });
    return { status, data: body.data as unknown, code: (body.errors?.[0] as { code?: string } | undefined)?.code };
  };

  it.each<[string, unknown]>([
    ['a text of braces', '{{'.repeat(40_000)],
    ['faulty expressions', '{{ ['.repeat(20_000)],
    ['a list of expressions', Array(4_000).fill('{{ 1+1 }}')],
    ['a long expression', `{{ ${'('.repeat(20_000)}1${')'.repeat(20_000)} }}`],
  ])('are refused: %s', async (_case, template) => {
    const refused = { status: 413, data: undefined, code: 'APP_BODY_TOO_LARGE' };
    expect(await resolve({ template })).toEqual(refused);
    expect(await resolve({ batch: [{ id: 1, template }] })).toEqual(refused);
  });

  it('are resolved as before, in groups where they are many', async () => {
    expect(await resolve({ template: { sum: '{{ 1+1 }}', text: 'x{{ 2 }}' } })).toMatchObject({
      status: 200,
      data: { sum: 2, text: 'x2' },
    });
    const batch = Array.from({ length: 120 }, (_, id) => ({ id: `e${id}`, template: `{{ ${id}+1 }}` }));
    const { status, data } = await resolve({ batch });
    expect(status).toBe(200);
    expect(data).toEqual({ results: batch.map(({ id }, index) => ({ id, data: index + 1 })) });
  });
});
