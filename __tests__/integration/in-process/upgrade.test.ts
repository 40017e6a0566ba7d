import '../../helpers/in-process-environment';
import type { Application } from '@nocobase/server';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import type { Answer } from '../../helpers/test-host';

/** Applications whose databases were brought up to date by other versions than those of this process. */

const PLUGIN = '@nocobase/plugin-field-sort';

interface Item {
  name: string;
  outcome: string;
  state: string;
  from: string | null;
  to: string;
  plugins: unknown[];
  ahead: unknown[];
  error: { code: string; message: string } | null;
}

interface Run {
  finishedAt: string | null;
  total: number;
  counts: Record<string, number>;
  applications: Item[];
}

describeWithPostgres('the upgrade of applications', () => {
  let app: InProcessApp;
  let version: string;
  let sequence = 0;
  let added: string[] = [];
  const note = (instance: Application) => void added.push(instance.name);

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
    version = app.main.getPackageVersion();
    await app.listen();
  });
  afterAll(() => app?.end());
  beforeEach(() => {
    added = [];
    app.supervisor.on('afterAppAdded', note);
  });
  afterEach(() => {
    app.supervisor.removeListener('afterAppAdded', note);
  });

  /** One that several tests use, and leave up to date. */
  let plain: string;

  /** An application that is installed, and sleeps. */
  async function asleep(values: object = {}): Promise<string> {
    const name = app.name(`u${(sequence += 1)}`);
    await app.create({ name, options: { plugins: ['error-handler'] }, ...values });
    return rest(name);
  }

  async function rest(name: string): Promise<string> {
    await app.supervisor.removeApp(name);
    added = [];
    return name;
  }

  const setCore = (name: string, core: string) => app.sql('UPDATE "applicationVersion" SET value = $1', [core], name);
  const coreOf = async (name: string) =>
    (await app.sql<{ value: string }>('SELECT value FROM "applicationVersion"', [], name)).map(({ value }) => value);
  /** The application has one plugin of a package, of this version by its database. */
  const addPlugin = (name: string, stored: string | null) =>
    app.sql(
      `INSERT INTO "applicationPlugins" ("createdAt", "updatedAt", name, "packageName", version, enabled, installed)
        VALUES (now(), now(), 'field-sort', $1, $2, true, true)`,
      [PLUGIN, stored],
      name,
    );
  const pluginOf = async (name: string) =>
    (await app.sql<{ version: string }>('SELECT version FROM "applicationPlugins"', [], name))[0]?.version;
  const state = (name: string) => app.service.runner(name)?.state;
  const visit = async (name: string) => {
    // The core answers this of a running application; to us it is a visit, since its path does not end so.
    const { status, body } = await app.get('/api/?x=/__health_check', { 'X-App': name });
    return [status, (body as { error?: { code?: string } }).error?.code];
  };
  const dataOf = <T>({ body }: Answer) => (body as { data: T }).data;
  const plan = async (...names: string[]) => {
    const query = names.map((name) => `filterByTk[]=${name}`).join('&');
    return dataOf<{ applications: Item[]; run: Run | null }>(await app.get(`/api/applications:upgradePlan?${query}`));
  };
  const upgrade = async (query: string, body: object = {}) =>
    dataOf<Run>(await app.post(`/api/applications:upgrade?${query}`, body));
  const outcomes = (run: Run) => Object.fromEntries(run.applications.map(({ name, outcome }) => [name, outcome]));

  // ---- on a wake ----------------------------------------------------------------------------------------------------

  it('a fresh application is up to date, by its database and by its instance', async () => {
    const name = (plain = await asleep());
    const { applications } = await plan(name);
    expect(applications).toEqual([
      { name, state: 'current', from: version, to: version, plugins: [], ahead: [], error: null },
    ]);
    expect(added).toEqual([]);
    expect(await visit(name)).toEqual([200, undefined]);
    expect(added).toEqual([name]);
  });

  it('a visit upgrades what is behind before it is answered, and it compares equal afterwards', async () => {
    const name = await rest(plain);
    await setCore(name, '2.0.0');
    expect((await plan(name)).applications).toMatchObject([{ state: 'behind', from: '2.0.0', to: version }]);
    const visits = await Promise.all([visit(name), visit(name), visit(name)]);
    expect(visits).toEqual([1, 2, 3].map(() => [200, undefined]));
    expect(added).toEqual([name, name]);
    expect(await coreOf(name)).toEqual([version]);
    expect((await plan(name)).applications).toMatchObject([{ state: 'current' }]);

    await app.supervisor.removeApp(name);
    added = [];
    await visit(name);
    expect(added).toEqual([name]);
  });

  it.each([
    ['an older version', '0.0.1'],
    ['no version', null],
  ])('so it does where one plugin alone is behind, with %s', async (_what, stored) => {
    const name = await asleep();
    await addPlugin(name, stored);
    const [planned] = (await plan(name)).applications;
    expect(planned).toMatchObject({ state: 'behind', from: version, to: version, plugins: [{ from: stored }] });
    expect(await visit(name)).toEqual([200, undefined]);
    expect(added).toEqual([name, name]);
    expect(await pluginOf(name)).toBe((planned?.plugins[0] as { to: string }).to);
    expect((await plan(name)).applications).toMatchObject([{ state: 'current', plugins: [] }]);
    expect(app.supervisor.apps[name]?.pm.has('field-sort')).toBe(true);
  });

  it('also where SKIP_SAME_VERSION_UPGRADE lets the core skip what has its version', async () => {
    const name = await asleep();
    await addPlugin(name, '0.0.1');
    process.env.SKIP_SAME_VERSION_UPGRADE = 'true';
    try {
      expect(await visit(name)).toEqual([200, undefined]);
    } finally {
      delete process.env.SKIP_SAME_VERSION_UPGRADE;
    }
    expect(await pluginOf(name)).not.toBe('0.0.1');
    expect(await coreOf(name)).toEqual([version]);
    expect((await plan(name)).applications).toMatchObject([{ state: 'current' }]);
  });

  it('a plugin that is older here, or not here at all, keeps nothing from running', async () => {
    const name = await asleep();
    await addPlugin(name, '999.0.0');
    await app.sql(
      `INSERT INTO "applicationPlugins" ("createdAt", "updatedAt", name, "packageName", version, enabled)
        VALUES (now(), now(), 'gone', 'nocobase-plugin-gone', '1.0.0', true)`,
      [],
      name,
    );
    const [planned] = (await plan(name)).applications;
    expect(planned).toMatchObject({ state: 'current', ahead: [{ packageName: PLUGIN, from: '999.0.0' }] });
    expect(await visit(name)).toEqual([200, undefined]);
    expect(added).toEqual([name]);
    expect(await pluginOf(name)).toBe('999.0.0');
  });

  it('what belongs to a newer NocoBase is refused, and nothing is written', async () => {
    const name = await asleep();
    await setCore(name, '99.1.0');
    expect(await visit(name)).toEqual([503, 'APP_VERSION_NEWER']);
    expect(await coreOf(name)).toEqual(['99.1.0']);
    expect(app.supervisor.hasApp(name)).toBe(false);
    expect((await plan(name)).applications).toMatchObject([{ state: 'newer', from: '99.1.0' }]);
    const { status, body } = await app.post(`/api/applications:upgrade?filterByTk=${name}&wait=true`);
    expect([status, (body as { errors: { code: string }[] }).errors[0]?.code]).toEqual([503, 'APP_VERSION_NEWER']);
    await app.repository.destroy({ filter: { name } });
  });

  it('reads the versions where tables are prefixed, in snake case and in a schema', async () => {
    const name = app.name(`u${(sequence += 1)}`);
    await app.createAsPeer(name, { plugins: ['error-handler'], database: { tablePrefix: 'n_', underscored: true } });
    added = [];
    const tables = await app.sql(`SELECT tablename FROM pg_tables WHERE tablename ~ 'application'`, [], name);
    expect(tables.map(({ tablename }) => tablename)).toEqual(
      expect.arrayContaining(['n_application_version', 'n_application_plugins']),
    );
    expect((await plan(name)).applications).toMatchObject([{ state: 'current', from: version }]);
    expect(await visit(name)).toEqual([200, undefined]);

    const { dialect, server, layout } = (await import('../../../server/databases/location')).locationOf(
      app.service.databaseOptions(app.service.registry.get(name)!),
    );
    expect(await dialect.readVersions(server, { ...layout, schema: 'elsewhere' })).toBeUndefined();
    await app.sql('CREATE SCHEMA "else.where"', [], name);
    await app.sql('CREATE TABLE "else.where".n_application_version AS SELECT \'1.2.3\' AS value', [], name);
    // The table of the plugins is that of an old NocoBase, or not there.
    expect(await dialect.readVersions(server, { ...layout, schema: 'else.where' })).toEqual({
      core: '1.2.3',
      plugins: [],
    });
  });

  // ---- for many -----------------------------------------------------------------------------------------------------

  it('upgrades all that are behind, tells of the one that is broken, and a second run boots nothing', async () => {
    const [slept, stopped, manual, running, broken] = [
      await asleep(),
      await asleep(),
      await asleep({ startMode: 'manual' }),
      await asleep(),
      await asleep(),
    ];
    const fleet = [slept, stopped, manual, running, broken];
    await app.post(`/api/applications:stop?filterByTk=${stopped}&wait=true`);
    await visit(running);
    for (const name of fleet) await setCore(name, '2.1.0');
    await app.sql(`ALTER DATABASE "${broken}" RENAME TO "${broken}_away"`, [], 'postgres');

    const run = await upgrade('wait=true', { names: fleet });
    expect(outcomes(run)).toEqual({
      [slept]: 'upgraded',
      [stopped]: 'upgraded',
      [manual]: 'upgraded',
      [running]: 'upgraded',
      [broken]: 'failed',
    });
    expect(run.applications.find(({ name }) => name === broken)?.error).toMatchObject({ code: 'APP_DATABASE_MISSING' });
    expect(run.counts).toEqual({ upgraded: 4, failed: 1 });
    expect([slept, stopped, manual, running].map(state)).toEqual(['asleep', 'stopped', 'stopped', 'running']);
    for (const name of [slept, stopped, manual, running]) expect(await coreOf(name)).toEqual([version]);
    expect(await visit(running)).toEqual([200, undefined]);
    expect(await visit(stopped)).toEqual([503, 'APP_STOPPED']);

    added = [];
    const again = await upgrade('wait=true', { names: fleet });
    expect(again.counts).toEqual({ current: 4, failed: 1 });
    expect(added).toEqual([]);
    expect(state(running)).toBe('running');

    await app.sql(`ALTER DATABASE "${broken}_away" RENAME TO "${broken}"`, [], 'postgres');
    expect((await upgrade('wait=true', { names: fleet })).counts).toEqual({ current: 4, upgraded: 1 });
    expect((await upgrade('all=true&wait=true')).counts).toEqual({ current: app.service.registry.size });
  });

  it('goes on where an upgrade was cut off', async () => {
    const fleet = [await asleep(), await asleep(), await asleep()];
    for (const name of fleet) await setCore(name, '2.1.0');
    // The plugin is disabled, or the process ends in order, while the first one is at work.
    const begun = await upgrade('', { names: fleet });
    expect(begun.finishedAt).toBeNull();
    await app.until('the first one is at work', async () => (await plan()).run?.counts.upgrading === 1);
    await app.service.upgrades.end();
    const { run } = await plan();
    expect(run?.counts).toEqual({ upgraded: 1, cancelled: 2 });
    const [next, last] = fleet.filter((name) => outcomes(run!)[name] === 'cancelled');
    // And another was cut off after its migrations, before its version was written.
    const cut = jest.spyOn(app.main.version.constructor.prototype as { update(): Promise<void> }, 'update');
    cut.mockRejectedValueOnce(new Error('cut off'));
    expect((await app.post('/api/applications:upgrade?wait=true', { names: [next] })).status).toBe(503);
    expect(cut).toHaveBeenCalledTimes(1);
    cut.mockRestore();
    expect(state(String(next))).toBe('failed');

    await app.restart();
    app.supervisor.on('afterAppAdded', note);
    await app.listen();
    added = [];
    expect((await upgrade('wait=true', { names: fleet })).counts).toEqual({ current: 1, upgraded: 2 });
    expect([...added].sort()).toEqual([next, last].sort());
    for (const name of fleet) expect(await coreOf(name)).toEqual([version]);
  });

  it('is one run at a time: who asks for nothing else joins it, who asks for more is told', async () => {
    const [first, second] = [await rest(plain), await asleep()];
    await setCore(first, '2.1.0');
    const done = upgrade('wait=true', { names: [first] });
    await app.until('it is at work', async () => (await plan(first)).run?.counts.upgrading === 1);
    const other = await app.post(`/api/applications:upgrade?filterByTk=${second}`);
    const [refusal] = (other.body as { errors: object[] }).errors;
    const operation = {
      kind: 'upgrade',
      application: first,
      since: expect.any(String) as string,
      by: { kind: 'system' },
    };
    expect([other.status, refusal]).toMatchObject([409, { code: 'APP_UPGRADE_RUNNING', operation }]);
    const joined = await upgrade(`filterByTk=${first}&wait=true`);
    expect(joined).toEqual(await done);
    expect(added).toEqual([first]);
    expect((await upgrade(`filterByTk=${second}&wait=true`)).counts).toEqual({ current: 1 });
  });

  it('by force upgrades also what is up to date', async () => {
    const name = await rest(plain);
    expect((await upgrade(`filterByTk=${name}&force=true&wait=true`)).counts).toEqual({ upgraded: 1 });
    expect([added, state(name)]).toEqual([[name], 'asleep']);
  });

  it.each([
    ['nothing', '', {}, 400, 'APP_VALUE_INVALID'],
    ['names and all', 'all=true', { names: ['a'] }, 400, 'APP_VALUE_INVALID'],
    ['something else than IDs', '', { names: [{}] }, 400, 'APP_VALUE_INVALID'],
    ['an unknown application', '', { names: ['nobody'] }, 404, 'APP_NOT_FOUND'],
  ])('refuses a call that names %s', async (_what, query, body, status, code) => {
    const answer = await app.post(`/api/applications:upgrade?${query}`, body);
    expect([answer.status, (answer.body as { errors: { code: string }[] }).errors[0]?.code]).toEqual([status, code]);
  });

  it('does not know an application whose making has not ended', async () => {
    const name = await rest(plain);
    const record = app.service.registry.get(name)!;
    app.service.registry.put({ ...record, provisioning: { ...record.provisioning, readyAt: undefined } });
    expect((await plan(name)).applications).toMatchObject([{ state: 'not_installed', from: null }]);
    expect((await upgrade(`filterByTk=${name}&wait=true`)).counts).toEqual({ not_installed: 1 });
    expect(added).toEqual([]);
    app.service.registry.put(record);
  });
});
