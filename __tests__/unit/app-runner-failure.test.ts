import { codeOf, expectOrder, flush, gate, RunnerWorld } from './helpers/runner-world';

beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => jest.useRealTimers());

describe('a boot that fails', () => {
  function failing(times = Infinity) {
    const world = new RunnerWorld();
    world.at.load = (id) => {
      if (id <= times) throw new Error('Planted-4712 in the application');
    };
    return world;
  }

  it('fails for all who wait with the same error, which says the step and no more', async () => {
    const world = failing();
    const outcomes = Array.from({ length: 50 }, () => world.runner.wake().catch((error: Error) => error));
    const [first, ...others] = await Promise.all(outcomes);
    for (const other of others) expect(other).toBe(first);
    expect(first).toMatchObject({ code: 'APP_BOOT_FAILED', params: { name: 'crm', step: 'load' } });
    expect((first as Error).message).not.toContain('Planted');
    expect(world.constructed).toBe(1);
    expect(world.alive).toEqual([]);
    expect(world.statuses).toEqual(['error']);
    expectOrder(world);
  });

  it('is described, with the time of the next attempt', async () => {
    const world = failing();
    await codeOf(world.runner.wake());
    const { state, lastError, retryAt = 0 } = world.runner.describe();
    expect(state).toBe('failed');
    expect(lastError).toMatchObject({ code: 'APP_BOOT_FAILED', step: 'load', at: Date.now() });
    expect(retryAt - Date.now()).toBeGreaterThanOrEqual(750);
    expect(retryAt - Date.now()).toBeLessThanOrEqual(1_000);
  });

  it('is not repeated before its backoff is over, and then boots again', async () => {
    const world = failing(1);
    await codeOf(world.runner.wake());
    const failure = world.runner.lastFailure();
    await expect(world.runner.wake()).rejects.toBe(failure);
    await jest.advanceTimersByTimeAsync(700);
    await expect(world.runner.wake()).rejects.toBe(failure);
    expect(world.constructed).toBe(1);
    await jest.advanceTimersByTimeAsync(300);
    await world.runner.wake();
    expect([world.constructed, world.runner.state]).toEqual([2, 'running']);
    expect(world.runner.describe().lastError).toBeUndefined();
    expectOrder(world);
  });

  it('waits longer after each failure, and anew after a success', async () => {
    const world = failing(3);
    const delays: number[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await codeOf(world.runner.start());
      delays.push((world.runner.describe().retryAt ?? 0) - Date.now());
    }
    expect(delays[1]).toBeGreaterThan(delays[0] as number);
    expect(delays[2]).toBeGreaterThan(delays[1] as number);
    await world.runner.start();
    await jest.advanceTimersByTimeAsync(60_000);
    world.lose();
    world.at.load = () => Promise.reject(new Error('x'));
    await codeOf(world.runner.wake());
    expect((world.runner.describe().retryAt ?? 0) - Date.now()).toBeLessThanOrEqual(1_000);
  });

  it('is put into quarantine when it failed too often in a row; one Start tries it again', async () => {
    const world = failing(6);
    for (let attempt = 0; attempt < 5; attempt += 1) {
      expect(world.runner.state).not.toBe('quarantined');
      await codeOf(world.runner.wake());
      await jest.advanceTimersByTimeAsync(60_000);
    }
    expect(world.runner.describe()).toMatchObject({ state: 'quarantined', lastError: { step: 'load' } });
    expect(world.runner.describe().retryAt).toBeUndefined();
    const refusal = (await world.runner.wake().catch((error: Error) => error)) as Error & { params: object };
    expect(refusal).toMatchObject({ code: 'APP_QUARANTINED', params: { failures: 5, step: 'load' } });
    expect(world.constructed).toBe(5);
    // Retried while it is still broken: back at once.
    expect(await codeOf(world.runner.start())).toBe('APP_BOOT_FAILED');
    expect(world.runner.state).toBe('quarantined');
    await world.runner.start();
    expect(world.runner.state).toBe('running');
    expectOrder(world);
  });

  it('a spell too short to count as well does not make up for it', async () => {
    const world = failing();
    for (let round = 0; round < 5; round += 1) {
      await codeOf(world.runner.wake());
      await jest.advanceTimersByTimeAsync(60_000);
      if (world.runner.state === 'quarantined') break;
      world.at.load = () => undefined;
      await world.runner.wake();
      await jest.advanceTimersByTimeAsync(10_000);
      world.lose();
      world.at.load = () => Promise.reject(new Error('x'));
    }
    expect(world.runner.state).toBe('quarantined');
  });

  it('tells the timeline what happened, with the journey', async () => {
    const world = failing(1);
    const by = { kind: 'visitor', via: 'request' } as const;
    await codeOf(world.runner.wake('visitor', by));
    await jest.advanceTimersByTimeAsync(1_000);
    await world.runner.wake('visitor', by);
    await world.runner.stop('sleep');
    await world.runner.start({ kind: 'user', id: 1 });
    await world.runner.stop('operator', { kind: 'user', id: 1, name: 'Ada' });
    expect(world.events.map(({ type, by: { kind } }) => `${type} by ${kind}`)).toEqual([
      ...['failed by visitor', 'woken by visitor', 'slept by system', 'started by user', 'stopped by user'],
    ]);
    const [failed, woken] = world.events;
    expect(failed?.journey).toMatchObject({ kind: 'wake', outcome: 'failed', code: 'APP_BOOT_FAILED' });
    expect(failed?.journey?.steps.map(({ step }) => step)).toEqual(['queue', 'construct', 'connect', 'check', 'load']);
    expect(woken?.journey).toMatchObject({ outcome: 'running', by });
    expect(woken?.journey?.steps.at(-1)?.step).toBe('start');
    expect(JSON.stringify(world.events)).not.toContain('Planted');
  });

  it('is tried at once by Start', async () => {
    const world = failing(1);
    await codeOf(world.runner.wake());
    await world.runner.start();
    expect(world.runner.state).toBe('running');
  });

  it('is told to who asks how it ended', async () => {
    const world = failing();
    void codeOf(world.runner.wake());
    expect(await codeOf(world.runner.settled())).toBe('APP_BOOT_FAILED');
    expect(await codeOf(world.runner.settled())).toBe('APP_BOOT_FAILED');
  });

  it.each(['auth', 'start'] as const)('leaves nothing of it, also at %s', async (stage) => {
    const world = new RunnerWorld();
    world.at[stage] = () => Promise.reject(new Error('x'));
    expect(await codeOf(world.runner.wake())).toBe('APP_BOOT_FAILED');
    expect(world.alive).toEqual([]);
    expect(world.apps).toEqual({});
  });
});

describe('a boot that takes too long', () => {
  const ENV = { APP_SUPERVISOR_BOOT_TIMEOUT: '10' };

  it('is given up: its instance is destroyed, and it says so', async () => {
    const world = new RunnerWorld({}, 'asleep', ENV);
    world.at.load = () => gate().promise;
    const outcome = codeOf(world.runner.wake());
    await jest.advanceTimersByTimeAsync(10_000);
    expect(await outcome).toBe('APP_BOOT_TIMEOUT');
    expect(world.runner.describe()).toMatchObject({ state: 'failed', lastError: { step: 'load' } });
    expect(world.alive).toEqual([]);
  });

  // Two boots, the first of which is given up in the given stage and comes to its end while the second is at work.
  async function overtaken(stage: 'load' | 'start') {
    const world = new RunnerWorld({}, 'asleep', ENV);
    const [first, second] = [gate(), gate()];
    world.at[stage] = (id) => (id === 1 ? first.promise : undefined);
    const given = codeOf(world.runner.wake());
    await jest.advanceTimersByTimeAsync(10_000);
    expect(await given).toBe('APP_BOOT_TIMEOUT');
    world.at.load = (id) => (id === 2 ? second.promise : undefined);
    const again = codeOf(world.runner.start());
    await flush();
    expect(world.runner.state).toBe('booting');
    first.open();
    await flush();
    return { world, second, again };
  }

  it.each(['load', 'start'] as const)('does not count as up when it ends later, at %s', async (stage) => {
    const { world, second, again } = await overtaken(stage);
    expect(world.runner.state).toBe('booting');
    expect(world.running).toEqual([]);
    second.open();
    expect(await again).toBe('ok');
    expect(world.running).toEqual(['crm']);
  });

  it.each(['load', 'start'] as const)('does not end the next boot when it goes on later, at %s', async (stage) => {
    const { world, second, again } = await overtaken(stage);
    second.open();
    expect(await again).toBe('ok');
    expect(world.runner.state).toBe('running');
    expect(world.alive.map(({ id }) => id)).toEqual([2]);
    expectOrder(world);
  });
});
