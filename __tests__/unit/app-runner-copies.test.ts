import { codeOf, expectOrder, flush, gate, RunnerWorld } from './helpers/runner-world';

/** An application whose database is copied while nobody is connected to it, and what is seen of a journey under way. */

beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => jest.useRealTimers());

describe('while its database is copied', () => {
  it('a running application is down, its visitors wait, and it runs again afterwards', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    const copy = gate();
    const done = world.runner.whileDown(() => copy.promise.then(() => 'copied'));
    await flush();
    expect([world.runner.state, world.alive.length]).toEqual(['asleep', 0]);
    const visitor = world.runner.wake();
    await flush();
    expect(world.alive).toHaveLength(0);
    copy.open();
    await expect(done).resolves.toBe('copied');
    await visitor;
    expect([world.runner.state, world.constructed]).toEqual(['running', 2]);
    expectOrder(world);
  });

  it('comes back by itself, and nobody waits for that', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    const boot = gate();
    world.at.start = () => boot.promise;
    await world.runner.whileDown(() => Promise.resolve());
    await flush();
    expect(world.runner.state).toBe('booting');
    boot.open();
    await flush();
    expect(world.runner.state).toBe('running');
    // Nothing of it is pushed to open tabs.
    expect(world.statuses).toEqual([]);
  });

  it('a sleeping one sleeps on, and a stopped one stays stopped', async () => {
    for (const state of ['asleep', 'stopped'] as const) {
      const world = new RunnerWorld({}, state);
      await world.runner.whileDown(() => Promise.resolve());
      await flush();
      expect([world.runner.state, world.constructed]).toEqual([state, 0]);
    }
  });

  it('a failure of the copy is the copy’s: it comes back all the same', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    await expect(world.runner.whileDown(() => Promise.reject(new Error('no room')))).rejects.toThrow('no room');
    await flush();
    expect(world.runner.state).toBe('running');
  });

  it('a Stop that is said meanwhile is the last word', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    const copy = gate();
    const done = world.runner.whileDown(() => copy.promise);
    await flush();
    const stopped = world.runner.stop('operator');
    copy.open();
    await Promise.all([done, stopped]);
    await flush();
    expect(world.runner.state).toBe('stopped');
    expect(await codeOf(world.runner.wake())).toBe('APP_STOPPED');
  });

  it('waits for a boot under way to end', async () => {
    const world = new RunnerWorld();
    const boot = gate();
    world.at.start = () => boot.promise;
    const waking = world.runner.wake();
    await flush();
    const seen: number[] = [];
    const done = world.runner.whileDown(() => {
      seen.push(world.alive.length);
      return Promise.resolve();
    });
    await flush();
    expect(seen).toEqual([]);
    boot.open();
    await Promise.all([waking, done]);
    expect(seen).toEqual([0]);
  });
});

describe('a journey under way', () => {
  it('is shown step by step, and as it ended afterwards', async () => {
    const world = new RunnerWorld();
    const boot = gate();
    world.at.load = () => boot.promise;
    const waking = world.runner.wake();
    await flush();
    await jest.advanceTimersByTimeAsync(2_000);
    const { journey } = world.runner.describe();
    expect(journey).toMatchObject({ kind: 'wake', outcome: 'pending' });
    expect(journey?.steps.map(({ step }) => step)).toEqual(['queue', 'construct', 'connect', 'check', 'load']);
    expect(journey?.steps.at(-1)?.ms).toBeGreaterThanOrEqual(2_000);
    boot.open();
    await waking;
    expect(world.runner.describe().journey).toMatchObject({ outcome: 'running' });
  });

  it('is the failed one after a failure', async () => {
    const world = new RunnerWorld();
    world.at.load = () => Promise.reject(new Error('it does not want to'));
    expect(await codeOf(world.runner.wake())).toBe('APP_BOOT_FAILED');
    expect(world.runner.describe().journey).toMatchObject({ outcome: 'failed', code: 'APP_BOOT_FAILED' });
  });
});
