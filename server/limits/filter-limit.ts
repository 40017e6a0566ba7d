import type { Application } from '@nocobase/server';
import { isPlainObject } from '../../src/plain-object';
import type { QueryBounds } from '../../src/policies/query-size';
import { writesRecords } from '../../src/policies/record-count';
import { assertFilter } from '../nocobase/filters';
import { addResourceMiddleware } from '../nocobase/resource-middlewares';

interface ActionContext {
  action?: { actionName?: string; params?: { filter?: unknown; values?: unknown } };
}

/**
 * Refuses a request whose filter is too deep before NocoBase reads it: one that was in the body, or in a call that passed
 * no HTTP server. That of a query was measured before it was parsed. Call it before each load.
 */
export function limitFilters(app: Application, bounds: QueryBounds): void {
  // No async function, as in all middlewares that most requests only pass: each would cost them a promise.
  const refuseDeep = ({ action }: ActionContext, next: () => Promise<void>) => {
    const { filter, values } = action?.params ?? {};
    if (filter !== undefined) assertFilter(filter, bounds);
    // A record may have a field of this name.
    if (isPlainObject(values) && values.filter !== undefined && !writesRecords(action?.actionName ?? '')) {
      assertFilter(values.filter, bounds);
    }
    return next();
  };
  addResourceMiddleware(app, 'first', refuseDeep);
}
