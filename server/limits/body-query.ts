import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { isPlainObject } from '../../src/plain-object';
import { exceededFilter, exceededQuery, type QueryBounds } from '../../src/policies/query-size';

/**
 * The plugin `multi-keyword-filter` makes a query of the body: clients send filters there that are too long for an address.
 * NocoBase then reads it like any query, also without a token. What a query may have was measured in the address only.
 */

const METHODS: ReadonlySet<unknown> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);

interface BodyContext {
  request: { body?: unknown; querystring: string };
  /** As it was when the request arrived: Koa changes `req.url` with the query. */
  originalUrl: string;
}

/** Half of a pair of code units cannot be encoded. */
const encode = (text: string) => encodeURIComponent(text.replace(/[\ud800-\udfff]/g, '\ufffd'));

/** The parameters as a query has them: brackets for members, and for elements of lists. */
function* parametersOf(value: unknown, name: string): Generator<string> {
  if (typeof value !== 'object' || value === null) {
    const text = typeof value === 'string' ? value : String(value);
    yield `${encode(name)}=${encode(text)}`;
    return;
  }
  for (const [key, member] of Object.entries(value)) {
    yield* parametersOf(member, name === '' ? key : `${name}[${Array.isArray(value) ? '' : key}]`);
  }
}

/** Stops at the first parameter too many. */
function queryOf(params: unknown, { parameters }: QueryBounds): string {
  const found: string[] = [];
  for (const parameter of parametersOf(params, '')) {
    found.push(parameter);
    if (found.length > parameters) break;
  }
  return `?${found.join('&')}`;
}

/** @throws APP_VALUE_INVALID, APP_QUERY_TOO_LARGE */
export function assertBodyQuery({ request, originalUrl }: BodyContext, bounds: QueryBounds): void {
  const { body, querystring } = request;
  if (isPlainObject(body) && body.__params__ !== undefined && body.__params__ !== null) {
    const { __method__: method, __params__: params } = body;
    const named = typeof method === 'string' ? method.toUpperCase() : method;
    if (named !== undefined && named !== null && named !== '' && !METHODS.has(named)) {
      throw new AppError('APP_VALUE_INVALID', { field: '__method__', reason: 'it must be the name of an HTTP method' });
    }
    if (params !== '' && !isPlainObject(params)) {
      throw new AppError('APP_VALUE_INVALID', { field: '__params__', reason: 'it must be an object of fields' });
    }
    assertWithin(exceededFilter(params, bounds));
    assertWithin(exceededQuery(queryOf(params, bounds), bounds));
  }
  // The query of the address was measured before: this one was made since.
  if (!originalUrl.endsWith(querystring)) assertWithin(exceededQuery(`?${querystring}`, bounds));
}

function assertWithin(exceeded: ReturnType<typeof exceededQuery>): void {
  if (exceeded) throw new AppError('APP_QUERY_TOO_LARGE', { ...exceeded });
}

/** Measures queries that come in bodies. Call it before each load. */
export function limitBodyQueries(app: Application, bounds: QueryBounds): void {
  // No async function, as in all middlewares that most requests only pass: each would cost them a promise.
  const refuseLarge = (ctx: BodyContext, next: () => Promise<void>) => {
    assertBodyQuery(ctx, bounds);
    return next();
  };
  const place = { after: ['bodyParser', 'errorHandler'], before: 'cors' };
  app.use(refuseLarge as never, { tag: 'app-supervisor:body-queries', ...place });
}
