import type { Application } from '@nocobase/server';

/**
 * What an instance opens, or leaves behind in the process, and NocoBase 2.2 does not take back when the instance is
 * destroyed. Everything else ends with `Application.destroy()` itself.
 */

interface ClosableLogger {
  close(): unknown;
}

/** The loggers that plugins had made for them; each holds a log file open. */
const loggers = new WeakMap<Application, Set<ClosableLogger>>();

/** Begins to remember; called with each constructed instance before anything is loaded into it. */
export function trackBelongings(app: Application): void {
  const made = new Set<ClosableLogger>();
  loggers.set(app, made);
  const createLogger = app.createLogger.bind(app);
  app.createLogger = (options) => {
    const logger = createLogger(options);
    made.add(logger);
    return logger;
  };
}

interface CoreLeftovers {
  /** `LocalLockAdapter.locks`: one map for all applications in the process. */
  lockManager?: {
    close(): Promise<void>;
    adapters?: Map<string, { constructor: { locks?: Map<string, { isLocked(): boolean }> } }>;
  };
}

/** Releases what a destroyed instance has left; never rejects. */
export async function releaseBelongings(app: Application): Promise<void> {
  for (const logger of loggers.get(app) ?? []) logger.close();
  loggers.delete(app);
  const { lockManager } = app as unknown as CoreLeftovers;
  const locks = lockManager?.adapters?.get('local')?.constructor.locks;
  for (const [key, lock] of locks ?? []) {
    // Those whose name says whose they are; a lock that is held is somebody's yet.
    if (key.split(':').includes(app.name) && !lock.isLocked()) locks?.delete(key);
  }
  await lockManager?.close().catch(() => undefined);
}
