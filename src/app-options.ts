import { checkDatabaseOptions } from './database-options';
import { AppError } from './errors';
import { checkLanguage } from './language';
import { assertWritableOptions } from './option-table';
import { isPlainObject, mergePatch } from './plain-object';
import { redact } from './redaction';

export type AppOptions = Record<string, unknown> & {
  dbConnType?: string;
  database?: Record<string, unknown>;
  authManager?: { jwt?: { secret?: unknown } & Record<string, unknown> } & Record<string, unknown>;
  autoStart?: unknown;
};

const MAX_OPTIONS_BYTES = 64 * 1024;
const FORBIDDEN_KEYS = ['__proto__', 'constructor', 'prototype'];
/** What of the database an update cannot change. */
const DATABASE_PLACE = new Set(['database', 'schema', 'host', 'port', 'dialect', 'username', 'ssl']);

function hasForbiddenKey(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasForbiddenKey);
  if (!isPlainObject(value)) return false;
  return Object.keys(value).some((key) => FORBIDDEN_KEYS.includes(key) || hasForbiddenKey(value[key]));
}

/** An object of a size that is stored, without keys that every object has. @throws APP_OPTIONS_INVALID */
function plainOptions(value: unknown): AppOptions {
  if (!isPlainObject(value)) throw new AppError('APP_OPTIONS_INVALID', { reason: 'they must be an object' });
  let size: number;
  try {
    size = JSON.stringify(value).length;
  } catch {
    throw new AppError('APP_OPTIONS_INVALID', { reason: 'they cannot be written as JSON' });
  }
  if (size > MAX_OPTIONS_BYTES) throw new AppError('APP_OPTIONS_INVALID', { reason: 'they are larger than 64 KiB' });
  if (hasForbiddenKey(value)) throw new AppError('APP_OPTIONS_INVALID', { reason: 'they contain a forbidden key' });
  return value;
}

/**
 * The options of a new application as a caller gives them: only keys of the table, each of its type and range.
 * @param inherited whether they are those of another application, which another plugin may have made
 * @throws APP_OPTIONS_INVALID, APP_FIELD_UNKNOWN, APP_SECRET_MISPLACED, and what `checkDatabaseOptions` throws
 */
export function checkOptions(value: unknown, { inherited = false } = {}): AppOptions {
  if (value === undefined || value === null) return {};
  const options = plainOptions(value);
  checkDatabaseOptions(options.dbConnType, options.database);
  checkLanguage(options.lang);
  assertWritableOptions(options, { inherited });
  return options;
}

/** A copy without null, which stands for "not given". NocoBase would take it for a value that wins over its default. */
export function withoutNulls<T extends Record<string, unknown>>(options: T): T {
  const kept = Object.entries(options).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(kept.map(([key, value]) => [key, isPlainObject(value) ? withoutNulls(value) : value])) as T;
}

/**
 * The options after a change of them. It is a merge patch, since a caller cannot send back the secrets that no answer
 * shows. What stands in them may be said again, and what should not stand there may be taken away with null.
 * @throws what `checkOptions` throws, and APP_OPTIONS_INVALID for another database
 */
export function checkOptionsUpdate(value: unknown, before: AppOptions): AppOptions {
  const { dbConnType, database, ...rest } = plainOptions(value);
  const { dbConnType: type, database: where, ...others } = before;
  if (dbConnType !== undefined && dbConnType !== null && dbConnType !== type) throw otherDatabase();
  const change = databaseChange(database, before);
  checkLanguage(rest.lang);
  assertWritableOptions({ ...rest, database: change.settings }, { standing: [before, redact(before)] });
  const merged: AppOptions = mergePatch(others, rest);
  if (type !== undefined) merged.dbConnType = type;
  const kept = { ...mergePatch(where ?? {}, change.settings), ...change.password };
  if (where !== undefined || Object.keys(kept).length) merged.database = kept;
  // Many small changes must not make it large.
  return plainOptions(merged);
}

const otherDatabase = () =>
  new AppError('APP_OPTIONS_INVALID', { reason: 'the database of an application cannot be changed' });

/**
 * What a change says of the database. Its address stays; on a server of its own the password may be a new one, and its
 * settings change. Keys that are not listed go on to where they are refused.
 */
function databaseChange(database: unknown, before: AppOptions) {
  const known = before.database ?? {};
  if (database === undefined) return { settings: {} };
  if (!isPlainObject(database)) throw otherDatabase();
  const { password, ...said } = database;
  const alike = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
  const settings: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(said)) {
    const here = Object.hasOwn(known, key) ? known[key] : undefined;
    if (value === undefined || alike(value, here) || alike(value, redact(here))) continue;
    if (DATABASE_PLACE.has(key)) throw otherDatabase();
    settings[key] = value;
  }
  return { settings, password: newPassword(password, before) };
}

/** A sealed password may be replaced by another one; nothing that is empty touches it. */
function newPassword(password: unknown, { dbConnType, database = {} }: AppOptions) {
  if (password === undefined || password === null || password === '') return undefined;
  if (database.password === password) return undefined;
  if (dbConnType !== 'new_connection' || 'password' in database) throw otherDatabase();
  checkDatabaseOptions(dbConnType, { ...database, password });
  return { password };
}
