import { expectOrder, gate, RunnerWorld } from './helpers/runner-world';

const flush = () => jest.advanceTimersByTimeAsync(0);
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    (error: Error & { code?: string }) => error.code ?? error.message,
  );

/** An application that was last brought up to date by an older NocoBase. */
function behind(...given: ConstructorParameters<typeof RunnerWorld>): RunnerWorld {
  const world = new RunnerWorld(...given);
  world.stored = '2.1.0';
  return world;
}

const UPGRADE_THEN_BOOT = [
  ...['construct 1', 'auth 1', 'upgrade 1', 'destroy 1'],
  ...['construct 2', 'auth 2', 'load 2', 'start 2'],
];

beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => jest.useRealTimers());

describe('a wake', () => {
  it('upgrades what is behind before it answers, in an instance of its own', async () => {
    const world = behind();
    const [first, second] = [world.runner.wake(), world.runner.wake()];
    await Promise.all([first, second]);
    expect(world.journal).toEqual(UPGRADE_THEN_BOOT);
    expect([world.runner.state, world.stored, world.overlaps]).toEqual(['running', '2.2.15', 0]);
    expect(world.events.map(({ type }) => type)).toEqual(['upgraded', 'woken']);
  });

  it('upgrades once', async () => {
    const world = behind();
    await world.runner.wake();
    await world.runner.stop('sleep');
    await world.runner.wake();
    expect(world.journal.filter((entry) => entry.startsWith('upgrade'))).toEqual(['upgrade 1']);
  });

  it('does not try for ever where the core writes no version', async () => {
    const world = behind();
    world.stamps = false;
    await world.runner.wake();
    expect(world.journal).toEqual(UPGRADE_THEN_BOOT);
    await world.runner.stop('sleep');
    await world.runner.wake();
    expect(world.journal.filter((entry) => entry.startsWith('upgrade'))).toEqual(['upgrade 1']);
    // Another difference is another matter.
    world.stored = '2.0.0';
    await world.runner.stop('sleep');
    await world.runner.wake();
    expect(world.journal.filter((entry) => entry.startsWith('upgrade'))).toHaveLength(2);
  });

  it('is refused by what belongs to a newer NocoBase, of which nothing is loaded', async () => {
    const world = new RunnerWorld();
    world.stored = '2.3.0';
    const error = await world.runner.wake().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'APP_VERSION_NEWER',
      status: 503,
      params: { name: 'crm', stored: '2.3.0', installed: '2.2.15' },
    });
    expect(world.journal).toEqual(['construct 1', 'auth 1', 'destroy 1']);
    expect(world.runner.describe()).toMatchObject({ state: 'failed', lastError: { step: 'check' } });
    expect(world.alive).toEqual([]);
  });

  it('fails with the upgrade, and tries again after the backoff', async () => {
    const world = behind();
    world.at.upgrade = (id) => {
      if (id === 1) throw new Error('a migration that is broken');
    };
    expect(await codeOf(world.runner.wake())).toBe('APP_BOOT_FAILED');
    expect(world.runner.describe()).toMatchObject({ state: 'failed', lastError: { step: 'upgrade' } });
    await jest.advanceTimersByTimeAsync(1_000);
    await world.runner.wake();
    expect([world.runner.state, world.stored]).toEqual(['running', '2.2.15']);
  });
});

describe('an upgrade that is asked for', () => {
  it('fails for the visitors who wait behind it, too, until the backoff is over', async () => {
    const world = behind();
    const upgrading = gate();
    world.at.upgrade = () => upgrading.promise;
    const upgraded = codeOf(world.runner.upgrade());
    await flush();
    const woken = codeOf(world.runner.wake());
    upgrading.fail(new Error('broken'));
    expect([await upgraded, await woken]).toEqual(['APP_BOOT_FAILED', 'APP_BOOT_FAILED']);
    expect([world.runner.state, world.constructed]).toEqual(['failed', 1]);
    world.at.upgrade = undefined;
    await jest.advanceTimersByTimeAsync(1_000);
    await world.runner.wake();
    expect([world.runner.state, world.constructed]).toEqual(['running', 3]);
    expectOrder(world);
  });

  it('leaves asleep what slept', async () => {
    const world = behind();
    const by = { kind: 'user', id: 7 } as const;
    expect(await world.runner.upgrade(false, by)).toMatchObject({ state: 'behind', from: '2.1.0', to: '2.2.15' });
    expect(world.journal).toEqual(['construct 1', 'auth 1', 'upgrade 1', 'destroy 1']);
    expect([world.runner.state, world.alive.length, world.stored]).toEqual(['asleep', 0, '2.2.15']);
    expect(world.statuses).toEqual([]);
    expect(world.runner.quiet).toBe(true);
    expect(world.events).toMatchObject([{ type: 'upgraded', by, journey: { kind: 'upgrade', outcome: 'stopped' } }]);
    const steps = world.events[0]?.journey?.steps.map(({ step }) => step);
    expect(steps).toEqual(['queue', 'construct', 'connect', 'check', 'upgrade']);
  });

  it('leaves stopped what was stopped, and lets nobody in meanwhile', async () => {
    const world = behind({}, 'stopped');
    const upgrading = gate();
    world.at.upgrade = () => upgrading.promise;
    const done = world.runner.upgrade();
    await flush();
    expect(world.journal).toContain('upgrade 1');
    expect(await codeOf(world.runner.wake())).toBe('APP_STOPPED');
    upgrading.open();
    await done;
    expect([world.runner.state, world.alive.length, world.stored]).toEqual(['stopped', 0, '2.2.15']);
  });

  it('leaves stopped what was stopped also when it fails, and says why', async () => {
    const world = behind({}, 'stopped');
    world.at.upgrade = () => Promise.reject(new Error('broken'));
    expect(await codeOf(world.runner.upgrade())).toBe('APP_BOOT_FAILED');
    expect(world.runner.describe()).toMatchObject({ state: 'stopped', lastError: { step: 'upgrade' } });
    expect(world.events).toMatchObject([{ type: 'failed', reason: 'APP_BOOT_FAILED' }]);
    expect(world.statuses).toEqual(['stopped']);
  });

  it('lets what ran run again, once the requests in it have ended', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    world.stored = '2.1.0';
    const release = world.runner.lease();
    const done = world.runner.upgrade();
    await flush();
    expect(world.runner.state).toBe('draining');
    release();
    await done;
    expect(world.journal.slice(3)).toEqual([
      ...['start 1', 'destroy 1'],
      ...['construct 2', 'auth 2', 'upgrade 2', 'destroy 2'],
      ...['construct 3', 'auth 3', 'load 3', 'start 3'],
    ]);
    expect([world.runner.state, world.overlaps, world.runner.quiet]).toEqual(['running', 0, true]);
  });

  it('does not disturb what runs and is up to date', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    expect(await world.runner.upgrade()).toMatchObject({ state: 'current' });
    expect([world.runner.state, world.constructed]).toEqual(['running', 1]);
  });

  it('does so by force', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    await world.runner.upgrade(true);
    expect([world.runner.state, world.constructed]).toEqual(['running', 3]);
    expect(world.journal).toContain('upgrade 2');
  });

  it('lets a manual application run again that an operator had started', async () => {
    const world = new RunnerWorld({ startMode: 'manual' }, 'stopped');
    await world.runner.start();
    await world.runner.upgrade(true);
    expect(world.runner.state).toBe('running');
  });

  it('starts what is kept awake', async () => {
    const world = behind({ startMode: 'eager' });
    await world.runner.upgrade();
    expect(world.journal).toEqual(UPGRADE_THEN_BOOT);
  });

  it('holds a visitor who comes meanwhile, and then answers him', async () => {
    const world = behind();
    const upgrading = gate();
    world.at.upgrade = () => upgrading.promise;
    const done = world.runner.upgrade();
    await flush();
    const visit = world.runner.wake();
    await flush();
    expect([world.runner.state, world.constructed]).toEqual(['booting', 1]);
    upgrading.open();
    await Promise.all([done, visit]);
    expect(world.journal).toEqual(UPGRADE_THEN_BOOT);
    expect([world.runner.state, world.overlaps]).toEqual(['running', 0]);
    expect(world.warnings).toEqual([]);
  });

  it('leaves the last word to a Stop that is said meanwhile', async () => {
    const world = new RunnerWorld();
    await world.runner.wake();
    const upgrading = gate();
    world.at.upgrade = () => upgrading.promise;
    const done = world.runner.upgrade(true);
    await flush();
    const stop = world.runner.stop('operator');
    upgrading.open();
    await Promise.all([done, stop]);
    expect([world.runner.state, world.alive.length]).toEqual(['stopped', 0]);
  });

  it('is given up at the deadline of a boot', async () => {
    const world = behind({}, 'asleep', { APP_SUPERVISOR_BOOT_TIMEOUT: '5' });
    world.at.upgrade = () => gate().promise;
    const done = codeOf(world.runner.upgrade());
    await jest.advanceTimersByTimeAsync(5_000);
    expect(await done).toBe('APP_BOOT_TIMEOUT');
    expect([world.runner.state, world.alive.length]).toEqual(['failed', 0]);
  });

  it('waits for a place like a boot', async () => {
    const world = behind({}, 'asleep', { APP_SUPERVISOR_BOOT_CONCURRENCY: '1' });
    const other = gate();
    const busy = world.queue.run({ priority: 'visitor' }, () => other.promise);
    const done = world.runner.upgrade();
    await flush();
    expect(world.constructed).toBe(0);
    other.open();
    await Promise.all([busy, done]);
    expect(world.constructed).toBe(1);
  });
});
