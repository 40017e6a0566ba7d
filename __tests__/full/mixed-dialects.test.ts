import '../helpers/in-process-environment';
import { databasesOf, knownServers, runSql, type KnownServer } from '../helpers/database-servers';
import { Plugin } from '@nocobase/server';
import { forwarder } from '../helpers/fake-servers';
import { InProcessApp, OURS, providePlugin, SMALL } from '../helpers/in-process-app';

/** Applications on every kind of database server, under a main application on every other kind. */

const USERS = [
  ...['error-handler', 'field-sort', 'data-source-manager', 'data-source-main', 'users', 'auth', 'acl'],
  ...['client', 'ui-schema-storage', 'system-settings'],
];
const PLANTED = 'Planted-4712';

let mayInstall = true;

/** Its installation gets to its tables, and no further. */
class HalfWay extends Plugin {
  override install(): Promise<void> {
    return mayInstall ? Promise.resolve() : Promise.reject(new Error('it does not want to'));
  }
}

const servers = knownServers();

function life(main: KnownServer): void {
  let app: InProcessApp;
  const there = servers.filter(({ missing }) => !missing);

  beforeAll(async () => {
    providePlugin('half-way', HalfWay);
    app = await InProcessApp.start({ plugins: [...new Set([...SMALL, ...USERS]), OURS], server: main });
  });

  afterAll(async () => {
    if (!app) return;
    for (const server of there) {
      for (const name of await databasesOf(server, app.prefix)) {
        if (server.dialect.family !== main.dialect.family) await runSql(server, `DROP DATABASE ${name}`);
      }
    }
    await app.end();
  });

  const post = (action: string, body: object, query = '') => app.post(`/api/applications:${action}${query}`, body);
  const outcome = ({ status, body }: { status: number; body: unknown }) => [
    status,
    (body as { errors?: { code: string }[] }).errors?.[0]?.code,
  ];
  const visit = async (name: string) => (await app.get('/api/pm:listEnabled', { 'X-App': name })).status;
  const signIn = async (name: string, password: string) => {
    const headers = { 'X-App': name, 'X-Authenticator': 'basic' };
    return (await app.post('/api/auth:signIn', { account: 'somebody', password }, headers)).status;
  };
  const onServer = ({ dialect, address }: KnownServer, change: object = {}) => {
    const { host, port, username, password } = address;
    return {
      dbConnType: 'new_connection',
      database: { dialect: dialect.name, host, port, username, password, ...change },
    };
  };

  const ways: [string, KnownServer, object][] = [
    ["beside the main application's", main, {}],
    ...there.map((server): [string, KnownServer, object] => [
      `on a server of the dialect ${server.dialect.name}`,
      server,
      onServer(server),
    ]),
  ];

  it.each(ways)('makes, visits, signs in to, wakes, restarts and removes one %s', async (what, server, options) => {
    const name = app.name(what.replace(/\W+/g, '_').slice(-20).toLowerCase());
    const values = { name, options: { ...options, plugins: USERS } };
    const before = await databasesOf(server, app.prefix);
    const check = await post('checkDatabase', values);
    expect(check.body).toMatchObject({ data: { ok: true } });
    const made = await post('create', { ...values, admin: { username: 'somebody', password: PLANTED } }, '?wait=true');
    expect(outcome(made)).toEqual([200, undefined]);
    expect(await databasesOf(server, app.prefix)).toContain(name);
    // A picture of 64 KB fits into the row of every main application, and the size of every database is told.
    const content = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(65_528)]).toString('base64');
    const iconImage = `data:image/png;base64,${content}`;
    const shown = await post('update', { iconImage }, `?filterByTk=${name}`);
    expect(shown.body.data?.iconImage).toBe(iconImage);
    const { database, version } = (await app.get(`/api/applications:details?filterByTk=${name}`)).body.data;
    expect(database).toMatchObject({ dialect: server.dialect.name, database: name, bytes: expect.any(Number) });
    expect(version.core).toBe(version.installedCore);
    expect([await visit(name), await signIn(name, PLANTED), await signIn(name, 'another')]).toEqual([200, 200, 401]);

    await app.service.runner(name)?.stop('sleep');
    expect([await visit(name), await signIn(name, PLANTED)]).toEqual([200, 200]);
    expect((await app.service.upgrades.plan([name]))[0]).toMatchObject({ state: 'current' });

    // Nobody else gets it, by whatever dialect of this server.
    for (const other of there.filter(({ dialect }) => dialect.family === server.dialect.family)) {
      const again = { name: `${name}_2`, options: { ...onServer(other, { database: name }), plugins: USERS } };
      expect(outcome(await post('create', again, '?wait=true'))).toEqual([409, 'APP_DATABASE_IN_USE']);
    }
    expect(outcome(await post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`))).toEqual([
      200,
      undefined,
    ]);
    expect(await databasesOf(server, app.prefix)).toEqual(before);
  });

  it('begins an installation anew that was cut off, and it is ours to drop', async () => {
    for (const server of there) {
      const name = app.name(`half_${server.dialect.name}`);
      const options = { ...onServer(server), plugins: ['error-handler', 'half-way'] };
      mayInstall = false;
      expect((await post('create', { name, options }, '?wait=true')).status).toBe(503);
      mayInstall = true;
      expect((await post('start', {}, `?filterByTk=${name}&wait=true`)).status).toBe(200);
      expect(await visit(name)).toBe(200);
      expect(outcome(await post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`))).toEqual([
        200,
        undefined,
      ]);
      expect(await databasesOf(server, name)).toEqual([]);
    }
  });

  it('says that a database is gone', async () => {
    for (const server of there) {
      const name = app.name(`gone_${server.dialect.name}`);
      const options = { ...onServer(server), plugins: USERS };
      expect(outcome(await post('create', { name, options }, '?wait=true'))).toEqual([200, undefined]);
      await app.service.runner(name)?.stop('sleep');
      await runSql(server, `DROP DATABASE ${name}`);
      const answer = await app.get('/api/pm:listEnabled', { 'X-App': name });
      expect([answer.status, answer.text]).toEqual([503, expect.stringContaining('APP_DATABASE_MISSING')]);
      expect(answer.text).not.toContain(server.address.host);
      await post('destroy', {}, `?filterByTk=${name}&purge=true`);
    }
  });

  it('ends an instance whose statement does not', async () => {
    // It takes its time, and is the same under every other main application.
    if (main !== there[0]) return;
    for (const server of there) {
      const name = app.name(`stuck_${server.dialect.name}`);
      const options = { ...onServer(server), plugins: USERS };
      expect(outcome(await post('create', { name, options }, '?wait=true'))).toEqual([200, undefined]);
      const instance = await app.supervisor.getApp(name);
      const sleep = server.dialect.family === 'postgres' ? 'SELECT pg_sleep(100)' : 'SELECT SLEEP(100)';
      const began = Date.now();
      // A `SLEEP` that is killed is no error.
      const stuck = instance.db.sequelize.query(sleep).catch(() => undefined);
      await Promise.all([app.service.runner(name)?.stop('sleep'), stuck]);
      expect(Date.now() - began).toBeLessThan(60_000);
      const { holders = {} } = app.service.connections.snapshot([])?.applications ?? {};
      expect(holders[name]?.inUse ?? 0).toBe(0);
      expect(outcome(await post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`))).toEqual([
        200,
        undefined,
      ]);
    }
  });

  it('survives a restart of the process', async () => {
    const names = there.map(({ dialect }) => app.name(`again_${dialect.name}`));
    for (const [index, name] of names.entries()) {
      const options = { ...onServer(there[index] as KnownServer), plugins: USERS };
      const admin = { username: 'somebody', password: PLANTED };
      expect(outcome(await post('create', { name, options, admin }, '?wait=true'))).toEqual([200, undefined]);
    }
    await app.restart();
    for (const name of names) {
      expect([await visit(name), await signIn(name, PLANTED)]).toEqual([200, 200]);
      expect(outcome(await post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`))).toEqual([
        200,
        undefined,
      ]);
    }
  });

  it("refuses another application's database by another address of its server", async () => {
    for (const server of there) {
      const name = app.name(`own_${server.dialect.name}`);
      const alias = await forwarder(server.address);
      const options = (change: object) => ({ ...onServer(server, change), plugins: USERS });
      expect(outcome(await post('create', { name, options: options({}) }, '?wait=true'))).toEqual([200, undefined]);
      const again = { name: `${name}_2`, options: options({ database: name, port: alias.port }) };
      expect(outcome(await post('create', again, '?wait=true'))).toEqual([409, 'APP_DATABASE_IN_USE']);
      await alias.end();
      await post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`);
    }
  });

  it('refuses in words what a server does not have', async () => {
    if (main.dialect.schemas) return;
    const name = app.name('schema');
    for (const action of ['create', 'checkDatabase']) {
      const answer = await post(action, { name, options: { dbConnType: 'new_schema' } });
      expect(JSON.stringify(answer.body)).toContain('APP_DATABASE_UNSUPPORTED');
    }
    expect(await visit(name)).toBe(404);
  });
}

for (const main of servers) {
  const name = `a main application by the dialect ${main.dialect.name}`;
  if (main.missing) describe.skip(`${name} (skipped: ${main.missing})`, () => life(main));
  else describe(name, () => life(main));
}
