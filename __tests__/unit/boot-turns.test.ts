import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import { pauseBetweenCollections, pauseBetweenPlugins, yieldToOthers } from '../../server/lifecycle/boot-turns';

/** Takes the thread. */
function busy(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

describe('boot turns', () => {
  it('boot turns: work that is due runs before the boot goes on', async () => {
    const order: string[] = [];
    setImmediate(() => order.push('a request'));
    await yieldToOthers();
    order.push('the boot');
    expect(order).toEqual(['a request', 'the boot']);
  });

  it('boot turns: the load of each plugin is announced by an event whose listener is awaited', async () => {
    const listeners = new Map<string, () => Promise<void>>();
    const app = { on: (event: string, listener: () => Promise<void>) => listeners.set(event, listener) };
    pauseBetweenPlugins(app as unknown as Application);
    let served = false;
    setImmediate(() => (served = true));
    // Short loads share a turn.
    await listeners.get('beforeLoadPlugin')?.();
    expect(served).toBe(false);
    busy(12);
    await listeners.get('beforeLoadPlugin')?.();
    expect(served).toBe(true);
  });

  it('boot turns: two boots go on in different turns of the event loop', async () => {
    let turn = 0;
    let over = false;
    const count = () => {
      turn += 1;
      if (!over) setImmediate(count);
    };
    setImmediate(count);
    const seen: number[] = [];
    const boot = async () => {
      for (let stretch = 0; stretch < 5; stretch += 1) {
        await yieldToOthers();
        seen.push(turn);
      }
    };
    await Promise.all([boot(), boot(), boot()]);
    over = true;
    expect(new Set(seen).size).toBe(15);
  });

  it('boot turns: the collections of a plugin are defined in their order, with pauses between them', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'collections-'));
    for (const name of ['a', 'b', 'c']) writeFileSync(path.join(folder, `${name}.json`), JSON.stringify({ name }));
    writeFileSync(
      path.join(folder, 'd.json'),
      JSON.stringify({ extend: true, collectionOptions: { name: 'users' }, mergeOptions: { arrayMerge: 1 } }),
    );
    const done: unknown[] = [];
    let turns = 0;
    const db = {
      collection: ({ name, origin }: { name: string; origin: string }) => {
        busy(12);
        done.push([name, origin, turns]);
        setImmediate(() => (turns += 1));
        return { name };
      },
      extendCollection: (...args: unknown[]) => done.push(args),
    } as unknown as Application['db'];
    pauseBetweenCollections(db);
    const collections = await db.import({ directory: folder, from: 'plugin' });
    rmSync(folder, { recursive: true });
    expect([...collections.keys()]).toEqual(['a', 'b', 'c']);
    expect(done).toEqual([
      ['a', 'plugin', 0],
      ['b', 'plugin', 1],
      ['c', 'plugin', 2],
      [{ name: 'users' }, { arrayMerge: 1 }],
    ]);
  });
});
