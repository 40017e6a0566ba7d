import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Application, AppSupervisor } from '@nocobase/server';
import { storagePathJoin } from '@nocobase/utils';
import { isMade, type AppRecord } from '../src/app-record';
import { AppError } from '../src/errors';
import { SYSTEM, type Actor, type AppEvent, type Operation } from '../src/events';
import { dueForPurge, purgeAt } from '../src/policies/retention';
import { absence } from './absence';
import type { Claims } from './claims';
import type { SupervisorConfig } from './config';
import type { DatabaseCopies } from './databases/copies';
import type { DatabaseProvisioner } from './databases/provisioner';
import type { AppRunner } from './lifecycle/app-runner';
import { namedByOthers, type NamedFilesHost } from './files/named-files';
import { stampKeptState } from './lifecycle/former-state';
import { removeUploads } from './lifecycle/upload-folders';
import { removeCachedKeys } from './nocobase/cache';
import { statePrefix } from './outside-state';
import { COLLECTION, type Registry } from './registry';

/** What the bin needs of the process around it. */
export interface RecycleBinHost {
  config: SupervisorConfig;
  supervisor: AppSupervisor;
  registry: Registry;
  provisioner: DatabaseProvisioner;
  copies: DatabaseCopies;
  namedFiles: NamedFilesHost;
  claims: Claims;
  /** Throws APP_ARCHIVE_BUSY while an export reads the data of this application. */
  archives: { assertNotRead(name: string): void };
  mainApp(): Application;
  runner(name: string): AppRunner | undefined;
  writeRow(name: string, patch: Record<string, unknown>): Promise<void>;
  /** Instance, runner and routes of this name are gone. */
  release(name: string): Promise<void>;
  /** Starts it, or goes on with its making, where nobody has to ask for that. */
  takeUp(record: AppRecord): void;
  tell(event: AppEvent): void;
}

export interface Removal {
  /** Whether the purge drops the database, too. */
  dropDatabase?: boolean;
  /** At once, without a time in which it could be restored. */
  purge?: boolean;
  by?: Actor;
}

/** What a removal has come to. */
export interface Removed {
  name: string;
  /** Where the data lies, or lay. */
  database: string;
  databaseDropped: boolean;
  /** ISO times; null when nothing is left that could be restored. */
  removedAt: string | null;
  purgeAt: string | null;
}

const LOOK_MS = 10 * 60_000;
/** Below `storage/`, what is one application's alone. Backups are kept: they are made to outlive it. */
const FOLDERS = [
  ...['apps', 'logs', path.join('cache', 'apps'), 'environment-variables'],
  ...[path.join('tmp', 'backups'), path.join('tmp', 'documents')],
];

/**
 * Removal in two steps. A removed application is out of reach at once, and its name, its domain and its database stay
 * reserved: it can be restored. When its time is over it is purged: its row goes, and by choice its database and files.
 * Each step may be interrupted and said again.
 */
export class RecycleBin {
  private readonly busy = new Map<string, Operation>();
  private timer?: NodeJS.Timeout;

  constructor(private readonly host: RecycleBinHost) {}

  /** Looks now and then for what is to be purged. */
  start(): void {
    if (this.timer) return;
    void this.purgeDue();
    this.timer = setInterval(() => void this.purgeDue(), LOOK_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Whether something is being done to this application here. */
  isBusy(name: string): boolean {
    return this.busy.has(name);
  }

  underWay(name: string): Operation | undefined {
    return this.busy.get(name);
  }

  /** When a removed application is purged, in ISO form. */
  purgeTime(record: AppRecord): string | null {
    const at = purgeAt(record, this.host.config.removalRetentionMs);
    return at === undefined ? null : new Date(at).toISOString();
  }

  /** @throws APP_NOT_FOUND, APP_REMOVING, and what forbids the drop that is asked for */
  async remove(name: string, { dropDatabase = false, purge = false, by = SYSTEM }: Removal = {}): Promise<Removed> {
    const { host } = this;
    this.assertIdle(name);
    // Said again, after the purge had failed.
    if (purge && host.registry.find(name)?.removedAt) return this.purge(name, by, dropDatabase);
    const runner = host.runner(name);
    const record = host.registry.get(name);
    if (!runner || !record) throw absence({ bin: this, claims: host.claims }, name);
    return this.alone(name, { kind: purge ? 'purge' : 'removal', by }, async () => {
      // Told now: at the purge there would be nobody to hear it.
      if (dropDatabase) {
        host.archives.assertNotRead(name);
        await host.provisioner.assertDroppable(record);
      }
      await host.writeRow(name, { removedAt: new Date(), removal: { dropDatabase, purge, by } });
      await runner.stop('operator', by);
      await host.release(name);
      const reason = dropDatabase ? 'drop-database' : undefined;
      host.tell({ application: name, type: 'removed', at: Date.now(), by, reason });
      if (purge || host.config.removalRetentionMs === 0) return this.purgeNow(host.registry.find(name) ?? record, by);
      return this.found(host.registry.find(name) ?? record);
    });
  }

  /**
   * As it was before its removal: what an operator had stopped stays so.
   * @throws APP_NOT_FOUND, APP_NOT_REMOVED, APP_PURGE_BEGUN where a purge has begun to drop the database
   */
  async restore(name: string, by: Actor = SYSTEM): Promise<void> {
    this.mustBeRemoved(name);
    await this.alone(name, { kind: 'restore', by }, async () => {
      const removed = this.mustBeRemoved(name);
      const { dropDatabase, purge, begun } = removed.removal ?? {};
      if (begun || (purge && dropDatabase && (await this.host.provisioner.isGone(removed)))) {
        throw new AppError('APP_PURGE_BEGUN', { name });
      }
      await this.host.writeRow(name, { removedAt: null, removal: null });
      this.host.tell({ application: name, type: 'restored', at: Date.now(), by });
      const record = this.host.registry.get(name);
      if (record) this.host.takeUp(record);
    });
  }

  /**
   * @param dropDatabase also where the removal had left the database
   * @throws APP_NOT_FOUND, APP_NOT_REMOVED, and what the database says
   */
  async purge(name: string, by: Actor = SYSTEM, dropDatabase = false): Promise<Removed> {
    this.mustBeRemoved(name);
    return this.alone(name, { kind: 'purge', by }, async () => {
      const record = this.mustBeRemoved(name);
      const drop = dropDatabase || record.removal?.dropDatabase === true;
      return this.purgeNow({ ...record, removal: { ...record.removal, dropDatabase: drop } }, by);
    });
  }

  /** What cannot be purged now is tried again at the next look. */
  async purgeDue(): Promise<void> {
    const { host } = this;
    for (const name of dueForPurge(host.registry.removed(), host.config.removalRetentionMs, Date.now())) {
      // Restored meanwhile, and perhaps removed once more.
      const record = host.registry.find(name);
      const due = record && dueForPurge([record], host.config.removalRetentionMs, Date.now()).length > 0;
      if (!due || this.isBusy(name)) continue;
      await this.purge(name).catch((error: unknown) => {
        host.supervisor.logger.warn(`application "${name}" could not be purged`, { error: String(error) });
      });
    }
  }

  /** The database goes first and the row last: whoever is interrupted in between says the same again. */
  private async purgeNow(record: AppRecord, by: Actor): Promise<Removed> {
    const { host } = this;
    const { name } = record;
    const dropped = record.removal?.dropDatabase === true;
    // From here on there may be nothing to restore: a process that is killed meanwhile ends it at its next start.
    await host.writeRow(name, { removal: { ...record.removal, purge: true } });
    const database = host.provisioner.databaseOf(record);
    if (dropped) {
      host.archives.assertNotRead(name);
      await host.provisioner.drop(record, () => {
        return host.writeRow(name, { removal: { ...record.removal, purge: true, begun: true } });
      });
      // Keys of an application whose data is kept stay with the data: they decrypt it.
      for (const folder of foldersOf(name)) await rm(folder, { recursive: true, force: true });
      await removeUploads(record, await namedByOthers(host.namedFiles, record));
    } else {
      await host.provisioner.endSessions(record);
      await this.clearBegun(record);
      await this.releaseRole(record);
      await stampKeptState(record);
    }
    await this.clearCache(record);
    await host.mainApp().db.getRepository(COLLECTION).destroy({ filterByTk: name });
    const reason = dropped ? 'database-dropped' : 'database-kept';
    host.tell({ application: name, type: 'purged', at: Date.now(), by, reason, message: database });
    return { name, database, databaseDropped: dropped, removedAt: null, purgeAt: null };
  }

  /** Best effort: a Redis that is away keeps keys that no other application reads, since they carry the identity. */
  private async clearCache(record: AppRecord): Promise<void> {
    const { supervisor } = this.host;
    await removeCachedKeys(this.host.mainApp(), statePrefix(record)).catch((error: unknown) => {
      supervisor.logger.warn('keys in the shared cache not removed', {
        ...{ module: 'app-supervisor', application: record.name, error: String(error) },
      });
    });
  }

  /** Best effort: a role that no row names is looked for once more at the next start. */
  private async releaseRole(record: AppRecord): Promise<void> {
    await this.host.provisioner.leave(record).catch((error: unknown) => {
      this.host.supervisor.logger.warn('database role not released', {
        ...{ module: 'app-supervisor', application: record.name, error: String(error) },
      });
    });
  }

  /** What is there of one whose making came to nothing. */
  private async clearBegun(record: AppRecord): Promise<void> {
    const { copies, provisioner } = this.host;
    await copies.dropDraft(record);
    if (isMade(record)) return;
    // Where the database can be asked for nothing, there may be data to which they belong.
    if (await provisioner.isGone(record).catch(() => false)) await removeUploads(record);
  }

  private found(record: AppRecord): Removed {
    const { name } = record;
    const database = this.host.provisioner.databaseOf(record);
    const removedAt = record.removedAt ?? null;
    return { name, database, databaseDropped: false, removedAt, purgeAt: this.purgeTime(record) };
  }

  private mustBeRemoved(name: string): AppRecord {
    const record = this.host.registry.find(name);
    if (!record) throw absence({ bin: this, claims: this.host.claims }, name);
    if (!record.removedAt) throw new AppError('APP_NOT_REMOVED', { name });
    return record;
  }

  /** @throws APP_REMOVING */
  private assertIdle(name: string): void {
    const operation = this.underWay(name);
    if (operation) throw new AppError('APP_REMOVING', { name }, undefined, operation);
  }

  private async alone<T>(name: string, what: Pick<Operation, 'kind' | 'by'>, work: () => Promise<T>): Promise<T> {
    this.assertIdle(name);
    this.busy.set(name, { ...what, application: name, since: new Date().toISOString() });
    try {
      return await work();
    } finally {
      this.busy.delete(name);
    }
  }
}

/** None for a name that is no name of a folder: rows of other plugins may hold any. */
export function foldersOf(name: string): string[] {
  if (!/^[\w-][\w.-]*$/.test(name) || name === 'main') return [];
  return FOLDERS.map((folder) => storagePathJoin(folder, name));
}
