import '../../helpers/in-process-environment';
import { existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { Client } from 'pg';
import { describeWithPostgres, OURS, type InProcessApp } from '../../helpers/in-process-app';
import { describeWithBothPostgres, roleOf, sqlAs, startAsCreator, startAsRole } from '../../helpers/app-roles';
import { USERS } from '../../helpers/archive-world';

/** Existing applications are moved to roles of their own; clones, archives and restores keep to theirs. PostgreSQL. */

const options = { plugins: ['error-handler', 'field-sort', 'file-manager'] };
const DENIED = '42501';

interface View {
  state: string;
  lastError: { code: string } | null;
  isolation: { isolated: boolean; reason: string | null; sql: string | null };
}

describeWithBothPostgres('database roles: of applications that exist', (server) => {
  let app: InProcessApp;
  let mainRole: string;
  let end: () => Promise<void>;
  const name = (word: string) => app.name(word);
  const visit = async (word: string) => (await app.get('/api/pm:listEnabled', { 'X-App': name(word) })).status;
  const view = async (word: string) =>
    ((await app.get(`/api/applications:get?filterByTk=${name(word)}`)).body as { data: View }).data;
  const isolate = (word: string) => app.post(`/api/applications:isolate?filterByTk=${name(word)}`);
  const code = (answer: { status: number; body: unknown }) => [
    answer.status,
    (answer.body as { errors?: { code: string }[] }).errors?.[0]?.code,
  ];
  const as = (word: string, database: string, text: string) => {
    const role = roleOf(app, name(word));
    if (!role) throw new Error(`${word} has no role`);
    return sqlAs(app, role, database, text);
  };
  /** As the version before did it: everything belongs to the main application's role. */
  const createShared = async (word: string, more: object = {}) => {
    const assign = jest.spyOn(app.service.roles, 'assign').mockImplementation((record) => Promise.resolve(record));
    await app.create({ name: name(word), options: { ...options, ...more } }).finally(() => assign.mockRestore());
  };
  const owners = () =>
    app.sql('SELECT datname, datdba FROM pg_database WHERE starts_with(datname, $1) ORDER BY 1', [app.prefix]);
  const tablesOf = (word: string) =>
    app.sql<{ owner: string }>(
      `SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace = 'public'::regnamespace`,
      [],
      name(word),
    );

  beforeAll(async () => {
    const started = await startAsCreator({
      env: { APP_SUPERVISOR_TEMPLATES: 'off' },
      ...server,
    });
    ({ app, end } = started);
    mainRole = started.role.name;
    await createShared('old');
    await createShared('older');
  });
  afterAll(() => end?.());
  afterEach(() => jest.restoreAllMocks());

  it('the view: says that an application of the former version is not isolated', async () => {
    expect((await view('old')).isolation).toEqual({ isolated: false, reason: 'not-moved', sql: null });
    expect(await tablesOf('old')).toEqual([{ owner: mainRole }]);
  });

  it('isolate: moves all objects to a new role, and no database', async () => {
    await app.sql(
      `SET ROLE "${mainRole}"; CREATE SCHEMA more; CREATE TABLE more.notes (id serial PRIMARY KEY, note text);
       INSERT INTO more.notes (note) VALUES ('kept');
       CREATE TYPE mood AS ENUM ('calm'); CREATE DOMAIN small AS int; CREATE VIEW calm AS SELECT 1 AS one;
       CREATE FUNCTION two() RETURNS int LANGUAGE sql AS 'SELECT 2'; CREATE SEQUENCE counted;
       CREATE MATERIALIZED VIEW kept AS SELECT 1 AS one; CREATE TABLE parts (id int) PARTITION BY LIST (id);
       CREATE STATISTICS counts ON id, note FROM more.notes; SELECT lo_create(0)`,
      [],
      name('old'),
    );
    const before = await owners();
    const answer = await isolate('old');
    expect([answer.status, (answer.body as { data: View }).data.isolation]).toEqual([
      200,
      { isolated: true, reason: null, sql: null },
    ]);
    expect(await owners()).toEqual(before);
    const role = roleOf(app, name('old'));
    expect(await tablesOf('old')).toEqual([{ owner: role?.name }]);
    const left = await app.sql(
      `SELECT classid::regclass::text AS class, objid FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
        WHERE datname = current_database() AND deptype = 'o' AND refobjid <> (SELECT oid FROM pg_roles WHERE rolname = $1)`,
      [role?.name],
      name('old'),
    );
    expect(left).toEqual([]);
    expect(await visit('old')).toBe(200);
    expect(await as('old', name('old'), 'INSERT INTO more.notes (note) VALUES (two()::text) RETURNING id')).toEqual([
      { id: 2 },
    ]);
    // Which is open to every role until it is moved itself; its data is not.
    expect(await as('old', name('older'), 'SELECT * FROM "applicationVersion"')).toBe(DENIED);
  });

  it('isolate: may be repeated, and repairs a password and settings that SQL in the application changed', async () => {
    const role = roleOf(app, name('old'))?.name ?? '';
    expect(
      await as('old', name('old'), `ALTER ROLE "${role}" PASSWORD 'stolen'; ALTER ROLE "${role}" SET work_mem = 64`),
    ).toEqual([]);
    await app.service.runner(name('old'))?.stop('sleep');
    // A server that trusts this machine asks for no password.
    const asks = (await as('old', name('old'), 'SELECT 1')) !== '28P01';
    if (!asks) expect(await visit('old')).toBe(503);
    expect((await isolate('old')).status).toBe(200);
    const settings = await app.sql('SELECT rolconfig FROM pg_roles WHERE rolname = $1', [role]);
    expect(settings).toEqual([{ rolconfig: null }]);
    expect(roleOf(app, name('old'))?.name).toBe(role);
    expect(await visit('old')).toBe(200);
  });

  it('a database that was restored by others: is told as such, and repaired by isolate', async () => {
    await app.service.runner(name('old'))?.stop('sleep');
    const tables = await app.sql<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
      [],
      name('old'),
    );
    for (const { name: table } of tables) {
      await app.sql(`ALTER TABLE public."${table}" OWNER TO "${mainRole}"`, [], name('old'));
    }
    await app.sql(`GRANT CONNECT ON DATABASE "${name('old')}" TO PUBLIC`);
    expect([await visit('old'), (await view('old')).lastError]).toEqual([
      503,
      expect.objectContaining({ code: 'APP_DATABASE_ROLE' }),
    ]);
    expect((await isolate('old')).status).toBe(200);
    await app.until('it runs again', async () => (await visit('old')) === 200);
    const [open] = await app.sql(`SELECT has_database_privilege('public', $1, 'CONNECT') AS open`, [name('old')]);
    expect(open).toEqual({ open: false });
  });

  it('a role that lost its right to connect: is told as such, and repaired', async () => {
    await app.service.runner(name('old'))?.stop('sleep');
    await app.sql(`REVOKE ALL ON DATABASE "${name('old')}" FROM "${roleOf(app, name('old'))?.name}"`);
    expect([await visit('old'), (await view('old')).lastError]).toEqual([
      503,
      expect.objectContaining({ code: 'APP_DATABASE_ROLE' }),
    ]);
    expect((await isolate('old')).status).toBe(200);
    await app.until('it runs again', async () => (await visit('old')) === 200);
  });

  it('isolate: of one that belongs to others in part is refused, names it, and leaves no role', async () => {
    await createShared('mixed');
    await app.sql('CREATE TABLE theirs (id int)', [], name('mixed'));
    await app.sql(`ALTER TABLE theirs OWNER TO "${app.address.user ?? 'postgres'}"`, [], name('mixed'));
    const before = await app.roles();
    const answer = await isolate('mixed');
    expect(code(answer)).toEqual([409, 'APP_ISOLATION_REFUSED']);
    expect(JSON.stringify(answer.body)).toContain('public.theirs');
    expect(await app.roles()).toEqual(before);
    const { isolation } = await view('mixed');
    expect(isolation).toMatchObject({ isolated: false, reason: 'not-owner' });
    expect(isolation.sql).toBe(`ALTER TABLE public.theirs OWNER TO "${mainRole}";`);
    expect(await visit('mixed')).toBe(200);
    await app.sql(isolation.sql ?? '', [], name('mixed'));
  });

  it('isolate: that is cut off is taken up, and the application works meanwhile', async () => {
    const { rows } = app.service;
    const write = rows.write.bind(rows);
    let sealed = 0;
    jest.spyOn(rows, 'write').mockImplementation((row, patch, silent) => {
      if ('secrets' in patch) sealed += 1;
      return sealed === 2 ? Promise.reject(new Error('cut off here')) : write(row, patch, silent);
    });
    expect((await isolate('mixed')).status).toBeGreaterThanOrEqual(500);
    jest.restoreAllMocks();
    expect(roleOf(app, name('mixed'))).toBeUndefined();
    expect(await visit('mixed')).toBe(200);
    expect((await isolate('mixed')).status).toBe(200);
    expect(await visit('mixed')).toBe(200);
  });

  it('isolate of all: moves every application that has no role, and no other', async () => {
    await createShared('schema', { dbConnType: 'new_schema', database: { schema: name('schema') } });
    const answer = await app.post('/api/applications:isolate?all=true');
    const { results } = (answer.body as { data: { results: { name: string; ok: boolean }[] } }).data;
    expect(results.map((one) => [one.name, one.ok])).toEqual([
      [name('older'), true],
      [name('schema'), true],
    ]);
    for (const word of ['older', 'schema']) {
      expect([word, (await view(word)).isolation.isolated, await visit(word)]).toEqual([word, true, 200]);
    }
    expect(await as('schema', app.address.database, 'SELECT * FROM applications')).toBe(DENIED);
  });

  it('a clone: belongs to a role of its own, and its original keeps its rights', async () => {
    const cloned = await app.post(`/api/applications:clone?filterByTk=${name('old')}&wait=true`, {
      name: name('copy'),
    });
    expect(cloned.status).toBe(200);
    const [original, copy] = [roleOf(app, name('old')), roleOf(app, name('copy'))];
    expect(await tablesOf('copy')).toEqual([{ owner: copy?.name }]);
    expect(await as('old', name('copy'), 'SELECT 1')).toBe(DENIED);
    expect(await as('copy', name('old'), 'SELECT 1')).toBe(DENIED);
    expect(await as('copy', name('copy'), 'SELECT count(*)::int AS n FROM more.notes')).toEqual([{ n: 2 }]);
    await app.service.runner(name('old'))?.stop('sleep');
    expect(await visit('old')).toBe(200);
    // Nothing of the original's role is left in the copy.
    const gone = await app.service.bin.remove(name('old'), { dropDatabase: true, purge: true });
    expect(gone.databaseDropped).toBe(true);
    expect(await app.roles()).not.toContain(original?.name);
    expect(await visit('copy')).toBe(200);
  });

  it('checkDatabase: says that a new application would be isolated, and which databases stay open', async () => {
    const { body } = await app.post('/api/applications:checkDatabase', { name: name('next') });
    expect((body as { data: unknown }).data).toMatchObject({
      ok: true,
      isolation: { isolated: true, reason: null, openDatabases: expect.arrayContaining(['postgres']) },
    });
    const { openDatabases } = (body as { data: { isolation: { openDatabases: string[] } } }).data.isolation;
    expect(openDatabases.filter((open) => open.startsWith(app.prefix))).toEqual([]);
  });

  it("the main application's database: is closed to new roles, and open to those that were there", async () => {
    const { database } = app.address;
    expect(await as('older', database, 'SELECT 1')).toBe(DENIED);
    const [main] = await app.sql(`SELECT has_database_privilege($1, current_database(), 'CONNECT') AS open`, [
      mainRole,
    ]);
    expect(main).toEqual({ open: true });
  });
});

const hasDump = spawnSync('pg_dump', ['--version']).status === 0 && existsSync('/proc');

(hasDump ? describeWithPostgres : describe.skip)('database roles: archives', () => {
  let app: InProcessApp;
  let end: () => Promise<void>;
  let archive: string;
  const name = (word: string) => app.name(word);

  beforeAll(async () => {
    ({ app, end } = await startAsCreator({
      plugins: [...new Set(['error-handler', 'field-sort', ...USERS, OURS])],
    }));
    await app.create({ name: name('source'), options: { plugins: USERS } });
  });
  afterAll(() => end?.());

  it('export and import: run as the roles of the two applications', async () => {
    const exported = await app.post(`/api/applications:export?filterByTk=${name('source')}&wait=true`);
    const { outcome, error } = (exported.body as { data: { archive: string; outcome: string; error: unknown } }).data;
    expect([outcome, error]).toEqual(['done', null]);
    archive = (exported.body as { data: { archive: string } }).data.archive;
    const values = { archive, name: name('target'), options: { plugins: USERS } };
    const imported = await app.post('/api/applications:import?wait=true', values);
    expect((imported.body as { data: { outcome: string } }).data).toMatchObject({ outcome: 'done' });
    const role = roleOf(app, name('target'));
    const owners = await app.sql(
      `SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace = 'public'::regnamespace`,
      [],
      name('target'),
    );
    expect(owners).toEqual([{ owner: role?.name }]);
    expect((await app.get('/api/pm:listEnabled', { 'X-App': name('target') })).status).toBe(200);
  });

  it('an export, and a clone of an application in use: name a table that belongs to another role; isolate repairs it', async () => {
    const source = name('source');
    const main = app.service.places.server().username ?? '';
    await app.sql(`CREATE TABLE of_main (id serial PRIMARY KEY); ALTER TABLE of_main OWNER TO "${main}"`, [], source);
    const role = roleOf(app, source);
    const exported = await app.post(`/api/applications:export?filterByTk=${source}&wait=true`);
    const told = [
      `public.of_main, which belongs to the role \\"${main}\\"`,
      `ALTER TABLE public.of_main OWNER TO ${role?.name};`,
    ];
    expect(JSON.stringify(exported.body)).toContain('APP_DATABASE_DENIED');
    for (const text of told) expect(JSON.stringify(exported.body)).toContain(text);
    // Another client is connected to the database, so the clone uses a dump instead of a copy.
    const { host, port, user, password } = app.address;
    const other = new Client({ host, port, user, password, database: source });
    await other.connect();
    try {
      const cloned = await app.post(`/api/applications:clone?filterByTk=${source}&wait=true`, { name: name('copied') });
      expect(cloned.status).toBe(422);
      for (const text of told) expect(JSON.stringify(cloned.body)).toContain(text);
      expect((await app.post(`/api/applications:isolate?filterByTk=${source}`)).status).toBe(200);
      const again = await app.post(`/api/applications:clone?filterByTk=${source}&wait=true`, { name: name('whole') });
      expect(again.status).toBe(200);
    } finally {
      await other.end();
    }
    const whole = await app.post(`/api/applications:export?filterByTk=${source}&wait=true`);
    expect((whole.body as { data: { outcome: string } }).data.outcome).toBe('done');
  });

  it('an import that fails: leaves no role', async () => {
    const before = await app.roles();
    const { postgresDump } = await import('../../../server/databases/postgres-dump');
    const restore = jest.spyOn(postgresDump, 'restore').mockRejectedValue(new Error('broken'));
    const values = { archive, name: name('never'), options: { plugins: USERS } };
    await app.post('/api/applications:import?wait=true', values);
    expect(restore).toHaveBeenCalledTimes(1);
    restore.mockRestore();
    expect(await app.roles()).toEqual(before);
  });
});

describeWithBothPostgres('database roles: of a main application that may create none', (server) => {
  let app: InProcessApp;
  let end: () => Promise<void>;
  let mainRole: string;

  beforeAll(async () => {
    const started = await startAsRole('LOGIN CREATEDB', server);
    ({ app, end } = started);
    mainRole = started.role.name;
    await app.listen();
  });
  afterAll(() => end?.());

  it('an application: works with the shared role, says why, and is isolated once the right is there', async () => {
    const name = app.name('plain');
    const sql = `ALTER ROLE "${mainRole}" CREATEROLE;`;
    const { body } = await app.post('/api/applications:checkDatabase', { name });
    expect((body as { data: { isolation: unknown } }).data.isolation).toMatchObject({
      isolated: false,
      reason: 'right-missing',
      sql,
    });
    await app.create({ name, options: { plugins: ['error-handler'] } });
    const shown = async () =>
      ((await app.get(`/api/applications:get?filterByTk=${name}`)).body as { data: View }).data.isolation;
    expect(await shown()).toEqual({ isolated: false, reason: 'right-missing', sql });
    expect(code(await app.post(`/api/applications:isolate?filterByTk=${name}`))).toEqual([
      409,
      'APP_ISOLATION_REFUSED',
    ]);
    expect(await app.roles()).toEqual([]);
    await app.sql(sql);
    expect((await app.post(`/api/applications:isolate?filterByTk=${name}`)).status).toBe(200);
    expect(await shown()).toEqual({ isolated: true, reason: null, sql: null });
    expect((await app.get('/api/pm:listEnabled', { 'X-App': name })).status).toBe(200);
  });

  const code = (answer: { status: number; body: unknown }) => [
    answer.status,
    (answer.body as { errors?: { code: string }[] }).errors?.[0]?.code,
  ];
});
