import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { recentReloads, reloadWait, type ReloadLimit } from '../../src/policies/reloads';
import { addResourceMiddleware } from '../nocobase/resource-middlewares';

/** The actions by which an application's own administrator makes it reload. */
const RELOADING: Readonly<Record<string, ReadonlySet<string>>> = {
  app: new Set(['restart', 'refresh']),
  pm: new Set(['add', 'update', 'enable', 'disable', 'remove']),
};

interface ReloadContext {
  action?: { resourceName?: string; actionName?: string };
  /** Koa's; the resource manager's type leaves it out. */
  set?: (header: string, value: string) => void;
}

/** When each instance was asked to reload; epoch milliseconds. */
const asked = new WeakMap<Application, number[]>();

/**
 * Bounds how often a sub-application may reload itself: each reload takes about a second of the process. To be called at
 * each load, since a reload makes the resource manager anew. An operator's Restart in the main application is not bounded.
 */
export function limitReloads(app: Application, limit: ReloadLimit): void {
  addResourceMiddleware(app, 'admitted', (ctx: ReloadContext, next) => {
    const { resourceName = '', actionName = '' } = ctx.action ?? {};
    if (RELOADING[resourceName]?.has(actionName)) admit(app, ctx, limit);
    return next();
  });
}

/** @throws APP_RELOADS_TOO_MANY */
function admit(app: Application, ctx: ReloadContext, limit: ReloadLimit): void {
  const now = Date.now();
  const times = recentReloads(asked.get(app) ?? [], now, limit);
  const wait = reloadWait(times, now, limit);
  if (wait > 0) {
    const seconds = Math.ceil(wait / 1_000);
    ctx.set?.('Retry-After', String(seconds));
    const minutes = Math.round(limit.withinMs / 60_000);
    throw new AppError('APP_RELOADS_TOO_MANY', { name: app.name, count: limit.max, minutes, seconds });
  }
  asked.set(app, [...times, now]);
}
