import { createRequire } from 'node:module';
import type { Application } from '@nocobase/server';
import { guardBackupPrograms, type GetAdapter } from './backup-programs';

/** The Backup Manager's classes. Both copy whole folders of `storage/uploads`, by a setting of the process. */
interface BackupManager {
  readonly app: { name: string };
  set uploadDir(folder: string);
}

interface RestoreManager {
  readonly ctx: { app: Application };
  set uploadDir(folder: string);
}

/** Returns the folder to use for an application, or undefined for the one that the plugin chose. */
export type FolderOf = (appName: string) => Promise<string | undefined>;

/**
 * Called when an instance begins to replace its own contents by those of a backup. The returned function is called if
 * the backup was refused, and nothing was replaced.
 */
export type OnRestore = (app: Application) => () => void;

export interface BackupScope {
  backupFolder: FolderOf;
  restoreFolder: FolderOf;
  onRestore: OnRestore;
}

type Methods = Record<string, unknown>;

interface Before<T> {
  folderOf: (manager: T) => Promise<string | undefined>;
  begin?: (manager: T) => () => void;
}

const scoped = new WeakSet();

/** Before each of these methods, the folder is set. Each method is wrapped once in a process. */
function wrap<T extends { uploadDir: string }>(
  prototype: Methods,
  methods: readonly string[],
  { folderOf, begin }: Before<T>,
): boolean {
  if (!Object.getOwnPropertyDescriptor(prototype, 'uploadDir')?.set) return false;
  for (const method of methods) {
    const original = prototype[method] as ((...given: unknown[]) => unknown) | undefined;
    if (typeof original !== 'function') return false;
    prototype[method] = async function (this: T, ...given: unknown[]) {
      const folder = await folderOf(this);
      if (folder !== undefined) this.uploadDir = folder;
      const refused = begin?.(this);
      try {
        return await original.apply(this, given);
      } catch (error) {
        refused?.();
        throw error;
      }
    };
  }
  return true;
}

/** Loads a module of the Backup Manager by its path in there. */
type Load = (module: string) => Record<string, unknown>;

/** Undefined if the Backup Manager is not installed in this application. */
function loaderOf(app: Application): Load | undefined {
  const plugin = app.pm.get('backups') as { options?: { packageName?: unknown } } | undefined;
  const packageName = plugin?.options?.packageName;
  if (typeof packageName !== 'string') return undefined;
  const load = createRequire(require.resolve('@nocobase/server'));
  return (module) => load(`${packageName}/dist/server/${module}`) as Record<string, unknown>;
}

const guardWith = (load: Load) => guardBackupPrograms(load('adapters/database').getDBAdapter as GetAdapter);

/**
 * Guards the programs that the Backup Manager runs, in all applications of the process. Idempotent.
 * @returns false if this version of it cannot be guarded; true if it is not installed
 */
export function guardBackups(app: Application): boolean {
  const load = loaderOf(app);
  return !load || guardWith(load);
}

/**
 * Gives backups and restores of an application folders of its own in the place of `storage/uploads`, and guards the
 * programs that they run. Idempotent.
 * @returns false if this version of the Backup Manager cannot be scoped; true if it is not installed
 */
export function scopeBackups(app: Application, scope: BackupScope): boolean {
  const load = loaderOf(app);
  if (!load) return true;
  if (!guardWith(load)) return false;
  const { BackupManager: backup } = load('managers/backup') as { BackupManager?: { prototype: Methods } };
  const { RestoreManager: restore } = load('managers/restore') as { RestoreManager?: { prototype: Methods } };
  if (!backup || !restore) return false;
  if (scoped.has(backup)) return true;
  scoped.add(backup);
  const ofBackup: Before<BackupManager> = { folderOf: (manager) => scope.backupFolder(manager.app.name) };
  const ofRestore: Before<RestoreManager> = {
    folderOf: (manager) => scope.restoreFolder(manager.ctx.app.name),
    begin: (manager) => scope.onRestore(manager.ctx.app),
  };
  return (
    wrap(backup.prototype, ['createBackupName', 'backup'], ofBackup as never) &&
    wrap(restore.prototype, ['restore', 'restoreCLI'], ofRestore as never)
  );
}
