import { setImmediate as turn } from 'node:timers/promises';
import { ImporterReader, type Collection, type CollectionOptions, type Database } from '@nocobase/database';
import type { Application } from '@nocobase/server';
import { Turns } from '../nocobase/turns';

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
  const turns = new Turns(yieldToOthers);
  // NocoBase awaits the listeners of this event, though its type does not say so.
  // eslint-disable-next-line @typescript-eslint/no-misused-promises
  app.on('beforeLoadPlugin', () => turns.rest());
}

/** The same between the collections of a plugin: does the work of `Database.import`, with pauses. */
export function pauseBetweenCollections(db: Database): void {
  db.import = async ({ directory, extensions, from }) => {
    const definitions = (await new ImporterReader(directory, extensions).read()) as Definition[];
    const collections = new Map<string, Collection>();
    const turns = new Turns(yieldToOthers);
    for (const definition of definitions) {
      if (turns.isDue) await turns.rest();
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
