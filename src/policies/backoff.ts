/** Delays between attempts to start an application that keeps failing, in milliseconds. */
export interface BackoffConfig {
  firstMs: number;
  maxMs: number;
}

export const DEFAULT_BACKOFF: BackoffConfig = { firstMs: 1_000, maxMs: 60_000 };

/**
 * How long to wait after the given number of failures in a row (1 or more): doubling from the first delay up to the
 * maximum, less up to a quarter at random, so that applications which failed together do not come back together.
 * @param random a number in [0, 1)
 */
export function backoffDelay(failures: number, config: BackoffConfig, random: number): number {
  const exponent = Math.min(Math.max(0, failures - 1), 30);
  const full = Math.min(config.firstMs * 2 ** exponent, config.maxMs);
  return Math.round(full * (1 - random / 4));
}
