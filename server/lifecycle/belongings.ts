import type { Application } from '@nocobase/server';
import { endOutgoing } from './outgoing-requests';
import { endReplacedParts } from './replaced-parts';

/**
 * What an instance opens, or leaves behind in the process, and NocoBase 2.2 does not take back when the instance is
 * destroyed or reloads. Everything else ends with `Application.destroy()` itself.
 */

interface ClosableLogger {
  silent?: boolean;
  close(): unknown;
}

/** The parts of an instance that `init()` makes anew at each reload. */
interface Reloadable {
  init(): void;
  log?: ClosableLogger;
  requestLogger?: ClosableLogger;
  sqlLogger?: ClosableLogger;
}

/** After a reload, former loggers take what the former plugins still say for this long, in milliseconds. */
export const LINGER_MS = 5_000;

/** The loggers of an instance; each holds one or two log files open. */
class Loggers {
  readonly current = new Set<ClosableLogger>();
  private readonly replaced = new Set<ClosableLogger>();

  /** A reload replaces all of them. They are closed after `LINGER_MS`. */
  replace(): void {
    const former = [...this.current];
    this.current.clear();
    for (const logger of former) this.replaced.add(logger);
    setTimeout(() => {
      for (const logger of former) if (this.replaced.delete(logger)) close(logger);
    }, LINGER_MS).unref();
  }

  closeAll(): void {
    for (const logger of [...this.current, ...this.replaced]) close(logger);
    this.current.clear();
    this.replaced.clear();
  }
}

const parentOf = (logger: ClosableLogger) => Object.getPrototypeOf(logger) as ClosableLogger | null;

/** A closed logger would print a warning for each line that it still gets. */
function close(logger: ClosableLogger): void {
  // A child is made of its parent, and writes to it.
  for (let at: ClosableLogger | null = logger; at && 'levels' in at; at = parentOf(at)) at.silent = true;
  logger.close();
}

const loggers = new WeakMap<Application, Loggers>();

/** Begins to remember. Called once with each constructed instance, main included, before anything is loaded into it. */
export function trackBelongings(app: Application): void {
  if (loggers.has(app)) return;
  const made = new Loggers();
  loggers.set(app, made);
  const createLogger = app.createLogger.bind(app);
  app.createLogger = (options) => {
    const logger = createLogger(options);
    made.current.add(logger);
    return logger;
  };
  const instance = app as unknown as Reloadable;
  const init = instance.init.bind(app);
  instance.init = () => {
    for (const logger of [instance.log, instance.requestLogger, instance.sqlLogger]) {
      if (logger) made.current.add(logger);
    }
    made.replace();
    init();
  };
  endReplacedParts(app);
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
  endOutgoing(app);
  loggers.get(app)?.closeAll();
  loggers.delete(app);
  const { lockManager } = app as unknown as CoreLeftovers;
  const locks = lockManager?.adapters?.get('local')?.constructor.locks;
  for (const [key, lock] of locks ?? []) {
    // Those whose name says whose they are; a lock that is held is somebody's yet.
    const isOwn = key.split(':').some((part) => part === app.name || part.startsWith(`${app.name}~`));
    if (isOwn && !lock.isLocked()) locks?.delete(key);
  }
  await lockManager?.close().catch(() => undefined);
}
