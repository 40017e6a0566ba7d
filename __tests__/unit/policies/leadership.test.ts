import { afterLostLock, LEADER_GRACE_MS, type LockAttempt } from '../../../src/policies/leadership';

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

  it('gives up before PostgreSQL closes the connection of a machine that is cut off', () => {
    expect(LEADER_GRACE_MS).toBeLessThan(15_000);
  });
});
