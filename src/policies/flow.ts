import type { TokenBucket } from './limits';

/** How much may pass: an amount per second on average, and a larger amount at once. */
export interface FlowLimit {
  perSecond: number;
  burst: number;
}

/** A bucket that is full. */
export function fullBucket({ burst }: FlowLimit, now: number): TokenBucket {
  return { tokens: burst, at: now };
}

/**
 * Takes an amount from a bucket, in place, if it is there.
 * @param now milliseconds of any monotonic clock
 * @returns whether it was there; if not, the bucket keeps what it has
 */
export function takeAmount(bucket: TokenBucket, amount: number, { perSecond, burst }: FlowLimit, now: number): boolean {
  if (perSecond === Infinity) return true;
  const elapsed = Math.max(0, now - bucket.at);
  bucket.tokens = Math.min(burst, bucket.tokens + (elapsed * perSecond) / 1_000);
  bucket.at = now;
  if (bucket.tokens < amount) return false;
  bucket.tokens -= amount;
  return true;
}

/**
 * Takes one from a bucket before it is there, in place; the bucket is below zero then.
 * @returns the milliseconds until it is there; undefined, with nothing taken, if they are more than `maxMs`
 */
export function takeAhead(bucket: TokenBucket, limit: FlowLimit, maxMs: number, now: number): number | undefined {
  if (takeAmount(bucket, 1, limit, now)) return 0;
  const wait = Math.ceil(((1 - bucket.tokens) * 1_000) / limit.perSecond);
  if (wait > maxMs) return undefined;
  bucket.tokens -= 1;
  return wait;
}
