import type { Context } from '@nocobase/actions';
import { AppSupervisor, type Application } from '@nocobase/server';
import { AppError, type ErrorCode } from '../../src/errors';
import { entriesAction } from '../app-entries';
import { iconAction } from '../app-icons';
import type { AppService } from '../app-service';
import { readPackageVersion } from '../core';
import { PACKAGE } from '../error-answers';
import { runsInCluster } from '../leadership/leadership-host';
import { logFilesSummary } from '../metrics/log-health';
import { COLLECTION } from '../registry';
import { sendArchive } from './archives';
import { readMetrics } from '../supervisor-metrics';
import { addResourceMiddleware } from '../nocobase/resource-middlewares';

/** The adapters in force and, where they are not ours, why. */
export interface SupervisorInfo {
  version: string;
  service?: AppService;
  obstacle?: AppError;
}

const DAY_MS = 86_400_000;

/** Conditions with a state of their own. */
const STATES: Partial<Record<ErrorCode, string>> = {
  APP_SUPERVISOR_RESTART_REQUIRED: 'restart_required',
  APP_SUPERVISOR_STANDBY: 'standby',
};

/**
 * `appSupervisor:info`: whether applications are managed here, and what to do when they are not; `appSupervisor:metrics`:
 * what the process holds at this moment.
 */
export function defineSupervisor(app: Application, info: () => SupervisorInfo): void {
  app.resourceManager.define({
    name: 'appSupervisor',
    // NocoBase's general actions of a collection are for collections.
    only: ['info', 'metrics', 'entries', 'icon', 'downloadArchive'],
    actions: {
      info: async (ctx: Context, next: () => Promise<void>) => {
        const { version, service, obstacle } = info();
        const supervisor = AppSupervisor.getInstance();
        const standby = service?.phase === 'standby' ? new AppError('APP_SUPERVISOR_STANDBY') : undefined;
        const reason = obstacle ?? standby;
        const state = reason || !service?.active ? 'inert' : 'active';
        ctx.body = {
          version,
          installedVersion: (await readPackageVersion(PACKAGE)) ?? null,
          state: (reason && STATES[reason.code]) ?? state,
          reasonCode: reason?.code,
          message: reason && ctx.t(reason.message, { ns: PACKAGE }),
          clusterMode: runsInCluster(),
          adapter: { discovery: supervisor.getDiscoveryAdapter().name, process: supervisor.getProcessAdapter().name },
          baseDomains: service?.config.baseDomains ?? [],
          pathAccess: service?.config.pathAccess ?? true,
          limits: service?.config.limits ?? null,
          removalRetentionDays: service ? service.config.removalRetentionMs / DAY_MS : null,
          applications: service?.registry.size ?? 0,
          connections: (state === 'active' && service?.connections.snapshot(supervisor.getApps())) || null,
          logFiles: logFilesSummary(),
        };
        await next();
      },

      metrics: async (ctx: Context, next: () => Promise<void>) => {
        const { service, obstacle } = info();
        if (service?.phase === 'standby') throw new AppError('APP_SUPERVISOR_STANDBY');
        if (obstacle || !service?.active) throw obstacle ?? new AppError('APP_SUPERVISOR_RESTART_REQUIRED');
        ctx.body = readMetrics(service);
        await next();
      },

      entries: async (ctx: Context, next: () => Promise<void>) => {
        const { service, obstacle } = info();
        if (!service) throw obstacle ?? new AppError('APP_SUPERVISOR_RESTART_REQUIRED');
        await entriesAction(app, service)(ctx, next);
      },

      downloadArchive: async (ctx: Context, next: () => Promise<void>) => {
        const { service, obstacle } = info();
        if (obstacle || !service?.active) throw obstacle ?? new AppError('APP_SUPERVISOR_RESTART_REQUIRED');
        const { archive, by } = service.archives.downloads.resolve(ctx.action.params.ticket);
        await sendArchive(ctx, service.archives, archive, by);
        await next();
      },

      icon: async (ctx: Context, next: () => Promise<void>) => {
        const { service } = info();
        if (!service) throw new AppError('APP_FILE_NOT_FOUND');
        await iconAction(service.icons)(ctx, next);
      },
    },
  });
}

/** Where applications cannot be managed, nothing is half done: every action and every new row is refused, with the reason. */
export function refuseApplications(app: Application, obstacle: AppError): void {
  addResourceMiddleware(app, 'admitted', (ctx: { action?: { resourceName?: string } }, next) => {
    if (ctx.action?.resourceName === COLLECTION) throw obstacle;
    return next();
  });
  app.db.on(`${COLLECTION}.beforeCreate`, () => {
    throw obstacle;
  });
}
