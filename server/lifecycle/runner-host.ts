import type { Application, AppSupervisor } from '@nocobase/server';
import type { AppRecord } from '../../src/app-record';
import type { AppEvent } from '../../src/events';
import type { SupervisorConfig } from '../config';
import type { DatabaseProvisioner } from '../databases/provisioner';
import type { AppSecrets } from '../databases/secrets';
import type { BootQueue } from './boot-queue';
import type { FaultFence } from './fault-fence';
import type { AppVersions } from './versions';

/** What a runner needs of the process around it. */
export interface RunnerHost {
  supervisor: AppSupervisor;
  config: SupervisorConfig;
  queue: BootQueue;
  provisioner: DatabaseProvisioner;
  versions: AppVersions;
  mainApp(): Application;
  record(name: string): AppRecord | undefined;
  secrets(record: AppRecord): AppSecrets;
  /** Called when an application was made and is ready; resolves when that is remembered. */
  markReady(name: string): Promise<void>;
  /** Called after a state change; must not throw. */
  onRunning(name: string): void;
  fence: FaultFence;
  /** Called with each constructed instance, before anything is loaded into it or connected. */
  prepare(app: Application): void;
  /** Something happened that belongs on the application's timeline; must not throw. */
  tell(event: AppEvent): void;
}
