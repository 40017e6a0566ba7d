import fc from 'fast-check';
import { recentReloads, reloadWait } from '../../../src/policies/reloads';

const LIMIT = { max: 3, withinMs: 1_000 };

describe('reloads: how long an application waits for its next one', () => {
  it.each([
    ['none so far', [], 0],
    ['fewer than the limit', [100, 200], 0],
    ['as many as the limit', [100, 200, 300], 600],
    ['more than the limit', [100, 200, 300, 400], 700],
    ['the first no longer counts', [-600, 200, 300], 0],
    ['the first ends to count now', [-500, 200, 300], 0],
    ['the first counts for one more millisecond', [-499, 200, 300], 1],
  ])('%s', (_name, times, wait) => {
    expect(reloadWait(times, 500, LIMIT)).toBe(wait);
  });

  it('any number if the limit is 0', () => {
    expect(reloadWait([1, 2, 3, 4, 5], 6, { max: 0, withinMs: 1_000 })).toBe(0);
  });

  it('never lets more than the limit happen within the time, in whatever rhythm they are asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (pauses, max) => {
        const limit = { max, withinMs: 1_000 };
        const done: number[] = [];
        let now = 0;
        for (const pause of pauses) {
          now += pause;
          const wait = reloadWait(done, now, limit);
          if (wait === 0) done.push(now);
          else expect(reloadWait(done, now + wait, limit)).toBe(0);
          expect(recentReloads(done, now, limit).length).toBeLessThanOrEqual(max);
        }
      }),
    );
  });
});
