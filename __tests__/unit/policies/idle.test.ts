import fc from 'fast-check';
import {
  awakeBecause,
  byLeastUse,
  heldBecause,
  idleApps,
  type AppSnapshot,
  type AwakeReason,
  type IdleConfig,
} from '../../../src/policies/idle';
import { appSnapshot, NOW, snapshots } from '../helpers/app-snapshots';

const CONFIG: IdleConfig = { idleTimeoutMs: 900_000, minUptimeMs: 60_000, minNapMs: 300_000 };
const IDLE = NOW - CONFIG.idleTimeoutMs;

const cases: [string, Partial<AppSnapshot>, AwakeReason[]][] = [
  ['was used last just as long ago', { lastActiveAt: IDLE }, []],
  ['was used a moment later', { lastActiveAt: IDLE + 1 }, ['recently-used']],
  ['was never used', { lastActiveAt: 0 }, []],
  ['has a shorter idle time of its own', { lastActiveAt: NOW - 5_000, idleTimeoutMs: 5_000 }, []],
  ['has a longer idle time of its own', { idleTimeoutMs: 2e9 }, ['recently-used']],
  ['never sleeps by its own idle time', { lastActiveAt: 0, idleTimeoutMs: 0 }, ['idle-timeout-off']],
  ['is eager', { startMode: 'eager' }, ['eager']],
  ['is manual', { startMode: 'manual' }, ['manual']],
  ['is kept awake', { keepAwake: true }, ['keep-awake']],
  ['has a request in flight', { requestsInFlight: 1 }, ['request']],
  ['is at work', { busy: ['queue'] }, ['busy']],
  ['cannot be read', { busy: ['unreadable'] }, ['busy']],
  ['came up a moment ago', { upSince: NOW - 59_999 }, ['just-started']],
  ['came up a minute ago', { upSince: NOW - 60_000 }, []],
  ['came up as long ago as its short idle time', { upSince: NOW - 5_000, idleTimeoutMs: 5_000 }, []],
  ['came up later than its short idle time', { upSince: NOW - 4_999, idleTimeoutMs: 5_000 }, ['just-started']],
  ['has work ahead', { scheduled: ['cron'], nextDueAt: NOW + 1e9 }, ['scheduled-work']],
  [
    'has work ahead for which it is woken',
    { scheduled: ['cron'], onSchedule: 'wake-when-due', nextDueAt: NOW + 300_000 },
    [],
  ],
  [
    'has work that is due before a nap is over',
    { scheduled: ['delay'], onSchedule: 'wake-when-due', nextDueAt: NOW + 299_999 },
    ['due-soon'],
  ],
  ['has work whose time nobody knows', { scheduled: ['schedule'], onSchedule: 'wake-when-due' }, ['due-soon']],
  ['has an old due time, and no work', { onSchedule: 'wake-when-due', nextDueAt: NOW - 1 }, []],
  [
    'has all of it',
    { startMode: 'eager', keepAwake: true, requestsInFlight: 2, busy: ['task'], lastActiveAt: NOW },
    ['eager', 'keep-awake', 'request', 'busy', 'recently-used'],
  ],
];

describe('why an application is awake that', () => {
  it.each(cases)('%s', (_what, given, expected) => {
    const app = appSnapshot({ lastActiveAt: IDLE, upSince: NOW - 1e7, ...given });
    expect(awakeBecause(app, CONFIG, NOW)).toEqual(expected);
    expect(idleApps([app], CONFIG, NOW)).toEqual(expected.length ? [] : [app.name]);
  });

  it.each(['creating', 'asleep', 'booting', 'draining', 'stopped', 'failed', 'quarantined'] as const)(
    'is %s: it is none of those that may sleep',
    (state) => {
      expect(idleApps([appSnapshot({ state, lastActiveAt: 0, upSince: 0 })], CONFIG, NOW)).toEqual([]);
    },
  );

  it('nobody sleeps where the default is 0, but who has an idle time of his own', () => {
    const apps = [
      appSnapshot({ name: 'one', lastActiveAt: 0, upSince: 0 }),
      appSnapshot({ name: 'two', lastActiveAt: 0, upSince: 0, idleTimeoutMs: 1_000 }),
    ];
    expect(idleApps(apps, { ...CONFIG, idleTimeoutMs: 0 }, NOW)).toEqual(['two']);
    expect(heldBecause(appSnapshot({ upSince: NOW - 59_999 }), { ...CONFIG, idleTimeoutMs: 0 }, NOW)).toEqual([
      'just-started',
    ]);
  });
});

describe('of whatever applications', () => {
  it('only those sleep that run, are not in use, not at work, not pinned, and not new; the least used first', () => {
    fc.assert(
      fc.property(snapshots, (apps) => {
        const known = new Map(apps.map((app) => [app.name, app]));
        const chosen = idleApps(apps, CONFIG, NOW).map((name) => known.get(name) as AppSnapshot);
        for (const app of chosen) {
          expect(app.state).toBe('running');
          expect(app.startMode).toBe('lazy');
          expect([app.keepAwake, app.requestsInFlight, app.busy.length]).toEqual([false, 0, 0]);
          expect(NOW - app.lastActiveAt).toBeGreaterThanOrEqual(app.idleTimeoutMs ?? CONFIG.idleTimeoutMs);
          expect(app.idleTimeoutMs).not.toBe(0);
          if (app.scheduled.length) expect(app.onSchedule).toBe('wake-when-due');
        }
        expect(chosen).toEqual([...chosen].sort(byLeastUse));
      }),
    );
  });

  it('a use, a request or work only ever keeps somebody awake', () => {
    fc.assert(
      fc.property(snapshots, fc.nat(), (apps, pick) => {
        if (!apps.length) return;
        const before = idleApps(apps, CONFIG, NOW);
        const touched = apps[pick % apps.length] as AppSnapshot;
        const after = idleApps(
          apps.map((app) => (app === touched ? { ...app, lastActiveAt: NOW, requestsInFlight: 1 } : app)),
          CONFIG,
          NOW,
        );
        expect(after).toEqual(before.filter((name) => name !== touched.name));
      }),
    );
  });
});
