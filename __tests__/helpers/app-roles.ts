import mysql from 'mysql2/promise';
import { Client } from 'pg';
import { runSql, type KnownServer } from './database-servers';
import { describeWithPostgres, InProcessApp, OURS, type StartOptions } from './in-process-app';
import type { DatabaseRole } from '../../server/databases/dialect';
import { roleInUse } from '../../server/databases/secrets';
import { postgresServer } from './server-environment';

/** The role of the main application is no superuser. Each application has its own role. */

const PLANTED = 'Planted-4712';

/** On the PostgreSQL that is looked for, and on version 18: the rules for memberships differ since version 16. */
export function describeWithBothPostgres(title: string, tests: (server: Pick<StartOptions, 'embedded'>) => void): void {
  const { env } = postgresServer();
  if (env.DB_HOST || env.DB_DIALECT) describeWithPostgres(title, () => tests({}));
  describe(`${title} (PostgreSQL 18)`, () => tests({ embedded: true }));
}

/** The role of the main application, and what it is given. */
export interface MainRole {
  name: string;
  rights: string;
}

/** Starts NocoBase with a role of its own at the server, which owns its database; `end` removes both. */
export async function startAsRole(
  rights: string,
  options: StartOptions = {},
): Promise<{ app: InProcessApp; role: MainRole; end(): Promise<void> }> {
  const app = await InProcessApp.prepare(options);
  const role = { name: `${app.prefix}_main`, rights };
  await app.sql(`CREATE ROLE "${role.name}" ${rights} PASSWORD '${PLANTED}'`);
  await app.sql(`ALTER DATABASE "${app.address.database}" OWNER TO "${role.name}"`);
  const { host, port, user, password } = app.address;
  const end = async () => {
    await app.end();
    // It has ended with its databases.
    if (options.embedded) return;
    const client = new Client({ host, port, user, password, database: 'postgres' });
    await client.connect();
    // Another NocoBase that closed its database to new roles meanwhile has let this one in by name.
    await client.query(`DROP OWNED BY "${role.name}"; DROP ROLE "${role.name}"`).finally(() => client.end());
  };
  try {
    await app.boot({ ...options, env: { DB_USER: role.name, DB_PASSWORD: PLANTED, ...options.env } });
  } catch (error) {
    await end().catch(() => undefined);
    throw error;
  }
  return { app, role, end };
}

/** Starts NocoBase with a role that may create roles, and its HTTP server; with the smallest preset that can run. */
export async function startAsCreator(options: StartOptions = {}): ReturnType<typeof startAsRole> {
  const plugins = ['error-handler', 'field-sort', OURS];
  const started = await startAsRole('LOGIN CREATEDB CREATEROLE', { plugins, ...options });
  await started.app.listen();
  return started;
}

/**
 * The same on MySQL and MariaDB: a user that may create users, and may pass on the rights on databases that begin with the
 * prefix of the test.
 */
export async function startAsUser(
  server: KnownServer,
  options: StartOptions = {},
): Promise<{ app: InProcessApp; account: string; end(): Promise<void> }> {
  const app = await InProcessApp.prepare({ ...options, server });
  const user = `${app.prefix}_main`;
  const account = `'${user}'@'%'`;
  const end = async () => {
    await app.end();
    await runSql(server, `DROP USER IF EXISTS ${account}`);
  };
  try {
    await runSql(server, `CREATE USER ${account} IDENTIFIED BY '${PLANTED}'`);
    await runSql(server, `GRANT CREATE USER ON *.* TO ${account}`);
    await runSql(server, `GRANT ALL PRIVILEGES ON \`${app.prefix}\\_%\`.* TO ${account} WITH GRANT OPTION`);
    await app.boot({ ...options, server, env: { DB_USER: user, DB_PASSWORD: PLANTED, ...options.env } });
  } catch (error) {
    await end().catch(() => undefined);
    throw error;
  }
  return { app, account, end };
}

/** The role that an application uses; undefined while that is the main application's. */
export function roleOf(app: InProcessApp, name: string): DatabaseRole | undefined {
  const record = app.service.registry.find(name);
  return record && roleInUse(app.service.secrets(record));
}

/** The same of an application that must have one. */
export function mustHaveRole(app: InProcessApp, name: string): DatabaseRole {
  const role = roleOf(app, name);
  if (!role) throw new Error(`${name} has no role`);
  return role;
}

/** The SQLSTATE of the refusal, or the rows. */
export async function sqlAs(
  app: InProcessApp,
  role: Pick<DatabaseRole, 'name' | 'password'>,
  database: string,
  text: string,
): Promise<unknown> {
  const { host, port } = app.address;
  const client = new Client({ host, port, user: role.name, password: role.password, database });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const result = await client.query<Record<string, unknown>>(text);
    return Array.isArray(result) ? [] : result.rows;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The same on MySQL and MariaDB: the code of the refusal, or the rows. */
export async function sqlAsUser(
  { address }: KnownServer,
  role: Pick<DatabaseRole, 'name' | 'password'>,
  database: string,
  text: string,
): Promise<unknown> {
  const { host, port } = address;
  const options = { host, port, user: role.name, password: role.password, database };
  let connection: mysql.Connection | undefined;
  try {
    connection = await mysql.createConnection(options);
    return (await connection.query(text))[0];
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await connection?.end();
  }
}

/**
 * A connection of an application's role that planted code ends as soon as it runs as another role, in a rolled back
 * transaction too.
 */
export async function startCanary(
  app: InProcessApp,
  { name: user, password }: DatabaseRole,
  database: string,
): Promise<{ client: Client; pid: number; isAlive(): Promise<boolean> }> {
  const { host, port } = app.address;
  const client = new Client({ host, port, user, password, database });
  let alive = true;
  client.on('error', () => (alive = false));
  client.on('end', () => (alive = false));
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const isAlive = async () => {
    await client.query('SELECT 1').catch(() => (alive = false));
    return alive;
  };
  return { client, pid: rows[0]?.pid ?? 0, isAlive };
}
