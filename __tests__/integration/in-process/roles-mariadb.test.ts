import '../../helpers/in-process-environment';
import { createHash } from 'node:crypto';
import mysql from 'mysql2/promise';
import { mustHaveRole, sqlAsUser, startAsUser } from '../../helpers/app-roles';
import { USERS } from '../../helpers/archive-world';
import { knownServers, runSql, type KnownServer } from '../../helpers/database-servers';
import { OURS, SMALL, type InProcessApp } from '../../helpers/in-process-app';

/** MySQL and MariaDB: each application has a user of its own, where the main application's user may create users. */

const DATABASE_DENIED = 'ER_DBACCESS_DENIED_ERROR';
const REFUSED = /^ER_(DBACCESS|TABLEACCESS|SPECIFIC_ACCESS|ACCESS|BAD_DB|CANNOT_USER|PROCACCESS|KILL)_?\w*/;

interface View {
  state: string;
  lastError: { code: string } | null;
  isolation: { isolated: boolean; reason: string | null; sql: string | null };
}

function userPerApplication(server: KnownServer): void {
  let app: InProcessApp;
  let end: () => Promise<void>;
  let account: string;
  const name = (word: string) => app.name(word);
  const options = { plugins: ['error-handler', 'field-sort'] };
  const role = (word: string) => mustHaveRole(app, name(word));
  const as = (word: string, database: string, text: string) => sqlAsUser(server, role(word), database, text);
  const sql = <T = Record<string, unknown>>(text: string, database?: string) => runSql<T>(server, text, database);
  const visit = async (word: string) => (await app.get('/api/pm:listEnabled', { 'X-App': name(word) })).status;
  const view = async (word: string) =>
    ((await app.get(`/api/applications:get?filterByTk=${name(word)}`)).body as { data: View }).data;
  const isolate = (word: string) => app.post(`/api/applications:isolate?filterByTk=${name(word)}`);
  const code = (answer: { status: number; body: unknown }) => [
    answer.status,
    (answer.body as { errors?: { code: string }[] }).errors?.[0]?.code,
  ];
  /** As the version before did it: the application signs in as the main application's user. */
  const createShared = async (word: string) => {
    const assign = jest.spyOn(app.service.roles, 'assign').mockImplementation((record) => Promise.resolve(record));
    await app.create({ name: name(word), options }).finally(() => assign.mockRestore());
  };
  const definers = (word: string) =>
    sql<{ kind: string; name: string; definer: string }>(
      `SELECT 'VIEW' AS kind, TABLE_NAME AS name, DEFINER AS definer FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '${name(word)}'
       UNION SELECT 'TRIGGER', TRIGGER_NAME, DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '${name(word)}'
       UNION SELECT ROUTINE_TYPE, ROUTINE_NAME, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = '${name(word)}'
       UNION SELECT 'EVENT', EVENT_NAME, DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '${name(word)}' ORDER BY 1, 2`,
    );

  beforeAll(async () => {
    ({ app, end, account } = await startAsUser(server, { plugins: [...new Set([...SMALL, ...USERS]), OURS] }));
    await app.listen();
    await app.create({ name: name('a'), options });
    await app.create({ name: name('sec_b'), options });
    // A grant on `sec_b` with an unescaped `_` would include this database.
    await app.create({ name: name('secxb'), options });
  });
  afterAll(() => end?.());
  afterEach(() => jest.restoreAllMocks());

  it('creation: gives each application a user of its own', async () => {
    const names = ['a', 'sec_b', 'secxb'].map((word) => role(word).name);
    expect(new Set(names).size).toBe(3);
    for (const found of names) expect(found).toMatch(/^as_[0-9a-f]{8}_[0-9a-f]{16}$/);
    for (const word of ['a', 'sec_b', 'secxb']) {
      expect([word, (await view(word)).isolation, await visit(word)]).toEqual([
        word,
        { isolated: true, reason: null, sql: null },
        200,
      ]);
    }
  });

  it('a user: reaches no database of another, not even one whose name its own matches as a pattern', async () => {
    for (const [word, other] of [
      ['a', 'sec_b'],
      ['sec_b', 'secxb'],
      ['secxb', 'sec_b'],
    ] as const) {
      expect(await as(word, name(other), 'SELECT 1')).toBe(DATABASE_DENIED);
      expect(await as(word, app.address.database, 'SELECT 1')).toBe(DATABASE_DENIED);
      for (const text of [
        `SELECT * FROM \`${name(other)}\`.applicationVersion`,
        `DROP TABLE \`${name(other)}\`.applicationVersion`,
        `DROP DATABASE \`${name(other)}\``,
        `CREATE TABLE \`${name(other)}\`.evil (id INT)`,
        `RENAME TABLE applicationVersion TO \`${name(other)}\`.evil`,
        `LOCK TABLES \`${name(other)}\`.applicationVersion READ`,
        `SELECT * FROM \`${app.address.database}\`.applications`,
        `ALTER USER '${role(other).name}'@'%' IDENTIFIED BY 'evil'`,
        `ALTER USER ${account} IDENTIFIED BY 'evil'`,
        `GRANT ALL ON \`${name(other)}\`.* TO CURRENT_USER()`,
        `GRANT ALL ON \`${name(word)}\`.* TO '${role(other).name}'@'%'`,
        `DROP USER '${role(other).name}'@'%'`,
        "CREATE USER evil IDENTIFIED BY 'evil'",
        'CREATE DATABASE evil',
        'SELECT * FROM mysql.user',
        "SELECT LOAD_FILE('/etc/passwd') INTO OUTFILE '/tmp/evil'",
        'SET GLOBAL max_connections = 1',
        `CREATE DEFINER = ${account} VIEW evil AS SELECT 1`,
        `CREATE DEFINER = ${account} PROCEDURE evil() SELECT 1`,
      ]) {
        const answer = await as(word, name(word), text);
        expect([text, typeof answer === 'string' && REFUSED.test(answer) ? 'refused' : answer]).toEqual([
          text,
          'refused',
        ]);
      }
    }
    const seen = await as('sec_b', name('sec_b'), 'SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA');
    expect((seen as { name: string }[]).map((one) => one.name).sort()).toEqual(['information_schema', name('sec_b')]);
  });

  it('isolate: moves an existing application, and what runs with the rights of the main application', async () => {
    await createShared('old');
    expect((await view('old')).isolation).toEqual({ isolated: false, reason: 'not-moved', sql: null });
    const database = name('old');
    const [user] = account.split('@');
    const definer = `DEFINER = ${user}@'%'`;
    await sql('CREATE TABLE things (id INT PRIMARY KEY, note VARCHAR(99))', database);
    await sql(`CREATE ${definer} VIEW stolen AS SELECT name FROM \`${name('a')}\`.applicationPlugins`, database);
    expect((await isolate('old')).status).toBe(409);
    expect((await view('old')).isolation).toMatchObject({ isolated: false, reason: 'not-owner' });
    expect(await visit('old')).toBe(200);
    await sql('DROP VIEW stolen', database);
    await sql(`CREATE ${definer} VIEW notes AS SELECT note FROM things WITH CHECK OPTION`, database);
    await sql(
      `CREATE ${definer} TRIGGER before_things BEFORE INSERT ON things FOR EACH ROW SET NEW.note = CONCAT(NEW.note, '!')`,
      database,
    );
    await sql(`CREATE ${definer} FUNCTION two() RETURNS INT DETERMINISTIC RETURN 2`, database);
    await sql(`CREATE ${definer} PROCEDURE steal() SELECT name FROM \`${name('a')}\`.applicationPlugins`, database);
    await sql(
      `CREATE ${definer} EVENT nightly ON SCHEDULE EVERY 1 DAY DO INSERT INTO things VALUES (99, 'night')`,
      database,
    );
    const answer = await isolate('old');
    expect([answer.status, (answer.body as { data: View }).data.isolation]).toEqual([
      200,
      { isolated: true, reason: null, sql: null },
    ]);
    const found = await definers('old');
    expect(found).toHaveLength(5);
    for (const one of found) expect(one).toMatchObject({ definer: `${role('old').name}@%` });
    expect(await visit('old')).toBe(200);
    expect(await as('old', database, "INSERT INTO things VALUES (two(), 'kept')")).toMatchObject({ affectedRows: 1 });
    expect(await as('old', database, 'SELECT * FROM notes')).toEqual([{ note: 'kept!' }]);
    expect(await as('old', database, 'CALL steal()')).toMatch(REFUSED);
    expect((await isolate('old')).status).toBe(200);
  });

  it('isolate: repairs a password that SQL in the application changed', async () => {
    expect(role('old').host).toBe('%');
    await as('old', name('old'), "SET PASSWORD = PASSWORD('stolen')");
    await app.service.runner(name('old'))?.stop('sleep');
    expect([await visit('old'), (await view('old')).lastError]).toEqual([
      503,
      expect.objectContaining({ code: 'APP_DATABASE_ROLE' }),
    ]);
    expect((await isolate('old')).status).toBe(200);
    await app.until('it runs again', async () => (await visit('old')) === 200);
  });

  it('isolate: keeps the order in which triggers run, the time zone of an event, and packages', async () => {
    const database = name('old');
    const definer = `DEFINER = ${account}`;
    const before = 'BEFORE UPDATE ON things FOR EACH ROW SET NEW.note = CONCAT(NEW.note,';
    await sql(`CREATE ${definer} TRIGGER first ${before} 'FOR EACH ROW 1')`, database);
    expect(await as('old', database, `CREATE TRIGGER second ${before} '2')`)).toMatchObject({ warningStatus: 0 });
    await sql(`CREATE ${definer} TRIGGER third ${before} '3')`, database);
    await sql(
      `SET time_zone = '+08:00'; CREATE ${definer} EVENT dated ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 08:00:00' DISABLE DO SELECT 1`,
      database,
    );
    await sql(`SET sql_mode = 'ORACLE'; CREATE ${definer} PACKAGE p AS FUNCTION one() RETURN INT; END;`, database);
    await sql(
      `SET sql_mode = 'ORACLE'; CREATE ${definer} PACKAGE BODY p AS FUNCTION one() RETURN INT AS BEGIN RETURN 1; END; END;`,
      database,
    );
    const event = () =>
      sql(
        `SELECT EVENT_NAME, STARTS, TIME_ZONE, STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '${database}' ORDER BY 1`,
      );
    const events = await event();
    expect((await isolate('old')).status).toBe(200);
    expect((await definers('old')).filter((one) => one.definer !== `${role('old').name}@%`)).toEqual([]);
    expect(await event()).toEqual(events);
    await as('old', database, "UPDATE things SET note = '' WHERE id = 2");
    expect(await as('old', database, 'SELECT note FROM things WHERE id = 2')).toEqual([{ note: 'FOR EACH ROW 123' }]);
    const packages = (await definers('old')).filter(({ kind }) => kind.startsWith('PACKAGE'));
    expect(packages.map(({ kind }) => kind)).toEqual(['PACKAGE', 'PACKAGE BODY']);
  });

  it('isolate: names a routine of a user whose definitions are hidden, and changes nothing', async () => {
    await sql(`CREATE DEFINER = ${account} VIEW later AS SELECT 1 AS one`, name('old'));
    await sql("CREATE DEFINER = 'nobody_here'@'%' FUNCTION three() RETURNS INT DETERMINISTIC RETURN 3", name('old'));
    const before = await definers('old');
    const refused = await isolate('old');
    expect(code(refused)).toEqual([409, 'APP_ISOLATION_REFUSED']);
    expect(JSON.stringify(refused.body)).toContain('the function \\"three\\" belongs to the user nobody_here@%');
    expect(await definers('old')).toEqual(before);
    await sql('DROP FUNCTION three', name('old'));
    expect((await isolate('old')).status).toBe(200);
  });

  it('export and import: run as the users of the two applications', async () => {
    await app.create({ name: name('source'), options: { plugins: USERS } });
    const exported = await app.post(`/api/applications:export?filterByTk=${name('source')}&wait=true`);
    const { outcome, error, archive } = (
      exported.body as { data: { archive: string; outcome: string; error: unknown } }
    ).data;
    expect([outcome, error]).toEqual(['done', null]);
    const values = { archive, name: name('target'), options: { plugins: USERS } };
    const imported = await app.post('/api/applications:import?wait=true', values);
    expect((imported.body as { data: object }).data).toMatchObject({ outcome: 'done', error: null });
    expect((await view('target')).isolation.isolated).toBe(true);
    expect(await visit('target')).toBe(200);
    expect(await as('target', name('source'), 'SELECT 1')).toBe(DATABASE_DENIED);
  });

  it('a clone: is refused in words, and leaves no user', async () => {
    const before = await app.roles();
    const answer = await app.post(`/api/applications:clone?filterByTk=${name('a')}&wait=true`, { name: name('copy') });
    expect(code(answer)).toEqual([409, 'APP_CLONE_REFUSED']);
    expect(await app.roles()).toEqual(before);
  });

  it('purge: drops the user with the database', async () => {
    const before = await app.roles();
    await app.create({ name: name('gone'), options });
    expect(await app.roles()).toHaveLength(before.length + 1);
    await app.service.bin.remove(name('gone'), { dropDatabase: true, purge: true });
    expect(await app.roles()).toEqual(before);
    expect(await app.databases()).not.toContain(name('gone'));
  });

  it('creation: uses the shared user if the name of the database is too long for a grant, and leaves nothing else', async () => {
    const word = `${'_'.repeat(47 - name('').length)}z`;
    const before = await app.roles();
    const reason = { isolated: false, reason: 'name-too-long', sql: null };
    const { body } = await app.post('/api/applications:checkDatabase', { name: name(word) });
    expect((body as { data: { isolation: View['isolation'] } }).data.isolation).toMatchObject(reason);
    await app.create({ name: name(word), options });
    expect([(await view(word)).isolation, await visit(word)]).toEqual([reason, 200]);
    expect(code(await isolate(word))).toEqual([409, 'APP_ISOLATION_REFUSED']);
    expect(await app.roles()).toEqual(before);
    await app.service.bin.remove(name(word), { dropDatabase: true, purge: true });
    expect(await app.databases()).not.toContain(name(word));
  });

  it('a user that takes the locks whose names it can compute blocks no creation and no purge', async () => {
    const { host, port } = server.address;
    const { name: user, password } = role('a');
    const session = await mysql.createConnection({ host, port, user, password, database: name('a') });
    try {
      const digest = createHash('sha1').update(name('wanted')).digest('hex');
      const [rows] = await session.query('SELECT GET_LOCK(?, 0) AS got', [`app_supervisor:${digest}`]);
      expect(rows).toEqual([{ got: 1 }]);
      await app.create({ name: name('wanted'), options });
      await app.service.bin.remove(name('wanted'), { dropDatabase: true, purge: true });
      expect(await app.databases()).not.toContain(name('wanted'));
      expect(app.service.places.server().lockName?.(name('wanted'))).toMatch(/^[0-9a-f]{60}$/);
    } finally {
      await session.end();
    }
  });

  it('checkDatabase: says the SQL where a right is missing, and it works', async () => {
    const check = async () => {
      const { body } = await app.post('/api/applications:checkDatabase', { name: name('next') });
      return (body as { data: { isolation: View['isolation'] } }).data.isolation;
    };
    expect(await check()).toMatchObject({ isolated: true, reason: null, openDatabases: [] });
    await sql(`REVOKE CREATE USER ON *.* FROM ${account}`);
    const refused = await check();
    expect(refused).toMatchObject({ isolated: false, reason: 'right-missing' });
    await app.create({ name: name('next'), options });
    expect([(await view('next')).isolation.isolated, await visit('next')]).toEqual([false, 200]);
    for (const text of (refused.sql ?? '').split('\n')) await sql(text);
    expect((await isolate('next')).status).toBe(200);
    expect([(await view('next')).isolation.isolated, await visit('next')]).toEqual([true, 200]);
  });
}

for (const server of knownServers().filter(({ dialect }) => dialect.family === 'mysql')) {
  const name = `database roles by the dialect ${server.dialect.name}`;
  if (server.missing) describe.skip(`${name} (skipped: ${server.missing})`, () => userPerApplication(server));
  else describe(name, () => userPerApplication(server));
}
