import type { Client } from 'pg';

/**
 * Whether the current role may end the sessions of `role`. One session that it may not end would fail the statement.
 * https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL
 */
export const MAY_BE_ENDED = `((SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
  OR NOT role.rolsuper AND (pg_has_role(role.oid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE')))`;

/** Ends the sessions in a database that their roles could not begin any more. A right that is revoked ends none by itself. */
export async function endUninvited(client: Client, database: string): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(activity.pid)
       FROM pg_stat_activity AS activity JOIN pg_roles AS role ON role.oid = activity.usesysid
      WHERE activity.datname = $1 AND NOT has_database_privilege(role.oid, activity.datid, 'CONNECT') AND ${MAY_BE_ENDED}`,
    [database],
  );
}
