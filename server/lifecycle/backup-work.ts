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
 * Notes that a backup or a restore begins. An application has one restore at a time: each one takes space for what it
 * extracts, and replaces the same database.
 * @returns a function to call when the work has ended; it may be repeated
 * @throws APP_ARCHIVE_BUSY if the application has a restore under way
 */
export function beginBackupWork(app: Application, kind: BackupWorkKind): () => void {
  const restores = [...underWay].filter((work) => work.app.name === app.name && work.kind === 'restore');
  if (kind === 'restore' && restores.length > 0) throw new AppError('APP_ARCHIVE_BUSY', { count: restores.length });
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
