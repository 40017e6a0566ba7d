import { connect } from 'node:net';
import type { Database } from '@nocobase/database';
import type { ServerAddress } from './dialect';
import { withClient } from './postgres-connection';
import { endSession } from './postgres-sessions';

/** As much of Sequelize's pool (sequelize-pool 7) as its published types leave out. */
interface ConnectionPool {
  _availableObjects?: readonly { resource: unknown }[];
  _inUseObjects?: readonly { resource: unknown }[];
  destroy(connection: unknown): Promise<void>;
}

/** What `pg` knows of its connection: where it leads, and by what the server lets its statement be cancelled. */
interface PostgresConnection {
  host?: string;
  port?: number;
  processID?: number | null;
  secretKey?: number | null;
  user?: string;
  database?: string;
  password?: unknown;
  ssl?: unknown;
}

/** What `mysql2` and `mariadb` have in common. */
interface MysqlConnection {
  threadId?: number | null;
  destroy?(): void;
}

/** Of connections to MySQL and MariaDB: ends the session of a number at the server. */
const endings = new WeakMap<object, (thread: number) => Promise<void>>();

/** Says how the session of a connection is ended if its driver cannot do that. */
export function endsBy(connection: object, end: (thread: number) => Promise<void>): void {
  endings.set(connection, end);
}

const CANCEL_DEADLINE_MS = 2_000;
const END_TIMEOUT_MS = 5_000;
const CANCEL_REQUEST = 80_877_102;

/** By connection manager: how the role is reached that may end the sessions of the manager's pool. */
const enders = new WeakMap<object, () => ServerAddress>();

/**
 * Lets the main application's role end the sessions of a pool. SQL in the application may have changed the password of its
 * own role, and may use all connections that the role is allowed.
 */
export function letMainEnd(manager: object, main: () => ServerAddress): void {
  enders.set(manager, main);
}

/** Ends every connection of a database's pool, also one whose statement is under way. */
export async function cutConnections(db: Database): Promise<void> {
  const { connectionManager } = db.sequelize as unknown as { connectionManager: { pool: ConnectionPool } };
  const { pool } = connectionManager;
  const busy = (pool._inUseObjects ?? []).map(({ resource }) => resource);
  const idle = (pool._availableObjects ?? []).map(({ resource }) => resource);
  await Promise.all(busy.map((connection) => endStatement(connection as object, connectionManager)));
  await Promise.allSettled([...busy, ...idle].map((connection) => pool.destroy(connection)));
}

/**
 * Ends the statement of a connection that is cut off. A server does not notice a broken line before the statement is done:
 * locks, and the place, would be held. Never rejects.
 */
export async function endStatement(connection: PostgresConnection & MysqlConnection, manager: object): Promise<void> {
  const { threadId } = connection;
  if (typeof threadId === 'number') {
    // A connection's orderly end would wait for the statement. `mysql2` only hangs up; `mariadb` stops the statement too, but
    // signs in for it with a password that SQL in the application may have changed.
    connection.destroy?.();
    await endings.get(connection)?.(threadId);
    return;
  }
  await cancelInPostgres(connection);
  await endInPostgres(connection, enders.get(manager)?.());
}

/** A statement may catch its cancellation, and go on with the rights of its role. */
async function endInPostgres(connection: PostgresConnection, main: ServerAddress | undefined): Promise<void> {
  const { processID: pid, user: role, database, host, port, password, ssl } = connection;
  if (typeof pid !== 'number' || !role || !database || !host) return;
  const own = { host, port, username: role, password: typeof password === 'string' ? password : '', ssl, database };
  for (const address of main ? [main, own] : [own]) {
    const work = withClient({ ...address, queryTimeoutMs: END_TIMEOUT_MS }, address.database, (client) =>
      endSession(client, { pid, role, database }),
    );
    if (await work.catch(() => false)) return;
  }
}

/**
 * The protocol's CancelRequest, on a connection of its own; there is no answer to it.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
function cancelInPostgres({ host, port, processID, secretKey }: PostgresConnection): Promise<void> {
  if (!host || !port || typeof processID !== 'number' || typeof secretKey !== 'number') return Promise.resolve();
  const message = Buffer.alloc(16);
  [16, CANCEL_REQUEST, processID, secretKey].forEach((number, index) => message.writeInt32BE(number, index * 4));
  return new Promise((resolve) => {
    const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    socket.setTimeout(CANCEL_DEADLINE_MS, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
    socket.end(message);
    socket.resume();
  });
}
