import fc from 'fast-check';
import { appsToEvict, NO_RELIEF, type EvictionConfig, type MemoryRelief } from '../../../src/policies/eviction';
import { heldBecause, type AppSnapshot } from '../../../src/policies/idle';
import { appSnapshot, NOW, snapshots } from '../helpers/app-snapshots';

const CONFIG: EvictionConfig = {
  idleTimeoutMs: 900_000,
  minUptimeMs: 60_000,
  minNapMs: 300_000,
  maxRunning: 0,
  maxMemoryMb: 0,
  memoryQuietMs: 60_000,
  memoryPauseMs: 30_000,
};

interface Given {
  config?: Partial<EvictionConfig>;
  memoryMb?: number;
  relief?: MemoryRelief;
  now?: number;
}

function evict(apps: AppSnapshot[], { config, memoryMb = 100, relief = NO_RELIEF, now = NOW }: Given = {}) {
  return appsToEvict({ apps, memoryMb, relief }, { ...CONFIG, ...config }, now);
}

/** `app0` was used longest ago. */
const fleet = (count: number, given: Partial<AppSnapshot> = {}) =>
  Array.from({ length: count }, (_, index) =>
    appSnapshot({ name: `app${index}`, lastActiveAt: NOW - 1_000_000 + index * 1_000, ...given }),
  );
const names = (eviction: ReturnType<typeof evict>) => eviction.asleep.map(({ name }) => name);

describe('the limit on running applications', () => {
  it.each([
    [0, 5, []],
    [6, 5, []],
    [5, 5, []],
    [4, 5, ['app0']],
    [2, 5, ['app0', 'app1', 'app2']],
    [1, 1, []],
  ])('of %i, with %i running', (maxRunning, count, expected) => {
    const eviction = evict(fleet(count), { config: { maxRunning } });
    expect(names(eviction)).toEqual(expected);
    expect(eviction.asleep.every(({ reason }) => reason === 'running-limit')).toBe(true);
    expect(eviction.aboveLimit).toBe(0);
  });

  it('counts who is on the way up, and leaves him alone', () => {
    const apps = [
      ...fleet(2),
      appSnapshot({ name: 'new', state: 'booting' }),
      appSnapshot({ name: 'x', state: 'draining' }),
    ];
    expect(names(evict(apps, { config: { maxRunning: 2 } }))).toEqual(['app0']);
    expect(names(evict(apps, { config: { maxRunning: 3 } }))).toEqual([]);
  });

  it('takes also who was used just now, and not who has just come up', () => {
    const used = fleet(3, { lastActiveAt: NOW });
    expect(names(evict(used, { config: { maxRunning: 2 } }))).toEqual(['app0']);
    const fresh = evict(fleet(3, { upSince: NOW - 59_999 }), { config: { maxRunning: 2 } });
    expect([names(fresh), fresh.aboveLimit]).toEqual([[], 1]);
  });

  it('leaves those that must stay awake, and says how many are too many', () => {
    const apps = [
      appSnapshot({ name: 'eager', startMode: 'eager' }),
      appSnapshot({ name: 'kept', keepAwake: true }),
      appSnapshot({ name: 'busy', busy: ['workflow'] }),
      appSnapshot({ name: 'used', requestsInFlight: 1 }),
      appSnapshot({ name: 'cron', scheduled: ['cron'] }),
      appSnapshot({ name: 'free' }),
    ];
    const eviction = evict(apps, { config: { maxRunning: 2 } });
    expect([names(eviction), eviction.aboveLimit]).toEqual([['free'], 3]);
  });

  it('takes who is never idle by his idle time', () => {
    expect(names(evict(fleet(2, { idleTimeoutMs: 0 }), { config: { maxRunning: 1 } }))).toEqual(['app0']);
  });
});

describe('the limit on memory', () => {
  const config = { maxMemoryMb: 1_000 };

  it.each([
    [1_000, []],
    [1_001, ['app0', 'app1']],
  ])('of 1000 MB, with %i', (memoryMb, expected) => {
    expect(names(evict(fleet(20), { config, memoryMb }))).toEqual(expected);
  });

  it('takes a tenth at most, and one at least', () => {
    expect(names(evict(fleet(100), { config, memoryMb: 9_999 }))).toHaveLength(10);
    expect(names(evict(fleet(3), { config, memoryMb: 9_999 }))).toEqual(['app0']);
  });

  it('leaves in peace who was used within the last minute', () => {
    expect(names(evict(fleet(3, { lastActiveAt: NOW - 59_999 }), { config, memoryMb: 2_000 }))).toEqual([]);
  });

  it('waits for the memory to come back, longer each time, and ends below nine tenths', () => {
    let relief = NO_RELIEF;
    const rounds: number[] = [];
    for (let second = 0; second <= 1_800; second += 1) {
      const now = NOW + second * 1_000;
      const eviction = evict(fleet(20), { config, memoryMb: 2_000, relief, now });
      relief = eviction.relief;
      if (eviction.asleep.length) rounds.push(second);
    }
    expect(rounds).toEqual([0, 30, 90, 210, 450, 930, 1_530]);
    const still = { config, relief, now: NOW + 1e8 };
    expect(names(evict(fleet(20), { ...still, memoryMb: 901 }))).toHaveLength(2);
    expect(evict(fleet(20), { ...still, memoryMb: 900 })).toEqual({ asleep: [], aboveLimit: 0, relief: NO_RELIEF });
  });

  it('does nothing more in a round in which the running limit puts somebody to sleep', () => {
    const eviction = evict(fleet(20), { config: { ...config, maxRunning: 19 }, memoryMb: 2_000 });
    expect(eviction.asleep).toEqual([{ name: 'app0', reason: 'running-limit' }]);
  });
});

describe('of whatever applications', () => {
  const given = fc.record({ maxRunning: fc.nat(20), maxMemoryMb: fc.constantFrom(0, 50, 200) });

  it('nobody is put to sleep who must stay awake, nobody twice, and never more than the limits ask for', () => {
    fc.assert(
      fc.property(snapshots, given, (apps, config) => {
        const eviction = evict(apps, { config, memoryMb: 100 });
        const chosen = names(eviction).map((name) => apps.find((app) => app.name === name) as AppSnapshot);
        expect(new Set(chosen).size).toBe(chosen.length);
        for (const app of chosen) {
          expect(app.state).toBe('running');
          expect(heldBecause(app, CONFIG, NOW)).toEqual([]);
        }
        const up = apps.filter(({ state }) => ['running', 'booting', 'creating'].includes(state)).length;
        const excess = config.maxRunning ? Math.max(0, up - config.maxRunning) : 0;
        const byLimit = eviction.asleep.filter(({ reason }) => reason === 'running-limit').length;
        expect(byLimit + eviction.aboveLimit).toBe(excess);
        if (config.maxMemoryMb !== 50) expect(eviction.asleep.length).toBe(byLimit);
        expect(eviction.asleep.length - byLimit).toBeLessThanOrEqual(Math.max(1, up / 10));
      }),
    );
  });

  it('who sleeps was used no later than anybody who could have been chosen for the limit', () => {
    fc.assert(
      fc.property(snapshots, fc.integer({ min: 1, max: 20 }), (apps, maxRunning) => {
        const chosen = new Set(names(evict(apps, { config: { maxRunning } })));
        const free = apps.filter((app) => app.state === 'running' && heldBecause(app, CONFIG, NOW).length === 0);
        const last = Math.max(...free.filter(({ name }) => chosen.has(name)).map((app) => app.lastActiveAt), 0);
        for (const app of free) if (!chosen.has(app.name)) expect(app.lastActiveAt).toBeGreaterThanOrEqual(last);
      }),
    );
  });
});
