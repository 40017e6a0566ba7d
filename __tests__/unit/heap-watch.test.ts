import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HeapWatch } from '../../server/metrics/heap-watch';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const MB = 2 ** 20;

/** Until the observer has been told of it. */
const later = () => new Promise((resolve) => setTimeout(resolve, 50));

describe('the watch over the heap', () => {
  const held: unknown[] = [];
  let running = 0;
  const watch = new HeapWatch(() => running);

  afterEach(() => watch.stop());

  it('tells what one application takes, once it was seen with and without', async () => {
    watch.start();
    collect();
    await later();
    expect(watch.share).toBeNull();
    for (running = 0; running < 4; running += 1) {
      held.push(Array.from({ length: MB / 2 }, (_, index) => ({ index })));
    }
    collect();
    await later();
    // Half a million objects each, of more than 20 bytes.
    expect(watch.share).toBeGreaterThan(10 * MB);
    expect(watch.share).toBeLessThan(60 * MB);
  });

  it('looks no longer when it is over', async () => {
    const before = watch.share;
    held.length = 0;
    collect();
    await later();
    expect(watch.share).toBe(before);
  });
});
