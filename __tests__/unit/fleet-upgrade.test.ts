import { readConfig } from '../../server/config';
import { FleetUpgrade, type FleetHost } from '../../server/fleet-upgrade';
import { AppVersions } from '../../server/lifecycle/versions';
import type { AppRecord } from '../../src/app-record';
import type { AppState } from '../../src/app-state';
import { AppError } from '../../src/errors';
import type { UpgradeVerdict } from '../../src/policies/upgrade-plan';
import { gate } from './helpers/runner-world';

/** Applications on a database that can be asked through an instance only: each has to pass its runner. */
class Fleet {
  readonly begun: string[] = [];
  atWork = 0;
  mostAtWork = 0;
  readonly states = new Map<string, AppState>();
  answer: (name: string) => Promise<UpgradeVerdict['state']> = () => Promise.resolve('behind');
  readonly records = new Map<string, AppRecord>();
  readonly upgrade: FleetUpgrade;

  constructor(names: string[], concurrency = '1') {
    for (const name of names) this.records.set(name, { name, startMode: 'lazy', options: {} });
    const log = () => undefined;
    const host = {
      supervisor: { logger: { info: log, warn: log } },
      config: readConfig({ APP_SUPERVISOR_UPGRADE_CONCURRENCY: concurrency }, () => undefined),
      versions: new AppVersions(
        () => '2.2.15',
        () => Promise.resolve(undefined),
      ),
      registry: { all: () => this.records.values(), get: (name: string) => this.records.get(name) },
      databaseOptions: () => ({ dialect: 'sqlite' }),
      runner: (name: string) =>
        this.records.has(name)
          ? { state: this.states.get(name) ?? 'asleep', lastActiveAt: 0, upgrade: () => this.work(name) }
          : undefined,
      onUpgrading: (name: string) => void this.begun.push(name),
    };
    this.upgrade = new FleetUpgrade(host as unknown as FleetHost);
  }

  private async work(name: string): Promise<UpgradeVerdict> {
    this.atWork += 1;
    this.mostAtWork = Math.max(this.mostAtWork, this.atWork);
    try {
      return { state: await this.answer(name), from: '2.1.0', to: '2.2.15', plugins: [], ahead: [] };
    } finally {
      this.atWork -= 1;
    }
  }
}

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

it.each([
  ['1', 1],
  ['3', 3],
  ['50', 8],
])('upgrades %s at a time', async (concurrency, most) => {
  const fleet = new Fleet(names, concurrency);
  fleet.answer = () => new Promise((done) => setImmediate(done, 'behind'));
  const run = fleet.upgrade.start(names);
  await run.done;
  expect(fleet.mostAtWork).toBe(most);
  expect(run.report().counts).toEqual({ upgraded: 8 });
});

it('begins with what runs, and ends with what is stopped', async () => {
  const fleet = new Fleet(names);
  fleet.states.set('f', 'running').set('a', 'stopped');
  await fleet.upgrade.start(names).done;
  expect(fleet.begun).toEqual(['f', 'b', 'c', 'd', 'e', 'g', 'h', 'a']);
});

it('goes on past what fails, what is newer, and what was removed meanwhile', async () => {
  const fleet = new Fleet(names);
  fleet.answer = (name) => {
    if (name === 'a') fleet.records.delete('d');
    if (name === 'b') return Promise.reject(new AppError('APP_DATABASE_CREDENTIALS'));
    if (name === 'e') return Promise.reject(new Error('secret-4711'));
    if (name === 'f') return Promise.resolve('newer');
    return Promise.resolve(name === 'c' ? 'current' : 'behind');
  };
  const run = fleet.upgrade.start(names);
  await run.done;
  const report = run.report();
  expect(report.counts).toEqual({ upgraded: 3, current: 1, failed: 4 });
  const codes = report.applications.flatMap(({ name, error }) => (error ? [[name, error.code]] : []));
  expect(codes).toEqual([
    ['b', 'APP_DATABASE_CREDENTIALS'],
    ['d', 'APP_NOT_FOUND'],
    ['e', 'APP_BOOT_FAILED'],
    ['f', 'APP_VERSION_NEWER'],
  ]);
  expect(JSON.stringify(report)).not.toContain('4711');
  expect(run.failureOf('b')?.code).toBe('APP_DATABASE_CREDENTIALS');
  expect(run.failureOf('a')).toBeUndefined();
});

it('is joined by who asks for a part of it, and refuses who asks for more', async () => {
  const fleet = new Fleet(names);
  const working = gate();
  fleet.answer = () => working.promise.then(() => 'behind');
  const run = fleet.upgrade.start(['a', 'b']);
  expect(fleet.upgrade.start(['b'])).toBe(run);
  const refusals = [
    () => fleet.upgrade.start(['b', 'c']),
    () => fleet.upgrade.start(['b'], { force: true }),
    () => fleet.upgrade.start(names),
  ];
  for (const refused of refusals) {
    expect(refused).toThrow(expect.objectContaining({ code: 'APP_UPGRADE_RUNNING', status: 409 }));
  }
  expect(() => fleet.upgrade.start(['nobody'])).toThrow(expect.objectContaining({ code: 'APP_NOT_FOUND' }));
  const afterwards = fleet.upgrade.startAfterwards(['c']);
  working.open();
  await run.done;
  expect(run.report().finishedAt).not.toBeNull();
  const next = await afterwards;
  await next.done;
  expect(next).not.toBe(run);
  expect(fleet.begun).toEqual(['a', 'b', 'c']);
});

it('ends after what is under way, and tells what had no turn', async () => {
  const fleet = new Fleet(names);
  const working = gate();
  fleet.answer = () => working.promise.then(() => 'behind');
  const run = fleet.upgrade.start(names);
  await new Promise((turn) => setImmediate(turn));
  const ended = fleet.upgrade.end();
  working.open();
  await ended;
  expect(run.report().counts).toEqual({ upgraded: 1, cancelled: 7 });
  await fleet.upgrade.start(names).done;
  expect(fleet.upgrade.run?.report().counts).toEqual({ upgraded: 8 });
});

it('is over at once where nobody is named', async () => {
  const fleet = new Fleet([]);
  const run = fleet.upgrade.start([]);
  await run.done;
  expect(run.report()).toMatchObject({ total: 0, counts: {}, applications: [] });
});

it('plans without touching a runner', async () => {
  const fleet = new Fleet(['a']);
  fleet.records.set('b', { name: 'b', startMode: 'lazy', options: {}, provisioning: {} });
  expect(await fleet.upgrade.plan(['b', 'a', 'nobody'])).toMatchObject([
    { name: 'b', state: 'not_installed', to: '2.2.15', error: null },
    { name: 'a', state: 'unreadable', error: { code: 'APP_DATABASE_UNSUPPORTED' } },
  ]);
  expect(fleet.begun).toEqual([]);
});
