import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';

/** Backups and restores that the Backup Manager of an instance has under way. It tells of neither. */

export type BackupWorkKind = 'backup' | 'restore';

interface Work {
  app: Application;
  kind: BackupWorkKind;
}

const underWay = new Set<Work>();

/**
 * An application has one backup and one restore at a time: each takes space, and threads that all applications share.
 * @throws APP_ARCHIVE_BUSY
 */
export function assertNoBackupWork(name: string, kind: BackupWorkKind): void {
  const count = [...underWay].filter((work) => work.app.name === name && work.kind === kind).length;
  if (count > 0) throw new AppError('APP_ARCHIVE_BUSY', { count });
}

/**
 * Notes that a backup or a restore begins.
 * @returns a function to call when the work has ended; it may be repeated
 * @throws APP_ARCHIVE_BUSY if the application has one of this kind under way
 */
export function beginBackupWork(app: Application, kind: BackupWorkKind): () => void {
  assertNoBackupWork(app.name, kind);
  const work = { app, kind };
  underWay.add(work);
  return () => void underWay.delete(work);
}

/** Whether the instance has a backup or a restore under way. */
export function isBackingUp(app: Application): boolean {
  return [...underWay].some((work) => work.app === app);
}

/** Whether any instance of the application has, also one that has ended meanwhile. */
export function hasBackupWork(name: string): boolean {
  return [...underWay].some(({ app }) => app.name === name);
}
