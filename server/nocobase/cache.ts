import type { Application } from '@nocobase/server';

/** A client of the package `redis`, as the cache's store holds it. */
interface RedisClient {
  scanIterator(options: { MATCH: string; COUNT: number }): AsyncIterable<string>;
  unlink(keys: string[]): Promise<unknown>;
}

interface CoreCache {
  prefix?: string;
  store?: { store?: { client?: Partial<RedisClient> } };
  reset(): Promise<void>;
}

interface CoreCacheManager {
  caches?: Map<string, CoreCache>;
  newCache?: (options: unknown) => CoreCache;
}

const CONFINED = Symbol('confined');
/** Keys that one command of Redis removes. */
const BATCH = 500;

/**
 * NocoBase clears a cache in Redis by emptying the whole database, with the caches of all applications in it. Here it
 * removes the keys of that cache only, for the caches that exist and those that are made later. May be repeated.
 */
export function confineCaches(app: Application): void {
  const manager = app.cacheManager as unknown as (CoreCacheManager & { [CONFINED]?: true }) | undefined;
  if (!manager || manager[CONFINED]) return;
  manager[CONFINED] = true;
  for (const cache of manager.caches?.values() ?? []) confine(cache);
  const make = manager.newCache?.bind(manager);
  if (make) manager.newCache = (options) => confine(make(options));
}

function confine(cache: CoreCache): CoreCache {
  const { client } = cache.store?.store ?? {};
  const { prefix } = cache;
  if (!prefix || typeof client?.scanIterator !== 'function' || typeof client.unlink !== 'function') return cache;
  cache.reset = () => removeKeys(client as RedisClient, `${prefix}:`);
  return cache;
}

/** Removes the keys that begin with the prefix. */
export async function removeKeys(client: RedisClient, prefix: string): Promise<void> {
  const pattern = `${prefix.replace(/[\\*?[\]^-]/g, '\\$&')}*`;
  let keys: string[] = [];
  for await (const key of client.scanIterator({ MATCH: pattern, COUNT: BATCH })) {
    keys.push(key);
    if (keys.length < BATCH) continue;
    await client.unlink(keys);
    keys = [];
  }
  if (keys.length > 0) await client.unlink(keys);
}
