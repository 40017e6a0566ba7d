import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HeapWatch } from '../../server/metrics/heap-watch';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const MB = 2 ** 20;

describe('the watch over the heap', () => {
  const held: unknown[] = [];
  let running = 0;
  let looks = 0;
  const watch = new HeapWatch(() => {
    looks += 1;
    return running;
  });

  /** Node tells of a collection a moment later. */
  const collectAndLook = async () => {
    const before = looks;
    collect();
    for (let waited = 0; looks === before && waited < 5_000; waited += 20) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(looks).toBeGreaterThan(before);
  };

  afterEach(() => watch.stop());

  it('tells what one application takes, once it was seen with and without', async () => {
    watch.start();
    await collectAndLook();
    expect(watch.share).toBeNull();
    for (running = 0; running < 4; running += 1) {
      held.push(Array.from({ length: MB / 2 }, (_, index) => ({ index })));
    }
    await collectAndLook();
    // Half a million objects each, of more than 20 bytes.
    expect(watch.share).toBeGreaterThan(10 * MB);
    expect(watch.share).toBeLessThan(60 * MB);
  });

  it('looks no longer when it is over', async () => {
    const before = looks;
    held.length = 0;
    collect();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(looks).toBe(before);
  });
});
