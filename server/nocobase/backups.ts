import { createRequire } from 'node:module';
import type { Application } from '@nocobase/server';

/** The Backup Manager's classes. Both copy whole folders of `storage/uploads`, by a setting of the process. */
interface BackupManager {
  readonly app: { name: string };
  set uploadDir(folder: string);
}

interface RestoreManager {
  readonly ctx: { app: { name: string } };
  set uploadDir(folder: string);
}

/** Returns the folder to use for an application, or undefined for the one that the plugin chose. */
export type FolderOf = (appName: string) => Promise<string | undefined>;

type Methods = Record<string, unknown>;

const scoped = new WeakSet();

/** Before each of these methods, the folder is set. Each method is wrapped once in a process. */
function setFolderBefore<T extends { uploadDir: string }>(
  prototype: Methods,
  methods: readonly string[],
  nameOf: (manager: T) => string,
  folderOf: FolderOf,
): boolean {
  if (!Object.getOwnPropertyDescriptor(prototype, 'uploadDir')?.set) return false;
  for (const method of methods) {
    const original = prototype[method] as ((...given: unknown[]) => unknown) | undefined;
    if (typeof original !== 'function') return false;
    prototype[method] = async function (this: T, ...given: unknown[]) {
      const folder = await folderOf(nameOf(this));
      if (folder !== undefined) this.uploadDir = folder;
      return original.apply(this, given);
    };
  }
  return true;
}

/**
 * Gives backups and restores of an application folders of its own in the place of `storage/uploads`. Idempotent.
 * @returns false if this version of the Backup Manager cannot be scoped; true if it is not installed
 */
export function scopeBackups(app: Application, backupFolder: FolderOf, restoreFolder: FolderOf): boolean {
  const plugin = app.pm.get('backups') as { options?: { packageName?: unknown } } | undefined;
  const packageName = plugin?.options?.packageName;
  if (typeof packageName !== 'string') return true;
  const load = createRequire(require.resolve('@nocobase/server'));
  const managers = `${packageName}/dist/server/managers`;
  const { BackupManager: backup } = load(`${managers}/backup`) as { BackupManager?: { prototype: Methods } };
  const { RestoreManager: restore } = load(`${managers}/restore`) as { RestoreManager?: { prototype: Methods } };
  if (!backup || !restore) return false;
  if (scoped.has(backup)) return true;
  scoped.add(backup);
  const ofBackup = (manager: BackupManager) => manager.app.name;
  const ofRestore = (manager: RestoreManager) => manager.ctx.app.name;
  return (
    setFolderBefore(backup.prototype, ['createBackupName', 'backup'], ofBackup as never, backupFolder) &&
    setFolderBefore(restore.prototype, ['restore', 'restoreCLI'], ofRestore as never, restoreFolder)
  );
}
