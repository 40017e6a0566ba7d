import type { AppRecord } from '../app-record';

/** When a removed application is purged (epoch milliseconds), at the earliest; undefined for one that is not removed. */
export function purgeAt({ removedAt }: AppRecord, retentionMs: number): number | undefined {
  return removedAt === undefined ? undefined : Date.parse(removedAt) + retentionMs;
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
