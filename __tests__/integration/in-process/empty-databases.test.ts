import '../../helpers/in-process-environment';
import { startAsUser, describeWithBothPostgres } from '../../helpers/app-roles';
import { knownServers, runSql, type KnownServer } from '../../helpers/database-servers';
import { InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';

/**
 * A database that a former application left holds code that would run in the next one, although it has no table: it is
 * not empty.
 */

type Answer = Awaited<ReturnType<InProcessApp['post']>>;
type Checks = { ok: boolean; checks: { ok: boolean; code?: string }[] };

const codeOf = ({ status, body }: Answer) => [status, (body as { errors?: { code: string }[] }).errors?.[0]?.code];
const REFUSED = [409, 'APP_DATABASE_EXISTS'];

async function isFree(app: InProcessApp, values: object): Promise<boolean> {
  const { body } = await app.post('/api/applications:checkDatabase', values);
  const { ok, checks } = (body as { data: Checks }).data;
  if (!ok) expect(checks.filter((check) => !check.ok).map(({ code }) => code)).toEqual(['APP_DATABASE_EXISTS']);
  return ok;
}

/** Objects that are no tables, and how they are removed. */
const OF_POSTGRES: Record<string, [create: string, drop: string]> = {
  function: [`CREATE FUNCTION %s.f() RETURNS int LANGUAGE sql AS 'SELECT 1'`, 'DROP FUNCTION %s.f()'],
  aggregate: [
    'CREATE AGGREGATE %s.total(numeric) (SFUNC = numeric_add, STYPE = numeric)',
    'DROP AGGREGATE %s.total(numeric)',
  ],
  operator: [
    'CREATE OPERATOR %s.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)',
    'DROP OPERATOR %s.=== (text, text)',
  ],
  enumeration: [`CREATE TYPE %s.mood AS ENUM ('a')`, 'DROP TYPE %s.mood'],
  domain: ['CREATE DOMAIN %s.positive AS int CHECK (VALUE > 0)', 'DROP DOMAIN %s.positive'],
  composite: ['CREATE TYPE %s.pair AS (a int, b int)', 'DROP TYPE %s.pair'],
  sequence: ['CREATE SEQUENCE %s.numbers', 'DROP SEQUENCE %s.numbers'],
  collation: ['CREATE COLLATION %s.plain FROM "C"', 'DROP COLLATION %s.plain'],
  view: ['CREATE VIEW %s.one AS SELECT 1 AS n', 'DROP VIEW %s.one'],
  'text search': [
    'CREATE TEXT SEARCH CONFIGURATION %s.words (COPY = simple)',
    'DROP TEXT SEARCH CONFIGURATION %s.words',
  ],
};

describeWithBothPostgres('an empty place on PostgreSQL', (server) => {
  let app: InProcessApp;

  beforeAll(async () => {
    app = await InProcessApp.start({ ...server, plugins: [...SMALL, OURS] });
    await app.listen();
  });
  afterAll(() => app?.end());

  it('is a database without any object of a user', async () => {
    const name = app.name('kept');
    const values = { name, options: { plugins: ['error-handler'] } };
    await app.sql(`CREATE DATABASE "${name}"`);
    expect(await isFree(app, values)).toBe(true);
    const others: typeof OF_POSTGRES = {
      ...OF_POSTGRES,
      schema: ['CREATE SCHEMA beside', 'DROP SCHEMA beside'],
      'large object': ['SELECT lo_create(4712)', 'SELECT lo_unlink(4712)'],
    };
    for (const [kind, [create, drop]] of Object.entries(others)) {
      await app.sql(create.replaceAll('%s', 'public'), [], name);
      expect([kind, await isFree(app, values)]).toEqual([kind, false]);
      expect([kind, codeOf(await app.post('/api/applications:create', values))]).toEqual([kind, REFUSED]);
      await app.sql(drop.replaceAll('%s', 'public'), [], name);
      expect([kind, await isFree(app, values)]).toEqual([kind, true]);
    }
  });

  it('is a schema without any object of a user', async () => {
    const name = app.name('kept_schema');
    const options = { plugins: ['error-handler'], dbConnType: 'new_schema', database: { schema: name } };
    await app.sql(`CREATE SCHEMA "${name}"`);
    expect(await isFree(app, { name, options })).toBe(true);
    for (const [kind, [create, drop]] of Object.entries(OF_POSTGRES)) {
      await app.sql(create.replaceAll('%s', `"${name}"`));
      expect([kind, await isFree(app, { name, options })]).toEqual([kind, false]);
      await app.sql(drop.replaceAll('%s', `"${name}"`));
    }
    expect(await isFree(app, { name, options })).toBe(true);
  });

  it('may hold extensions, but nothing that a user added to one', async () => {
    const name = app.name('extended');
    const values = { name, options: { plugins: ['error-handler'] } };
    await app.sql(`CREATE DATABASE "${name}"`);
    const [member] = await app.sql<{ name: string }>(
      `SELECT name FROM pg_available_extensions WHERE name IN ('hstore', 'citext', 'plpgsql')
        ORDER BY name = 'plpgsql' LIMIT 1`,
    );
    const extension = String(member?.name);
    await app.sql(`CREATE EXTENSION IF NOT EXISTS ${extension}`, [], name);
    expect(await isFree(app, values)).toBe(true);
    const role = `${app.prefix}_owner`;
    await app.sql(`CREATE ROLE "${role}"`);
    try {
      await app.sql(
        `CREATE FUNCTION public.hidden() RETURNS int LANGUAGE sql AS 'SELECT 1';
         ALTER FUNCTION public.hidden() OWNER TO "${role}"; ALTER EXTENSION ${extension} ADD FUNCTION public.hidden()`,
        [],
        name,
      );
      expect(await isFree(app, values)).toBe(false);
    } finally {
      await app.sql(`DROP DATABASE "${name}"`);
      await app.sql(`DROP ROLE "${role}"`);
    }
  });
});

function emptyOnMysql(server: KnownServer): void {
  let app: InProcessApp;
  let end: () => Promise<void>;

  beforeAll(async () => {
    ({ app, end } = await startAsUser(server, { plugins: [...SMALL, OURS] }));
    await app.listen();
  });
  afterAll(() => end?.());

  it('is a database without tables, routines and events', async () => {
    const name = app.name('kept');
    const values = { name, options: { plugins: ['error-handler'] } };
    await runSql(server, `CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4`);
    expect(await isFree(app, values)).toBe(true);
    const objects: Record<string, [create: string, drop: string]> = {
      function: ['CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1', 'DROP FUNCTION f'],
      procedure: ['CREATE PROCEDURE p() SELECT 1', 'DROP PROCEDURE p'],
      event: ['CREATE EVENT e ON SCHEDULE EVERY 1 YEAR DO SELECT 1', 'DROP EVENT e'],
      view: ['CREATE VIEW v AS SELECT 1 AS n', 'DROP VIEW v'],
    };
    for (const [kind, [create, drop]] of Object.entries(objects)) {
      await runSql(server, create, name);
      expect([kind, await isFree(app, values)]).toEqual([kind, false]);
      expect([kind, codeOf(await app.post('/api/applications:create', values))]).toEqual([kind, REFUSED]);
      await runSql(server, drop, name);
    }
    expect(await isFree(app, values)).toBe(true);
  });
}

for (const server of knownServers().filter(({ dialect }) => dialect.family === 'mysql')) {
  const name = `an empty place by the dialect ${server.dialect.name}`;
  if (server.missing) describe.skip(`${name} (skipped: ${server.missing})`, () => emptyOnMysql(server));
  else describe(name, () => emptyOnMysql(server));
}
