import { isTransient, type Application, type AppSupervisor } from '@nocobase/server';
import type { SupervisorConfig } from '../config';
import { locationOf, type DatabaseOptions } from '../databases/location';
import { mysqlSessionLock } from '../databases/mysql-session-lock';
import { postgresSessionLock } from '../databases/postgres-session-lock';
import type { OnBroken, SessionLock } from '../databases/session-lock';
import type { LeadershipHost } from './leadership';

interface Service {
  readonly config: Pick<SupervisorConfig, 'lockAddress'>;
  readonly supervisor: AppSupervisor;
  activate(): Promise<void>;
  loadRows(): Promise<void>;
  standBy(): Promise<void>;
  mainApp(): Application;
}

/** Kinds of main databases with such a lock; on others only one process can write anyway. */
const LOCKING_DIALECTS = ['postgres', 'mysql', 'mariadb'];

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
    refresh: () => service.loadRows(),
    warn,
  };
}

/**
 * The leader lock in the main application's database. A process that only runs a command takes none: it manages
 * nothing beyond its own command, and must not keep a starting server waiting.
 */
function openLock(service: Service, onBroken: OnBroken): SessionLock | undefined {
  const options = service.mainApp().db.options as unknown as DatabaseOptions;
  if (isTransient() || !LOCKING_DIALECTS.includes(String(options.dialect))) return undefined;
  const { server: address, layout } = locationOf(options);
  const server = { ...address, ...service.config.lockAddress };
  if (options.dialect === 'postgres') return postgresSessionLock(server, layout, onBroken);
  return mysqlSessionLock(server, layout, onBroken);
}
