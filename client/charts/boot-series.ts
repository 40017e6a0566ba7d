import type { Boot } from '../api-types';

/** How the last hour is cut for counting. */
const HOUR_S = 3_600;
const SLICE_S = 300;

/** What the chart draws, over one list of times in epoch seconds; `undefined` where a series has nothing to say. */
export interface BootSeries {
  from: number;
  to: number;
  times: number[];
  /** How many began in the five minutes around this time. */
  counts: (number | undefined)[];
  /** Seconds that those which came up took. */
  took: (number | undefined)[];
  /** Seconds after which the others failed. */
  failedAfter: (number | undefined)[];
}

/** What is said of the boots where the chart is not seen. */
export interface BootSummary {
  count: number;
  failed: number;
  medianMs: number;
  slowestMs: number;
}

/** The last hour, in whole slices: the first and the last of them also hold what is outside it. */
export function bootSeries(boots: readonly Boot[], now: number): BootSeries {
  const to = Math.ceil(now / 1_000 / SLICE_S) * SLICE_S;
  const from = Math.floor((now / 1_000 - HOUR_S) / SLICE_S) * SLICE_S;
  const seen = boots
    .map((boot) => ({ ...boot, time: new Date(boot.at).getTime() / 1_000 }))
    .filter(({ time }) => time >= from && time <= to);
  const points = new Map<number, { count?: number; took?: number; failedAfter?: number }>();
  for (let begin = from; begin < to; begin += SLICE_S) {
    const count = seen.filter(({ time }) => time >= begin && time < begin + SLICE_S).length;
    points.set(begin + SLICE_S / 2, { count });
  }
  for (const { time, ms, outcome } of seen) {
    // Two that began at the same time stand beside each other.
    let at = time;
    while (points.has(at)) at += 0.001;
    points.set(at, outcome === 'failed' ? { failedAfter: ms / 1_000 } : { took: ms / 1_000 });
  }
  const sorted = [...points].sort(([a], [b]) => a - b);
  return {
    from,
    to,
    times: sorted.map(([time]) => time),
    counts: sorted.map(([, { count }]) => count),
    took: sorted.map(([, { took }]) => took),
    failedAfter: sorted.map(([, { failedAfter }]) => failedAfter),
  };
}

export function summarize(boots: readonly Boot[]): BootSummary {
  const good = boots.filter(({ outcome }) => outcome !== 'failed').map(({ ms }) => ms);
  good.sort((a, b) => a - b);
  return {
    count: boots.length,
    failed: boots.length - good.length,
    medianMs: good[Math.floor(good.length / 2)] ?? 0,
    slowestMs: good.at(-1) ?? 0,
  };
}
