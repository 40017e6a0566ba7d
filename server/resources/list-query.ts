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

const LOGIC: ReadonlySet<string> = new Set(['$and', '$or', '$not']);

/** The operators of NocoBase and Sequelize that compare a column with values, and with nothing else. */
const COMPARISONS: ReadonlySet<string> = new Set(
  [
    ...['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'notIn', 'between', 'notBetween', 'is', 'exists', 'notExists'],
    ...['empty', 'notEmpty', 'null', 'notNull', 'isTruly', 'isFalsy', 'includes', 'notIncludes', 'like', 'notLike'],
    ...['iLike', 'notILike', 'startsWith', 'notStartsWith', 'startWith', 'notStartWith', 'endsWith', 'notEndsWith'],
    ...['endWith', 'notEndWith', 'substring', 'regexp', 'notRegexp', 'iRegexp', 'notIRegexp'],
    ...['dateOn', 'dateNotOn', 'dateBefore', 'dateNotBefore', 'dateAfter', 'dateNotAfter', 'dateBetween'],
  ].map((name) => `$${name}`),
);

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

function unknownOperator(key: string): AppError {
  return new AppError('APP_VALUE_INVALID', {
    field: 'filter',
    reason: phrase('"{operator}" is not an operator', { operator: key.slice(0, 100) }),
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
 * Refuses a filter by what no answer shows: its results would tell, step by step, what stands there. Keys are logic, or
 * names of columns that are shown; below a column stand operators that compare it with values. Sequelize knows more:
 * `$column$` is a column, and `$col` compares with another one.
 * @throws APP_VALUE_INVALID
 */
export function assertFilter(filter: unknown, collection: Collection): void {
  const shown = shownColumns(collection);
  const eachKey = (part: unknown, depth: number, check: (key: string, value: unknown) => void): void => {
    if (depth > MAX_DEPTH) throw new AppError('APP_VALUE_INVALID', { field: 'filter', reason: 'it is too deep' });
    if (Array.isArray(part)) part.forEach((item) => eachKey(item, depth + 1, check));
    else if (isPlainObject(part)) for (const [key, value] of Object.entries(part)) check(key, value);
  };
  const checkValue = (value: unknown, depth: number): void =>
    eachKey(value, depth, (key, inner) => {
      if (key.startsWith('$')) throw unknownOperator(key);
      checkValue(inner, depth + 1);
    });
  const checkComparison = (part: unknown, depth: number): void =>
    eachKey(part, depth, (key, value) => {
      if (LOGIC.has(key)) checkComparison(value, depth + 1);
      else if (COMPARISONS.has(key)) checkValue(value, depth + 1);
      else throw unknownOperator(key);
    });
  const checkLogic = (part: unknown, depth: number): void =>
    eachKey(part, depth, (key, value) => {
      if (LOGIC.has(key)) checkLogic(value, depth + 1);
      else {
        // `name.$includes` is short for `{name: {$includes: …}}`.
        const [column = '', ...operators] = key.split('.');
        if (!shown.has(column)) throw unknown('filter', key);
        const wrong = operators.find((operator) => !COMPARISONS.has(operator));
        if (wrong !== undefined) throw unknownOperator(wrong);
        if (operators.length > 0) checkValue(value, depth + 1);
        else checkComparison(value, depth + 1);
      }
    });
  checkLogic(filter, 0);
}
