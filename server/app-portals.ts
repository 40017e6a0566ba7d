import type { Application } from '@nocobase/server';
import { ENTRY_PLACES, isOffered, MAIN_ENTRY } from '../src/app-entry';
import { isAvailable, type EntriesHost } from './app-entries';
import { addResourceMiddleware } from './nocobase/resource-middlewares';

interface PortalsContext {
  action?: { resourceName?: string; actionName?: string };
  body: unknown;
}

interface Portals {
  apps?: { name: string; status?: string | null }[];
  portals?: { appName: string }[];
}

type PortalsHost = Pick<EntriesHost, 'registry' | 'descriptions' | 'active'>;

/**
 * NocoBase's `app:getPortals` shows every application and its status to each user who is signed in. Here the main
 * application shows those that it offers in its block or its switcher, as `appSupervisor:entries` does.
 */
export function limitPortals(app: Application, host: PortalsHost): void {
  const complete = async (ctx: PortalsContext, next: () => Promise<void>) => {
    await next();
    if (host.active) ctx.body = offered(ctx.body, host);
  };
  addResourceMiddleware(app, 'first', (ctx: PortalsContext, next) => {
    const { resourceName, actionName } = ctx.action ?? {};
    return resourceName === 'app' && actionName === 'getPortals' ? complete(ctx, next) : next();
  });
}

/** The answer without applications that are not offered in the main application. */
export function offered(body: unknown, host: PortalsHost): unknown {
  const { apps = [], portals = [], ...rest } = (body ?? {}) as Portals;
  const isShown = (name: string) => {
    const record = host.registry.get(name);
    return (
      name === MAIN_ENTRY || (record !== undefined && ENTRY_PLACES.some((place) => isOffered(record, place, true)))
    );
  };
  const status = (name: string) => (isAvailable(host, name) ? 'running' : 'stopped');
  return {
    ...rest,
    apps: apps
      .filter(({ name }) => isShown(name))
      .map((item) => (item.name === MAIN_ENTRY ? item : { ...item, status: status(item.name) })),
    portals: portals.filter(({ appName }) => isShown(appName)),
  };
}
