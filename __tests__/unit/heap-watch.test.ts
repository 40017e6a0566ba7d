import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HeapWatch, type WatchedApp } from '../../server/metrics/heap-watch';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const MB = 2 ** 20;

let [running, heapUsed, looks] = [0, 0, 0];
/** Whether the hog was removed and made anew just now. */
let isAnew = false;
/** How many instances of the hog have ended. */
let endings = 0;
/** An application that does work of its own. */
let busy: string | undefined;

/** Applications of which the first one is at work; counts how often it is looked at them. */
class Looked extends Map<string, WatchedApp> {
  override values(): ReturnType<Map<string, WatchedApp>['values']> {
    looks += 1;
    return Array.from({ length: running }, (_, index) => this.get(index === 0 ? 'hog' : `idle${index}`)).values();
  }

  override get(name: string): WatchedApp {
    const workMs = name !== 'hog' ? 0 : isAnew ? 5 : performance.now();
    return { name, state: 'running', flight: { workMs, endings: name === 'hog' ? endings : 0 } };
  }
}

describe('the watch over the heap', () => {
  const pressed = jest.fn();
  const watch = new HeapWatch(
    new Looked(),
    { isBusy: (name) => name === busy, memoryPressed: pressed },
    () => 400 * MB,
  );

  beforeAll(() => {
    // What else is in this heap is nobody's business here.
    const real = process.memoryUsage();
    jest.spyOn(process, 'memoryUsage').mockImplementation(() => ({ ...real, heapUsed }));
  });

  afterAll(() => {
    watch.stop();
    jest.restoreAllMocks();
  });

  /** Node tells of a collection a moment later. */
  const collectWith = async (applications: number, bytes: number) => {
    [running, heapUsed] = [applications, bytes];
    const before = looks;
    collect();
    for (let waited = 0; looks === before && waited < 5_000; waited += 20) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(looks).toBeGreaterThan(before);
  };

  it('looks after each full collection, and tells what one application takes', async () => {
    watch.start();
    await collectWith(0, 250 * MB);
    expect(watch.share).toBeNull();
    await collectWith(4, 274 * MB);
    expect(watch.share).toBe(6 * MB);
    expect(pressed).not.toHaveBeenCalled();
  });

  it('says when the heap is near its limit, and during whose requests it grew', async () => {
    await collectWith(4, 310 * MB);
    expect(pressed).toHaveBeenLastCalledWith('high', new Map([['hog', 60 * MB]]));
    await collectWith(4, 360 * MB);
    expect(pressed).toHaveBeenLastCalledWith('critical', new Map([['hog', 110 * MB]]));
    const { length } = pressed.mock.calls;
    await collectWith(4, 200 * MB);
    expect(pressed).toHaveBeenCalledTimes(length);
  });

  it('attributes growth to an application that does work of its own, too', async () => {
    await collectWith(4, 1 * MB);
    busy = 'idle2';
    await collectWith(4, 321 * MB);
    busy = undefined;
    const [, growth] = pressed.mock.lastCall as [string, ReadonlyMap<string, number>];
    expect(Math.round((growth.get('idle2') ?? 0) / MB)).toBeGreaterThan(150);
    expect(Math.round((growth.get('hog') ?? 0) / MB)).toBeGreaterThan(150);
  });

  it('forgets the growth of an instance that has ended', async () => {
    endings += 1;
    await collectWith(4, 310 * MB);
    const [, growth] = pressed.mock.lastCall as [string, ReadonlyMap<string, number>];
    expect([growth.has('hog'), growth.has('idle2')]).toEqual([false, true]);
  });

  it('counts the work of an application that was made anew from 0', async () => {
    await collectWith(4, 1 * MB);
    isAnew = true;
    await collectWith(4, 321 * MB);
    isAnew = false;
    const [, growth] = pressed.mock.lastCall as [string, ReadonlyMap<string, number>];
    expect([...growth.values()].every((bytes) => bytes >= 0)).toBe(true);
    expect(Math.round((growth.get('hog') ?? 0) / MB)).toBe(320);
  });

  it('looks no longer when it is over', async () => {
    watch.stop();
    const before = looks;
    collect();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(looks).toBe(before);
  });
});
