import type { AppRecord } from '../app-record';

/**
 * The names of the applications that have work due until `until` (epoch milliseconds), the earliest first: those that a
 * visit could wake. One that an operator stopped, and a manual one, are not brought up by their own work either.
 */
export function appsToWake(records: Iterable<AppRecord>, until: number): string[] {
  const due: { name: string; at: number }[] = [];
  for (const { name, nextDueAt, stoppedAt, startMode } of records) {
    if (nextDueAt === undefined || stoppedAt || startMode === 'manual') continue;
    const at = Date.parse(nextDueAt);
    if (at <= until) due.push({ name, at });
  }
  return due.sort((a, b) => a.at - b.at).map(({ name }) => name);
}
