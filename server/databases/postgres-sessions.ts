import type { Client } from 'pg';
import { AppError } from '../../src/errors';

/**
 * Whether the current role may end the sessions of `role`. One session that it may not end would fail the statement.
 * https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL
 */
export const MAY_BE_ENDED = `((SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
  OR NOT role.rolsuper AND (pg_has_role(role.oid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE')))`;

/** A session is told to end again after this time, and looked for. */
const ROUND_MS = 50;
const END_MS = 5_000;

/** A statement may catch its cancellation, but not the end of its session. */
export interface Session {
  pid: number;
  /** The process number may be another session's by now. */
  role: string;
  database: string;
}

const OTHERS = `FROM pg_stat_activity AS activity JOIN pg_roles AS role ON role.oid = activity.usesysid
  WHERE activity.pid <> pg_backend_pid() AND ${MAY_BE_ENDED}`;

/**
 * Ends other sessions, as far as the current role may do so, and waits until they are gone.
 * @param which a condition in SQL, with the columns of `pg_stat_activity` as `activity`, and of `pg_roles` as `role`
 * @returns how many there were
 * @throws APP_DATABASE_FAILED if one does not end
 */
async function endSessions(client: Client, which: string, values: unknown[]): Promise<number> {
  let found: number | undefined;
  for (const deadline = Date.now() + END_MS; Date.now() < deadline;) {
    const { rowCount } = await client.query(
      `SELECT pg_terminate_backend(activity.pid) ${OTHERS} AND (${which})`,
      values,
    );
    found ??= rowCount ?? 0;
    if (!rowCount) return found;
    await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
  }
  throw new AppError('APP_DATABASE_FAILED', { reason: 'a session of the application does not end' });
}

/** Ends the sessions in a database that their roles could not begin any more. A right that is revoked ends none by itself. */
export async function endUninvited(client: Client, database: string): Promise<void> {
  const which = `activity.datname = $1 AND NOT has_database_privilege(role.oid, activity.datid, 'CONNECT')`;
  await endSessions(client, which, [database]);
}

/** Ends all other sessions in a database: its application had another role before, perhaps in a process that is gone. */
export async function endSessionsIn(client: Client, database: string): Promise<void> {
  await endSessions(client, 'activity.datname = $1', [database]);
}

/**
 * Ends all other sessions that hold a lock in a schema, or wait for one: of a process that is gone, or of a role that its own
 * role has made a member. Not within a transaction, which would see the same sessions all the time.
 */
export async function endSessionsInSchema(client: Client, schema: string): Promise<void> {
  const which = `activity.pid IN (
    SELECT l.pid FROM pg_locks l JOIN pg_database b ON b.oid = l.database AND b.datname = current_database()
      LEFT JOIN pg_class c ON l.locktype = 'relation' AND c.oid = l.relation
      JOIN pg_namespace n ON n.oid = c.relnamespace
        OR l.locktype = 'object' AND l.classid = 'pg_namespace'::regclass AND n.oid = l.objid
     WHERE n.nspname = $1)`;
  await endSessions(client, which, [schema]);
}

/** Ends the sessions of a role. One that may still sign in begins others. */
export async function endSessionsOf(client: Client, role: string): Promise<void> {
  await endSessions(client, 'activity.usename = $1', [role]);
}

/** Ends one session. @returns false if there is none that the current role may end */
export async function endSession(client: Client, { pid, role, database }: Session): Promise<boolean> {
  const which = 'activity.pid = $1 AND activity.usename = $2 AND activity.datname = $3';
  return (await endSessions(client, which, [pid, role, database])) > 0;
}
