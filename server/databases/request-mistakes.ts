import { AppError } from '../../src/errors';
import type { Reason } from '../../src/phrase';
import { wrongParameter } from '../../src/policies/list-parameters';
import { chainOf, isWrongValue } from './error-chain';
import { isFilterError } from '../nocobase/filters';

/** What is read of a request whose action has failed. */
export interface FailedContext {
  action?: { params?: Readonly<Record<string, unknown>> };
  db?: { getCollection(name: string): unknown };
}

/** Where Sequelize makes statements, and NocoBase reads filters: what nothing can be made of is thrown there. */
const PLACES = [
  /[\\/]dialects[\\/][\w-]+[\\/]query-generator\.[jt]s/,
  /@nocobase[\\/]utils[\\/]\w+[\\/](?:dateRangeUtils|parse-filter|parseFilter)\.[jt]s/,
];
/** The frames of a stack that count: the place of the error, and a few functions of the same file that called it. */
const FRAMES = 3;

function isStatementError(error: unknown): boolean {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return false;
  const frames = error.stack.split('\n').filter((line) => /^\s+at /.test(line));
  const first = frames.slice(0, FRAMES).join('\n');
  return PLACES.some((place) => place.test(first));
}

/** A failure that the caller of the action should not be blamed for: it has a status of its own. */
function hasStatus(error: unknown): boolean {
  for (const { status, statusCode } of chainOf(error) as Iterable<{ status?: unknown; statusCode?: unknown }>) {
    if (typeof status === 'number' || typeof statusCode === 'number') return true;
  }
  return false;
}

/** Errors of other services have codes as well. */
function isOfDatabase(error: unknown): boolean {
  for (const { name } of chainOf(error) as Iterable<{ name?: unknown }>) {
    if (typeof name === 'string' && name.startsWith('Sequelize')) return true;
  }
  return false;
}

/** The parameter that most likely holds what was refused. */
function suspect(params: Readonly<Record<string, unknown>>): string {
  const { filter, filterByTk } = params;
  if (filter !== undefined) return 'filter';
  return filterByTk === undefined ? 'values' : 'filterByTk';
}

/**
 * The mistake of a caller by which an action has failed, without the words of the database; undefined for any other
 * failure. Looked for only after a failure, so that right requests pay nothing.
 */
export function mistakeOf(error: unknown, { action, db }: FailedContext): AppError | undefined {
  if (hasStatus(error)) return undefined;
  const params = action?.params ?? {};
  const wrong = wrongParameter(params);
  if (wrong) return new AppError('APP_VALUE_INVALID', { field: wrong.field, reason: wrong.reason }, error);
  const refused = (reason: Reason) => new AppError('APP_VALUE_INVALID', { field: suspect(params), reason }, error);
  const { targetCollection: target } = params;
  if (typeof target === 'string' && target !== '' && db && !db.getCollection(target)) {
    return new AppError(
      'APP_VALUE_INVALID',
      { field: 'targetCollection', reason: 'there is no such collection' },
      error,
    );
  }
  if (isOfDatabase(error) && isWrongValue(error)) return refused('the database does not accept it');
  if (isFilterError(error) || isStatementError(error)) return refused('no statement of the database can be made of it');
  return undefined;
}
