import type { Context } from '@nocobase/actions';
import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { COLLECTION } from '../registry';
import { EVENTS_COLLECTION } from '../timeline';
import { addResourceMiddleware } from '../nocobase/resource-middlewares';

/** Who has it may do everything with applications, and who has not may do nothing of it. */
const SNIPPET = 'pm.app-supervisor';
const SUPERVISOR = 'appSupervisor';
const RESOURCES = [COLLECTION, EVENTS_COLLECTION, SUPERVISOR];

/** NocoBase's name of the right to read a collection; no action of ours has it. */
const VIEW = 'view';

const ROOT = 'root';

const isOurs = (collection: unknown) => collection === COLLECTION || collection === EVENTS_COLLECTION;

function rolesOf({ state }: Context): string[] {
  const { currentRole, currentRoles = currentRole ? [currentRole] : [] } = state as {
    currentRole?: string;
    currentRoles?: string[];
  };
  return currentRoles;
}

/** @throws APP_FORBIDDEN */
function assertRoot(ctx: Context): void {
  if (!rolesOf(ctx).includes(ROOT)) throw new AppError('APP_FORBIDDEN');
}

interface ContextManager {
  innerQuery?: (ctx: Context, options: { datasource?: unknown; collectionName?: unknown }) => Promise<unknown>;
}

/** The plugin `ai` lists the records of any collection with all columns, by the right to list those of ours. */
function closeContext(app: Application): void {
  const plugin = app.pm.get('ai') as unknown as { aiContextDatasourceManager?: ContextManager } | undefined;
  const manager = plugin?.aiContextDatasourceManager;
  const query = manager?.innerQuery?.bind(manager);
  if (!manager || !query) return;
  manager.innerQuery = async (ctx, options) => {
    if (isOurs(options?.collectionName)) assertRoot(ctx);
    return await query(ctx, options);
  };
}

/** A custom request sends the fields of any record that its caller names, also those that are hidden here. */
function refuseRecords(ctx: Context): void {
  const { values } = ctx.action.params as { values?: { options?: { collectionName?: unknown } } };
  if (isOurs(values?.options?.collectionName)) assertRoot(ctx);
}

/** So that a role can be given it. */
export function offerPermission(app: Application): void {
  app.acl.registerSnippet({ name: SNIPPET, actions: [`${COLLECTION}:*`, `${SUPERVISOR}:*`] });
  closeOtherDoors(app);
  app.on('afterLoad', () => closeContext(app));
}

/**
 * Plugins that read collections in ways of their own (charts, the context of `ai`) ask whether a role may view them. They
 * show all columns, also those that are hidden here: only the root of the main application may.
 */
function closeOtherDoors({ acl }: Application): void {
  const can = acl.can.bind(acl);
  acl.can = (options) => {
    const { resource, action, role, roles = [] } = options;
    const isRoot = role === ROOT || roles.includes(ROOT);
    return isOurs(resource) && action === VIEW && !isRoot ? null : can(options);
  };
}

/** Of a timeline; it is written by what happens, and by nobody else. */
const READING = ['list', 'get'];

/**
 * NocoBase's general actions of a collection, also those that a plugin adds, would go past what is checked and hidden
 * here.
 */
export function closeGeneralActions(app: Application): void {
  const handlers = app.resourceManager.getRegisteredHandlers() as Map<string, unknown>;
  addResourceMiddleware(app, 'admitted', (ctx: Context, next) => {
    const { resourceName, actionName = '' } = ctx.action ?? {};
    const closed =
      (resourceName === COLLECTION && !handlers.has(`${COLLECTION}:${actionName}`)) ||
      (resourceName === EVENTS_COLLECTION && !READING.includes(actionName));
    if (closed) ctx.throw(404);
    if (resourceName === 'customRequests' && actionName === 'send') refuseRecords(ctx);
    return next();
  });
}

/**
 * Binds every action of ours to the permission, also where NocoBase itself would let somebody in: by a role's general
 * rights on collections, or by rights on ours that a role was given by themselves. What is open to all who are signed
 * in stays so.
 */
export function requirePermission(app: Application): void {
  const isOperator = (name: string) =>
    name === ROOT || app.acl.getRole(name)?.snippetAllowed(`${SUPERVISOR}:info`) === true;
  app.acl.use(
    (ctx: Context, next: () => Promise<void>) => {
      const [resource = ''] = String(ctx.action?.resourceName ?? '').split('.');
      const { skip } = ctx.permission as { skip?: boolean };
      if (!skip && RESOURCES.includes(resource)) {
        if (!rolesOf(ctx).some(isOperator)) throw new AppError('APP_FORBIDDEN');
      }
      return next();
    },
    { after: 'allow-manager', before: 'core' },
  );
}
