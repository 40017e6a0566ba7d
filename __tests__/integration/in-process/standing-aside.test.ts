import '../../helpers/in-process-environment';
import type { Server } from 'node:http';
import { Gateway, Plugin, PluginManager, type Application } from '@nocobase/server';
import {
  describeWithPostgres,
  InProcessApp,
  OURS,
  PEER,
  providePlugin,
  SMALL,
  type OnDisk,
} from '../../helpers/in-process-app';

/**
 * Ours beside multi-app-manager, and where it cannot work: it keeps out of the way, says why, and takes over what the
 * other one has left.
 */

/** In the place of the whole preset, which an application without options is given. */
class SmallPreset extends Plugin {
  /** Writes a row for each built-in plugin, as the whole preset does. */
  override async install(): Promise<void> {
    const name = 'error-handler';
    const { name: packageName, version } = await PluginManager.getPackageJson(`@nocobase/plugin-${name}`);
    await this.pm.repository.create({ values: { name, packageName, version, enabled: true, builtIn: true } });
  }
}

const adapters = (app: InProcessApp) => [
  app.supervisor.getDiscoveryAdapter().name,
  app.supervisor.getProcessAdapter().name,
];

const statusOf = (app: InProcessApp, name: string) => app.supervisor.getAppStatus(name);

const untilStatus = (app: InProcessApp, name: string, status: string) =>
  app.until(`${name} is ${status}`, async () => (await statusOf(app, name)) === status);

const health = async (app: InProcessApp, headers: Record<string, string>) => {
  const { status, text, body } = await app.get('/api/__health_check', headers);
  return [status, status === 200 ? text : (body as { error?: { code?: string } }).error?.code];
};

const info = async (app: InProcessApp) => {
  const { status, body } = await app.get('/api/appSupervisor:info');
  expect(status).toBe(200);
  return body.data as Record<string, unknown>;
};

const enabledPlugins = (app: InProcessApp) =>
  app.sql(`SELECT name, enabled, installed FROM "applicationPlugins" ORDER BY name`);

/** How long a request may take to arrive, in milliseconds. */
function serverSettings() {
  const { server } = Gateway.getInstance() as unknown as { server: Server & { maxHeaderSize?: number } };
  return [server.requestTimeout, server.keepAliveTimeout, server.headersTimeout, server.maxHeaderSize];
}
const NODES_OWN = [300_000, 5_000, 60_000, undefined];
const RAISED = [3_600_000, 65_000, 66_000, 65_536];

/** Nothing is under way any more: multi-app-manager starts an application twice, and drops a command given meanwhile. */
const untilCalm = (app: InProcessApp, name: string) =>
  app.until(`${name} is calm`, async () => {
    const instance = app.supervisor.apps[name] as unknown as { activatedCommand?: unknown } | undefined;
    return (await statusOf(app, name)) === 'running' && instance?.activatedCommand === null;
  });

/** An application's life with multi-app-manager: what can be seen of it from outside, without names and times. */
async function lifeWithPeer(app: InProcessApp): Promise<unknown[]> {
  const name = app.name('life');
  const seen: unknown[] = [adapters(app)];
  await app.create({ name, cname: 'life.example.test', options: { plugins: ['error-handler'] } });
  seen.push(await statusOf(app, name), app.supervisor.hasApp(name), app.supervisor.getApps().length);
  seen.push(await health(app, { 'X-App': name }), await health(app, { 'X-Hostname': 'life.example.test' }));
  seen.push((await app.post(`/api/applications:stop?filterByTk=${name}`)).body.data);
  await untilStatus(app, name, 'stopped');
  await app.until('it is gone', () => Promise.resolve(!app.supervisor.hasApp(name)));
  seen.push((await app.post(`/api/applications:start?filterByTk=${name}`)).body.data);
  await untilCalm(app, name);
  seen.push(await health(app, { 'X-App': name }), app.supervisor.hasApp(name));
  const [row] = (await app.get('/api/applications:list')).body.data as Record<string, unknown>[];
  seen.push(row?.status, Object.keys(row ?? {}).sort());
  await app.get('/api/nothing:list', { 'X-App': name });
  seen.push(typeof (await app.supervisor.getAppLastSeenAt(name)));
  await app.supervisor.removeApp(name);
  // The first visit finds a sleeping application, and wakes it.
  const first = await health(app, { 'X-App': name });
  await untilCalm(app, name);
  seen.push(first, await health(app, { 'X-App': name }));
  await health(app, { 'X-App': 'nobody' });
  await untilStatus(app, 'nobody', 'not_found');
  seen.push(await health(app, { 'X-App': 'nobody' }), await health(app, {}));
  seen.push(await app.supervisor.listAppModels(), (await app.supervisor.getAppModel(name))?.name === name);
  await app.repository.destroy({ filterByTk: name });
  seen.push(app.supervisor.hasApp(name), app.supervisor.getApps().length);
  return seen;
}

/** Multi-app-manager makes an application, which answers, and removes it. */
async function expectPeerWorks(app: InProcessApp): Promise<void> {
  const name = app.name('peers');
  await app.create({ name, options: { plugins: ['error-handler'] } });
  expect(await statusOf(app, name)).toBe('running');
  expect(await health(app, { 'X-App': name })).toEqual([200, 'ok']);
  expect((await app.post(`/api/applications:stop?filterByTk=${name}`)).body.data).toBe('ok');
  await untilStatus(app, name, 'stopped');
  await app.until('it is gone', () => Promise.resolve(!app.supervisor.hasApp(name)));
  await app.repository.destroy({ filterByTk: name });
  expect(await app.sql('SELECT name FROM applications WHERE name = $1', [name])).toEqual([]);
}

describeWithPostgres('installed, and not enabled', () => {
  let app: InProcessApp;

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, PEER], onDisk: [PEER] });
  });

  afterAll(() => app?.end());

  it('changes nothing for multi-app-manager', async () => {
    const without = await lifeWithPeer(app);
    expect(without[0]).toEqual(['legacy', 'legacy']);
    await app.restart({ plugins: [...SMALL, PEER], onDisk: [PEER, OURS] });
    const withOurs = await lifeWithPeer(app);
    expect(withOurs).toEqual(without);
  });

  const behaviour = async () => {
    const { supervisor } = app;
    await app.get('/api/__health_check', { 'X-App': 'nobody' });
    const unknown = async () => {
      await untilStatus(app, 'nobody', 'not_found');
      return health(app, { 'X-App': 'nobody' });
    };
    return {
      unknown: await unknown(),
      constructed: supervisor.hasApp('nobody'),
      asked: (await supervisor.getApp('nobody')) ?? null,
      main: (await supervisor.getApp('main')).name,
      models: await supervisor.listAppModels(),
      seen: (await supervisor.getAppLastSeenAt('main')) ?? null,
    };
  };

  it.each<[string[], OnDisk[], string]>([
    [['alone on the disk'], [], 'main-only'],
    [['beside multi-app-manager, which is not enabled either'], [PEER], 'legacy'],
  ])('leaves NocoBase as it is without it: %s', async (_where, others, adapter) => {
    await app.restart({ plugins: SMALL, onDisk: others });
    expect(adapters(app)).toEqual([adapter, adapter]);
    const without = await behaviour();
    await app.restart({ plugins: SMALL, onDisk: [...others, OURS] });
    expect(adapters(app)).toEqual([adapter, adapter]);
    expect(await behaviour()).toEqual(without);
    // Which the core's own `main-only` adapter does not manage: it keeps one status for all names.
    expect(await health(app, {})).toEqual([200, 'ok']);
  });
});

describeWithPostgres('beside multi-app-manager', () => {
  let app: InProcessApp;
  const onDisk: OnDisk[] = [PEER, OURS];
  const sentence = 'The plugin multi-app-manager is enabled; disable it first';

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: SMALL, onDisk });
    await app.main.pm.enable(PEER);
  });

  afterAll(() => app?.end());

  it('refuses to be enabled, says why, and leaves everything as it was', async () => {
    const name = app.name('before');
    await app.create({ name, options: { plugins: ['error-handler'] } });
    const before = await enabledPlugins(app);
    await expect(app.main.pm.enable(OURS)).rejects.toThrow(sentence);
    expect(await enabledPlugins(app)).toEqual(before);
    expect(app.main.pm.has(OURS)).toBe(false);
    expect(adapters(app)).toEqual(['legacy', 'legacy']);
    await untilStatus(app, 'main', 'running');
    expect(await health(app, { 'X-App': name })).toEqual([200, 'ok']);
    const columns = await app.sql(
      `SELECT column_name FROM information_schema.columns WHERE table_name = 'applications' AND column_name = 'startMode'`,
    );
    expect(columns).toEqual([]);
    await app.repository.destroy({ filterByTk: name });
  });

  it.each([
    ['ours first', [OURS, PEER]],
    ['ours last', [PEER, OURS]],
  ])('is inert where both are enabled when the process starts: %s', async (_order, both) => {
    await app.main.pm.disable(PEER);
    await app.restart({ plugins: [...SMALL, ...both], onDisk });
    expect(await info(app)).toMatchObject({
      state: 'inert',
      reasonCode: 'APP_SUPERVISOR_PEER_ENABLED',
      message: expect.stringContaining(sentence),
      adapter: { discovery: 'legacy', process: 'legacy' },
    });
    await expectPeerWorks(app);
    await app.restart({ plugins: SMALL, onDisk });
    await app.main.pm.enable(PEER);
  });

  it('becomes inert when multi-app-manager is enabled after it, and works again when that is disabled', async () => {
    await app.main.pm.disable(PEER);
    await app.main.pm.enable(OURS);
    expect(await info(app)).toMatchObject({ state: 'active', adapter: { discovery: 'local', process: 'local' } });
    const name = app.name('after');
    await app.create({ name, options: { plugins: ['error-handler'] } });
    expect(await health(app, { 'X-App': name })).toEqual([200, 'ok']);

    await app.main.pm.enable(PEER);
    expect(await info(app)).toMatchObject({
      state: 'inert',
      reasonCode: 'APP_SUPERVISOR_PEER_ENABLED',
      message: expect.stringContaining(sentence),
      adapter: { discovery: 'legacy', process: 'legacy' },
    });
    expect(serverSettings()).toEqual(NODES_OWN);
    await expectPeerWorks(app);
    await untilStatus(app, name, 'running');
    expect(await health(app, { 'X-App': name })).toEqual([200, 'ok']);

    await app.main.pm.disable(PEER);
    expect(await info(app)).toMatchObject({ state: 'active', adapter: { discovery: 'local', process: 'local' } });
    expect(serverSettings()).toEqual(RAISED);
    expect(await health(app, { 'X-App': name })).toEqual([200, 'ok']);
    await app.repository.destroy({ filterByTk: name });
    expect(app.supervisor.hasApp(name)).toBe(false);
  });

  it('leaves the seats again when it is disabled, with nothing running', async () => {
    const name = app.name('left');
    await app.create({ name, options: { plugins: ['error-handler'] } });
    expect(serverSettings()).toEqual(RAISED);
    await app.main.pm.disable(OURS);
    expect(serverSettings()).toEqual(NODES_OWN);
    expect(adapters(app)).toEqual(['legacy', 'legacy']);
    expect(app.supervisor.hasApp(name)).toBe(false);
    expect(await app.connections()).not.toContain(name);
    expect(await app.sql('SELECT name FROM applications WHERE name = $1', [name])).toHaveLength(1);
    await app.sql('DELETE FROM applications');
    await app.main.pm.enable(PEER);
  });
});

describeWithPostgres('what multi-app-manager has left', () => {
  let app: InProcessApp;
  const plugins = ['error-handler'];
  const password = () => app.address.password || 'of-the-row';
  const secretOf = (instance: Application) =>
    String((instance.authManager.jwt as unknown as { secret(): unknown }).secret());
  let names: Record<'bare' | 'eager' | 'UPPER' | 'secret' | 'blank' | 'password', string>;
  type Row = { name: string; status: string; startMode: string; options: unknown; secrets: string | null };
  let rows: Map<string, Row>;

  beforeAll(async () => {
    providePlugin('@nocobase/preset-nocobase', SmallPreset);
    app = await InProcessApp.start({ plugins: SMALL, onDisk: [PEER, OURS] });
    await app.main.pm.enable(PEER);
    const name = (end: string) => app.name(end);
    names = {
      bare: name('bare'),
      eager: name('eager'),
      UPPER: name('UPPER'),
      secret: name('secret'),
      blank: name('blank'),
      password: name('password'),
    };
    await app.create({ name: names.bare });
    await app.create({ name: names.eager, options: { plugins, autoStart: true } });
    await app.create({ name: names.UPPER, options: { plugins }, cname: 'Upper.Example.test' });
    await app.create({ name: names.secret, options: { plugins, authManager: { jwt: { secret: 'of-the-row' } } } });
    await app.create({ name: names.blank, options: { plugins, authManager: { jwt: { secret: '' } } } });
    const { host, port, user } = app.address;
    await app.create({
      name: names.password,
      options: {
        plugins,
        dbConnType: 'new_connection',
        database: { dialect: 'postgres', host, port, username: user, password: password(), database: names.password },
      },
    });
    await app.main.pm.disable(PEER);
    await app.main.pm.enable(OURS);
    const found = await app.sql<Row>('SELECT * FROM applications');
    rows = new Map(found.map((row) => [row.name, row]));
  });

  afterAll(() => app?.end());

  it('is as old rows are', () => {
    expect(rows.size).toBe(6);
    expect(rows.get(names.bare)?.options).toBeNull();
    expect([...rows.values()].map((row) => row.status)).toEqual(Array(6).fill('pending'));
  });

  it('has its start modes filled in', () => {
    const modes = Object.values(names).map((name) => rows.get(name)?.startMode);
    expect(modes).toEqual(['lazy', 'eager', 'lazy', 'lazy', 'lazy', 'lazy']);
  });

  it('has no secret in its options any more', () => {
    const text = JSON.stringify([...rows.values()].map((row) => row.options));
    expect(text).not.toContain('of-the-row');
    expect(text).not.toMatch(/"(secret|password)":/);
    expect(rows.get(names.secret)?.secrets).toMatch(/^v1:/);
    expect(rows.get(names.password)?.secrets).toMatch(/^v1:/);
    expect(rows.get(names.bare)?.secrets).toBeNull();
  });

  it('starts what used to start by itself', () => untilStatus(app, names.eager, 'running'));

  it.each(['bare', 'eager', 'UPPER', 'secret', 'blank', 'password'] as const)(
    'wakes on its first visit: %s',
    async (which) => {
      const name = names[which];
      expect(await health(app, { 'X-App': name })).toEqual([200, 'ok']);
      // The gateway answers this itself where the address ends so, and nowhere else.
      expect((await app.get(`/api/?__appName=${name}&x=/__health_check`)).text).toBe('ok');
      expect((await app.get(`/api/__app/${name}/__health_check`)).text).toBe('ok');
      expect(await statusOf(app, name)).toBe('running');
    },
  );

  it('is found by its custom domain, in whatever case', async () => {
    const instance = await app.supervisor.getApp(names.UPPER);
    const stop = jest.fn();
    instance.on('beforeStop', stop);
    const { service } = app;
    expect(service.registry.byDomain('upper.example.test')).toBe(names.UPPER);
    expect(await health(app, { Host: 'UPPER.example.TEST:8080' })).toEqual([200, 'ok']);
    await app.supervisor.removeApp(names.UPPER);
    expect(stop).toHaveBeenCalled();
    expect((await app.get('/api/?x=/__health_check', { Host: 'upper.example.test' })).text).toBe('ok');
    expect(app.supervisor.hasApp(names.UPPER)).toBe(true);
  });

  it('goes on with its own secret; one without goes on with that of the main application, and is flagged', async () => {
    const secrets = new Map<string, string>();
    for (const [which, name] of Object.entries(names)) secrets.set(which, secretOf(await app.supervisor.getApp(name)));
    const main = secretOf(app.main);
    expect(Object.fromEntries(secrets)).toEqual({
      bare: main,
      eager: main,
      UPPER: main,
      secret: 'of-the-row',
      blank: main,
      password: main,
    });
    const listed = (await app.get('/api/applications:list')).body.data as { name: string; ownSecret: boolean }[];
    const flagged = listed.filter((row) => row.ownSecret).map((row) => row.name);
    expect(flagged).toEqual([names.secret]);
    expect(JSON.stringify(listed)).not.toContain('of-the-row');
  });

  it('goes on with the password of its database', async () => {
    const instance = await app.supervisor.getApp(names.password);
    expect(instance.db.options).toMatchObject({ password: password(), database: names.password });
  });

  it('is the same after the process was started again', async () => {
    await app.restart();
    await untilStatus(app, names.eager, 'running');
    for (const name of Object.values(names)) expect(await health(app, { 'X-App': name })).toEqual([200, 'ok']);
    expect(secretOf(await app.supervisor.getApp(names.secret))).toBe('of-the-row');
    expect((await app.supervisor.getApp(names.password)).db.options).toMatchObject({ password: password() });
  });

  it('may be changed and removed', async () => {
    await app.repository.update({ filterByTk: names.bare, values: { displayName: 'Bare', startMode: 'eager' } });
    expect(app.service.registry.get(names.bare)).toMatchObject({ displayName: 'Bare', startMode: 'eager' });
    expect(await health(app, { 'X-App': names.bare })).toEqual([200, 'ok']);
    const gone = await app.post(`/api/applications:destroy?filterByTk=${names.UPPER}&dropDatabase=true`);
    expect([gone.status, gone.body.errors?.[0]?.code]).toEqual([409, 'APP_DATABASE_NOT_OWNED']);
    expect((await app.post(`/api/applications:destroy?filterByTk=${names.UPPER}`)).status).toBe(200);
    expect(await app.databases()).toContain(names.UPPER);
    expect(await health(app, { 'X-App': names.UPPER })).toEqual([404, 'APP_NOT_FOUND']);
  });

  it.each(['bare', 'blank'] as const)('is not installed again into a database that was emptied: %s', async (which) => {
    const name = names[which];
    await app.supervisor.removeApp(name);
    await app.sql('DROP SCHEMA public CASCADE', [], name);
    await app.sql('CREATE SCHEMA public', [], name);
    const answer = await app.get('/api/app:getInfo', { 'X-App': name });
    expect([answer.status, answer.body.error?.code]).toEqual([503, 'APP_DATABASE_EMPTY']);
    const start = await app.post(`/api/applications:start?filterByTk=${name}&wait=true`);
    expect(start.text).toContain('APP_DATABASE_EMPTY');
    const tables = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`;
    expect(await app.sql(tables, [], name)).toEqual([]);
  });
});

describeWithPostgres('where it cannot work', () => {
  let app: InProcessApp;

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: SMALL, onDisk: [PEER] });
  });

  afterAll(() => app?.end());

  it('asks for a restart of a process that was started without it, and works after that', async () => {
    await app.main.pm.enable(OURS);
    expect(await info(app)).toMatchObject({
      state: 'restart_required',
      reasonCode: 'APP_SUPERVISOR_RESTART_REQUIRED',
      message: expect.stringContaining('restart NocoBase'),
      adapter: { discovery: 'legacy', process: 'legacy' },
    });
    const listed = await app.get('/api/applications:list');
    expect([listed.status, listed.body.errors?.[0]?.code]).toEqual([503, 'APP_SUPERVISOR_RESTART_REQUIRED']);
    const name = app.name('too_early');
    await expect(app.create({ name, options: { plugins: ['error-handler'] } })).rejects.toThrow('restart NocoBase');
    expect(await app.sql('SELECT name FROM applications')).toEqual([]);
    expect(await app.databases()).toEqual([app.address.database]);

    await app.restart({ plugins: SMALL, onDisk: [PEER, OURS] });
    expect(await info(app)).toMatchObject({ state: 'active', adapter: { discovery: 'local', process: 'local' } });
    await app.create({ name, options: { plugins: ['error-handler'] } });
    expect(await health(app, { 'X-App': name })).toEqual([200, 'ok']);
  });

  it('refuses to be enabled in an application, and leaves that as it was', async () => {
    const name = app.name('too_early');
    const instance = await app.supervisor.getApp(name);
    const plugins = () => app.sql(`SELECT name FROM "applicationPlugins" WHERE enabled ORDER BY 1`, [], name);
    const before = await plugins();
    await expect(instance.pm.enable(OURS)).rejects.toMatchObject({ code: 'APP_PLUGINS_MANAGED_BY_MAIN' });
    expect(await plugins()).toEqual(before);
    await untilStatus(app, name, 'running');
    expect(await health(app, { 'X-App': name })).toEqual([200, 'ok']);
    expect(await info(app)).toMatchObject({ state: 'active' });
  });

  it('says so when the environment names other adapters', async () => {
    await app.restart({
      plugins: SMALL,
      onDisk: [PEER, OURS],
      env: { APP_DISCOVERY_ADAPTER: 'legacy', APP_PROCESS_ADAPTER: 'legacy' },
    });
    expect(await info(app)).toMatchObject({
      state: 'inert',
      reasonCode: 'APP_SUPERVISOR_ADAPTER_MISMATCH',
      message: expect.stringContaining('"legacy"'),
      adapter: { discovery: 'legacy', process: 'legacy' },
    });
    await app.restart({
      plugins: SMALL,
      onDisk: [PEER, OURS],
      env: { APP_DISCOVERY_ADAPTER: 'local', APP_PROCESS_ADAPTER: 'local' },
    });
    expect(await info(app)).toMatchObject({ state: 'active' });
  });
});
