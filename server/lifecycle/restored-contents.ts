import type { Application } from '@nocobase/server';

/** The restores that have replaced the contents of an instance, or are about to. */
const restores = new WeakMap<Application, Set<symbol>>();

/**
 * Notes that an instance replaces its own contents by those of a backup, which may be of another application. The
 * database stays the application's, so that its new contents are marked anew; see `takeRestored`. The note is kept in
 * memory: if the process ends before the restore does, the next boot refuses the contents with APP_DATABASE_FOREIGN
 * until an operator accepts them.
 * @returns a function that takes the note of this restore back. Call it if the backup was refused.
 */
export function beginRestore(app: Application): () => void {
  const restore = Symbol('restore');
  const ofInstance = restores.get(app) ?? new Set();
  restores.set(app, ofInstance.add(restore));
  return () => ofInstance.delete(restore);
}

/** Whether the instance has replaced its contents since this was asked last. */
export function takeRestored(app: Application): boolean {
  const found = (restores.get(app)?.size ?? 0) > 0;
  restores.delete(app);
  return found;
}
