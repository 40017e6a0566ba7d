import fc from 'fast-check';
import {
  attributeGrowth,
  heldUnder,
  memoryHog,
  pressureOf,
  urgentSleepers,
} from '../../../src/policies/memory-pressure';
import type { AppSnapshot } from '../../../src/policies/idle';
import { appSnapshot, NOW } from '../helpers/app-snapshots';

const CONFIG = { idleTimeoutMs: 900_000, minUptimeMs: 60_000, minNapMs: 300_000 };
const NONE = new Map<string, number>();

/** `app0` was used longest ago, `app<count - 1>` half a minute ago. */
const fleet = (count: number, given: Partial<AppSnapshot> = {}) =>
  Array.from({ length: count }, (_, index) =>
    appSnapshot({ name: `app${index}`, lastActiveAt: NOW - 30_000 - (count - index) * 1_000, ...given }),
  );

describe('the pressure of the heap', () => {
  it.each([
    [0, 100, 'none'],
    [74, 100, 'none'],
    [75, 100, 'high'],
    [87, 100, 'high'],
    [88, 100, 'critical'],
    [120, 100, 'critical'],
    [50, 0, 'none'],
  ])('%i of %i bytes: %s', (used, limit, pressure) => {
    expect(pressureOf(used, limit)).toBe(pressure);
  });
});

/** The milliseconds that applications were at work. */
const work = (ms: Record<string, number>) => new Map(Object.entries(ms));

describe('the growth of the heap', () => {
  it('is told as that of the one application that was at work', () => {
    expect([...attributeGrowth(NONE, 100, 160, work({ hog: 5 }))]).toEqual([['hog', 60]]);
  });

  it('is shared in proportion to the work, and added up', () => {
    const once = attributeGrowth(NONE, 100, 160, work({ hog: 200, other: 100, idle: 0 }));
    expect([...attributeGrowth(once, 160, 200, work({ hog: 1 }))]).toEqual([
      ['hog', 80],
      ['other', 20],
    ]);
  });

  it('is attributed mostly to one long request beside many applications with short ones', () => {
    const neighbours = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`app${index}`, 50]));
    const growth = attributeGrowth(NONE, 100, 200, work({ ...neighbours, hog: 1_000 }));
    expect(growth.get('hog')).toBeGreaterThan(70);
  });

  it('is attributed to none if none was at work', () => {
    expect(attributeGrowth(NONE, 100, 160, work({})).size).toBe(0);
    expect(attributeGrowth(NONE, 100, 160, work({ idle: 0 })).size).toBe(0);
  });

  it('shrinks with the heap, and is forgotten with it', () => {
    const grown = new Map([['hog', 60]]);
    expect([...attributeGrowth(grown, 200, 100, work({ hog: 9 }))]).toEqual([['hog', 30]]);
    expect(attributeGrowth(grown, 200, 0, work({})).size).toBe(0);
  });

  it('never exceeds the heap, whatever it does', () => {
    const ms = fc.integer({ min: 0, max: 5_000 });
    const step = fc.record({ bytes: fc.integer({ min: 0, max: 1_000 }), a: ms, b: ms, c: ms });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        let [growth, before]: [ReadonlyMap<string, number>, number] = [NONE, 0];
        for (const { bytes, ...given } of steps) {
          growth = attributeGrowth(growth, before, bytes, work(given));
          before = bytes;
          const sum = [...growth.values()].reduce((total, part) => total + part, 0);
          expect(sum).toBeLessThanOrEqual(bytes + 1e-6);
        }
      }),
    );
  });
});

describe('the application that is taken down when nothing else frees memory', () => {
  const growth = new Map([
    ['app1', 30],
    ['app2', 50],
    ['app3', 20],
  ]);

  it('is the running one with the largest growth, whatever keeps it awake', () => {
    const apps = fleet(4, { requestsInFlight: 1, keepAwake: true, startMode: 'eager', busy: ['workflow'] });
    expect(memoryHog(apps, growth)).toBe('app2');
    const resting = apps.map((app) => (app.name === 'app2' ? { ...app, state: 'asleep' as const } : app));
    expect(memoryHog(resting, growth)).toBe('app1');
  });

  it('is the one that was used longest ago, if several have the same growth', () => {
    const same = new Map([
      ['app1', 50],
      ['app0', 50],
    ]);
    expect(memoryHog(fleet(4), same)).toBe('app0');
  });

  it('is found among many applications, however small its part is', () => {
    const small = new Map(Array.from({ length: 40 }, (_, index): [string, number] => [`app${index}`, 10]));
    expect(memoryHog(fleet(40), small.set('app7', 11))).toBe('app7');
  });

  it('is none if none has grown', () => {
    expect(memoryHog(fleet(8), NONE)).toBeUndefined();
    expect(memoryHog([], growth)).toBeUndefined();
  });
});

describe('who sleeps under pressure', () => {
  const sleepers = (apps: AppSnapshot[], pressure: 'none' | 'high' | 'critical', growth = NONE) =>
    urgentSleepers(apps, pressure, growth, CONFIG, NOW);

  it('nobody without pressure', () => {
    expect(sleepers(fleet(8), 'none')).toEqual([]);
  });

  it('a quarter under high pressure, the least used first, and at least one', () => {
    expect(sleepers(fleet(8), 'high')).toEqual(['app0', 'app1']);
    expect(sleepers(fleet(2), 'high')).toEqual(['app0']);
  });

  it('nobody that was used just now under high pressure', () => {
    expect(sleepers(fleet(8, { lastActiveAt: NOW - 14_999 }), 'high')).toEqual([]);
  });

  it('all that nothing keeps awake when it is critical, also those that have just come up', () => {
    const apps = [
      appSnapshot({ name: 'used', lastActiveAt: NOW - 1 }),
      appSnapshot({ name: 'new', upSince: NOW - 1_000, lastActiveAt: NOW - 1_000 }),
      appSnapshot({ name: 'asked', requestsInFlight: 1 }),
      appSnapshot({ name: 'busy', busy: ['workflow'] }),
      appSnapshot({ name: 'eager', startMode: 'eager' }),
      appSnapshot({ name: 'manual', startMode: 'manual' }),
      appSnapshot({ name: 'kept', keepAwake: true }),
      appSnapshot({ name: 'asleep', state: 'asleep' }),
    ];
    expect(sleepers(apps, 'critical').sort()).toEqual(['new', 'used']);
    expect(sleepers(apps, 'high')).not.toContain('new');
  });

  it('first the one whose growth is largest, if it is notable', () => {
    const growth = new Map([
      ['app6', 70],
      ['app5', 25],
      ['app4', 5],
    ]);
    expect(sleepers(fleet(16), 'high', growth)).toEqual(['app6', 'app5', 'app0', 'app1']);
  });

  it('never one that is held, in any fleet', () => {
    const app = fc.record({
      requestsInFlight: fc.nat(2),
      keepAwake: fc.boolean(),
      upSince: fc.integer({ min: NOW - 100_000, max: NOW }),
      lastActiveAt: fc.integer({ min: NOW - 100_000, max: NOW }),
    });
    fc.assert(
      fc.property(fc.array(app), fc.constantFrom('high' as const, 'critical' as const), (given, pressure) => {
        const apps = given.map((one, index) => appSnapshot({ name: `app${index}`, ...one }));
        for (const name of sleepers(apps, pressure)) {
          const found = apps.find((one) => one.name === name) as AppSnapshot;
          expect(heldUnder(pressure, found, CONFIG, NOW)).toEqual([]);
        }
      }),
    );
  });
});
