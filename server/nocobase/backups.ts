import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Application } from '@nocobase/server';
import { storagePathJoin } from '@nocobase/utils';
import { extractWithin, guardExtraction, type ZipReader } from './backup-extraction';
import { guardBackupPrograms, type GetAdapter } from './backup-programs';
import { hostRequire } from './host-parts';
import { ProgramDeadline } from './program-deadline';

/** The Backup Manager's classes. Both copy whole folders of `storage/uploads`, by a setting of the process. */
interface BackupManager {
  readonly app: Application;
  /** That of an action; a schedule has none. */
  readonly ctx?: unknown;
  set uploadDir(folder: string);
}

interface RestoreContext {
  app: Application;
  logger: { error(message: unknown, ...rest: unknown[]): unknown };
}

interface RestoreManager {
  ctx: RestoreContext;
  set uploadDir(folder: string);
  set tempDir(folder: string);
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
  /**
   * Called when a backup or a restore begins, and may refuse it; the returned function is called when it has ended.
   * Undefined for an application that is not scoped.
   */
  begin(app: Application, kind: 'backup' | 'restore'): (() => void) | undefined;
  /** How long a program of a backup or a restore may run. */
  programTimeoutMs(): number;
  /** Throws if the application has a backup under way. */
  assertNoBackup(appName: string): void;
  /** Throws if the files of a backup may not take so many bytes in this application. */
  assertFits(appName: string, bytes: number, archiveBytes: number): void;
}

type Method<T> = (this: T, ...given: unknown[]) => Promise<unknown>;
type Methods<T> = Record<string, Method<T> | undefined>;

const scoped = new WeakSet();
/** That of the last call: the classes outlive the service of the supervisor. */
let scope: BackupScope;

const hasSetter = (prototype: object, name: string) =>
  Object.getOwnPropertyDescriptor(prototype, name)?.set !== undefined;

/** Each method is wrapped once in a process. Returns false if there is no such method. */
function wrap<T>(prototype: Methods<T>, method: string, around: (manager: T, run: () => Promise<unknown>) => unknown) {
  const original = prototype[method];
  if (typeof original !== 'function') return false;
  prototype[method] = async function (this: T, ...given: unknown[]) {
    return around(this, () => original.apply(this, given));
  };
  return true;
}

async function named(manager: BackupManager, run: () => Promise<unknown>): Promise<unknown> {
  const folder = await scope.backupFolder(manager.app.name);
  if (folder !== undefined) manager.uploadDir = folder;
  return run();
}

/** The name of a backup is made by a program that holds up the thread. */
async function nameBackup(manager: BackupManager, run: () => Promise<unknown>): Promise<unknown> {
  if (manager.ctx !== undefined) scope.assertNoBackup(manager.app.name);
  return named(manager, run);
}

async function backUp(manager: BackupManager, run: () => Promise<unknown>): Promise<unknown> {
  const end = scope.begin(manager.app, 'backup');
  if (!end) return named(manager, run);
  const deadline = new ProgramDeadline(scope.programTimeoutMs());
  try {
    return await deadline.run(() => named(manager, run));
  } finally {
    deadline.close();
    end();
  }
}

/** The target with methods of our own. Its other methods are called on the target itself. */
function withMethods<T extends object>(target: T, own: Partial<T>): T {
  return new Proxy(target, {
    get(_target, key) {
      if (Object.hasOwn(own, key)) return own[key as keyof T];
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/**
 * The restore of an action goes on when its method has returned. It ends with the command `upgrade`, also after a failure; or
 * with an entry of the log, if the failure cannot be handled.
 */
function untilUpgraded(ctx: RestoreContext, end: () => Promise<void>): RestoreContext {
  const { app, logger } = ctx;
  return withMethods(ctx, {
    app: withMethods(app, {
      runCommand: (command, ...rest) => app.runCommand(command, ...rest).finally(end),
    }),
    logger: withMethods(logger, {
      error: (message, ...rest) => {
        if (String(message).startsWith('Error handling restore failure')) void end();
        return logger.error(message, ...rest);
      },
    }),
  });
}

/**
 * Restores in a temporary folder of its own, which is removed when the restore has ended, whatever its result.
 * @param goesOn whether the restore goes on when its method has returned
 */
async function restore(manager: RestoreManager, run: () => Promise<unknown>, goesOn: boolean): Promise<unknown> {
  const { app } = manager.ctx;
  const release = scope.begin(app, 'restore');
  if (!release) return run();
  const tempDir = storagePathJoin('tmp', 'backups', app.name, `restore-${randomUUID()}`);
  const deadline = new ProgramDeadline(scope.programTimeoutMs());
  const end = async () => {
    deadline.close();
    await rm(tempDir, { recursive: true, force: true }).catch(() => undefined);
    release();
  };
  let refused: (() => void) | undefined;
  try {
    const uploadDir = await scope.restoreFolder(app.name);
    if (uploadDir !== undefined) manager.uploadDir = uploadDir;
    manager.tempDir = tempDir;
    refused = scope.onRestore(app);
    if (goesOn) manager.ctx = untilUpgraded(manager.ctx, end);
    const { name } = app;
    const assertFits = (bytes: number, archiveBytes: number) => scope.assertFits(name, bytes, archiveBytes);
    const result = await deadline.run(() => extractWithin(assertFits, run));
    if (!goesOn) await end();
    return result;
  } catch (error) {
    refused?.();
    await end();
    throw error;
  }
}

/** Loads modules of the Backup Manager, by their paths in there, and the library for zip files that it uses. */
interface Loader {
  (module: string): Record<string, unknown>;
  zipReader(): ZipReader;
}

const PACKAGE = '@nocobase/plugin-backups';

/** @param packageName that of the Backup Manager; undefined if it is not installed in this application */
function loaderOf(
  app: Application,
  packageName = (app.pm.get('backups') as { options?: { packageName?: unknown } } | undefined)?.options?.packageName,
): Loader | undefined {
  if (typeof packageName !== 'string') return undefined;
  const load = hostRequire();
  const pathOf = (module: string) => `${packageName}/dist/server/${module}`;
  return Object.assign((module: string) => load(pathOf(module)) as Record<string, unknown>, {
    zipReader: () => createRequire(load.resolve(pathOf('utils')))('yauzl') as ZipReader,
  });
}

const guardWith = (load: Loader) => guardBackupPrograms(load('adapters/database').getDBAdapter as GetAdapter);

function isPackagePresent(): boolean {
  try {
    hostRequire().resolve(`${PACKAGE}/package.json`);
    return true;
  } catch {
    return false;
  }
}

/**
 * Guards the programs that the Backup Manager runs, in all applications of the process. Idempotent. In the process of a
 * command, plugins may not be loaded yet.
 * @returns false if this version of it cannot be guarded; true if it is not installed
 */
export function guardBackups(app: Application): boolean {
  const load = loaderOf(app) ?? (isPackagePresent() ? loaderOf(app, PACKAGE) : undefined);
  return !load || guardWith(load);
}

/**
 * Gives backups and restores of an application folders of its own in the place of `storage/uploads`, bounds what they
 * extract, and guards the programs that they run. Idempotent.
 * @returns false if this version of the Backup Manager cannot be scoped; true if it is not installed
 */
export function scopeBackups(app: Application, given: BackupScope): boolean {
  const load = loaderOf(app);
  if (!load) return true;
  if (!guardWith(load)) return false;
  const { BackupManager: backups } = load('managers/backup') as { BackupManager?: { prototype: object } };
  const { RestoreManager: restores } = load('managers/restore') as { RestoreManager?: { prototype: object } };
  const { Extractor: extractor } = load('utils') as { Extractor?: { prototype: object } };
  if (!backups || !restores || !extractor) return false;
  scope = given;
  if (scoped.has(backups)) return true;
  scoped.add(backups);
  const [backup, restoring] = [backups.prototype, restores.prototype];
  if (!hasSetter(backup, 'uploadDir')) return false;
  if (!hasSetter(restoring, 'uploadDir') || !hasSetter(restoring, 'tempDir')) return false;
  const wrapped = [
    guardExtraction(extractor.prototype, load.zipReader()),
    wrap(backup as Methods<BackupManager>, 'createBackupName', nameBackup),
    wrap(backup as Methods<BackupManager>, 'backup', backUp),
    wrap(restoring as Methods<RestoreManager>, 'restore', (manager, run) => restore(manager, run, true)),
    wrap(restoring as Methods<RestoreManager>, 'restoreCLI', (manager, run) => restore(manager, run, false)),
  ];
  return !wrapped.includes(false);
}
