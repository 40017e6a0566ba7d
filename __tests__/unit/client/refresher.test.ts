import { Refresher } from '../../../client/refresher';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** A refresher whose calls end when the test says so. */
function world({ takes = 0, hidden = (): boolean => false } = {}) {
  const begun: number[] = [];
  let atOnce = 0;
  let most = 0;
  const start = Date.now();
  const refresher = new Refresher({
    work: async () => {
      begun.push(Date.now() - start);
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setTimeout(resolve, takes));
      atOnce--;
    },
    interval: () => 15_000,
    hidden,
  });
  return { refresher, begun, most: () => most };
}

describe('Refresher', () => {
  it('calls when told, and by itself only after its interval', async () => {
    const { refresher, begun } = world();
    refresher.start();
    await jest.advanceTimersByTimeAsync(14_999);
    expect(begun).toEqual([]);
    await jest.advanceTimersByTimeAsync(2);
    refresher.poke();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(begun).toEqual([15_000, 15_500]);
    refresher.stop();
  });

  it('calls at most twice a second, and misses no last word', async () => {
    const { refresher, begun } = world();
    refresher.start();
    for (let ms = 0; ms < 2_000; ms += 50) {
      refresher.poke();
      await jest.advanceTimersByTimeAsync(50);
    }
    await jest.advanceTimersByTimeAsync(1_000);
    expect(begun).toEqual([0, 500, 1_000, 1_500, 2_000]);
    refresher.stop();
  });

  it('never calls twice at once: what is told during a call is asked for after it', async () => {
    const { refresher, begun, most } = world({ takes: 3_000 });
    refresher.start();
    refresher.poke();
    await jest.advanceTimersByTimeAsync(1_000);
    refresher.poke();
    refresher.poke();
    await jest.advanceTimersByTimeAsync(10_000);
    expect(begun).toHaveLength(2);
    expect(begun[1]).toBeGreaterThanOrEqual(3_000);
    expect(most()).toBe(1);
    refresher.stop();
  });

  it('rests while nobody looks, and catches up', async () => {
    let hidden = true;
    const { refresher, begun } = world({ hidden: () => hidden });
    refresher.start();
    refresher.poke();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(begun).toEqual([]);
    hidden = false;
    refresher.poke();
    await jest.advanceTimersByTimeAsync(1);
    expect(begun).toEqual([60_000]);
    refresher.stop();
  });

  it('is over when it is stopped, also during a call', async () => {
    const { refresher, begun } = world({ takes: 100 });
    refresher.start();
    refresher.poke();
    await jest.advanceTimersByTimeAsync(50);
    refresher.stop();
    refresher.poke();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(begun).toEqual([0]);
    expect(jest.getTimerCount()).toBe(0);
  });
});
