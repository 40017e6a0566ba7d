import { setImmediate as turn } from 'node:timers/promises';
import type { Application } from '@nocobase/server';

/** Resolves in the next turn of the event loop: requests of other applications that have arrived are served before. */
export async function yieldToOthers(): Promise<void> {
  await turn();
}

/**
 * Makes the load of an instance pause before each plugin. NocoBase loads all of them in one stretch of promises, in
 * which no request of another application is served.
 */
export function pauseBetweenPlugins(app: Application): void {
  // NocoBase awaits the listeners of this event, though its type does not say so.
  // eslint-disable-next-line @typescript-eslint/no-misused-promises
  app.on('beforeLoadPlugin', yieldToOthers);
}
