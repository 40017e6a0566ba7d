import { randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';
import { Client } from 'pg';
import { isAppError } from '../../../src/errors';
import type { DatabaseRole, RoleScope, ServerAddress } from '../../../server/databases/dialect';
import { realmOf } from '../../../server/databases/location';
import { scramVerifier } from '../../../server/databases/postgres-roles';
import { generateRolePassword } from '../../../server/databases/secrets';
import { databasesOf, knownServers, quotedName, runSql, type KnownServer } from '../../helpers/database-servers';
import { breakingForwarder } from '../../helpers/fake-servers';

/** Roles of applications, asked of each kind of place that this machine has: a database or a schema, of each server. */

const PLANTED = 'Planted-4712';
const REFUSED = /^(42501|3F000|ER_(DBACCESS|TABLEACCESS|SPECIFIC_ACCESS|ACCESS|CANNOT_USER)\w*)$/;

type Mode = 'database' | 'schema';

function conformance(server: KnownServer, mode: Mode): void {
  const { dialect, address } = server;
  const { roles } = dialect;
  const isPostgres = dialect.family === 'postgres';
  const prefix = `cr${randomBytes(4).toString('hex')}`;
  const user = `${prefix}_nb`;
  const account = isPostgres ? `"${user}"` : `'${user}'@'%'`;
  const mainDatabase = `${prefix}_main`;
  /** The address of the main application's role. */
  const main: ServerAddress = { ...address, username: user, password: PLANTED, database: mainDatabase };
  const sql = <T = Record<string, unknown>>(text: string, database?: string) => runSql<T>(server, text, database);
  let count = 0;

  interface Application {
    role: DatabaseRole;
    token: string;
    scope: RoleScope;
    /** Where its role works. */
    database: string;
    /** How a table of it is called. */
    table(name: string): string;
  }

  const newRole = async (from: ServerAddress = main): Promise<DatabaseRole> => {
    const { prefix: beginning, host } = await roles.outline(from);
    const name = `${beginning}${randomBytes(8).toString('hex')}`;
    return { name, password: generateRolePassword(), ...(host !== undefined && { host }) };
  };
  const dataOf = async ({ scope, token, role }: Omit<Application, 'table'>) => {
    if (scope.schema !== undefined) await dialect.schemas?.create(main, scope.schema, token, role.name);
    else await dialect.create(main, scope.database, token, role.name);
  };
  const draft = async (): Promise<Application> => {
    const name = `${prefix}_${(count += 1)}`;
    const scope = mode === 'schema' ? { database: mainDatabase, schema: name } : { database: name };
    const table = (word: string) =>
      isPostgres ? `"${mode === 'schema' ? name : 'public'}".${word}` : `\`${name}\`.${word}`;
    return { role: await newRole(), token: randomBytes(15).toString('hex'), scope, database: scope.database, table };
  };
  const make = async (): Promise<Application> => {
    const made = await draft();
    await roles.ensure(main, made.role, 5);
    if (roles.grantsAhead) await roles.give(main, made.scope, made.role);
    await dataOf(made);
    await roles.give(main, made.scope, made.role);
    return made;
  };
  const dropData = async ({ scope, token }: Application) => {
    if (scope.schema !== undefined) await dialect.schemas?.drop(main, scope.schema, token);
    else await dialect.drop(main, scope.database, token);
  };
  /** The code of the refusal, or the rows. */
  const as = async ({ name, password }: Pick<DatabaseRole, 'name' | 'password'>, database: string, text: string) => {
    const { host, port } = address;
    try {
      if (!isPostgres) {
        const connection = await mysql.createConnection({ host, port, user: name, password, database });
        return await connection
          .query(text)
          .then(
            ([rows]) => rows,
            (error: { code?: string }) => error.code,
          )
          .finally(() => connection.end());
      }
      const client = new Client({ host, port, user: name, password, database });
      client.on('error', () => undefined);
      await client.connect();
      return await client
        .query<object>(text)
        .then(
          ({ rows }) => rows,
          (error: { code?: string }) => error.code,
        )
        .finally(() => client.end());
    } catch (error) {
      return (error as { code?: string }).code;
    }
  };
  const there = async () => (await roles.list(main)).map(({ name }) => name);
  const limitOf = async ({ name }: DatabaseRole) => {
    const text = isPostgres
      ? `SELECT rolconnlimit AS most FROM pg_roles WHERE rolname = '${name}'`
      : `SELECT max_user_connections AS most FROM mysql.user WHERE User = '${name}'`;
    return Number((await sql<{ most: number }>(text))[0]?.most);
  };
  const maySignIn = (role: DatabaseRole, database: string) => roles.maySignIn(main, role, database);

  beforeAll(async () => {
    if (isPostgres) {
      await sql(`CREATE ROLE ${account} LOGIN CREATEDB PASSWORD '${PLANTED}'`);
      await sql(`CREATE DATABASE "${mainDatabase}" OWNER ${account}`);
    } else {
      await sql(`CREATE USER ${account} IDENTIFIED BY '${PLANTED}'`);
      await sql(`GRANT ALL PRIVILEGES ON \`${prefix}\\_%\`.* TO ${account}`);
      // For the list of users, which no other work needs.
      await sql(`GRANT SELECT ON mysql.user TO ${account}`);
      await sql(`CREATE DATABASE \`${mainDatabase}\``);
    }
  });

  afterAll(async () => {
    const left = await sql<{ name: string; host: string }>(
      isPostgres
        ? `SELECT rolname AS name FROM pg_roles r WHERE starts_with(rolname, 'as_') AND pg_has_role('${user}', oid, 'MEMBER')`
        : `SELECT User AS name, Host AS host FROM mysql.user WHERE User LIKE 'as\\_%'`,
    );
    const prefixes = await Promise.all([main, { ...main, realm: 'abcdef01' }].map((one) => roles.outline(one)));
    const force = isPostgres ? ' WITH (FORCE)' : '';
    for (const name of await databasesOf(server, prefix))
      await sql(`DROP DATABASE ${quotedName(server, name)}${force}`);
    for (const { name, host } of left) {
      if (isPostgres) await sql(`DROP OWNED BY "${name}"; DROP ROLE "${name}"`);
      else if (prefixes.some((one) => name.startsWith(one.prefix))) await sql(`DROP USER '${name}'@'${host}'`);
    }
    await sql(isPostgres ? `DROP OWNED BY ${account}; DROP ROLE ${account}` : `DROP USER ${account}`);
  });

  it('says which right is missing, with the SQL that gives it', async () => {
    const { scope, role } = await draft();
    const obstacle = await roles.obstacle(main, scope);
    expect(obstacle).toMatchObject({ reason: 'right-missing' });
    await expect(roles.ensure(main, role, 5)).rejects.toMatchObject({ code: 'APP_DATABASE_DENIED' });
    for (const text of (obstacle?.sql ?? '').split('\n')) await sql(text);
    if (!isPostgres) await sql(`GRANT ALL PRIVILEGES ON \`${prefix}\\_%\`.* TO ${account} WITH GRANT OPTION`);
    expect(await roles.obstacle(main, scope)).toBeUndefined();
  });

  it('gives roles names that each kind of server accepts, and that name the main application', async () => {
    const realms = [
      undefined,
      realmOf({ schema: 'other', tablePrefix: '', underscored: false }),
      realmOf({ schema: 'public', tablePrefix: 'nb_', underscored: false }),
    ];
    const outlines = await Promise.all(realms.map((realm) => roles.outline({ ...main, realm })));
    expect(new Set(outlines.map((one) => one.prefix)).size).toBe(3);
    for (const one of outlines) expect(one.prefix.length + 16).toBeLessThanOrEqual(isPostgres ? 63 : 32);
  });

  it('creates a role twice, with the same result, and changes its connection limit', async () => {
    const role = await newRole();
    await roles.ensure(main, role, 5);
    await roles.ensure(main, role, 5);
    expect(await maySignIn(role, mainDatabase)).toBe(true);
    expect(await limitOf(role)).toBe(5);
    await roles.ensure(main, role, 9);
    expect(await limitOf(role)).toBe(9);
    expect(await there()).toContain(role.name);
    await roles.drop(main, role);
    await roles.drop(main, role);
    expect(await there()).not.toContain(role.name);
  });

  it('lets a role work in its own place, and reach the data of no other and of the main application', async () => {
    const [one, other] = [await make(), await make()];
    await sql(
      `CREATE TABLE secrets (id INT PRIMARY KEY)${isPostgres ? `; ALTER TABLE secrets OWNER TO ${account}` : ''}`,
      mainDatabase,
    );
    for (const { role, database, table } of [one, other]) {
      expect(await as(role, database, `CREATE TABLE ${table('own')} (id INT PRIMARY KEY)`)).toBeInstanceOf(Object);
    }
    const evil: string[] = [
      `SELECT * FROM ${other.table('own')}`,
      `INSERT INTO ${other.table('own')} VALUES (1)`,
      `DROP TABLE ${other.table('own')}`,
      `CREATE TABLE ${other.table('evil')} (id INT PRIMARY KEY)`,
    ];
    for (const text of mode === 'schema' || !isPostgres ? evil : []) {
      expect([text, await as(one.role, one.database, text)]).toEqual([text, expect.stringMatching(REFUSED)]);
    }
    if (mode === 'database') expect(await as(one.role, other.database, 'SELECT 1')).toMatch(REFUSED);
    const drop =
      mode === 'schema'
        ? `DROP SCHEMA "${other.scope.schema}" CASCADE`
        : `DROP DATABASE ${quotedName(server, other.database)}`;
    expect(await as(one.role, one.database, drop)).toMatch(REFUSED);
    if (mode === 'schema' || !isPostgres) {
      const stolen = isPostgres ? 'SELECT * FROM public.secrets' : `SELECT * FROM \`${mainDatabase}\`.secrets`;
      expect(await as(one.role, one.database, stolen)).toMatch(REFUSED);
    }
    await sql('DROP TABLE secrets', mainDatabase);
  });

  it('repairs a password that SQL in the application changed', async () => {
    const { role, database } = await make();
    const stolen = 'Stolen-4712';
    const changed = isPostgres
      ? `ALTER ROLE "${role.name}" PASSWORD '${stolen}'`
      : `SET PASSWORD = PASSWORD('${stolen}')`;
    expect(await as(role, database, changed)).toBeInstanceOf(Object);
    // A PostgreSQL that trusts everybody on this machine asks for no password.
    const isRight = async () => {
      if (!isPostgres) return maySignIn(role, database);
      const [row] = await sql<{ kept: string }>(
        `SELECT rolpassword AS kept FROM pg_authid WHERE rolname = '${role.name}'`,
      );
      const salt = Buffer.from(/:([^$]+)\$/.exec(row?.kept ?? '')?.[1] ?? '', 'base64');
      return row?.kept === scramVerifier(role.password, salt);
    };
    expect(await isRight()).toBe(false);
    await roles.ensure(main, role, 5);
    expect(await isRight()).toBe(true);
  });

  it('repairs what a role may do, and who owns what is there', async () => {
    const { role, scope, database, table } = await make();
    await as(role, database, `CREATE TABLE ${table('own')} (id INT PRIMARY KEY)`);
    if (isPostgres) {
      await sql(
        `CREATE TABLE ${table('of_main')} (id INT PRIMARY KEY); ALTER TABLE ${table('of_main')} OWNER TO ${account}`,
        database,
      );
      await sql(`REVOKE ALL ON DATABASE "${database}" FROM "${role.name}"`);
      if (scope.schema) await sql(`REVOKE ALL ON SCHEMA "${scope.schema}" FROM "${role.name}"`, database);
    } else {
      await sql(`REVOKE ALL PRIVILEGES, GRANT OPTION FROM '${role.name}'@'%'`);
      await sql(`CREATE DEFINER = ${account} VIEW ${table('of_main')} AS SELECT 1 AS id`, database);
    }
    expect(await as(role, database, `SELECT * FROM ${table('own')}`)).toMatch(REFUSED);
    await roles.give(main, scope, role);
    expect(await as(role, database, `SELECT * FROM ${table('own')}`)).toEqual([]);
    expect(await as(role, database, `DROP ${isPostgres ? 'TABLE' : 'VIEW'} ${table('of_main')}`)).toBeInstanceOf(
      Object,
    );
  });

  it('releases a role: whole where nothing of it is left, else without sign-in, and no data goes', async () => {
    const made = await make();
    const { role, database, table } = made;
    await as(role, database, `CREATE TABLE ${table('kept')} (id INT PRIMARY KEY)`);
    await as(role, database, `INSERT INTO ${table('kept')} VALUES (7)`);
    await as(role, database, `CREATE VIEW ${table('seen')} AS SELECT id FROM ${table('kept')}`);
    expect(await roles.release(main, role)).toBe(false);
    expect(await roles.release(main, role)).toBe(false);
    expect(await maySignIn(role, database)).toBe(false);
    expect(await sql(`SELECT id FROM ${table('seen')}`, database)).toEqual([{ id: 7 }]);
    // It may be given back, and go with its data.
    await roles.ensure(main, role, 5);
    await roles.give(main, made.scope, role);
    expect(await as(role, database, `SELECT id FROM ${table('seen')}`)).toEqual([{ id: 7 }]);
    await dropData(made);
    await roles.drop(main, role);
    expect(await there()).not.toContain(role.name);

    const idle = await newRole();
    await roles.ensure(main, idle, 5);
    expect(await roles.release(main, idle)).toBe(true);
    expect(await there()).not.toContain(idle.name);
  });

  it('drops a role that is used for nothing, and leaves one with a privilege as it is', async () => {
    const made = await make();
    const { role, database } = made;
    const administrator = { ...address, database: mainDatabase };
    for (const from of [main, administrator]) expect(await roles.dropUnused(from, role)).toBe(false);
    expect(await maySignIn(role, database)).toBe(true);
    await dropData(made);
    await roles.drop(main, role);
    const idle = await newRole();
    await roles.ensure(main, idle, 5);
    // On MariaDB and MySQL main's user may not read the privileges of others, unless an administrator allows it.
    expect(await roles.dropUnused(main, idle)).toBe(isPostgres);
    if (!isPostgres) expect(await roles.dropUnused(administrator, idle)).toBe(true);
    expect(await there()).not.toContain(idle.name);
  });

  it('lists and drops the roles of one main application only, of several on one server and in one database', async () => {
    const neighbour = { ...main, realm: 'abcdef01' };
    const foreign = await newRole(neighbour);
    const own = await newRole();
    await roles.ensure(neighbour, foreign, 5);
    await roles.ensure(main, own, 5);
    expect(await there()).toContain(own.name);
    expect(await there()).not.toContain(foreign.name);
    expect((await roles.list(neighbour)).map(({ name }) => name)).toEqual([foreign.name]);
    const elsewhere = { ...main, database: isPostgres ? 'postgres' : `${prefix}_elsewhere` };
    expect((await roles.list(elsewhere)).map(({ name }) => name)).not.toContain(own.name);
    // A role without our comment is not ours, whatever its name.
    if (isPostgres) {
      const stranger = await newRole();
      await sql(`CREATE ROLE "${stranger.name}"`);
      expect(await there()).not.toContain(stranger.name);
      await roles.release(main, stranger);
      await roles.drop(main, stranger);
      await expect(roles.ensure(main, stranger, 5)).rejects.toMatchObject({ code: 'APP_DATABASE_DENIED' });
      expect(await sql(`DROP ROLE "${stranger.name}"`)).toEqual([]);
    }
    await roles.drop(neighbour, foreign);
    await roles.drop(main, own);
  });

  it('comes to an end after it was cut off anywhere', async () => {
    let whole = false;
    for (let pieces = 1; !whole; pieces += 1) {
      expect(pieces).toBeLessThan(80);
      const made = await draft();
      const { role, scope } = made;
      const work = async (from: ServerAddress) => {
        await roles.ensure(from, role, 5);
        if (roles.grantsAhead) await roles.give(from, scope, role);
        await dataOf(made);
        await roles.give(from, scope, role);
      };
      const broken = await breakingForwarder(main as KnownServer['address'], pieces);
      whole = await work({ ...main, port: broken.port }).then(
        () => true,
        (error: unknown) => {
          if (!isAppError(error)) throw error;
          return false;
        },
      );
      await broken.end();
      await work(main);
      expect(await as(role, made.database, `CREATE TABLE ${made.table('own')} (id INT PRIMARY KEY)`)).toBeInstanceOf(
        Object,
      );
      const cut = await breakingForwarder(main as KnownServer['address'], pieces);
      await dropData(made);
      await roles.drop({ ...main, port: cut.port }, role).catch(() => undefined);
      await cut.end();
      await roles.drop(main, role);
      expect(await there()).not.toContain(role.name);
    }
  });
}

for (const server of knownServers()) {
  const modes: Mode[] = server.dialect.schemas ? ['database', 'schema'] : ['database'];
  for (const mode of modes) {
    const name = `roles by the dialect ${server.dialect.name}, of a ${mode}`;
    if (server.missing) describe.skip(`${name} (skipped: ${server.missing})`, () => conformance(server, mode));
    else describe(name, () => conformance(server, mode));
  }
}
