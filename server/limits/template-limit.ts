import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { batchOf, exceededTemplates, groupsOf, templatesOf } from '../../src/policies/variable-templates';
import { addResourceMiddleware } from '../nocobase/resource-middlewares';

interface ActionContext {
  action?: { resourceName?: string; actionName?: string; params: { values?: unknown } };
  body?: unknown;
}

type Handler = (ctx: ActionContext, next: () => Promise<void>) => Promise<void>;

interface Action {
  handler?: unknown;
  options?: { handler?: unknown };
}

interface Resources {
  isDefined(resource: string): boolean;
  getAction(resource: string, action: string): Action;
}

/** The actions that resolve templates of their callers. */
const RESOLVING = new Set(['variables:resolve', 'charts:query']);

/**
 * Refuses a request with more expressions in its templates than NocoBase may parse and run in one stretch of the thread:
 * every signed-in user may ask for that. Call it before each load.
 * @param note is told of each refusal
 */
export function limitTemplates(app: Application, note: () => void = () => undefined): void {
  // No async function, as in all middlewares that most requests only pass: each would cost them a promise.
  const refuseMany = ({ action }: ActionContext, next: () => Promise<void>) => {
    if (!action || !RESOLVING.has(`${action.resourceName}:${action.actionName}`)) return next();
    const exceeded = exceededTemplates(templatesOf(action.params.values));
    if (!exceeded) return next();
    note();
    throw new AppError('APP_BODY_TOO_LARGE', { ...exceeded });
  };
  addResourceMiddleware(app, 'first', refuseMany);
}

/** Handlers that resolve in groups already. */
const grouped = new WeakSet<object>();

/**
 * Lets `variables:resolve` resolve a large batch in groups, with a turn of the event loop between them: the pages of
 * NocoBase send all templates of a moment in one request. Call it after each load.
 */
export function resolveInGroups(app: Application): void {
  const resources = app.resourceManager as unknown as Resources;
  if (!resources.isDefined('variables')) return;
  const action = resources.getAction('variables', 'resolve');
  const original = action.handler;
  if (typeof original !== 'function' || grouped.has(original)) return;
  const handler = inGroups(original as Handler);
  grouped.add(handler);
  action.handler = handler;
  // Each request gets a copy of the action, by its options.
  if (action.options) action.options.handler = handler;
}

function inGroups(original: Handler): Handler {
  return async (ctx, next) => {
    const params = ctx.action?.params;
    const groups = groupsOf(batchOf(params?.values) ?? []);
    if (!params || groups.length < 2) return original(ctx, next);
    const { values } = params;
    const results: unknown[] = [];
    for (const [index, batch] of groups.entries()) {
      if (index > 0) await nextTurn();
      params.values = { values: { batch } };
      await original(ctx, () => Promise.resolve());
      results.push(...((ctx.body as { results?: unknown[] } | undefined)?.results ?? []));
    }
    params.values = values;
    ctx.body = { results };
    await next();
  };
}
