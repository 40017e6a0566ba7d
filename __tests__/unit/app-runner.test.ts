import type { AppError } from '../../src/errors';
import { codeOf, expectOrder, flush, gate, pass, RunnerWorld } from './helpers/runner-world';

beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => jest.useRealTimers());

describe('waking', () => {
  it('boots once for 50 who come at once', async () => {
    const world = new RunnerWorld();
    const loading = gate();
    world.at.load = () => loading.promise;
    const visitors = Array.from({ length: 50 }, () => world.runner.wake());
    await flush();
    expect(world.runner.state).toBe('booting');
    loading.open();
    await Promise.all(visitors);
    expect([world.constructed, world.runner.state]).toEqual([1, 'running']);
    expect(world.journal).toEqual(['construct 1', 'auth 1', 'load 1', 'start 1']);
    expect(world.running).toEqual(['crm']);
    expectOrder(world);
  });

  it('is done at once when it runs, and says nothing to open tabs', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    await world.runner.wake();
    expect(world.constructed).toBe(1);
    expect(world.statuses).toEqual([]);
    expect(world.runner.quiet).toBe(true);
  });

  it('is refused by a stopped application', async () => {
    const world = new RunnerWorld({}, 'stopped');
    expect(await codeOf(world.runner.wake())).toBe('APP_STOPPED');
    expect(world.constructed).toBe(0);
  });

  it('boots anew when the instance has ended without us', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    world.lose();
    expect(world.runner.describe()).toMatchObject({ state: 'asleep', reason: 'ended' });
    await world.runner.wake();
    expect([world.constructed, world.runner.state]).toEqual([2, 'running']);
    expectOrder(world);
  });

  it('leaves a manual application stopped whose instance has ended', async () => {
    const world = new RunnerWorld({ startMode: 'manual' }, 'stopped');
    await world.runner.start();
    world.lose();
    expect(world.runner.state).toBe('stopped');
    expect(await codeOf(world.runner.wake())).toBe('APP_STOPPED');
  });
});

describe('stopping', () => {
  it('destroys the instance and says so', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    await world.runner.stop('operator');
    expect(world.runner.describe()).toMatchObject({ state: 'stopped', reason: 'operator' });
    expect(world.alive).toEqual([]);
    expect(world.statuses).toEqual(['stopped']);
    expectOrder(world);
  });

  it('says nothing when it is put to sleep', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    await world.runner.stop('sleep');
    expect(world.runner.state).toBe('asleep');
    expect(world.statuses).toEqual([]);
  });

  it('leads to APP_STOPPED for who comes then', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    await world.runner.stop('operator');
    expect(await codeOf(world.runner.wake())).toBe('APP_STOPPED');
  });

  it.each(['sleep', 'shutdown'] as const)('by an operator outlives a %s', async (reason) => {
    const world = new RunnerWorld({ stoppedAt: '2026-11-24T10:00:00.000Z' }, 'stopped');
    await world.runner.stop(reason);
    expect(world.runner.state).toBe('stopped');
    expect(await codeOf(world.runner.wake())).toBe('APP_STOPPED');
  });

  it('keeps a failure in mind over a sleep, not over an operator', async () => {
    const world = new RunnerWorld();
    world.at.load = () => Promise.reject(new Error('x'));
    await codeOf(world.runner.wake());
    await world.runner.stop('sleep');
    expect(world.runner.state).toBe('failed');
    await world.runner.stop('operator');
    expect(world.runner.state).toBe('stopped');
  });

  it('waits for a boot under way, whose visitors are served', async () => {
    const world = new RunnerWorld();
    const loading = gate();
    world.at.load = () => loading.promise;
    const visitor = codeOf(world.runner.wake());
    await flush();
    const stopped = world.runner.stop('operator');
    await flush();
    expect(world.runner.state).toBe('booting');
    loading.open();
    expect(await visitor).toBe('ok');
    await stopped;
    expect(world.runner.state).toBe('stopped');
    expect(world.alive).toEqual([]);
    expectOrder(world);
  });

  it('wins over a wake that comes after it', async () => {
    const world = new RunnerWorld();
    const stopped = world.runner.stop('operator');
    const woken = codeOf(world.runner.wake());
    await stopped;
    expect(await woken).toBe('APP_STOPPED');
    expect([world.runner.state, world.constructed]).toEqual(['stopped', 0]);
  });

  it('waits for the requests in flight', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    const [first, second] = [world.runner.lease(), world.runner.lease()];
    const stopped = jest.fn();
    void world.runner.stop('operator').then(stopped);
    await jest.advanceTimersByTimeAsync(5_000);
    first();
    first();
    await flush();
    expect([world.runner.state, world.alive.length]).toEqual(['draining', 1]);
    expect(stopped).not.toHaveBeenCalled();
    second();
    await flush();
    expect(stopped).toHaveBeenCalled();
    expect(world.alive).toEqual([]);
  });

  it('cuts off at the deadline what is still in flight', async () => {
    const world = new RunnerWorld({}, 'asleep', { APP_SUPERVISOR_DRAIN_TIMEOUT: '3' });
    await world.runner.wake();
    const cut = jest.fn<void, [AppError]>();
    const [leave] = [world.runner.lease(true, cut), world.runner.lease(true, cut), world.runner.lease(false, cut)];
    const stopped = world.runner.stop('operator');
    await jest.advanceTimersByTimeAsync(2_000);
    leave();
    await jest.advanceTimersByTimeAsync(999);
    expect([world.runner.state, cut.mock.calls.length]).toEqual(['draining', 0]);
    await jest.advanceTimersByTimeAsync(1);
    await stopped;
    expect(cut.mock.calls.map(([{ code }]) => code)).toEqual(['APP_STOPPED', 'APP_STOPPED']);
    expect(world.alive).toEqual([]);
  });

  it('does not wait for who comes while it drains, and waits for the next instance', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    const leave = world.runner.lease();
    void world.runner.stop('sleep');
    await flush();
    // As the front door does: a place first, then the wake.
    world.runner.lease();
    const woken = codeOf(world.runner.wake());
    leave();
    await pass(100);
    expect(world.runner.state).toBe('running');
    expect(await woken).toBe('ok');
    expect(world.constructed).toBe(2);
    expectOrder(world);
  });

  it('ends though the instance does not', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    world.at.destroy = () => gate().promise;
    const stopped = world.runner.stop('operator');
    await jest.advanceTimersByTimeAsync(15_000);
    await stopped;
    expect(world.apps).toEqual({});
    expect(world.runner.state).toBe('stopped');
  });
});

describe('starting', () => {
  it('leads out of stopped, and says so', async () => {
    const world = new RunnerWorld({}, 'stopped');
    const started = world.runner.start();
    expect(world.runner.quiet).toBe(false);
    await started;
    expect(world.runner.state).toBe('running');
    expectOrder(world);
  });

  it('waits for a stop under way', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    const leave = world.runner.lease();
    const stopped = world.runner.stop('operator');
    await flush();
    const started = world.runner.start();
    leave();
    await Promise.all([stopped, started]);
    expect([world.runner.state, world.constructed]).toEqual(['running', 2]);
    expectOrder(world);
  });

  it('is the last word after a stop that has not begun', async () => {
    const world = new RunnerWorld();
    const stopped = world.runner.stop('operator');
    const started = codeOf(world.runner.start());
    await stopped;
    expect(await started).toBe('ok');
    expect(world.runner.state).toBe('running');
  });

  it('is the last word after a stop that waits for a boot', async () => {
    const world = new RunnerWorld();
    const loading = gate();
    world.at.load = (id) => (id === 1 ? loading.promise : undefined);
    void codeOf(world.runner.wake());
    await flush();
    const stopped = world.runner.stop('operator');
    const started = codeOf(world.runner.start());
    loading.open();
    await stopped;
    expect(await started).toBe('ok');
    await flush();
    expect(world.runner.state).toBe('running');
  });

  it('gives way to a stop that is said after it, also when it waits for a stop under way', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    const leave = world.runner.lease();
    const slept = world.runner.stop('sleep');
    await flush();
    expect(world.runner.state).toBe('draining');
    // A start that waits for a stop under way.
    const started = codeOf(world.runner.start());
    const stopped = world.runner.stop('operator');
    leave();
    await Promise.all([slept, started, stopped]);
    await flush();
    expect(world.runner.state).toBe('stopped');
    expect(world.alive).toEqual([]);
  });

  it('again restarts: the old instance is gone before the new one is made', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    await world.runner.restart();
    expect([world.runner.state, world.constructed, world.alive.length]).toEqual(['running', 2, 1]);
    expect(world.journal.indexOf('destroy 1')).toBeLessThan(world.journal.indexOf('construct 2'));
    expectOrder(world);
  });
});

describe('restarting', () => {
  it('gives way to a stop that is said meanwhile', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    const leave = world.runner.lease();
    const restarted = codeOf(world.runner.restart());
    await flush();
    expect(world.runner.state).toBe('draining');
    const stopped = world.runner.stop('operator');
    leave();
    await stopped;
    expect(await restarted).toBe('APP_STOPPED');
    expect([world.runner.state, world.alive.length]).toEqual(['stopped', 0]);
  });
});

describe('a sleep that comes before a wake has begun', () => {
  it('does not hide that the application comes up', async () => {
    const world = new RunnerWorld();
    const loading = gate();
    world.at.load = () => loading.promise;
    const slept = world.runner.stop('sleep');
    const woken = codeOf(world.runner.wake());
    await slept;
    await flush();
    expect(world.runner.state).toBe('booting');
    loading.open();
    expect(await woken).toBe('ok');
    expectOrder(world);
  });
});

describe('making', () => {
  const unmade = { provisioning: {} };

  it('installs in an instance of its own, remembers it, and starts', async () => {
    const world = new RunnerWorld(unmade);
    const made = world.runner.make();
    expect(world.runner.state).toBe('creating');
    await made;
    expect(world.journal).toContain('install 1');
    expect([world.constructed, world.alive.length, world.runner.state]).toEqual([2, 1, 'running']);
    expect(world.record.provisioning?.readyAt).toBeDefined();
    expectOrder(world);
  });

  it('holds who comes meanwhile', async () => {
    const world = new RunnerWorld(unmade);
    const installing = gate();
    world.at.install = () => installing.promise;
    void world.runner.make();
    await flush();
    const visitor = codeOf(world.runner.wake());
    installing.open();
    expect(await visitor).toBe('ok');
    expect(world.runner.state).toBe('running');
  });

  it('that failed is taken up again by the next visitor', async () => {
    const world = new RunnerWorld(unmade);
    world.at.install = (id) => {
      if (id === 1) throw new Error('x');
    };
    expect(await codeOf(world.runner.make())).toBe('APP_BOOT_FAILED');
    expect(world.record.provisioning?.readyAt).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1_000);
    await world.runner.wake();
    expect(world.runner.state).toBe('running');
    expectOrder(world);
  });

  it('leaves a manual application stopped', async () => {
    const world = new RunnerWorld({ ...unmade, startMode: 'manual' });
    await world.runner.make();
    expect(world.runner.state).toBe('stopped');
    expect(world.alive).toEqual([]);
  });

  it('of a manual application does not count as up to a visitor', async () => {
    const world = new RunnerWorld({ ...unmade, startMode: 'manual' });
    const installing = gate();
    world.at.install = () => installing.promise;
    void codeOf(world.runner.make());
    await flush();
    const visitor = codeOf(world.runner.wake());
    installing.open();
    expect(await visitor).toBe('APP_STOPPED');
  });
});
