import fc from 'fast-check';
import { fullBucket, takeAhead, takeAmount } from '../../../src/policies/flow';

const limit = { perSecond: 10, burst: 20 };

describe('a flow', () => {
  it('lets its burst pass at once, and then its rate', () => {
    const bucket = fullBucket(limit, 0);
    expect(takeAmount(bucket, 20, limit, 0)).toBe(true);
    expect(takeAmount(bucket, 1, limit, 99)).toBe(false);
    expect(takeAmount(bucket, 1, limit, 100)).toBe(true);
    expect(takeAmount(bucket, 10, limit, 1_099)).toBe(false);
    expect(takeAmount(bucket, 10, limit, 1_100)).toBe(true);
  });

  it('never holds more than its burst', () => {
    const bucket = fullBucket(limit, 0);
    expect([takeAmount(bucket, 21, limit, 1e9), takeAmount(bucket, 20, limit, 1e9)]).toEqual([false, true]);
  });

  it('takes nothing if there is not enough', () => {
    const bucket = fullBucket(limit, 0);
    expect([takeAmount(bucket, 30, limit, 0), takeAmount(bucket, 20, limit, 0)]).toEqual([false, true]);
  });

  it('can be taken from ahead, up to a time', () => {
    const bucket = fullBucket(limit, 0);
    const waits = Array.from({ length: 26 }, () => takeAhead(bucket, limit, 450, 0));
    expect(waits).toEqual([...Array<number>(20).fill(0), 100, 200, 300, 400, undefined, undefined]);
    expect(takeAhead(bucket, limit, 450, 150)).toBe(350);
    // What was taken ahead is paid back first.
    expect([takeAmount(bucket, 1, limit, 500), takeAmount(bucket, 1, limit, 600)]).toEqual([false, true]);
  });

  it('has no limit at an infinite rate', () => {
    const none = { perSecond: Infinity, burst: Infinity };
    expect(takeAmount(fullBucket(none, 0), 1e12, none, 0)).toBe(true);
    expect(takeAhead(fullBucket(none, 0), none, 0, 0)).toBe(0);
  });

  it('never lets more pass than burst and rate allow, whatever comes when', () => {
    const step = fc.record({ after: fc.integer({ min: -50, max: 3_000 }), amount: fc.integer({ min: 0, max: 40 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const bucket = fullBucket(limit, 0);
        let [now, latest, passed] = [0, 0, 0];
        for (const { after, amount } of steps) {
          now += after;
          // A clock that goes back is none, but must not give anything away.
          latest += Math.max(0, after);
          if (takeAmount(bucket, amount, limit, now)) passed += amount;
        }
        expect(passed).toBeLessThanOrEqual(limit.burst + (latest * limit.perSecond) / 1_000 + 1e-6);
      }),
    );
  });
});
