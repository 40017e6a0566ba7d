import { isDeepStrictEqual } from 'node:util';
import { isPlainObject } from '../src/plain-object';

/** How deep the options of an application are told apart. */
const DEPTH = 3;

/** What is not there, in all the ways in which a row says so. */
function none(value: unknown): boolean {
  if (isPlainObject(value)) return Object.values(value).every(none);
  return value === undefined || value === null || value === false || value === '';
}

/** As JSON tells it, in which rows hold it. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));

/** The names of what is different, and no values: `displayName`, `options.authManager.jwt`. */
export function changedFields(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
  prefix = '',
  depth = DEPTH,
): string[] {
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return fields.flatMap((field) => {
    const [old, now] = [before[field], after[field]];
    if ((none(old) && none(now)) || isDeepStrictEqual(plain(old), plain(now))) return [];
    const name = `${prefix}${field}`;
    const inner = depth > 1 && isPlainObject(old) && isPlainObject(now);
    return inner ? changedFields(old, now, `${name}.`, depth - 1) : [name];
  });
}
