import type { Application } from '@nocobase/server';
import { entriesAction, type EntriesHost } from './app-entries';
import { iconAction } from './app-icons';
import { clientUrl, readTexts } from './core';
import { PACKAGE } from './error-answers';
import { addResourceMiddleware } from './nocobase/resource-middlewares';

type Next = () => Promise<void>;
type Texts = Record<string, unknown>;

interface AnswerContext {
  action?: { resourceName?: string; actionName?: string };
  request: { query: Record<string, unknown> };
  body: unknown;
}

/** The lists by which NocoBase's two clients know what to load. */
const PLUGIN_LISTS: Record<string, 'client' | 'client-v2'> = { listEnabled: 'client', listEnabledV2: 'client-v2' };

/**
 * The client part of this plugin in a sub-application, where the plugin itself is not enabled: its bundle, its texts, and
 * the two actions that the block and the switcher ask for. Nothing is read from or written to the sub-application's
 * database, and nothing else of NocoBase's answers changes.
 */
export function serveGuestClient(app: Application, host: EntriesHost): void {
  const actions = { entries: entriesAction(app, host), icon: iconAction(host.icons) };
  app.resourceManager.define({ name: 'appSupervisor', actions: actions });
  app.acl.allow('appSupervisor', 'entries', 'loggedIn');
  app.acl.allow('appSupervisor', 'icon', 'public');
  addResourceMiddleware(app, 'first', addOurs(app.name, host));
}

/** Completes the answers by which a client begins. */
function addOurs(application: string, host: EntriesHost) {
  const complete = async (ctx: AnswerContext, next: Next, lane?: 'client' | 'client-v2'): Promise<void> => {
    await next();
    if (!host.active) return;
    ctx.body = lane ? await withOurBundle(ctx.body, lane, application) : await withOurTexts(ctx);
  };
  return (ctx: AnswerContext, next: Next): Promise<void> => {
    const { resourceName, actionName = '' } = ctx.action ?? {};
    const lane = resourceName === 'pm' ? PLUGIN_LISTS[actionName] : undefined;
    const isText = resourceName === 'app' && actionName === 'getLang';
    return lane || isText ? complete(ctx, next, lane) : next();
  };
}

/** The row as the main application's own list has it, with the name of the application in its options. */
async function withOurBundle(body: unknown, lane: 'client' | 'client-v2', application: string): Promise<unknown> {
  const url = await clientUrl(PACKAGE, lane);
  if (!url || !Array.isArray(body)) return body;
  // A database that once was a main application's may list it already, without what its clients must know here.
  const others = (body as { packageName?: string }[]).filter(({ packageName }) => packageName !== PACKAGE);
  const clientV2Url = lane === 'client' ? await clientUrl(PACKAGE, 'client-v2') : undefined;
  const row = { name: PACKAGE, packageName: PACKAGE, options: { application }, url };
  return [...others, clientV2Url ? { ...row, clientV2Url } : row];
}

/** Where a client asks for some namespaces only, ours comes if it is among them. */
async function withOurTexts(ctx: AnswerContext): Promise<unknown> {
  const body = ctx.body as { lang?: string; resources?: Record<string, Texts> } | undefined;
  if (!body?.lang || !body.resources || body.resources[PACKAGE]) return body;
  const asked = [ctx.request.query.ns].flat().flatMap((ns) => (typeof ns === 'string' ? ns.split(',') : []));
  const namespaces = asked.map((ns) => ns.trim()).filter(Boolean);
  if (namespaces.length > 0 && !namespaces.includes(PACKAGE)) return body;
  const texts = await readTexts(PACKAGE, body.lang);
  return Object.keys(texts).length === 0 ? body : { ...body, resources: { ...body.resources, [PACKAGE]: texts } };
}
