import type { ErrorCode } from '../errors';
import { backoffDelay, type BackoffConfig } from './backoff';

/** The failures of one application since it was last well. */
export interface FailureHistory {
  /** In a row, those that count towards quarantine. */
  counted: number;
  /** In a row, all of them: the backoff grows with these. */
  total: number;
}

export interface QuarantineConfig {
  backoff: BackoffConfig;
  /** So many counted failures in a row put an application into quarantine; 0 means never. */
  quarantineAfter: number;
  /** An application that has run this long without a failure is well again; milliseconds. */
  healthyAfterMs: number;
}

export type Verdict = { kind: 'retry'; retryAt: number } | { kind: 'quarantine' };

export const NO_FAILURES: FailureHistory = { counted: 0, total: 0 };

/**
 * Faults of what an application needs rather than of the application: a whole fleet has them at once, and they pass.
 * They are backed off from and never lead to quarantine.
 */
const OF_THE_SURROUNDINGS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'APP_DATABASE_UNREACHABLE',
  'APP_DATABASE_MISSING',
  'APP_DATABASE_CREDENTIALS',
  'APP_DATABASE_FULL',
  'APP_MAIN_NOT_RUNNING',
  // Which application filled the memory is attributed, not known.
  'APP_MEMORY_EXHAUSTED',
]);

/** What follows from one more failure. @param random a number in [0, 1) */
export function afterFailure(
  history: FailureHistory,
  code: ErrorCode,
  config: QuarantineConfig,
  now: number,
  random: number,
): { history: FailureHistory; verdict: Verdict } {
  const total = history.total + 1;
  const counted = history.counted + (OF_THE_SURROUNDINGS.has(code) ? 0 : 1);
  const next = { counted, total };
  const full = config.quarantineAfter > 0 && counted >= config.quarantineAfter && counted > history.counted;
  if (full) return { history: next, verdict: { kind: 'quarantine' } };
  return { history: next, verdict: { kind: 'retry', retryAt: now + backoffDelay(total, config.backoff, random) } };
}

/** What is left of the history when an application that ran since `runningSince` is asked for again. */
export function afterRunning(
  history: FailureHistory,
  runningSince: number,
  config: QuarantineConfig,
  now: number,
): FailureHistory {
  return now - runningSince >= config.healthyAfterMs ? NO_FAILURES : history;
}
