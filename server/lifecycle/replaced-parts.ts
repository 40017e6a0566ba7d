import type { Application } from '@nocobase/server';
import { withDeadline } from './deadline';

/** How long a reload waits for the jobs of the queue that are under way. */
const QUEUE_DEADLINE_MS = 5_000;

/**
 * The parts of an instance that `init()` makes anew at each reload. Each listens to the instance by itself, so that
 * NocoBase 2.2 keeps the former ones: at the next start they connect, and start their jobs, beside the new ones.
 */
interface Parts {
  cronJobManager?: { readonly jobs: Set<unknown>; stop(): void };
  eventQueue?: { events?: Map<string, unknown>; connect(): Promise<void>; close(): Promise<void> };
  pubSubManager?: { connect(): Promise<void> };
  syncMessageManager?: { subscribe(): Promise<unknown> };
  dataSourceManager?: { readonly dataSources: Map<string, { close(): Promise<unknown> }> };
}

const nothing = () => Promise.resolve();

/**
 * Ends the parts that a reload replaces: their timers, their jobs, and what they hold of the former plugins. Called once
 * with each constructed instance, main included, before anything is loaded into it.
 */
export function endReplacedParts(app: Application): void {
  const instance = app as unknown as Parts & { init(): void };
  const init = instance.init.bind(app);
  instance.init = () => {
    retire(instance);
    const earlier = listenersOf(app);
    init();
    // From here on `init()` itself removes them.
    for (const listener of listenersOf(app)) {
      if (!earlier.has(listener)) Object.assign(listener, { _reinitializable: true });
    }
  };
  // The jobs that wait are saved, and loaded by the new queue. Those of one that takes too long are saved when it ends.
  // The core awaits it, though its type does not say so.
  // eslint-disable-next-line @typescript-eslint/no-misused-promises
  app.on('beforeReload', async () => {
    const closing = instance.eventQueue?.close();
    if (closing) await withDeadline(closing, QUEUE_DEADLINE_MS, () => new Error('late')).catch(() => undefined);
  });
}

/** The listeners of the first `init()`, in the constructor, cannot be told from others: their part does nothing more. */
function retire({ cronJobManager, eventQueue, pubSubManager, syncMessageManager, dataSourceManager }: Parts): void {
  cronJobManager?.stop();
  cronJobManager?.jobs.clear();
  if (eventQueue) eventQueue.connect = nothing;
  eventQueue?.events?.clear();
  if (pubSubManager) pubSubManager.connect = nothing;
  if (syncMessageManager) syncMessageManager.subscribe = nothing;
  // A restart has closed them before. NocoBase closes the database of the main one itself.
  for (const [name, source] of dataSourceManager?.dataSources ?? []) {
    if (name !== 'main') void source.close().catch(() => undefined);
  }
}

function listenersOf(app: Application): Set<object> {
  return new Set(app.eventNames().flatMap((event) => app.listeners(event)));
}
