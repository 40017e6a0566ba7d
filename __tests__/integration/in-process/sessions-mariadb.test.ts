import '../../helpers/in-process-environment';
import { setTimeout as pause } from 'node:timers/promises';
import type { Application } from '@nocobase/server';
import mysql from 'mysql2/promise';
import { mustHaveRole, roleOf, sqlAsUser, startAsUser } from '../../helpers/app-roles';
import { knownServers, runSql, type KnownServer } from '../../helpers/database-servers';
import { OURS, SMALL, type InProcessApp } from '../../helpers/in-process-app';
import { MysqlSession } from '../../../server/databases/mysql-connection';

/** MySQL and MariaDB: sessions that SQL of an application leaves behind, also if it has changed its password. */

const MINUTES = 'WHILE i < 4000 DO SET i = i + 1; DO BENCHMARK(300000, SHA2("abc", 256));';
const loop = (work: string, first = '') => `
  BEGIN NOT ATOMIC DECLARE i INT DEFAULT 0; ${first} ${MINUTES}
  BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END; ${work} END; END WHILE; END`;
const STEAL = `UPDATE applicationVersion SET value = 'stolen'; COMMIT;`;

interface View {
  state: string;
  lastError: { code: string } | null;
  isolation: { isolated: boolean; reason: string | null };
}

function leftSessions(server: KnownServer): void {
  let app: InProcessApp;
  let end: () => Promise<void>;
  let account: string;
  const open = new Set<mysql.Connection>();
  const name = (word: string) => app.name(word);
  const options = { plugins: ['error-handler', 'field-sort'] };
  const role = (word: string) => mustHaveRole(app, name(word));
  const visit = async (word: string) => (await app.get('/api/pm:listEnabled', { 'X-App': name(word) })).status;
  const act = (action: string, word: string, more = '') =>
    app.post(`/api/applications:${action}?filterByTk=${name(word)}${more}`);
  const view = async (word: string) =>
    ((await app.get(`/api/applications:get?filterByTk=${name(word)}`)).body as { data: View }).data;
  const code = (answer: { status: number; body: unknown }) => [
    answer.status,
    (answer.body as { errors?: { code: string }[] }).errors?.[0]?.code,
  ];
  const threads = (user: string) =>
    runSql<{ id: number; info: string }>(
      server,
      `SELECT ID AS id, INFO AS info FROM information_schema.PROCESSLIST WHERE USER = '${user}'`,
    );
  // The list shows the part of a block that is at work.
  const looping = async (user: string) =>
    (await threads(user)).filter(({ info }) => /WHILE|BENCHMARK|SET PASSWORD/.test(info ?? ''));
  const version = (word: string) =>
    runSql<{ value: string }>(server, 'SELECT value FROM applicationVersion', name(word));

  async function signIn(user: string, password: string, database: string): Promise<mysql.Connection> {
    const { host, port } = server.address;
    const connection = await mysql.createConnection({ host, port, user, password, database });
    connection.on('error', () => undefined);
    open.add(connection);
    return connection;
  }

  /** Begins a statement that takes minutes. */
  async function begin(connection: mysql.Connection, statement: string, user: string): Promise<void> {
    connection.query(statement).catch(() => undefined);
    await app.until('the statement runs', async () => (await looping(user)).length > 0);
  }

  /** Takes all connections that the user may have, since it knows the password. */
  async function fill(user: string, password: string, database: string): Promise<void> {
    for (let taken = 0; taken < 200; taken += 1) {
      const refused = await signIn(user, password, database).then(
        () => undefined,
        (error: { code: string }) => error.code,
      );
      if (refused) return expect(refused).toBe('ER_USER_LIMIT_REACHED');
    }
    throw new Error('the user has no limit');
  }

  /** SQL in the application changes its password, then goes on for minutes. */
  async function haunt(word: string, statement: string, filled = false): Promise<string> {
    const { name: user, password } = role(word);
    const connection = await signIn(user, password, name(word));
    await connection.query("SET PASSWORD = PASSWORD('tenant-pw')");
    if (filled) await fill(user, 'tenant-pw', name(word));
    await begin(connection, statement, user);
    return user;
  }

  beforeAll(async () => {
    ({ app, end, account } = await startAsUser(server, { plugins: [...SMALL, OURS] }));
    await app.listen();
  });
  afterAll(() => end?.());
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const connection of open) connection.destroy();
    open.clear();
    const left = `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE INFO LIKE '%BENCHMARK(%' AND ID <> CONNECTION_ID()`;
    for (const { id } of await runSql<{ id: number }>(server, left)) await runSql(server, `KILL ${id}`).catch(() => []);
  });

  it('purge: ends statements of the application, which the next one of its ID never meets', async () => {
    await app.create({ name: name('haunted'), options });
    const user = await haunt('haunted', loop(STEAL), true);
    expect((await act('destroy', 'haunted', '&dropDatabase=true&purge=true')).status).toBe(200);
    expect(await threads(user)).toEqual([]);
    await app.create({ name: name('haunted'), options });
    await pause(500);
    expect(await version('haunted')).not.toEqual([{ value: 'stolen' }]);
    expect(await app.roles()).not.toContain(user);
    expect((await act('destroy', 'haunted', '&dropDatabase=true&purge=true')).status).toBe(200);
  });

  it('purge: is not kept up by a transaction that holds the tables', async () => {
    await app.create({ name: name('held'), options });
    const user = await haunt(
      'held',
      loop('DO 1;', 'START TRANSACTION; SELECT COUNT(*) INTO i FROM applicationPlugins; SET i = 0;'),
    );
    expect((await act('destroy', 'held', '&dropDatabase=true&purge=true')).status).toBe(200);
    expect(await threads(user)).toEqual([]);
    expect(await app.databases()).not.toContain(name('held'));
  });

  it('purge: is not kept up by statements that change the password again and again', async () => {
    await app.create({ name: name('restless'), options });
    const { name: user, password } = role('restless');
    const again = `BEGIN NOT ATOMIC DECLARE i INT DEFAULT 0; WHILE i < 9000000 DO SET i = i + 1; SET PASSWORD = PASSWORD('tenant-pw'); END WHILE; END`;
    const connections = [
      await signIn(user, password, name('restless')),
      await signIn(user, password, name('restless')),
    ];
    for (const connection of connections) await begin(connection, again, user);
    expect((await act('destroy', 'restless', '&dropDatabase=true&purge=true')).status).toBe(200);
    expect(await threads(user)).toEqual([]);
  });

  it('purge: ends statements also where the database is kept', async () => {
    await app.create({ name: name('kept'), options });
    const user = await haunt('kept', loop(STEAL));
    expect((await act('destroy', 'kept', '&purge=true')).status).toBe(200);
    expect(await threads(user)).toEqual([]);
    expect(await app.roles()).not.toContain(user);
    expect(await app.databases()).toContain(name('kept'));
  });

  it('purge: is refused while a session is left, and the application can be restored', async () => {
    await app.create({ name: name('stubborn'), options });
    const user = await haunt('stubborn', loop('DO 1;'));
    const run = MysqlSession.prototype.run;
    jest.spyOn(MysqlSession.prototype, 'run').mockImplementation(function (this: MysqlSession, sql: string) {
      return /^KILL /.test(sql) ? Promise.resolve([]) : run.call(this, sql);
    });
    for (const more of ['&dropDatabase=true&purge=true', '&purge=true']) {
      expect(code(await act('destroy', 'stubborn', more))).toEqual([503, 'APP_DATABASE_SESSIONS']);
      expect((await looping(user)).length).toBe(1);
      expect(await app.databases()).toContain(name('stubborn'));
      expect((await act('restore', 'stubborn')).status).toBe(200);
      expect(await visit('stubborn')).toBe(200);
    }
    jest.restoreAllMocks();
    expect((await act('destroy', 'stubborn', '&dropDatabase=true&purge=true')).status).toBe(200);
    expect(await threads(user)).toEqual([]);
  });

  it('restore: is refused once a purge has begun to drop the data, and a later purge deletes the rest', async () => {
    await app.create({ name: name('half'), options });
    jest.spyOn(server.dialect, 'drop').mockImplementationOnce(async () => {
      await runSql(server, 'DROP TABLE applicationPlugins', name('half'));
      throw new Error('planted');
    });
    expect((await act('destroy', 'half', '&dropDatabase=true&purge=true')).status).toBe(500);
    expect(code(await act('restore', 'half'))).toEqual([409, 'APP_PURGE_BEGUN']);
    expect((await act('purge', 'half')).status).toBe(200);
    expect(await app.databases()).not.toContain(name('half'));
  });

  it('stop: ends a statement of the pool, although the password was changed', async () => {
    await app.create({ name: name('stopped'), options });
    expect(await visit('stopped')).toBe(200);
    const { name: user } = role('stopped');
    const { db } = app.service.supervisor.apps[name('stopped')] as Application;
    await db.sequelize.query("SET PASSWORD = PASSWORD('tenant-pw')");
    db.sequelize.query(loop(STEAL)).catch(() => undefined);
    await app.until('the statement runs', async () => (await looping(user)).length > 0);
    await fill(user, 'tenant-pw', name('stopped'));
    await app.service.runner(name('stopped'))?.stop('sleep');
    expect(await looping(user)).toEqual([]);
    for (const connection of open) connection.destroy();
    expect(await visit('stopped')).toBe(200);
    const limits = `SELECT JSON_VALUE(Priv, '$.max_user_connections') AS most FROM mysql.global_priv WHERE User = '${user}'`;
    expect(Number((await runSql<{ most: string }>(server, limits))[0]?.most)).toBeLessThan(100);
  });

  it("stop and isolate: leave no session of the main application's user in the application's database", async () => {
    const assign = jest.spyOn(app.service.roles, 'assign').mockImplementation((record) => Promise.resolve(record));
    await app.create({ name: name('shared'), options }).finally(() => assign.mockRestore());
    expect(roleOf(app, name('shared'))).toBeUndefined();
    expect(await visit('shared')).toBe(200);
    const [, main = ''] = /^'(.*)'@/.exec(account) ?? [];
    const { db } = app.service.supervisor.apps[name('shared')] as Application;
    db.sequelize.query(loop(STEAL)).catch(() => undefined);
    await app.until('the statement runs', async () => (await looping(main)).length > 0);
    await app.service.runner(name('shared'))?.stop('sleep');
    expect(await looping(main)).toEqual([]);

    await begin(await signIn(main, 'Planted-4712', name('shared')), loop(STEAL), main);
    expect((await act('isolate', 'shared')).status).toBe(200);
    expect(await looping(main)).toEqual([]);
    expect((await view('shared')).isolation.isolated).toBe(true);
    expect(await sqlAsUser(server, role('shared'), name('shared'), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it("purge: ends sessions of the main application's user in the database of an application without a user", async () => {
    const assign = jest.spyOn(app.service.roles, 'assign').mockImplementation((record) => Promise.resolve(record));
    for (const word of ['bare', 'left']) await app.create({ name: name(word), options });
    assign.mockRestore();
    const [, main = ''] = /^'(.*)'@/.exec(account) ?? [];
    for (const [word, more] of [
      ['bare', '&dropDatabase=true&purge=true'],
      ['left', '&purge=true'],
    ] as const) {
      const first = 'START TRANSACTION; SELECT COUNT(*) INTO i FROM applicationPlugins; SET i = 0;';
      await begin(await signIn(main, 'Planted-4712', name(word)), loop('DO 1;', first), main);
      expect((await act('destroy', word, more)).status).toBe(200);
      expect(await looping(main)).toEqual([]);
    }
  });
}

for (const server of knownServers().filter(({ dialect }) => dialect.family === 'mysql')) {
  const title = `sessions that are left, by the dialect ${server.dialect.name}`;
  if (server.missing) describe.skip(`${title} (skipped: ${server.missing})`, () => leftSessions(server));
  else describe(title, () => leftSessions(server));
}
