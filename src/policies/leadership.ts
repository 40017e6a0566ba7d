/** Result of one attempt to get the leader lock: ours, another process holds it, or the server gives no answer. */
export type LockAttempt = 'held' | 'taken' | 'unreachable';

/**
 * For how long a leader goes on after the server confirmed its lock for the last time, in milliseconds. Shorter than
 * the 15 seconds after which PostgreSQL gives up the connection of a machine that is cut off: this process has begun to
 * end its applications before another one can get the lock.
 */
export const LEADER_GRACE_MS = 12_000;

/** The time that the server has at least for the first question after a confirmation, also if this process was stalled. */
const FIRST_QUESTION_MS = 3_000;

/**
 * Decides what a leader does after it asked the server for its lock.
 * @param silentMs milliseconds since the server confirmed the lock for the last time
 * @returns `lead`: the lock is ours. `retry`: ask again; the lock is kept, and no other process can hold it yet.
 *   `stand-down`: another process leads, or may lead soon.
 */
export function afterLostLock(attempt: LockAttempt, silentMs: number): 'lead' | 'retry' | 'stand-down' {
  if (attempt === 'held') return 'lead';
  if (attempt === 'taken') return 'stand-down';
  return silentMs < LEADER_GRACE_MS ? 'retry' : 'stand-down';
}

/**
 * For how long a leader waits for the answer to one question, in milliseconds: until the grace is over.
 * @param unanswered a question since the last confirmation has got no answer
 */
export function questionTime(silentMs: number, unanswered: boolean): number {
  return Math.max(LEADER_GRACE_MS - silentMs, unanswered ? 0 : FIRST_QUESTION_MS);
}
