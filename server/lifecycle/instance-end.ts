import type { Application, AppSupervisor } from '@nocobase/server';
import { cutConnections } from '../databases/pool';
import { releaseBelongings } from './belongings';
import { withDeadline } from './deadline';

const DESTROY_DEADLINE_MS = 15_000;
/** After its instance has ended, a pool that gives nothing back is cut off. */
const CLOSE_DEADLINE_MS = 5_000;

/**
 * What the core listens to, to tell in an application's name what its instance does. It goes by name: an instance that
 * was given up, and goes on all the same, would speak for its successor.
 */
const TOLD_BY_NAME = ['afterDestroy', 'maintainingMessageChanged', 'maintaining', '__started', '__stopped'];

/**
 * Destroys an instance to the end, so that a successor may be constructed; nothing of it stays behind, also when a
 * piece of it hangs. An instance that has lost its place already (its boot was given up) ends what it has begun since.
 */
export function discard(
  supervisor: AppSupervisor,
  app: Application | undefined,
  { quiet = false }: { quiet?: boolean } = {},
): Promise<void> {
  if (!app) return Promise.resolve();
  // "stopping app..." would be pushed to open tabs.
  if (quiet) app.removeAllListeners('maintainingMessageChanged');
  const former = endings.get(app) ?? Promise.resolve();
  const ending = former.then(() => end(supervisor, app));
  endings.set(app, ending);
  return ending;
}

/** The ends of instances, one after the other: who gave a boot up and what goes on of it may both end its instance. */
const endings = new WeakMap<Application, Promise<void>>();

async function end(supervisor: AppSupervisor, app: Application): Promise<void> {
  const { name } = app;
  const inPlace = supervisor.apps[name] === app;
  try {
    const gone = inPlace ? app.destroy() : endAgain(app);
    await withDeadline(gone, DESTROY_DEADLINE_MS, () => new Error(`application "${name}" does not end`));
  } catch (error) {
    supervisor.logger.warn(`application "${name}" ended with an error`, { error: String(error) });
    if (supervisor.apps[name] === app) await supervisor.clearAppStatus(name);
  } finally {
    for (const event of TOLD_BY_NAME) app.removeAllListeners(event);
    if (supervisor.apps[name] === app) delete supervisor.apps[name];
    await closeDatabase(app);
    await releaseBelongings(app);
  }
}

/** A load or a start that was given up has come to its end after all, and may have begun things that must end too. */
async function endAgain(app: Application): Promise<void> {
  app.stopped = false;
  // Its log was closed when it was destroyed.
  await app.stop({ logging: false });
}

/** The pool waits for what is in use, for ever: a statement that hangs is cut off. */
async function closeDatabase({ db }: Application): Promise<void> {
  const closing = db.closed() ? Promise.resolve() : db.close();
  await withDeadline(closing, CLOSE_DEADLINE_MS, () => new Error('the pool does not close')).catch(() => undefined);
  await withDeadline(cutConnections(db), CLOSE_DEADLINE_MS, () => new Error('cut')).catch(() => undefined);
}
