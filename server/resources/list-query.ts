import type { Collection } from '@nocobase/database';
import { AppError, isAppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import { isPlainObject } from '../../src/plain-object';
import { isWrongValue } from '../databases/error-chain';
import { texts } from './call';

/** What callers may order a list by and filter it with: the columns that they are shown. */

const BESIDE_FIELDS = ['createdAt', 'updatedAt', 'sort'];

/** Deeper than anybody's filter. */
const MAX_DEPTH = 20;

/** Names of the columns that callers are shown as they are: not those with a structure, of which secrets are left out. */
function shownColumns(collection: Collection): Set<string> {
  const fields = [...collection.fields.values()] as { name: string; options: { hidden?: boolean; type?: string } }[];
  const shown = fields.filter(({ options }) => !options.hidden && options.type !== 'json');
  return new Set([...BESIDE_FIELDS, ...shown.map(({ name }) => name)]);
}

function unknown(field: 'sort' | 'filter', column: string): AppError {
  return new AppError('APP_VALUE_INVALID', {
    field,
    reason: phrase('there is no column "{column}"', { column: column.slice(0, 100) }),
  });
}

/** The order that a caller asks for: names of columns, each with `-` before it for the other way. @throws APP_VALUE_INVALID */
export function orderOf(sort: unknown, collection: Collection): string[] | undefined {
  const named = texts(sort, 'sort');
  const shown = shownColumns(collection);
  for (const word of named ?? []) {
    const column = word.replace(/^-/, '');
    if (!shown.has(column)) throw unknown('sort', column);
  }
  return named;
}

/**
 * Reads rows by a filter of a caller. NocoBase and the database say in words of their own that they cannot use a value.
 * @throws APP_VALUE_INVALID
 */
export async function readFiltered<T>(filter: unknown, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const isOfDatabase = error instanceof Error && error.name.startsWith('Sequelize');
    if (filter === undefined || isAppError(error) || (isOfDatabase && !isWrongValue(error))) throw error;
    throw new AppError('APP_VALUE_INVALID', { field: 'filter', reason: 'one of its values cannot be used' }, error);
  }
}

/** The columns of an answer: those that a caller names, and always the ID and the state. */
export function pickerOf(fields: unknown): (view: object) => object {
  const named = texts(fields, 'fields')?.map((field) => field.split('.')[0] as string);
  if (!named) return (view) => view;
  const kept = new Set([...named, 'name', 'state', 'status']);
  return (view) => Object.fromEntries(Object.entries(view).filter(([key]) => kept.has(key)));
}

/**
 * Refuses a filter by what no answer shows: it would tell by and by what stands there. Operators begin with `$`; what stands
 * below a column is a matter of that column.
 * @throws APP_VALUE_INVALID
 */
export function assertFilter(filter: unknown, collection: Collection): void {
  const shown = shownColumns(collection);
  const check = (part: unknown, depth: number): void => {
    if (depth > MAX_DEPTH) throw new AppError('APP_VALUE_INVALID', { field: 'filter', reason: 'it is too deep' });
    if (Array.isArray(part)) part.forEach((item) => check(item, depth + 1));
    else if (isPlainObject(part)) {
      for (const [key, value] of Object.entries(part)) {
        const column = key.split('.')[0] ?? '';
        if (key.startsWith('$')) check(value, depth + 1);
        else if (!shown.has(column)) throw unknown('filter', column);
      }
    }
  };
  check(filter, 0);
}
