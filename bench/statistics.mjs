// @ts-check
/**
 * The few words of statistics that the measurements use.
 */

/** @param {number[]} values */
const ascending = (values) => [...values].sort((a, b) => a - b);

/**
 * @param {number[]} values
 * @param {number} share for example 0.99
 */
export function percentile(values, share) {
  const sorted = ascending(values);
  return sorted[Math.max(0, Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1))] ?? NaN;
}

/** @param {number[]} values */
export function median(values) {
  const sorted = ascending(values);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The least squares line's slope: what a further step adds.
 * @param {[x: number, y: number][]} points
 */
export function slope(points) {
  const mean = (/** @type {number[]} */ numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  const x = mean(points.map(([at]) => at));
  const y = mean(points.map(([, value]) => value));
  const spread = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  return spread === 0 ? NaN : points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0) / spread;
}

/**
 * Each round's value of one contender over that of the other in the same round.
 * @param {number[]} values
 * @param {number[]} others
 */
export const ratios = (values, others) => values.map((value, round) => value / others[round]);
