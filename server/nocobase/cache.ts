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

/** A large Redis is left alone after this time: the keys that are left are never read again, and expire. */
const PURGE_MS = 10_000;

/** Removes the keys of an application from the shared cache, if the cache is in Redis. */
export async function removeCachedKeys({ cacheManager }: Application, prefix: string): Promise<void> {
  const { stores } = (cacheManager ?? {}) as unknown as {
    stores?: Map<string, { store?: CoreCache['store'] & object }>;
  };
  const client = stores?.get('redis')?.store?.store?.client;
  if (typeof client?.scanIterator !== 'function' || typeof client.unlink !== 'function') return;
  await removeKeys(client as RedisClient, `${prefix}:`, Date.now() + PURGE_MS);
}

/** Removes the keys that begin with the prefix. @param deadline in epoch milliseconds */
export async function removeKeys(client: RedisClient, prefix: string, deadline = Infinity): Promise<void> {
  const pattern = `${prefix.replace(/[\\*?[\]^-]/g, '\\$&')}*`;
  let keys: string[] = [];
  for await (const key of client.scanIterator({ MATCH: pattern, COUNT: BATCH })) {
    keys.push(key);
    if (keys.length < BATCH) continue;
    await client.unlink(keys);
    keys = [];
    if (Date.now() > deadline) return;
  }
  if (keys.length > 0) await client.unlink(keys);
}
