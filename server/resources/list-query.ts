import type { Collection } from '@nocobase/database';
import { AppError } from '../../src/errors';
import { isPlainObject } from '../../src/plain-object';
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
  return new AppError('APP_VALUE_INVALID', { field, reason: `there is no column "${column.slice(0, 100)}"` });
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
