import type { Application, AppSupervisor } from '@nocobase/server';
import type { AppRecord, Provisioning } from '../../src/app-record';
import type { AppState } from '../../src/app-state';
import type { AppEvent } from '../../src/events';
import type { SupervisorConfig } from '../config';
import type { AppRoles } from '../databases/app-roles';
import type { DatabaseCopies } from '../databases/copies';
import type { DatabaseProvisioner } from '../databases/provisioner';
import type { AppSecrets } from '../databases/secrets';
import type { BootQueue } from './boot-queue';
import type { FaultFence } from './fault-fence';
import type { AppVersions } from './versions';

/** Why we put an application to sleep. */
export type SleepReason = 'idle' | 'running-limit' | 'memory';

export type StopReason = 'operator' | 'restart' | 'sleep' | 'shutdown' | 'manual';

/** Why an application is taken down for a moment, and comes back by itself. */
export type DownReason = 'cloned' | 'isolated';

/** Listens to what happens to applications in this process. */
export interface AppWatcher {
  /** The application has come up. */
  running(name: string): void;
  /** The application was removed; its instance has ended. */
  gone(name: string): void;
}

/** What a runner needs of the process around it. */
export interface RunnerHost {
  supervisor: AppSupervisor;
  config: SupervisorConfig;
  queue: BootQueue;
  provisioner: DatabaseProvisioner;
  copies: DatabaseCopies;
  roles: AppRoles;
  versions: AppVersions;
  mainApp(): Application;
  record(name: string): AppRecord | undefined;
  secrets(record: AppRecord): AppSecrets;
  /** Remembers how far the making of an application has come. */
  noteProgress(name: string, progress: Partial<Provisioning>): Promise<void>;
  /** Takes another application down for as long as the work takes. @throws APP_NOT_FOUND */
  whileDown<T>(name: string, work: (record: AppRecord) => Promise<T>): Promise<T>;
  /** Called when an application was made and is ready; resolves when that is remembered. */
  /** Of the owner of the main application, whom a new application's administrator is when nobody was named. */
  ownersAccount(name: string): Promise<AppSecrets['admin']>;
  markReady(name: string): Promise<void>;
  /** Called after a state change; must not throw. */
  onRunning(name: string): void;
  /** Its state changed, or what is under way of it came to another step; must not throw. */
  onChange(name: string, state?: AppState): void;
  fence: FaultFence;
  /** Called with each constructed instance, before anything is loaded into it or connected. */
  prepare(app: Application): void;
  /** Something happened that belongs on the application's timeline; must not throw. */
  tell(event: AppEvent): void;
}
