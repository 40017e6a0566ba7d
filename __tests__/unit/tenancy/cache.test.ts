import type { Application } from '@nocobase/server';
import { confineCaches, removeKeys } from '../../../server/nocobase/cache';

/** As much of Redis as clearing a cache needs; `MATCH` is read as Redis reads it. */
function redis(names: string[]) {
  const keys = new Set(names);
  let flushed = 0;
  const client = {
    async *scanIterator({ MATCH }: { MATCH: string }) {
      const source = MATCH.replace(
        /\\(.)|([*])|([.+?^${}()|[\]])/g,
        (_all, quoted: string, star: string, other: string) => (star ? '.*' : `\\${quoted ?? other}`),
      );
      for (const key of [...keys]) if (new RegExp(`^${source}$`).test(key)) yield Promise.resolve(key);
    },
    unlink: (gone: string[]) => Promise.resolve(gone.map((key) => keys.delete(key)).length),
  };
  const reset = () => Promise.resolve(void (flushed += 1));
  return { keys, store: { store: { client }, reset }, flushes: () => flushed };
}

function appWith(caches: object[], made: (options: unknown) => object) {
  const cacheManager = { caches: new Map(caches.map((cache, index) => [String(index), cache])), newCache: made };
  return { app: { cacheManager } as unknown as Application, cacheManager };
}

describe('caches in Redis', () => {
  it('clearing a cache removes its own keys only', async () => {
    const { keys, store, flushes } = redis(['crm:a', 'crm:ai:b', 'main:a', 'crm2:a', 'lock', 'xcrm:a']);
    const cache = { prefix: 'crm', store, reset: () => store.reset() };
    confineCaches(appWith([cache], () => ({})).app);
    await cache.reset();
    expect([[...keys], flushes()]).toEqual([['main:a', 'crm2:a', 'lock', 'xcrm:a'], 0]);
  });

  it('confines caches that are made later, once', async () => {
    const { keys, store } = redis(['crm:x:1', 'crm:y:1']);
    const { app, cacheManager } = appWith([], () => ({ prefix: 'crm:x', store, reset: () => store.reset() }));
    confineCaches(app);
    const { newCache } = cacheManager;
    confineCaches(app);
    expect(cacheManager.newCache).toBe(newCache);
    await (cacheManager.newCache({}) as { reset(): Promise<void> }).reset();
    expect([...keys]).toEqual(['crm:y:1']);
  });

  it('leaves a cache in memory, and one without a prefix, as it is', async () => {
    let resets = 0;
    const reset = () => Promise.resolve(void (resets += 1));
    const caches = [{ prefix: 'crm', store: { store: {} }, reset }, { store: redis([]).store, reset }, { reset }];
    confineCaches(appWith(caches, () => ({})).app);
    for (const cache of caches) await cache.reset();
    expect(resets).toBe(3);
  });

  it('takes characters of a pattern in a prefix as they are, and removes many keys in batches', async () => {
    const many = Array.from({ length: 1_203 }, (_none, index) => `a*b:${index}`);
    const { keys, store } = redis([...many, 'axb:1', 'a*c:1']);
    await removeKeys(store.store.client, 'a*b:');
    expect([...keys]).toEqual(['axb:1', 'a*c:1']);
  });
});
