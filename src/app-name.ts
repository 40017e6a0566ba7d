import { AppError } from './errors';

/**
 * What an application may be called when it is created. What is already registered is routed as it is, whatever
 * its name (DESIGN, "Names"). 48 characters leave room in PostgreSQL's 63 for prefixes and suffixes of databases.
 */
export const APP_NAME_PATTERN = /^[a-z][a-z0-9_-]{0,47}$/;

/**
 * Names that NocoBase or this plugin uses as a first path segment or as a host label, and the names of databases
 * that every server has. `main` and `www` are addresses of the main application.
 */
export const RESERVED_APP_NAMES: ReadonlySet<string> = new Set([
  ...['main', 'www', 'localhost', 'nocobase'],
  ...['api', 'admin', 'app', 'apps', 'v', 'ws', 'files', 'storage', 'static', 'dist', 'assets', 'm', 'mobile'],
  ...['signin', 'signup', 'signout', 'login', 'logout', 'forgot-password', 'reset-password', 'public-forms', 'embed'],
  ...['mail', 'smtp', 'ftp', 'ns', 'mx', 'autodiscover'],
  ...['postgres', 'template0', 'template1', 'mysql', 'information_schema', 'performance_schema', 'sys'],
]);

/** Longest piece of a refused value that an error message repeats. */
const QUOTED_LENGTH = 64;

/** So much of a value is looked at: it may come from anybody, and be as long as the headers of a request. */
const READ_LENGTH = 256;

/**
 * A value as it may stand in an error message: text, short, without control characters. Of an address with a user and a
 * password, only what follows them is shown.
 */
export function quotable(value: unknown): string {
  const text = (typeof value === 'string' ? value : typeof value).slice(0, READ_LENGTH).replace(/\p{C}/gu, '?');
  const user = text.includes(':') ? text.lastIndexOf('@') + 1 : 0;
  const clean = user > 0 ? `…@${text.slice(user)}` : text;
  return clean.length > QUOTED_LENGTH ? `${clean.slice(0, QUOTED_LENGTH)}…` : clean;
}

/** Returns the name when a new application may carry it; throws `APP_NAME_INVALID` or `APP_NAME_RESERVED`. */
export function checkAppName(name: unknown): string {
  if (typeof name !== 'string' || !APP_NAME_PATTERN.test(name)) {
    throw new AppError('APP_NAME_INVALID', { name: quotable(name) });
  }
  if (RESERVED_APP_NAMES.has(name)) {
    throw new AppError('APP_NAME_RESERVED', { name });
  }
  return name;
}

/**
 * A name made from what a person typed: DNS-safe (letters, digits and inner hyphens only, at most 40 characters),
 * so that it also works as a host label. Empty when nothing usable is left, e.g. of a name in Chinese.
 */
export function suggestAppName(displayName: string): string {
  const base = displayName
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 40)
    .replace(/-+$/, '');
  return RESERVED_APP_NAMES.has(base) ? `${base}-app` : base;
}
