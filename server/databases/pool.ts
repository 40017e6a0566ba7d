import { connect } from 'node:net';
import type { Database } from '@nocobase/database';

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
}

/** What `mysql2` and `mariadb` have in common. */
interface MysqlConnection {
  threadId?: number | null;
  destroy?(): void;
}

const CANCEL_DEADLINE_MS = 2_000;
const CANCEL_REQUEST = 80_877_102;

/** Ends every connection of a database's pool, also one whose statement is under way. */
export async function cutConnections(db: Database): Promise<void> {
  const { pool } = (db.sequelize as unknown as { connectionManager: { pool: ConnectionPool } }).connectionManager;
  const busy = (pool._inUseObjects ?? []).map(({ resource }) => resource);
  const idle = (pool._availableObjects ?? []).map(({ resource }) => resource);
  await Promise.all(busy.map((connection) => cancelStatement(connection as object)));
  await Promise.allSettled([...busy, ...idle].map((connection) => pool.destroy(connection)));
}

/** A server does not notice a broken line before the statement is done: locks, and the place, would be held. */
export function cancelStatement(connection: PostgresConnection & MysqlConnection): Promise<void> {
  if (typeof connection.threadId !== 'number') return cancelInPostgres(connection);
  // A connection's orderly end would wait for the statement; `mariadb` stops that too, `mysql2` only hangs up.
  connection.destroy?.();
  return Promise.resolve();
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
