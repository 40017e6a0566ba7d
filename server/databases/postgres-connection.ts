import type { Socket } from 'node:net';
import { Client, type ClientConfig } from 'pg';
import { AppError, isAppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import type { ServerAddress } from './dialect';
import { chainOf, isDiskFull } from './error-chain';

const CONNECT_TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 60_000;
const GOODBYE_TIMEOUT_MS = 2_000;

/** SQLSTATE and Node error codes, and what they mean to an administrator. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const UNREACHABLE = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE'],
  ...['ENOENT', '57P01', '57P02', '57P03', '08000', '08001', '08003', '08004', '08006'],
]);
/** The server wants a password, and there is none. */
const NO_PASSWORD = 'NO_PASSWORD';
const CREDENTIALS = new Set(['28000', '28P01', NO_PASSWORD]);

export function codeOf(error: unknown): string {
  for (const { code } of chainOf(error) as Iterable<{ code?: unknown }>) if (typeof code === 'string') return code;
  const message = error instanceof Error ? error.message : '';
  if (/client password must be/.test(message)) return NO_PASSWORD;
  if (/does not support SSL/.test(message)) return 'TLS_UNSUPPORTED';
  return /timeout|terminated unexpectedly/i.test(message) ? 'ETIMEDOUT' : '';
}

/** An error of `pg`, of Sequelize or of a socket as one of ours. */
export function explainPostgresError(error: unknown, database = ''): AppError {
  for (const link of chainOf(error)) if (isAppError(link)) return link;
  const code = codeOf(error);
  if (CREDENTIALS.has(code)) return new AppError('APP_DATABASE_CREDENTIALS', {}, error);
  if (UNREACHABLE.has(code) || /CERT|TLS|SSL|SIGNATURE/.test(code))
    return new AppError('APP_DATABASE_UNREACHABLE', { reason: code }, error);
  if (code === '3D000') return new AppError('APP_DATABASE_MISSING', { database }, error);
  if (code === '42P04') return new AppError('APP_DATABASE_EXISTS', { database }, error);
  if (isDiskFull(error)) return new AppError('APP_DATABASE_FULL', {}, error);
  if (code === '42501') return new AppError('APP_DATABASE_DENIED', { reason: 'permission denied' }, error);
  return new AppError(
    'APP_DATABASE_FAILED',
    { reason: code ? phrase('SQLSTATE {code}', { code }) : 'unknown error' },
    error,
  );
}

/** An empty text would be none to the driver, which would then ask the environment and ~/.pgpass. */
const emptyPassword = () => '';

/** Settings of a short connection to this database. */
export function clientConfig(server: ServerAddress, database: string): ClientConfig {
  return {
    host: server.host,
    port: server.port,
    user: server.username,
    password: server.password === '' ? emptyPassword : server.password,
    database,
    ssl: server.ssl as ClientConfig['ssl'],
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: server.queryTimeoutMs ?? QUERY_TIMEOUT_MS,
    application_name: 'nocobase-plugin-app-supervisor',
  };
}

/**
 * No object of an application lies in these schemas. Without a path, PostgreSQL prefers a function in the schema with the
 * name of the role, or in `public`, that fits the arguments better than its own. `pg_temp` would be the first if it were not
 * named. A statement sets it, since poolers refuse settings in the startup packet.
 */
const SAFE_PATH = 'SET search_path = pg_catalog, pg_temp';

/** For every session before its first other statement. Such a session names the schema of each table. */
export async function setSafePath(client: Client): Promise<void> {
  await client.query(SAFE_PATH);
}

/** For writing to tables of an application as its own role: its triggers find what they name without a schema. */
export async function setTablePath(client: Client, schema: string): Promise<void> {
  await client.query(`SET search_path = pg_catalog, ${client.escapeIdentifier(schema)}, pg_temp`);
}

/**
 * Runs a piece of work over a connection of its own. No function or operator that an application has made is called instead
 * of PostgreSQL's own. @throws an `AppError`
 */
export async function withClient<T>(
  server: ServerAddress,
  database: string,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const work = () => connected(server, database, use);
  return server.lend ? server.lend(work) : work();
}

export async function hasTable(client: Client, schema: string, table: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2', [
    schema,
    table,
  ]);
  return rowCount !== 0;
}

async function connected<T>(server: ServerAddress, database: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(clientConfig(server, database));
  // A connection that breaks while no query runs is an event; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await setSafePath(client);
    const result = await use(client);
    // A pooler in transaction mode hands the session to another client as it is.
    await client.query('RESET search_path').catch(() => undefined);
    return result;
  } catch (error) {
    throw explainPostgresError(error, database);
  } finally {
    await hangUp(client);
  }
}

/** A server that hangs would not hear the good-bye, and the driver waits for its own. Never rejects. */
export async function hangUp(client: Client): Promise<void> {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  const timer = setTimeout(() => stream.destroy(), GOODBYE_TIMEOUT_MS);
  await client.end().catch(() => undefined);
  clearTimeout(timer);
}
