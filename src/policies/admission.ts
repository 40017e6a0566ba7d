/**
 * Who is let in first: an application that somebody waits for, then one whose page was opened a moment ago, then those
 * that start by themselves.
 */
export type BootPriority = 'visitor' | 'prewarm' | 'background';

/** A boot that waits for a place. */
export interface QueuedBoot {
  priority: BootPriority;
  /** A making or an upgrade takes many times as long as a wake. */
  long: boolean;
  /** Epoch milliseconds. */
  since: number;
}

export interface ActiveBoots {
  all: number;
  long: number;
}

/** Whoever has waited this long is let in like a visitor: nobody starves behind a stream of visitors. */
export const PATIENCE_MS = 30_000;

const RANK: Record<BootPriority, number> = { visitor: 0, prewarm: 1, background: 2 };

/**
 * The index of the boot that is let in next, or -1. At most `concurrency` run at a time (1 or more). Long ones leave a
 * place free for wakes, where there is more than one. Within a rank it goes by the order of coming.
 */
export function nextToBoot(
  waiting: readonly QueuedBoot[],
  active: ActiveBoots,
  concurrency: number,
  now: number,
): number {
  if (active.all >= concurrency) return -1;
  const longAllowed = active.long < Math.max(1, concurrency - 1);
  let best = -1;
  let bestRank = Infinity;
  for (const [index, boot] of waiting.entries()) {
    if (boot.long && !longAllowed) continue;
    const rank = now - boot.since >= PATIENCE_MS ? RANK.visitor : RANK[boot.priority];
    if (rank < bestRank) [best, bestRank] = [index, rank];
  }
  return best;
}
