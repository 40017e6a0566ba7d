import { afterLostLock, LEADER_GRACE_MS, questionTime, type LockAttempt } from '../../../src/policies/leadership';

describe('leadership policy: a leader whose lock was lost', () => {
  const cases: [LockAttempt, number, string][] = [
    ['held', 0, 'lead'],
    ['held', LEADER_GRACE_MS, 'lead'],
    ['held', 10 * LEADER_GRACE_MS, 'lead'],
    ['taken', 0, 'stand-down'],
    ['taken', 10 * LEADER_GRACE_MS, 'stand-down'],
    ['unreachable', 0, 'retry'],
    ['unreachable', LEADER_GRACE_MS - 1, 'retry'],
    ['unreachable', LEADER_GRACE_MS, 'stand-down'],
    ['unreachable', Number.MAX_SAFE_INTEGER, 'stand-down'],
  ];
  it.each(cases)('attempt "%s" after %d ms without a confirmation: %s', (attempt, silentMs, decision) => {
    expect(afterLostLock(attempt, silentMs)).toBe(decision);
  });

  it.each([
    [0, false, LEADER_GRACE_MS],
    [2_000, false, LEADER_GRACE_MS - 2_000],
    // This process was stalled, the server may be well.
    [LEADER_GRACE_MS, false, 3_000],
    [10 * LEADER_GRACE_MS, false, 3_000],
    [5_000, true, LEADER_GRACE_MS - 5_000],
    [LEADER_GRACE_MS, true, 0],
    [10 * LEADER_GRACE_MS, true, 0],
  ])('a question %d ms after the last confirmation, unanswered before: %s, has %d ms', (silentMs, unanswered, ms) => {
    expect(questionTime(silentMs, unanswered)).toBe(ms);
  });

  it('gives up before PostgreSQL closes the connection of a machine that is cut off', () => {
    expect(LEADER_GRACE_MS).toBeLessThan(15_000);
  });
});
