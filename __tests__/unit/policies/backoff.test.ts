import fc from 'fast-check';
import { backoffDelay, DEFAULT_BACKOFF } from '../../../src/policies/backoff';

const NO_JITTER = 0;

describe('backoffDelay', () => {
  it.each([
    [0, 1_000],
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [4, 8_000],
    [6, 32_000],
    [7, 60_000],
    [8, 60_000],
    [1_000, 60_000],
    [Number.MAX_SAFE_INTEGER, 60_000],
  ])('is after %d failures %d ms, without jitter', (failures, delay) => {
    expect(backoffDelay(failures, DEFAULT_BACKOFF, NO_JITTER)).toBe(delay);
  });

  it('takes up to a quarter off', () => {
    expect(backoffDelay(1, DEFAULT_BACKOFF, 0.5)).toBe(875);
    expect(backoffDelay(1, DEFAULT_BACKOFF, 0.999_999)).toBe(750);
  });

  const failures = fc.integer({ min: 1, max: 10_000 });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const config = fc
    .tuple(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 0, max: 600_000 }))
    .map(([firstMs, more]) => ({ firstMs, maxMs: firstMs + more }));

  it('stays between three quarters of the first delay and the longest', () => {
    fc.assert(
      fc.property(failures, config, random, (count, limits, jitter) => {
        const delay = backoffDelay(count, limits, jitter);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(limits.firstMs * 0.75));
        expect(delay).toBeLessThanOrEqual(limits.maxMs);
        expect(Number.isSafeInteger(delay)).toBe(true);
      }),
    );
  });

  it('never gets shorter with more failures', () => {
    fc.assert(
      fc.property(failures, config, random, (count, limits, jitter) => {
        expect(backoffDelay(count + 1, limits, jitter)).toBeGreaterThanOrEqual(backoffDelay(count, limits, jitter));
      }),
    );
  });

  it('gets shorter with more jitter, never longer', () => {
    fc.assert(
      fc.property(failures, config, random, random, (count, limits, one, other) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        expect(backoffDelay(count, limits, more)).toBeLessThanOrEqual(backoffDelay(count, limits, less));
      }),
    );
  });
});
