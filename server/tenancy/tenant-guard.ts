import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import {
  isLanguage,
  judgeTenantAction,
  judgeTenantCommand,
  managesApplications,
  namedPlugins,
} from '../../src/policies/tenant-actions';
import type { SupervisorConfig } from '../config';
import { confineCaches } from '../nocobase/cache';
import { confineCloudStorages } from '../nocobase/cloud-storages';
import { confineJsonQueries } from '../nocobase/json-queries';
import { confineLlmKeys } from '../nocobase/llm-keys';
import { guardLanguages } from '../nocobase/languages';
import { confineLocalImages } from '../nocobase/local-images';
import {
  confineCustomRequests,
  confineMailNode,
  confineMailNotifications,
  confineMcpServers,
} from '../nocobase/outgoing-calls';
import { isLibrary } from '../nocobase/plugin-packages';
import { guardPluginManager, type PluginRules } from '../nocobase/plugin-manager';
import { assertSendable, confineSentFiles, type OwnFolder } from './sent-files';
import { addResourceMiddleware } from '../nocobase/resource-middlewares';

interface ActionContext {
  action?: { resourceName?: string; actionName?: string; params?: { filterByTk?: unknown } };
}

type Trust = Pick<SupervisorConfig, 'tenantPlugins'>;

/**
 * Keeps an instance of a sub-application, and the administrators of that application, from changing what all
 * applications share: packages, the process, common folders. Called once for each constructed instance, before a
 * plugin is added to it.
 * @param ownFolder the folder of its uploads
 */
export function guardTenant(app: Application, trust: Trust, ownFolder: OwnFolder): void {
  const missing = guardPluginManager(app, rulesFor(app.name, trust));
  if (missing.length > 0) {
    app.log.warn('plugins are guarded in part only: this version of NocoBase lacks members', { missing });
  }
  // Each reload gives the instance new managers.
  app.on('beforeLoad', () => {
    confineCaches(app);
    guardLanguages(app, isLanguage);
    addResourceMiddleware(app, 'admitted', refuseActions(trust, app.db.isPostgresCompatibleDialect()));
    addResourceMiddleware(app, 'admitted', confineCustomRequests);
    confineSentFiles(app, ownFolder);
  });
  app.on('afterLoad', () => {
    confineLocalImages(app, (file) => assertSendable(app, ownFolder, file, 'workflow:llm'));
    confineCloudStorages(app, (type) => {
      throw new AppError('APP_STORAGE_WITHOUT_KEYS', { type });
    });
    confineLlmKeys(app, (provider) => {
      throw new AppError('APP_ACTION_LEAVES_APPLICATION', { action: `llmServices:${provider}` });
    });
    confineJsonQueries(app);
    confineMailNode(app);
    confineMailNotifications(app);
    confineMcpServers(app, () => {
      throw new AppError('APP_ACTION_LEAVES_APPLICATION', { action: 'aiMcpClients:stdio' });
    });
  });
}

function rulesFor(name: string, trust: Trust): PluginRules {
  return {
    assertPackages: () => {
      if (!trust.tenantPlugins) throw new AppError('APP_PLUGINS_MANAGED_BY_MAIN');
    },
    assertPlugin: (plugin) => {
      if (managesApplications(plugin)) throw new AppError('APP_PLUGINS_MANAGED_BY_MAIN');
    },
    refuseLibrary: () => {
      throw new AppError('APP_PLUGINS_MANAGED_BY_MAIN');
    },
    assertCommand: (words) => {
      const refusal = trust.tenantPlugins ? undefined : judgeTenantCommand(words);
      if (refusal) throw new AppError(refusal, { action: words.slice(0, 2).map(String).join(' '), name });
    },
  };
}

/**
 * The middleware that refuses actions, for callers that the application's own ACL has let in.
 * @param postgres whether the application's database is a PostgreSQL
 */
export function refuseActions(trust: Trust, postgres: boolean) {
  // No async function, as in all middlewares that most requests only pass: each would cost them a promise.
  return (ctx: ActionContext, next: () => Promise<void>): Promise<void> => {
    const { resourceName = '', actionName = '', params } = ctx.action ?? {};
    const call = { filterByTk: params?.filterByTk, postgres };
    const refusal = trust.tenantPlugins ? undefined : judgeTenantAction(resourceName, actionName, call);
    if (refusal) throw new AppError(refusal, { action: `${resourceName}:${actionName}` });
    const named = resourceName === 'pm' ? namedPlugins(params?.filterByTk) : [];
    if (named.some((plugin) => managesApplications(plugin) || isLibrary(plugin))) {
      throw new AppError('APP_PLUGINS_MANAGED_BY_MAIN');
    }
    return next();
  };
}
