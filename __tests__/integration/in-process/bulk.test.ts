import '../../helpers/in-process-environment';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';

/** Actions with several applications at once. */

interface Result {
  name: string;
  ok: boolean;
  application?: Record<string, unknown>;
  code?: string;
  message?: string;
}

const plugins = ['error-handler'];

describeWithPostgres('several applications at once', () => {
  let app: InProcessApp;
  let names: string[];

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
    names = ['one', 'two', 'three'].map((end) => app.name(end));
    for (const name of names) await app.create({ name, options: { plugins } });
  });

  afterAll(() => app?.end());

  const query = (list: readonly string[]) => list.map((name) => `filterByTk[]=${name}`).join('&');
  const act = async (action: string, list: readonly string[], more = '', headers: Record<string, string> = {}) => {
    const { status, body } = await app.post(`/api/applications:${action}?${query(list)}${more}`, {}, headers);
    return { status, results: (body.data?.results ?? []) as Result[], code: body.errors?.[0]?.code as string };
  };
  const types = async (name: string) => {
    const { body } = await app.get(`/api/applications:events?filterByTk=${name}`);
    return (body.data as { type: string }[]).map(({ type }) => type);
  };

  it('stops all, tells of one that there is not in the language of the caller, and of each in its events', async () => {
    const asked = [names[0], 'nobody', names[1]] as string[];
    const { status, results } = await act('stop', asked, '&wait=true', { 'X-Locale': 'zh-CN' });
    expect(status).toBe(200);
    expect(results.map(({ name, ok }) => [name, ok])).toEqual(asked.map((name) => [name, name !== 'nobody']));
    expect(results[0]?.application).toMatchObject({ name: names[0], state: 'stopped' });
    expect(results[1]).toEqual({
      ...{ name: 'nobody', ok: false, code: 'APP_NOT_FOUND' },
      message: expect.stringMatching(/\p{Script=Han}.*nobody|nobody.*\p{Script=Han}/u),
    });
    for (const name of names.slice(0, 2)) expect((await types(name))[0]).toBe('stopped');
    expect(app.service.describe(names[2] as string)?.state).toBe('running');
  });

  it('starts and restarts those that are named in the body, and waits for them', async () => {
    const started = await app.post('/api/applications:start?wait=true', { names });
    expect(started.body.data.results).toHaveLength(3);
    for (const { application } of started.body.data.results as Result[]) {
      expect(application).toMatchObject({ state: 'running', stoppedAt: null });
    }
    const again = await app.post('/api/applications:restart?wait=true', { names });
    expect(again.body.data.results).toHaveLength(3);
    expect((again.body.data.results as Result[]).every(({ ok }) => ok)).toBe(true);
    for (const name of names) expect(app.service.runner(name)?.state).toBe('running');
  });

  it('takes nothing in the body that it would not read', async () => {
    const { status, body } = await app.post('/api/applications:restart', { names, wait: true });
    expect([status, body.errors[0].code]).toEqual([400, 'APP_FIELD_UNKNOWN']);
  });

  it('answers for one as it always did, and for a list of one with a list', async () => {
    const one = await app.post(`/api/applications:stop?filterByTk=${names[0]}&wait=true`);
    expect(one.body.data).toMatchObject({ name: names[0], state: 'stopped' });
    const list = await act('start', [names[0] as string], '&wait=true');
    expect(list.results).toMatchObject([{ name: names[0], ok: true, application: { state: 'running' } }]);
    for (const action of ['stop', 'start', 'isolate', 'export', 'update', 'destroy', 'get', 'clone']) {
      const none = await app.post(`/api/applications:${action}`, action === 'clone' ? { name: 'any' } : {});
      expect([action, none.status, none.body.errors[0].code]).toEqual([action, 400, 'APP_VALUE_INVALID']);
    }
  });

  it('takes 200, and neither more nor none', async () => {
    const many = Array.from({ length: 201 }, (_, index) => `nobody-${index}`);
    for (const action of ['start', 'stop', 'restart', 'destroy']) {
      expect(await act(action, many)).toMatchObject({ status: 400, code: 'APP_VALUE_INVALID' });
      const none = await app.post(`/api/applications:${action}`, { names: [] });
      expect([none.status, none.body.errors[0].code]).toEqual([400, 'APP_VALUE_INVALID']);
    }
    const { status, results } = await act('stop', many.slice(1));
    expect([status, results.length]).toEqual([200, 200]);
    expect(new Set(results.map(({ code }) => code))).toEqual(new Set(['APP_NOT_FOUND']));
  });

  it('removes all with what is asked of each, and goes on after one that cannot be', async () => {
    const foreign = names[2] as string;
    await app.sql(`COMMENT ON DATABASE "${foreign}" IS 'of somebody else'`);
    const call = await app.post('/api/applications:destroy?dropDatabase=true&purge=true', { names });
    expect(call.status).toBe(200);
    const results = call.body.data.results as Result[];
    expect(results.slice(0, 2)).toEqual(
      names.slice(0, 2).map((name) => ({
        ...{ name, ok: true },
        application: { name, database: name, databaseDropped: true, removedAt: null, purgeAt: null },
      })),
    );
    expect(results[2]).toMatchObject({ name: foreign, ok: false, code: 'APP_DATABASE_NOT_OWNED' });
    expect((await types(names[0] as string)).slice(0, 2)).toEqual(['purged', 'removed']);
    expect(await app.databases()).not.toContain(names[0]);
    expect(app.service.registry.has(foreign)).toBe(true);
  });
});
