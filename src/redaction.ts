import { isPlainObject } from './plain-object';

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

/** An address with a password; a port before a path is none. */
const TYPED_ADDRESS = /:\/\/[^\s/:@]*:(?!\d{1,5}\/)[^\s@]+@/;
/** The other spelling of a connection, and a key or a token as one text. */
const TYPED_SECRETS = [
  /\b(?:password|passwd|pwd)\s*=\s*\S/i,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\beyJ[\w-]{8,}\.[\w-]{8,}\./,
];

/** Whether a caller typed a secret into a text that many may read: a connection with its password, a key, a token. */
export function holdsSecret(text: string): boolean {
  return TYPED_ADDRESS.test(text) || TYPED_SECRETS.some((pattern) => pattern.test(text));
}

/** Whether a field of this name is meant for a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_KEY.test(name);
}
