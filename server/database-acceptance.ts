import { randomUUID } from 'node:crypto';
import type { AppSupervisor } from '@nocobase/server';
import { isMade, type AppRecord, type Provisioning } from '../src/app-record';
import { AppError } from '../src/errors';
import type { Actor, AppEvent } from '../src/events';
import type { DatabaseProvisioner } from './databases/provisioner';
import type { Registry } from './registry';

interface AcceptanceHost {
  registry: Registry;
  provisioner: DatabaseProvisioner;
  supervisor: Pick<AppSupervisor, 'logger'>;
  noteProgress(name: string, progress: Partial<Provisioning>): Promise<void>;
  tell(event: AppEvent): void;
}

/**
 * Declares the database of an application, as it is, to be the application's own: writes both ownership markers anew.
 * Idempotent.
 * @throws APP_NOT_FOUND, APP_BEING_MADE, APP_DATABASE_EMPTY, APP_DATABASE_MISSING, APP_DATABASE_IN_USE
 */
export async function acceptDatabase(host: AcceptanceHost, name: string, by: Actor): Promise<void> {
  const { registry, provisioner } = host;
  const record = registry.get(name);
  if (!record) throw new AppError('APP_NOT_FOUND', { name });
  if (!isMade(record)) throw new AppError('APP_BEING_MADE', { name });
  await provisioner.assertAcceptable(record, registry.everyone());
  // Rows of other plugins carry no marker.
  if (record.provisioning) await writeMarkers(host, record);
  const message = provisioner.databaseOf(record);
  host.tell({ application: name, type: 'database-accepted', at: Date.now(), by, message });
}

async function writeMarkers(host: AcceptanceHost, record: AppRecord): Promise<void> {
  const token = randomUUID();
  await host.provisioner.markInside(record, token);
  await host.noteProgress(record.name, { contentToken: token });
  try {
    await host.provisioner.markOutside(record);
  } catch (error) {
    // A database of another owner: it runs, each boot tries again, and it is not dropped with the application.
    host.supervisor.logger.warn('ownership marker not written', {
      ...{ module: 'app-supervisor', application: record.name },
      error: error instanceof AppError ? error.message : 'unknown error',
    });
  }
}
