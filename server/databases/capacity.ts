import type Database from '@nocobase/database';
import { QueryTypes } from 'sequelize';
import type { ServerCapacity } from '../../src/policies/connection-share';

const POSTGRES = `
  SELECT current_setting('max_connections')::int AS max,
         current_setting('superuser_reserved_connections')::int
           + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
         (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS "forUser"`;

/** MySQL and MariaDB keep one connection beyond `max_connections` for an administrator. 0 means no limit for the user. */
const MYSQL = 'SELECT @@max_connections AS `max`, 0 AS reserved, @@max_user_connections AS forUser';

/** What the server of this database accepts. @throws what the driver throws, or for other kinds of servers */
export async function readCapacity(db: Database): Promise<ServerCapacity> {
  const sql = db.isPostgresCompatibleDialect() ? POSTGRES : db.isMySQLCompatibleDialect() ? MYSQL : undefined;
  if (!sql) throw new Error(`no limit is known of the dialect ${db.sequelize.getDialect()}`);
  const [row] = await db.sequelize.query<Record<string, unknown>>(sql, { type: QueryTypes.SELECT });
  const { max, reserved, forUser } = row ?? {};
  const capacity: ServerCapacity = { max: Number(max), reserved: Number(reserved) };
  const none = db.isPostgresCompatibleDialect() ? -1 : 0;
  if (forUser !== null && forUser !== undefined && Number(forUser) !== none) capacity.forUser = Number(forUser);
  if (!Number.isInteger(capacity.max) || capacity.max < 1) throw new Error('the server names no limit');
  return capacity;
}
