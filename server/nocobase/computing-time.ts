import { createContext, Script } from 'node:vm';
import { AppError } from '../../src/errors';
import type { Reason } from '../../src/phrase';

/**
 * Bounds the time of computations that users of an application wrote, and that NocoBase does in the shared thread: patterns,
 * formulas. V8 ends such a computation when its time is over, wherever it is; one that waits for nothing cannot be ended
 * otherwise.
 */

export interface TimeLimit {
  /** The longest time of one computation in milliseconds. */
  maxMs: number;
  /** What each may take without counting. */
  freeMs: number;
}

/** What the computations of one application may take beyond their free time: milliseconds per second, and at once. */
const PER_SECOND = 50;
const AT_ONCE = 1_000;
/** With less than this left, nothing begins. */
const LEAST_MS = 10;

const context = createContext({ compute: undefined as (() => void) | undefined });
const script = new Script('compute()');

/** Thrown inside of a computation, it ends it and reaches its caller. */
const isTimeout = (error: unknown) => (error as { code?: unknown }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';

/**
 * Runs a function, and ends it after so many milliseconds. Only what it does at once is bounded, not what it awaits.
 * @returns undefined if it was ended
 */
function runWithin<T>(compute: () => T, ms: number): { value: T } | undefined {
  let outcome: { value: T } | undefined;
  const outer = context.compute;
  context.compute = () => {
    outcome = { value: compute() };
  };
  try {
    script.runInContext(context, { timeout: Math.ceil(ms) });
  } catch (error) {
    if (!isTimeout(error)) throw error;
  } finally {
    context.compute = outer;
  }
  return outcome;
}

/** The time of the computations of one application. */
export class ComputingTime {
  private left = AT_ONCE;
  private at: number;

  /** @param now milliseconds of a monotonic clock */
  constructor(
    private readonly name: string,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.at = now();
  }

  /**
   * Runs a computation within its time.
   * @param field what is computed, as the error names it
   * @throws APP_VALUE_INVALID if it takes too long, APP_BUSY if the application has used up the time for such computations;
   * what the computation throws
   */
  run<T>(compute: () => T, { maxMs, freeMs }: TimeLimit, field: string, reason: Reason): T {
    const begun = this.now();
    this.left = Math.min(AT_ONCE, this.left + ((begun - this.at) * PER_SECOND) / 1_000);
    this.at = begun;
    if (this.left < LEAST_MS) throw new AppError('APP_BUSY', { name: this.name });
    try {
      const outcome = runWithin(compute, Math.min(maxMs, this.left));
      if (!outcome) throw new AppError('APP_VALUE_INVALID', { field, reason });
      return outcome.value;
    } finally {
      this.left -= Math.max(0, this.now() - begun - freeMs);
    }
  }
}

const times = new Map<string, ComputingTime>();

/** The time of an application; the same while one of its instances exists. */
export function computingTimeOf(name: string): ComputingTime {
  const known = times.get(name);
  if (known) return known;
  const time = new ComputingTime(name);
  times.set(name, time);
  return time;
}

export function forgetComputingTime(name: string): void {
  times.delete(name);
}
