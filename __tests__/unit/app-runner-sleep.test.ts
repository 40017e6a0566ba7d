import { expectOrder, flush, gate, RunnerWorld } from './helpers/runner-world';

beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => jest.useRealTimers());

describe('falling asleep', () => {
  it('ends in sleep, says why and nothing to open tabs', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    expect(await world.runner.sleep('memory', () => true)).toBe(true);
    expect(world.runner.describe()).toMatchObject({ state: 'asleep', reason: 'memory' });
    expect([world.alive, world.statuses]).toEqual([[], []]);
    expect(world.runner.quiet).toBe(true);
    expectOrder(world);
  });

  it.each([
    ['a request is in flight', (world: RunnerWorld) => void world.runner.lease()],
    ['a request that is no use is in flight', (world: RunnerWorld) => void world.runner.lease(false)],
  ])('is given up when %s', async (_what, happen) => {
    const world = new RunnerWorld();
    await world.runner.wake();
    happen(world);
    expect(await world.runner.sleep('idle', () => true)).toBe(false);
    expect(world.runner.state).toBe('running');
  });

  it('is given up when it is in use at the last moment, which is after all that was said before', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    const destroying = gate();
    world.at.destroy = () => destroying.promise;
    const asked = jest.fn(() => false);
    const restarted = world.runner.restart();
    const slept = world.runner.sleep('idle', asked);
    await flush();
    expect(asked).not.toHaveBeenCalled();
    destroying.open();
    await restarted;
    expect([await slept, world.runner.state]).toEqual([false, 'running']);
    expectOrder(world);
  });

  it.each(['asleep', 'stopped', 'failed'] as const)('does nothing to an application that is %s', async (state) => {
    const world = new RunnerWorld({}, state);
    expect(await world.runner.sleep('idle', () => true)).toBe(false);
    expect([world.runner.state, world.journal]).toEqual([state, []]);
  });

  it('lets who comes meanwhile wait for the next instance', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    const destroying = gate();
    world.at.destroy = () => destroying.promise;
    const slept = world.runner.sleep('idle', () => true);
    await flush();
    expect(world.runner.state).toBe('draining');
    const release = world.runner.lease();
    const visit = world.runner.wake();
    destroying.open();
    await visit;
    expect([await slept, world.constructed, world.runner.state]).toEqual([true, 2, 'running']);
    expect(world.runner.flight.requests).toBe(1);
    release();
    expectOrder(world);
  });

  it('is not kept off by what is no use, and counts use from the last sign of it', async () => {
    const world = new RunnerWorld();
    expect(world.runner.lastActiveAt).toBe(0);
    await world.runner.wake('background');
    world.runner.lease(false)();
    expect(world.runner.lastActiveAt).toBe(0);
    const release = world.runner.lease();
    await jest.advanceTimersByTimeAsync(5_000);
    release();
    expect(world.runner.lastActiveAt).toBe(1_005_000);
    await jest.advanceTimersByTimeAsync(5_000);
    await world.runner.start();
    expect(world.runner.lastActiveAt).toBe(1_010_000);
  });
});
