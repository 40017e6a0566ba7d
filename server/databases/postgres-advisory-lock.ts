import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import { codeOf } from './postgres-connection';
import { MAY_BE_ENDED } from './postgres-sessions';

/**
 * Advisory locks in the main application's database. Every role that may connect to this database may take any of them,
 * and reads in `pg_locks` the keys of those that are in use. Applications that keep a schema there have such roles.
 * Therefore a key is no secret. Instead, sessions of roles that have no business with the lock are ended.
 */

/** The first half of the key: one for all locks of this plugin. */
const LOCK_CLASS = 0x41505056;
/** How often sessions are ended, and the lock is waited for after that. */
const ROUNDS = 5;
/** The end of a session takes a few milliseconds. */
const WAIT_MS = 500;
/** lock_not_available: `lock_timeout` is over. */
const LOCK_TIMEOUT = '55P03';

export interface AdvisoryLock {
  key: [number, number];
  /**
   * A condition in SQL for a role that cannot do the work that the lock is for, with `role.oid` and the columns of
   * `pg_roles`. Its sessions neither hold the lock nor wait for it.
   */
  strangers: string;
}

/** The second half is a positive number of 31 bits. */
export function advisoryKey(name: string): [number, number] {
  return [LOCK_CLASS, createHash('sha256').update(name).digest().readUInt32BE(0) & 0x7fffffff];
}

/**
 * Tries to get the lock for the session of this client; it is released with the connection. Sessions of strangers that
 * hold it or wait for it are ended, if the client's role may do so.
 * @returns false if a session holds it that is no stranger's
 */
export async function takeAdvisoryLock(client: Client, lock: AdvisoryLock): Promise<boolean> {
  const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS held', lock.key);
  if (rows[0]?.held) return true;
  for (let round = 0; round < ROUNDS; round += 1) {
    if ((await endStrangers(client, lock)) === 0) return false;
    if (await waitForLock(client, lock)) return true;
  }
  return false;
}

/** @returns how many were told to end */
async function endStrangers(client: Client, { key, strangers }: AdvisoryLock): Promise<number> {
  const { rowCount } = await client.query(
    `SELECT pg_terminate_backend(pid)
       FROM (SELECT DISTINCT pid FROM pg_locks
              WHERE locktype = 'advisory' AND objsubid = 2 AND classid = $1::bigint::oid AND objid = $2::bigint::oid
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS locks
       JOIN pg_stat_activity AS activity USING (pid)
       JOIN pg_roles AS role ON role.oid = activity.usesysid
      WHERE role.rolname <> current_user AND (${strangers}) AND ${MAY_BE_ENDED}`,
    key,
  );
  return rowCount ?? 0;
}

/** Waits in the queue: the server gives a lock that becomes free to the first that waits, not to the next that tries. */
async function waitForLock(client: Client, { key }: AdvisoryLock): Promise<boolean> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = ${WAIT_MS}`);
  try {
    await client.query('SELECT pg_advisory_lock($1, $2)', key);
    await client.query('COMMIT');
    return true;
  } catch (error) {
    if (codeOf(error) !== LOCK_TIMEOUT) throw error;
    await client.query('ROLLBACK');
    return false;
  }
}
