import type { Application } from '@nocobase/server';
import { limitTemplates, resolveInGroups } from '../../../server/limits/template-limit';

type Context = { action: { resourceName: string; actionName: string; params: { values?: unknown } }; body?: unknown };
type Middleware = (ctx: Context, next: () => Promise<void>) => Promise<void>;

const context = (values: unknown, resourceName = 'variables', actionName = 'resolve'): Context => ({
  action: { resourceName, actionName, params: { values } },
});
const batch = (count: number, template: unknown = '{{ ctx.user.id }}') => ({
  values: { batch: Array.from({ length: count }, (_, id) => ({ id, template })) },
});
const next = () => Promise.resolve();

describe('the templates of a request', () => {
  const note = jest.fn();
  let middleware: Middleware;

  beforeEach(() => {
    note.mockClear();
    const app = { resourceManager: { use: (given: Middleware) => (middleware = given) } };
    limitTemplates(app as unknown as Application, note);
  });

  const braces = '{{'.repeat(5_000);

  it.each<[string, unknown]>([
    ['one text of 10 KB', { values: { template: braces } }],
    ['the same without `values`', { template: braces }],
    ['odd braces', { template: `{${braces}` }],
    ['101 expressions', { values: { template: Array(101).fill('{{ 1+1 }}') } }],
    ['in one text', { values: { template: '{{ 1 }}'.repeat(101) } }],
    ['in members', { values: { template: { a: { b: Array(60).fill('{{1}}') }, c: Array(60).fill('x{{1}}') } } }],
    ['in one element of a batch', { values: { batch: [{ template: 'a' }, { template: '{{1}}'.repeat(101) }] } }],
    ['in a batch without `values`', { batch: [{ template: '{{1}}'.repeat(101) }] }],
    ['1001 in a batch', batch(1_001)],
    ['a long text with one', { values: { template: `{{ ${'('.repeat(20_000)}1` } }],
    ['in a list instead of an object', [{ template: braces }]],
    ['as the whole', braces],
  ])('are refused: %s', (_case, values) => {
    expect(() => middleware(context(values), next)).toThrow(expect.objectContaining({ code: 'APP_BODY_TOO_LARGE' }));
    expect(note).toHaveBeenCalledTimes(1);
  });

  it('are refused in the query of a chart', () => {
    const values = { filter: { a: { $eq: braces } } };
    expect(() => middleware(context(values, 'charts', 'query'), next)).toThrow('expressions in one template');
  });

  it.each<[string, unknown, string, string]>([
    ['none', undefined, 'variables', 'resolve'],
    ['100 expressions', { values: { template: Array(100).fill('{{ ctx.a }}') } }, 'variables', 'resolve'],
    ['1000 in a batch', batch(1_000), 'variables', 'resolve'],
    ['a long text without any', { values: { template: '{ '.repeat(50_000) } }, 'variables', 'resolve'],
    ['a text of 16 KB', { values: { template: `{{1}}${'x'.repeat(16_379)}` } }, 'variables', 'resolve'],
    ['values of another action', { content: braces }, 'posts', 'create'],
  ])('pass: %s', async (_case, values, resource, action) => {
    await middleware(context(values, resource, action), next);
    expect(note).not.toHaveBeenCalled();
  });
});

describe('a batch of templates', () => {
  const sizes: number[] = [];
  const original: Middleware = async (ctx, done) => {
    const { batch: given } = (ctx.action.params.values as { values: { batch: { id: number }[] } }).values;
    sizes.push(given.length);
    ctx.body = { results: given.map(({ id }) => ({ id, data: `data ${id}` })) };
    await done();
  };
  const action: { handler: Middleware; options: { handler: Middleware } } = {
    handler: original,
    options: { handler: original },
  };
  const resourceManager = { isDefined: () => true, getAction: () => action };

  beforeAll(() => {
    for (const _ of [1, 2]) resolveInGroups({ resourceManager } as unknown as Application);
  });
  beforeEach(() => void sizes.splice(0));

  it('is resolved in groups of 50 expressions, with turns of the event loop between them', async () => {
    const ctx = context(batch(120));
    let turns = 0;
    const turn = () => setImmediate(() => ((turns += 1), turning && turn()));
    let turning = true;
    turn();
    const done = jest.fn(next);
    await action.options.handler(ctx, done);
    turning = false;
    expect(sizes).toEqual([50, 50, 20]);
    expect(turns).toBeGreaterThanOrEqual(1);
    expect(done).toHaveBeenCalledTimes(1);
    const { results } = ctx.body as { results: { id: number }[] };
    expect(results.map(({ id }) => id)).toEqual(Array.from({ length: 120 }, (_, id) => id));
    expect(ctx.action.params.values).toEqual(batch(120));
  });

  it('is resolved at once if it is small, and its elements are never divided', async () => {
    for (const [values, expected] of [
      [batch(50), [50]],
      [batch(0), [0]],
      [batch(200, 'no expression'), [200]],
      [batch(3, '{{1}}'.repeat(80)), [1, 1, 1]],
    ] as const) {
      sizes.splice(0);
      await action.handler(context(values), next);
      expect(sizes).toEqual(expected);
    }
  });

  it('of an application without such an action needs nothing', () => {
    const none = { isDefined: () => false, getAction: () => fail('asked') };
    resolveInGroups({ resourceManager: none } as unknown as Application);
  });
});
