/** The time in which reloads are counted, in milliseconds. */
export const RELOAD_WINDOW_MS = 10 * 60_000;

export interface ReloadLimit {
  /** How often an application may reload itself within `withinMs`; 0 means any number. */
  max: number;
  /** Milliseconds. */
  withinMs: number;
}

/** The times that still count, in epoch milliseconds, the earliest first. */
export function recentReloads(times: readonly number[], now: number, { withinMs }: ReloadLimit): number[] {
  return times.filter((time) => now - time < withinMs);
}

/** Milliseconds after which an application may reload itself again; 0 if it may now. */
export function reloadWait(times: readonly number[], now: number, limit: ReloadLimit): number {
  const recent = recentReloads(times, now, limit);
  const first = recent[recent.length - limit.max];
  if (limit.max === 0 || first === undefined) return 0;
  return first + limit.withinMs - now;
}
