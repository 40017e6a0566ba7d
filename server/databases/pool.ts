import type { Database } from '@nocobase/database';

/** As much of Sequelize's pool (sequelize-pool 7) as its published types leave out. */
interface ConnectionPool {
  _availableObjects?: readonly { resource: unknown }[];
  _inUseObjects?: readonly { resource: unknown }[];
  destroy(connection: unknown): Promise<void>;
}

/** Ends every connection of a database's pool, also one whose statement is under way: `pg` then breaks the line. */
export async function cutConnections(db: Database): Promise<void> {
  const { pool } = (db.sequelize as unknown as { connectionManager: { pool: ConnectionPool } }).connectionManager;
  const open = [...(pool._inUseObjects ?? []), ...(pool._availableObjects ?? [])];
  await Promise.allSettled(open.map(({ resource }) => pool.destroy(resource)));
}
