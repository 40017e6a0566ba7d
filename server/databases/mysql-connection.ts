import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { Connection, ConnectionOptions, RowDataPacket } from 'mysql2/promise';
import { quotable } from '../../src/app-name';
import { AppError, isAppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import type { ServerAddress } from './dialect';
import { chainOf, isDiskFull } from './error-chain';

const load = createRequire(__filename);

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 60_000;

/** Of the driver, of Node, and of the server. https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html */
const UNREACHABLE = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE'],
  ...['ENOENT', 'PROTOCOL_CONNECTION_LOST', 'PROTOCOL_UNEXPECTED_PACKET'],
  ...['ER_SERVER_SHUTDOWN', 'ER_SOCKET_UNEXPECTED_CLOSE', 'ER_CONNECTION_TIMEOUT', 'ER_CONNECTION_ALREADY_CLOSED'],
  ...['ER_HOST_IS_BLOCKED', 'ER_HANDSHAKE_ERROR', 'HANDSHAKE_NO_SSL_SUPPORT', 'HANDSHAKE_SSL_ERROR'],
  ...['ER_SERVER_NOT_SUPPORT_SSL', 'ER_SECURE_TRANSPORT_REQUIRED', 'UNEXPECTED_ANSWER'],
]);
const CREDENTIALS = new Set([
  ...['ER_ACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_NO_PASSWORD_ERROR', 'ER_ACCESS_DENIED_CHANGE_USER_ERROR'],
  ...['ER_HOST_NOT_PRIVILEGED', 'ER_ACCOUNT_HAS_BEEN_LOCKED', 'ER_MUST_CHANGE_PASSWORD', 'AUTH_SWITCH_PLUGIN_ERROR'],
  ...['ER_MUST_CHANGE_PASSWORD_LOGIN', 'ER_NOT_SUPPORTED_AUTH_MODE'],
]);
const DENIED = new Set([
  ...['ER_DBACCESS_DENIED_ERROR', 'ER_TABLEACCESS_DENIED_ERROR', 'ER_COLUMNACCESS_DENIED_ERROR'],
  ...['ER_SPECIFIC_ACCESS_DENIED_ERROR', 'ER_PROCACCESS_DENIED_ERROR', 'ER_KILL_DENIED_ERROR'],
]);

/** MySQL's own numbers of what drivers name differently. */
const BY_NUMBER: Readonly<Record<number, string>> = {
  ...{ 1007: 'ER_DB_CREATE_EXISTS', 1044: 'ER_DBACCESS_DENIED_ERROR', 1045: 'ER_ACCESS_DENIED_ERROR' },
  ...{ 1049: 'ER_BAD_DB_ERROR', 1142: 'ER_TABLEACCESS_DENIED_ERROR', 1698: 'ER_ACCESS_DENIED_NO_PASSWORD_ERROR' },
  // MariaDB's; MySQL has it for something that no work of ours comes across.
  ...{ 4151: 'ER_ACCOUNT_HAS_BEEN_LOCKED' },
};

export function mysqlCodeOf(error: unknown): string {
  for (const { code, errno } of chainOf(error) as Iterable<{ code?: unknown; errno?: unknown }>) {
    if (typeof errno === 'number' && BY_NUMBER[errno]) return BY_NUMBER[errno];
    if (typeof code === 'string') return code;
  }
  const message = error instanceof Error ? error.message : '';
  if (/SSL|TLS|certificate/i.test(message)) return 'HANDSHAKE_SSL_ERROR';
  return /timeout/i.test(message) ? 'ETIMEDOUT' : '';
}

/** An error of `mysql2`, `mariadb`, Sequelize or a socket as one of ours. */
export function explainMysqlError(error: unknown, database = ''): AppError {
  for (const link of chainOf(error)) if (isAppError(link)) return link;
  const code = mysqlCodeOf(error);
  if (CREDENTIALS.has(code)) return new AppError('APP_DATABASE_CREDENTIALS', {}, error);
  if (UNREACHABLE.has(code) || /CERT|TLS|SIGNATURE/.test(code))
    return new AppError('APP_DATABASE_UNREACHABLE', { reason: code }, error);
  if (code === 'ER_BAD_DB_ERROR') return new AppError('APP_DATABASE_MISSING', { database }, error);
  if (code === 'ER_DB_CREATE_EXISTS') return new AppError('APP_DATABASE_EXISTS', { database }, error);
  if (isDiskFull(error)) return new AppError('APP_DATABASE_FULL', {}, error);
  if (DENIED.has(code)) return new AppError('APP_DATABASE_DENIED', { reason: 'access denied' }, error);
  const reason = /^[A-Z][A-Z0-9_]{2,60}$/.test(code) ? code : 'unknown error';
  return new AppError('APP_DATABASE_FAILED', { reason }, error);
}

/** A name within a statement, whatever it is. @throws APP_DATABASE_NAME_INVALID for what would end the statement */
export function quoted(name: string): string {
  if (name.includes('\0')) throw new AppError('APP_DATABASE_NAME_INVALID', { database: quotable(name) });
  return `\`${name.replaceAll('`', '``')}\``;
}

/** Text in a statement; ours has neither a quote nor a backslash in it. */
export function literal(text: string): string {
  if (/['\\\0]/.test(text)) throw new Error('text that needs escapes');
  return `'${text}'`;
}

/** One connection, and the few ways in which it is used. */
export class MysqlSession {
  constructor(
    private readonly connection: Connection,
    private readonly timeout: number,
  ) {}

  /** Values go beside the statement, never into it. */
  async rows<T>(sql: string, values: (string | number)[] = []): Promise<T[]> {
    const [rows] = await within(this.timeout, this.connection.execute<RowDataPacket[]>(sql, values));
    return rows as T[];
  }

  async row<T>(sql: string, values: (string | number)[] = []): Promise<T | undefined> {
    return (await this.rows<T>(sql, values))[0];
  }

  /** What cannot be prepared. */
  async run(sql: string): Promise<RowDataPacket[]> {
    const [rows] = await within(this.timeout, this.connection.query<RowDataPacket[]>(sql));
    return rows;
  }
}

export async function hasTable(session: MysqlSession, database: string, table: string): Promise<boolean> {
  const sql = 'SELECT 1 AS there FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?';
  return (await session.row(sql, [database, table])) !== undefined;
}

/** The driver comes with NocoBase's own command line. @throws APP_DATABASE_UNSUPPORTED where it does not */
function driver(): typeof import('mysql2/promise') {
  try {
    return load('mysql2/promise') as typeof import('mysql2/promise');
  } catch (error) {
    throw new AppError(
      'APP_DATABASE_UNSUPPORTED',
      { reason: phrase('the package {package} is not installed', { package: 'mysql2' }) },
      error,
    );
  }
}

/** An instance brings its own connection, by the package that its dialect names. @throws APP_DATABASE_UNSUPPORTED */
export function assertDriver(dialect: 'mysql' | 'mariadb'): void {
  const name = dialect === 'mysql' ? 'mysql2' : 'mariadb';
  try {
    load.resolve(name);
  } catch (error) {
    const reason = phrase('the package {package} is not installed', { package: name });
    throw new AppError('APP_DATABASE_UNSUPPORTED', { reason }, error);
  }
}

/** `true` is the driver's way of verifying, which it wants as an object. */
export function tlsOption(ssl: unknown): ConnectionOptions['ssl'] {
  if (ssl === true) return { rejectUnauthorized: true };
  return typeof ssl === 'object' && ssl !== null ? ssl : undefined;
}

/** Runs a piece of work over a connection of its own. @throws an `AppError` */
export async function withSession<T>(
  server: ServerAddress,
  database: string,
  use: (session: MysqlSession) => Promise<T>,
): Promise<T> {
  const work = () => connected(server, database, use);
  return server.lend ? server.lend(work) : work();
}

async function connected<T>(
  server: ServerAddress,
  database: string,
  use: (session: MysqlSession) => Promise<T>,
): Promise<T> {
  let connection: Connection | undefined;
  try {
    connection = await dial(server, database);
    return await use(new MysqlSession(connection, server.queryTimeoutMs ?? STATEMENT_TIMEOUT_MS));
  } catch (error) {
    throw explainMysqlError(error, database);
  } finally {
    if (connection) hangUp(connection);
  }
}

/** There is nothing to say good-bye for, and a server that hangs would not hear it. */
export function hangUp(connection: Connection): void {
  connection.destroy();
  (connection as unknown as { connection?: { stream?: Socket } }).connection?.stream?.destroy();
}

/** Node looks an address up without a deadline, and a handshake may stop half-way. */
export async function dial(server: ServerAddress, database: string, more: ConnectionOptions = {}): Promise<Connection> {
  const { createConnection } = driver();
  const opening = createConnection({
    host: server.host,
    port: server.port,
    user: server.username,
    password: server.password,
    database,
    ssl: tlsOption(server.ssl),
    connectTimeout: CONNECT_TIMEOUT_MS,
    charset: 'utf8mb4',
    ...more,
  });
  try {
    const connection = await within(CONNECT_TIMEOUT_MS + 500, opening);
    // One that breaks while no statement runs is an event; without a listener it would end the process.
    connection.on('error', () => undefined);
    return connection;
  } catch (error) {
    opening.then(hangUp, () => undefined);
    throw error;
  }
}

/** The driver's own deadline of a statement outlives its connection, and keeps the process from ending. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
