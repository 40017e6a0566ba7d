import type { AppOptions } from '../src/app-record';
import { completeDatabaseOptions } from '../src/database-options';
import { isPlainObject } from '../src/plain-object';
import type { AppSecrets } from './databases/secrets';

/** The `authManager` options of an instance, with the application's own secret; never the caller's object. */
export function withJwtSecret(authManager: unknown, secret: string): Record<string, unknown> {
  const given = isPlainObject(authManager) ? authManager : {};
  const jwt = isPlainObject(given.jwt) ? given.jwt : {};
  return { ...given, jwt: { ...jwt, secret } };
}

/** In milliseconds; below the deadline of a boot's step "connect". */
const CONNECT_TIMEOUT_MS = 12_000;
/** What the drivers call it. */
const CONNECT_TIMEOUT_OPTION: Readonly<Record<string, string>> = {
  postgres: 'connectionTimeoutMillis',
  mysql: 'connectTimeout',
};

/** A server that takes a connection and says nothing would hold it, and its place in the pool, for ever. */
export function withConnectTimeout(dialectOptions: unknown, family = ''): Record<string, unknown> | undefined {
  const given = isPlainObject(dialectOptions) ? dialectOptions : undefined;
  const option = CONNECT_TIMEOUT_OPTION[family];
  return option === undefined ? given : { [option]: CONNECT_TIMEOUT_MS, ...given };
}

/**
 * Options without what must not stand in them, and that. The connection type and the name of the database are
 * written out, so that a record says where its data lies even when the environment changes.
 * @param before the options of an existing row, whose database stays as it is written there
 */
export function splitOptions(
  given: AppOptions,
  name: string,
  before?: AppOptions,
): { options: AppOptions; secrets: AppSecrets } {
  const options = structuredClone(given);
  const secrets: AppSecrets = {};
  const jwt = options.authManager?.jwt;
  if (isPlainObject(jwt) && 'secret' in jwt) {
    if (typeof jwt.secret === 'string' && jwt.secret !== '') secrets.jwtSecret = jwt.secret;
    delete jwt.secret;
  }
  if (isPlainObject(options.database) && 'password' in options.database) {
    const { password } = options.database;
    if (typeof password === 'string' && password !== '' && !options.encryptedDbPassword) {
      secrets.databasePassword = password;
      delete options.database.password;
    }
  }
  if (!before) Object.assign(options, completeDatabaseOptions(options.dbConnType, options.database, name));
  return { options, secrets };
}

const SECRET_KEY = /secret|password|passwd|token|private.?key|credential/i;
/** An address as one text, with user and password; looked for in what ends with `@`. */
const ADDRESS_WITH_PASSWORD = /:\/\/[^/:]*:.*@$/s;

/** A value for callers and logs: nothing that looks like a secret, however deep, also in rows that other plugins wrote. */
export function redact(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !isSecret('', item)).map(redact);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (isSecret(key, inner) ? [] : [[key, redact(inner)]])),
  );
}

/**
 * A word as far as its last `@`: behind that no address with a user begins. Every search for an `@` in it succeeds at once,
 * so that also a word of a quarter of a megabyte is read in one go.
 */
const upToAt = (word: string): string => word.slice(0, word.lastIndexOf('@') + 1);

function isSecret(key: string, value: unknown): boolean {
  if (SECRET_KEY.test(key)) return true;
  return typeof value === 'string' && value.split(/\s+/).some((word) => ADDRESS_WITH_PASSWORD.test(upToAt(word)));
}

/** An address with a user in it, in what ends with `@`; some passwords hold a slash. */
const ADDRESS_WITH_USER = /:\/\/(?:[^/:@]*:.*|[^/@]*)@/gs;

const SECRET_WORDS = 'passwords?|passwd|pwd|secret|token|api[-_]?key|private[-_]?key|credentials?|authorization';
const SECRET_PATTERNS: readonly [RegExp, string][] = [
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '…'],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, '$1 …'],
  [new RegExp(`((?:${SECRET_WORDS})["']?\\s*[=:]\\s*)(?:"[^"]*"|'[^']*'|[^\\s"',;&})]+)`, 'gi'), '$1…'],
];

/** Text for callers: without these secrets, and without what looks like one. */
export function redactText(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) clean = clean.replaceAll(secret, '…');
  clean = clean.replace(/\S+/g, (word) => {
    const begin = upToAt(word);
    return begin.replace(ADDRESS_WITH_USER, '://…@') + word.slice(begin.length);
  });
  for (const [pattern, replacement] of SECRET_PATTERNS) clean = clean.replace(pattern, replacement);
  return clean;
}
