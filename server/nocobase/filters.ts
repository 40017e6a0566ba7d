import { createRequire } from 'node:module';
import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { exceededFilter, type QueryBounds } from '../../src/policies/query-size';
import { changeHost } from './host-parts';

type FilterBounds = Pick<QueryBounds, 'depth' | 'steps'>;
type Unflatten = (target: object, ...rest: unknown[]) => unknown;

/** The package `flat`, as NocoBase calls it: by its exports. */
interface Flat {
  unflatten: Unflatten;
}

interface Parser {
  filter?: unknown;
  toSequelizeParams: (this: Parser) => unknown;
}

/** NocoBase joins the filter of a request with those of its roles, each time one level deeper. */
const JOINED = 2;

/** What the parser has thrown: no statement can be made of the filter. */
const filterErrors = new WeakSet<object>();

export const isFilterError = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && filterErrors.has(error);

/** Refuses a filter that is too deep, or has too long a path. */
export function assertFilter(filter: unknown, bounds: FilterBounds): void {
  const exceeded = exceededFilter(filter, bounds);
  if (exceeded) throw new AppError('APP_QUERY_TOO_LARGE', { ...exceeded });
}

/**
 * Makes a parser of filters refuse those that are too deep, wherever they come from, and makes it unflatten a filter once.
 * NocoBase does so anew for each condition: a filter with 300 of them takes half a second.
 */
export function boundParser(parser: Parser, flat: Flat, bounds: () => FilterBounds): void {
  const original = parser.toSequelizeParams;
  parser.toSequelizeParams = function (this: Parser) {
    const { depth, steps } = bounds();
    assertFilter(this.filter, { depth: depth * JOINED, steps: steps * JOINED });
    const { unflatten } = flat;
    const done = new Map<object, unknown>();
    flat.unflatten = (target, ...rest) => {
      if (rest.length > 0) return unflatten(target, ...rest);
      if (!done.has(target)) done.set(target, unflatten(target));
      return done.get(target);
    };
    try {
      // It awaits nothing, so nothing else calls the package meanwhile.
      return original.call(this);
    } catch (error) {
      if (typeof error === 'object' && error !== null) filterErrors.add(error);
      throw error;
    } finally {
      flat.unflatten = unflatten;
    }
  };
}

let current: FilterBounds | undefined;

/** Bounds the filters of all applications, which share the parser. Does its work once in a process. */
export function boundFilters(app: Application, bounds: FilterBounds): void {
  const isFirst = current === undefined;
  current = bounds;
  if (!isFirst) return;
  changeHost(app, 'filters are not bounded: this version of NocoBase parses them in another way', (load) => {
    const { FilterParser } = load('@nocobase/database') as { FilterParser: { prototype: Parser } };
    const flat = createRequire(load.resolve('@nocobase/database'))('flat') as Flat;
    if (typeof FilterParser.prototype.toSequelizeParams !== 'function') throw new TypeError('the parser has no method');
    boundParser(FilterParser.prototype, flat, () => current ?? bounds);
  });
}
