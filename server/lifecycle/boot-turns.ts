import { setImmediate as turn } from 'node:timers/promises';
import { ImporterReader, type Collection, type CollectionOptions, type Database } from '@nocobase/database';
import type { Application } from '@nocobase/server';

/** After so many milliseconds a boot pauses where it can: requests of other applications wait about as long. */
const STRETCH_MS = 10;

/** One boot goes on in a turn of the event loop: the stretches of several boots do not add up. */
let last: Promise<unknown> = Promise.resolve();

/** Resolves in a later turn of the event loop: requests of other applications that have arrived are served before. */
export async function yieldToOthers(): Promise<void> {
  last = last.then(() => turn());
  await last;
}

/** A definition of a collection, or of what a plugin adds to the collection of another one. */
type Definition = CollectionOptions & {
  extend?: boolean;
  collectionOptions: CollectionOptions;
  mergeOptions?: Parameters<Database['extendCollection']>[1];
};

/**
 * Makes the load of an instance pause between its plugins. NocoBase loads all of them in one stretch of promises, in
 * which no request of another application is served.
 */
export function pauseBetweenPlugins(app: Application): void {
  let since = performance.now();
  // NocoBase awaits the listeners of this event, though its type does not say so.
  // eslint-disable-next-line @typescript-eslint/no-misused-promises
  app.on('beforeLoadPlugin', async () => {
    // Most plugins load in less than a millisecond, and each turn of the event loop takes time.
    if (performance.now() - since < STRETCH_MS) return;
    await yieldToOthers();
    since = performance.now();
  });
}

/** The same between the collections of a plugin: does the work of `Database.import`, with pauses. */
export function pauseBetweenCollections(db: Database): void {
  db.import = async ({ directory, extensions, from }) => {
    const definitions = (await new ImporterReader(directory, extensions).read()) as Definition[];
    const collections = new Map<string, Collection>();
    let since = performance.now();
    for (const definition of definitions) {
      if (performance.now() - since > STRETCH_MS) {
        await yieldToOthers();
        since = performance.now();
      }
      if (definition.extend) {
        db.extendCollection(definition.collectionOptions, definition.mergeOptions);
        continue;
      }
      const collection = db.collection({ ...definition, origin: from });
      collections.set(collection.name, collection);
    }
    return collections;
  };
}
