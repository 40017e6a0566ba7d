/** Dates, times and sizes in the reader's language. */

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/** `3 minutes ago`, `in 2 days`: rounded to the nearest, in the largest unit of which there is a whole one then. */
export function relativeTime(at: number, now: number, language: string): string {
  const seconds = Math.round((at - now) / 1_000);
  const found = UNITS.findIndex(([, size], index) => {
    // 59.6 minutes are 60, and so 1 hour.
    const smaller = UNITS[index + 1]?.[1] ?? 1;
    return Math.round(Math.abs(seconds) / smaller) * smaller >= size;
  });
  const [unit, size] = UNITS[found] ?? ['second', 1];
  const count = Math.sign(seconds) * Math.round(Math.abs(seconds) / size);
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(count, unit);
}

/** `7 days`, `1 day`. */
export function dayCount(days: number, language: string): string {
  return new Intl.NumberFormat(language, { style: 'unit', unit: 'day', unitDisplay: 'long' }).format(days);
}

export function exactTime(at: number, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }).format(at);
}

const SIZES = ['B', 'KB', 'MB', 'GB', 'TB'];

export function byteSize(bytes: number, language: string): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log(bytes) / Math.log(1_024)), SIZES.length - 1);
  const value = bytes / 1_024 ** power;
  const digits = power === 0 || value >= 100 ? 0 : 1;
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value)} ${SIZES[power] ?? ''}`;
}

/** `740 ms`, `3.2 s`, `2 min 5 s`: the symbols of the units are the same in every language. */
export function duration(ms: number): string {
  const [milliseconds, tenths, seconds] = [1, 100, 1_000].map((unit) => Math.round(ms / unit)) as [
    number,
    number,
    number,
  ];
  // Of what is rounded, lest 59.96 s become 60.0 s.
  if (milliseconds < 1_000) return `${milliseconds} ms`;
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
