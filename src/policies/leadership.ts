/** Result of one attempt to get the leader lock: ours, another process holds it, or the server gives no answer. */
export type LockAttempt = 'held' | 'taken' | 'unreachable';

/**
 * For how long a leader goes on after the server confirmed its lock for the last time, in milliseconds. Shorter than
 * the 15 seconds after which PostgreSQL gives up the connection of a machine that is cut off: this process has stopped
 * deciding before another one can get the lock.
 */
export const LEADER_GRACE_MS = 12_000;

/**
 * Decides what a leader does after its lock was found lost and one new attempt was made.
 * @param silentMs milliseconds since the server confirmed the lock for the last time
 * @returns `lead`: the lock is ours again. `retry`: try again at once; nobody else can hold the lock yet.
 *   `stand-down`: another process leads, or may lead.
 */
export function afterLostLock(attempt: LockAttempt, silentMs: number): 'lead' | 'retry' | 'stand-down' {
  if (attempt === 'held') return 'lead';
  if (attempt === 'taken') return 'stand-down';
  return silentMs < LEADER_GRACE_MS ? 'retry' : 'stand-down';
}
