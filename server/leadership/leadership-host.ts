import { isTransient, type Application, type AppSupervisor } from '@nocobase/server';
import type { SupervisorConfig } from '../config';
import { addressOf, type DatabaseOptions } from '../databases/location';
import { mysqlSessionLock } from '../databases/mysql-session-lock';
import { postgresSessionLock } from '../databases/postgres-session-lock';
import type { OnBroken, SessionLock } from '../databases/session-lock';
import type { Registry } from '../registry';
import type { LeadershipHost } from './leadership';

interface Service {
  readonly config: Pick<SupervisorConfig, 'lockAddress'>;
  readonly registry: Registry;
  readonly supervisor: AppSupervisor;
  activate(): Promise<void>;
  standBy(): Promise<void>;
  mainApp(): Application;
}

const CLUSTER_WARNING =
  'CLUSTER_MODE starts several processes behind one port; only one of them manages applications. Remove CLUSTER_MODE.';

/** NocoBase's own variable for `pm2 -i`: several processes share one port. */
export function runsInCluster(): boolean {
  return (process.env.CLUSTER_MODE ?? '').trim() !== '';
}

/** Connects the leadership of this process to the service that manages the applications. */
export function leadershipHost(service: Service): LeadershipHost {
  const warn = (message: string) => {
    service.supervisor.logger.warn(message, { module: 'app-supervisor' });
  };
  return {
    openLock: (onBroken) => {
      if (runsInCluster()) warn(CLUSTER_WARNING);
      return openLock(service, onBroken);
    },
    activate: () => service.activate(),
    standBy: () => service.standBy().catch((error: unknown) => warn(`standby: ${String(error)}`)),
    refresh: () => service.registry.load(service.mainApp()),
    warn,
  };
}

/**
 * The leader lock in the main application's database. A process that only runs a command takes none: it manages
 * nothing beyond its own command, and must not keep a starting server waiting.
 */
function openLock(service: Service, onBroken: OnBroken): SessionLock | undefined {
  if (isTransient()) return undefined;
  const options = service.mainApp().db.options as unknown as DatabaseOptions;
  const server = { ...addressOf(options), ...service.config.lockAddress };
  const scope = { schema: String(options.schema ?? 'public'), tablePrefix: String(options.tablePrefix ?? '') };
  if (options.dialect === 'postgres') return postgresSessionLock(server, scope, onBroken);
  if (options.dialect === 'mysql' || options.dialect === 'mariadb') return mysqlSessionLock(server, scope, onBroken);
  return undefined;
}
