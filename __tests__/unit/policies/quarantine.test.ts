import fc from 'fast-check';
import type { ErrorCode } from '../../../src/errors';
import { DEFAULT_BACKOFF } from '../../../src/policies/backoff';
import { afterFailure, afterRunning, NO_FAILURES, type QuarantineConfig } from '../../../src/policies/quarantine';

const config: QuarantineConfig = { backoff: DEFAULT_BACKOFF, quarantineAfter: 3, healthyAfterMs: 60_000 };
const NOW = 1_000_000;

/** What follows from failures with these codes, one after the other. */
function verdicts(codes: ErrorCode[], given: QuarantineConfig = config) {
  let history = NO_FAILURES;
  return codes.map((code) => {
    const result = afterFailure(history, code, given, NOW, 0);
    ({ history } = result);
    return result.verdict.kind === 'retry' ? result.verdict.retryAt - NOW : 'quarantine';
  });
}

describe('afterFailure', () => {
  it.each<[string, ErrorCode[], Partial<QuarantineConfig>, (number | string)[]]>([
    ['backs off, then gives up', Array(4).fill('APP_BOOT_FAILED'), {}, [1_000, 2_000, 'quarantine', 'quarantine']],
    ['at the first failure', ['APP_BOOT_FAILED'], { quarantineAfter: 1 }, ['quarantine']],
    ['never, with 0', Array(5).fill('APP_BOOT_FAILED'), { quarantineAfter: 0 }, [1_000, 2_000, 4_000, 8_000, 16_000]],
    [
      'never for a database server that is away',
      Array(4).fill('APP_DATABASE_UNREACHABLE'),
      {},
      [1_000, 2_000, 4_000, 8_000],
    ],
    [
      'not by a fault of the surroundings after failures of its own',
      ['APP_BOOT_FAILED', 'APP_BOOT_TIMEOUT', 'APP_DATABASE_UNREACHABLE', 'APP_BOOT_FAILED'],
      {},
      [1_000, 2_000, 4_000, 'quarantine'],
    ],
  ])('%s', (_title, codes, changes, expected) => {
    expect(verdicts(codes, { ...config, ...changes })).toEqual(expected);
  });

  it('never waits longer than the maximum, and counts every failure', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom<ErrorCode>('APP_BOOT_FAILED', 'APP_DATABASE_UNREACHABLE')),
        fc.nat(6),
        (codes, quarantineAfter) => {
          const told = verdicts(codes, { ...config, quarantineAfter });
          const own = codes.map((_, index) => codes.slice(0, index + 1).filter((c) => c === 'APP_BOOT_FAILED').length);
          told.forEach((verdict, index) => {
            const due =
              quarantineAfter > 0 && codes[index] === 'APP_BOOT_FAILED' && (own[index] ?? 0) >= quarantineAfter;
            expect(verdict === 'quarantine').toBe(due);
            if (verdict !== 'quarantine') expect(verdict).toBeLessThanOrEqual(DEFAULT_BACKOFF.maxMs);
          });
        },
      ),
    );
  });
});

describe('afterRunning', () => {
  const history = { counted: 2, total: 4 };
  it.each([
    [59_999, history],
    [60_000, NO_FAILURES],
  ])('after %d ms', (ms, expected) => {
    expect(afterRunning(history, NOW - ms, config, NOW)).toEqual(expected);
  });
});
