import type { Application } from '@nocobase/server';
import { isMade, type AppRecord, type Provisioning } from '../../src/app-record';
import { AppError, isAppError } from '../../src/errors';
import type { DatabaseWatch } from './database-watch';
import { checkDatabase, type DatabaseCheck } from './own-database';
import { takeRestored } from './restored-contents';

interface InstallGuardHost extends Omit<DatabaseCheck, 'record' | 'note' | 'mainApp'> {
  mainApp(): Application;
  databaseWatch: Pick<DatabaseWatch, 'lost'>;
  noteProgress(name: string, progress: Partial<Provisioning>): Promise<void>;
  /** `find`: the registered application of this name, removed or not. */
  registry: { find(name: string): AppRecord | undefined };
}

/**
 * Keeps an instance from installing NocoBase once its application was provisioned, whatever command or message reaches
 * it: `install`, `start --quickstart`, the core's `app:started`. An upgrade installs plugins into tables without rows,
 * and is refused there as well. Provisioning itself passes.
 */
export function guardInstall(app: Application, host: InstallGuardHost): void {
  const provisioned = () => {
    const record = host.registry.find(app.name);
    return record && isMade(record) ? record : undefined;
  };
  const install = app.install.bind(app);
  app.install = async (options = {}) => {
    const record = provisioned();
    if (!record) return install(options);
    if (options.clean || options.force || (await app.isInstalled())) {
      throw new AppError('APP_INSTALLED_ONCE', { name: app.name });
    }
    throw new AppError('APP_DATABASE_EMPTY', { database: host.provisioner.databaseOf(record) });
  };
  const upgrade = app.upgrade.bind(app);
  app.upgrade = async (options = {}) => {
    const record = provisioned();
    if (record) {
      const { versions, provisioner } = host;
      const note = (progress: Partial<Provisioning>) => host.noteProgress(app.name, progress);
      const restored = takeRestored(app);
      const check = { record, versions, provisioner, note, mainApp: host.mainApp(), restored };
      await checkDatabase(app, check).catch((error: unknown) => {
        // A running instance could answer nothing from now on.
        if (isAppError(error)) host.databaseWatch.lost(app.name, error);
        throw error;
      });
    }
    return upgrade(options);
  };
}
