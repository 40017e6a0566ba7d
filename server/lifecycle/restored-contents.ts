import type { Application } from '@nocobase/server';

/** Instances whose contents are being replaced, or were, by a restore that their own administrator has begun. */
const restored = new WeakSet<Application>();

/**
 * Notes that an instance replaces its own contents by those of a backup, which may be of another application. The
 * database stays the application's, so that its new contents are marked anew; see `takeRestored`.
 * @returns a function that takes the note back. Call it if the backup was refused.
 */
export function beginRestore(app: Application): () => void {
  restored.add(app);
  return () => restored.delete(app);
}

/** Whether the instance has replaced its contents since this was asked last. */
export const takeRestored = (app: Application): boolean => restored.delete(app);
