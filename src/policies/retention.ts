import type { AppRecord } from '../app-record';

/**
 * When a removed application is purged (epoch milliseconds), at the earliest: at once where that was said at its
 * removal. Undefined for one that is not removed.
 */
export function purgeAt({ removedAt, removal }: AppRecord, retentionMs: number): number | undefined {
  if (removedAt === undefined) return undefined;
  return Date.parse(removedAt) + (removal?.purge ? 0 : retentionMs);
}

/** The names of the removed applications whose time is over, the longest removed first. */
export function dueForPurge(records: Iterable<AppRecord>, retentionMs: number, now: number): string[] {
  const due: { name: string; at: number }[] = [];
  for (const record of records) {
    const at = purgeAt(record, retentionMs);
    if (at !== undefined && at <= now) due.push({ name: record.name, at });
  }
  return due.sort((a, b) => a.at - b.at).map(({ name }) => name);
}
