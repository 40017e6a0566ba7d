import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { isPlainObject } from '../../src/plain-object';
import { countRecords, writesRecords, type RecordShape } from '../../src/policies/record-count';
import type { SizeConfig } from '../size-config';
import type { AppLimits } from './app-limits';
import { addResourceMiddleware } from '../nocobase/resource-middlewares';

interface Collection {
  /** `target` is the collection of an association; other fields have none. */
  getField(name: string): { target?: unknown } | undefined;
}

interface Collections {
  getCollection(name: string): Collection | null | undefined;
}

interface ActionContext {
  action?: { resourceName?: string; actionName?: string; params?: { values?: unknown } };
  db: Collections;
}

function shapeOf(collection: Collection, db: Collections): RecordShape {
  return {
    association(member) {
      const target = collection.getField(member)?.target;
      const associated = typeof target === 'string' ? db.getCollection(target) : undefined;
      return associated ? shapeOf(associated, db) : undefined;
    },
  };
}

/** The templates that `variables:resolve` resolves one by one, each with queries of its own. */
function templatesOf(values: unknown): number {
  if (!isPlainObject(values)) return 0;
  const { batch } = isPlainObject(values.values) ? values.values : values;
  return Array.isArray(batch) ? batch.length : 0;
}

/** The records that a request would create or change, or the templates that it would resolve. */
function recordsOf({ action, db }: ActionContext): number {
  const { resourceName = '', actionName = '', params } = action ?? {};
  const values = params?.values;
  if (resourceName === 'variables' && actionName === 'resolve') return templatesOf(values);
  if (!writesRecords(actionName) || typeof values !== 'object' || values === null) return 0;
  const collection = db.getCollection(resourceName);
  return collection ? countRecords(values, shapeOf(collection, db)) : 0;
}

/**
 * Refuses a request that would create, change or read too many records in an application. NocoBase handles them one by one,
 * with all hooks of each, in one transaction: the response comes minutes later, and the neighbours share the thread
 * with that work. Imports of a table are no such requests.
 */
export function limitRecords(app: Application, { records }: SizeConfig, limits: AppLimits): void {
  const refuseMany = (ctx: ActionContext, next: () => Promise<void>) => {
    if (recordsOf(ctx) > records) {
      limits.note(app.name, 'body');
      throw new AppError('APP_BODY_TOO_LARGE', { limit: records, unit: 'records' });
    }
    return next();
  };
  addResourceMiddleware(app, 'first', refuseMany);
}
