import path from 'node:path';
import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { COMMON_ROOT, LOCAL_STORAGE, plainPath } from '../databases/stored-files';
import { isInside, rootOf, uploadsFolder } from '../lifecycle/upload-folders';

interface StorageModel {
  get(field: string): unknown;
  set(field: string, value: unknown): void;
}

type Hooked = { beforeSave(name: string, hook: (row: StorageModel) => void): void; removeHook(...of: string[]): void };

const HOOK = 'app-supervisor:own-folder';

/** Keeps the local storages that an application's administrator writes in the application's own folder. */
export function keepStorageRows(app: Application, own: string): void {
  const model = app.db.getCollection('storages')?.model as unknown as Hooked | undefined;
  if (!model) return;
  model.removeHook('beforeSave', HOOK);
  model.beforeSave(HOOK, (row) => {
    if (row.get('type') === LOCAL_STORAGE) keepRow(row, own);
  });
}

/**
 * Moves a storage of the common folder into the application's own folder, under the same path.
 * @throws APP_STORAGE_OUTSIDE for every other folder
 */
function keepRow(row: StorageModel, own: string): void {
  const options = (row.get('options') ?? {}) as Record<string, unknown>;
  const { documentRoot } = options;
  // Filled in by the instance when it reads the row, and compared then.
  if (typeof documentRoot === 'string' && documentRoot.includes('{{')) return;
  const given = typeof documentRoot === 'string' && documentRoot !== '' ? documentRoot : undefined;
  const folder = plainPath(row.get('path'));
  const home = path.join(uploadsFolder(), own);
  if (isInside(home, path.resolve(rootOf(given), folder))) return;
  const moved = path.posix.join(own, folder);
  const isCommon = given === undefined || path.resolve(rootOf(given)) === path.resolve(uploadsFolder());
  if (!isCommon || !isInside(home, path.resolve(uploadsFolder(), moved)) || folder.startsWith('apps/')) {
    throw new AppError('APP_STORAGE_OUTSIDE', { folder: path.posix.join(given ?? COMMON_ROOT, folder).slice(0, 200) });
  }
  row.set('path', moved);
  row.set('options', { ...options, documentRoot: COMMON_ROOT });
}
