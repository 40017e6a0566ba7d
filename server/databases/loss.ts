import type { ErrorCode } from '../../src/errors';
import { chainOf } from './error-chain';

/** What an error says about the database of the instance in which it was thrown. */
export type DatabaseLoss = Extract<
  ErrorCode,
  'APP_DATABASE_MISSING' | 'APP_DATABASE_UNREACHABLE' | 'APP_DATABASE_CREDENTIALS'
>;

/** Of a socket, in every driver. */
const SOCKET_CODES = [
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH'],
  ...['ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN'],
];

/**
 * SQLSTATE: classes 08 (connection) and 57P (server shut down, crashed, starting, database dropped), and sessions that the
 * server ended for their idleness. https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const POSTGRES_CODES = [
  ...['08000', '08001', '08003', '08004', '08006', '57P01', '57P02', '57P03', '57P04', '57P05', '25P03'],
];

/** Names of `mysql2` and `mariadb`, and numbers of the server. https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html */
const MYSQL_CODES = [
  ...['PROTOCOL_CONNECTION_LOST', 'ER_SERVER_SHUTDOWN', 'ER_NORMAL_SHUTDOWN', 'ER_SOCKET_UNEXPECTED_CLOSE'],
  ...['ER_CONNECTION_ALREADY_CLOSED', 'ER_CMD_CONNECTION_CLOSED', 'ER_CONNECTION_TIMEOUT', 'ER_CONNECTION_KILLED'],
  ...['ER_SOCKET_BAD_PORT', 'ER_SOCKET_DESTROYED', 'ER_CLOSING_CONNECTION', 'ER_SOCKET_TIMEOUT'],
  ...['ER_CLIENT_INTERACTION_TIMEOUT', 1053, 1077, 1927, 4031],
];

const AWAY = new Set<unknown>([...SOCKET_CODES, ...POSTGRES_CODES, ...MYSQL_CODES]);
const MISSING = new Set<unknown>(['3D000', 'ER_BAD_DB_ERROR', 1049]);
const CREDENTIALS = new Set<unknown>(['28000', '28P01', 'ER_ACCESS_DENIED_ERROR', 1045, 1698]);

/** Sequelize's own classes for a connection that was not opened. */
const NOT_CONNECTED = new Set([
  ...['SequelizeConnectionError', 'SequelizeConnectionRefusedError', 'SequelizeHostNotFoundError'],
  ...['SequelizeHostNotReachableError', 'SequelizeInvalidConnectionError', 'SequelizeConnectionTimedOutError'],
]);

/** What `pg` says without a code. */
const CUT = /^(Connection terminated|Client has encountered a connection error|Client was closed)/;

/**
 * Of a statement on a table or schema that is not there: a broken query, or a schema that was dropped. On MySQL and
 * MariaDB a session stays open when its database is dropped, and has none selected from then on.
 */
const NO_TABLE = new Set<unknown>(['42P01', '3F000', 'ER_NO_SUCH_TABLE', 1146, 'ER_NO_DB_ERROR', 1046]);

interface Link {
  name?: unknown;
  code?: unknown;
  errno?: unknown;
  message?: unknown;
}

const links = (error: unknown) => [...chainOf(error)] as Link[];
const names = ({ name }: Link) => (typeof name === 'string' ? name : '');
/** Only errors that passed Sequelize are a database's: an address that a request was sent to may be refused, too. */
const isDatabases = (chain: readonly Link[]) => chain.some((link) => names(link).startsWith('Sequelize'));
const holds = (chain: readonly Link[], codes: ReadonlySet<unknown>) =>
  chain.some(({ code, errno }) => codes.has(code) || codes.has(errno));

/**
 * Tells an error by which a database is lost, or a connection to it was cut, from every other one: a statement that is
 * wrong, slow, cancelled or refused, a pool that is busy.
 */
export function lossOf(error: unknown): DatabaseLoss | undefined {
  const chain = links(error);
  if (!isDatabases(chain)) return undefined;
  if (holds(chain, MISSING)) return 'APP_DATABASE_MISSING';
  if (holds(chain, CREDENTIALS) || chain.some((link) => names(link) === 'SequelizeAccessDeniedError')) {
    return 'APP_DATABASE_CREDENTIALS';
  }
  const away = holds(chain, AWAY) || chain.some((link) => NOT_CONNECTED.has(names(link)));
  const cut = chain.some(({ message }) => typeof message === 'string' && CUT.test(message));
  return away || cut ? 'APP_DATABASE_UNREACHABLE' : undefined;
}

/** Whether the error may come of a schema or of tables that are gone; a look at the database tells. */
export function mayBeLoss(error: unknown): boolean {
  const chain = links(error);
  return isDatabases(chain) && holds(chain, NO_TABLE);
}
