import { AppError } from '../../src/errors';
import { codeOf, expectOrder, flush, gate, pass, RunnerWorld } from './helpers/runner-world';

beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => jest.useRealTimers());

describe('a piece that hangs', () => {
  const ENV = { APP_SUPERVISOR_BOOT_TIMEOUT: '60', APP_SUPERVISOR_BOOT_CONCURRENCY: '1' };
  const MINUTES = 300_000;

  it.each(['auth', 'load', 'start'] as const)('at %s gives its place in the queue to the next', async (stage) => {
    // Long enough for a connection that hangs, and an end that hangs, one after the other.
    const world = new RunnerWorld({}, 'asleep', { ...ENV, APP_SUPERVISOR_BOOT_TIMEOUT: '120' });
    const [hung, dying] = [gate(), gate()];
    world.at[stage] = (id) => (id === 1 ? hung.promise : undefined);
    // The end of what hangs may hang as well.
    world.at.destroy = (id) => (id === 1 ? dying.promise : undefined);
    const outcome = codeOf(world.runner.wake());
    await jest.advanceTimersByTimeAsync(MINUTES);
    expect(await outcome).toBe(stage === 'auth' ? 'APP_DATABASE_UNREACHABLE' : 'APP_BOOT_TIMEOUT');
    expect(world.apps).toEqual({});
    await world.runner.start();
    expect(world.runner.state).toBe('running');

    // Both end now: the successor goes on, and nobody speaks for it.
    const told = [...world.told];
    dying.open();
    hung.open();
    await jest.advanceTimersByTimeAsync(MINUTES);
    expect(world.told).toEqual(told);
    expect(world.apps.crm?.id).toBe(2);
    expect(world.runner.state).toBe('running');
    expect(jest.getTimerCount()).toBe(0);
  });

  it('ends what a late start has begun', async () => {
    const world = new RunnerWorld({}, 'asleep', ENV);
    const hung = gate();
    world.at.start = (id) => (id === 1 ? hung.promise : undefined);
    const outcome = codeOf(world.runner.wake());
    await flush();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(await outcome).toBe('APP_BOOT_TIMEOUT');
    hung.open();
    await pass(1_000);
    expect(world.journal.slice(-2)).toEqual(['destroy 1', 'stop 1']);
    expect(world.told).toEqual(['stopped 1']);
  });

  it('in a statement is cut off with its connection', async () => {
    const world = new RunnerWorld({}, 'asleep', ENV);
    await world.runner.wake();
    const { crm } = world.apps;
    if (!crm) throw new Error('no instance');
    crm.busy = 1;
    world.at.destroy = () => crm.db.close();
    const stopped = world.runner.stop('operator');
    await jest.advanceTimersByTimeAsync(60_000);
    await stopped;
    expect([crm.busy, world.runner.state]).toEqual([0, 'stopped']);
  });
});

describe('an application that throws more than is borne', () => {
  const error = new AppError('APP_FAULTS', { name: 'crm', count: 11 });

  it('is taken down, has failed, and is tried again after the backoff', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    await world.runner.takeDown(error);
    expect(world.alive).toEqual([]);
    expect(world.runner.describe()).toMatchObject({ state: 'failed', lastError: { code: 'APP_FAULTS' } });
    expect(world.statuses).toEqual(['error']);
    await expect(world.runner.wake()).rejects.toBe(error);
    await jest.advanceTimersByTimeAsync(1_000);
    await world.runner.wake();
    expect([world.constructed, world.runner.state]).toEqual([2, 'running']);
    expectOrder(world);
  });

  it('ends the requests that are in it first', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    const release = world.runner.lease();
    const down = world.runner.takeDown(error);
    await flush();
    expect([world.runner.state, world.alive.length]).toEqual(['draining', 1]);
    release();
    await down;
    expect(world.runner.state).toBe('failed');
    expectOrder(world);
  });

  it.each(['asleep', 'stopped'] as const)('changes nothing of one that is %s', async (state) => {
    const world = new RunnerWorld({}, state);
    await world.runner.takeDown(error);
    expect(world.runner.state).toBe(state);
  });
});

describe('the end of the process', () => {
  it.each(['auth', 'load', 'start'] as const)(
    'gives up a boot that is at %s, and calls it no failure',
    async (stage) => {
      const world = new RunnerWorld();
      const hung = gate();
      world.at[stage] = () => hung.promise;
      const outcome = codeOf(world.runner.wake());
      await flush();
      world.runner.giveUpBoot();
      await world.runner.stop('shutdown');
      expect(await outcome).toBe('APP_SHUTTING_DOWN');
      expect(world.alive).toEqual([]);
      expect(world.runner.describe()).toMatchObject({ state: 'asleep', reason: 'shutdown' });
      expect(world.statuses).toEqual([]);
      hung.open();
      await jest.advanceTimersByTimeAsync(60_000);
      expect(world.apps).toEqual({});
      expectOrder(world);
    },
  );

  it('waits for the requests that are in it as long as it is told, not as long as is configured', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    const cut = jest.fn();
    world.runner.lease(true, cut);
    const ended = world.runner.stop('shutdown', undefined, 50);
    await jest.advanceTimersByTimeAsync(49);
    expect([world.runner.state, cut.mock.calls.length]).toEqual(['draining', 0]);
    await jest.advanceTimersByTimeAsync(1);
    await ended;
    expect([world.runner.state, cut.mock.calls.length, world.alive]).toEqual(['asleep', 1, []]);
    expectOrder(world);
  });

  it('refuses what still waits for its turn', async () => {
    const world = new RunnerWorld();
    world.queue.close(new AppError('APP_SHUTTING_DOWN'));
    expect(await codeOf(world.runner.wake())).toBe('APP_SHUTTING_DOWN');
    expect([world.runner.state, world.constructed]).toEqual(['asleep', 0]);
    expectOrder(world);
  });
});
