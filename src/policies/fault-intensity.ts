/** How many faults of one application are borne within how many milliseconds; `max` 0 bears any number. */
export interface FaultLimit {
  max: number;
  withinMs: number;
}

export const FAULT_WINDOW_MS = 60_000;

/** Of the given times (epoch milliseconds, oldest first), those that still count. */
export function recentFaults(times: readonly number[], now: number, { withinMs }: FaultLimit): number[] {
  return times.filter((time) => time > now - withinMs && time <= now);
}

/** Whether an application has thrown more often than is borne: then it is taken down, which counts as a failure. */
export function tooManyFaults(times: readonly number[], now: number, limit: FaultLimit): boolean {
  return limit.max > 0 && recentFaults(times, now, limit).length > limit.max;
}
