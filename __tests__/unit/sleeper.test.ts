import type { Application } from '@nocobase/server';
import { readConfig } from '../../server/config';
import type { AppRunner } from '../../server/lifecycle/app-runner';
import type { SleepReason } from '../../server/lifecycle/runner-host';
import { Sleeper } from '../../server/lifecycle/sleeper';
import { Waker } from '../../server/lifecycle/waker';
import type { AppRecord } from '../../src/app-record';
import type { AppState } from '../../src/app-state';
import type { AppError } from '../../src/errors';

/** An instance as far as its workload is read: everything there, and nothing to do. */
function instance() {
  return {
    name: 'crm',
    activatedCommand: null as object | null,
    eventQueue: { adapter: { queues: new Map(), reading: new Map(), events: new Map() } },
    cronJobManager: { jobs: new Set<object>() },
    pm: { get: () => undefined },
    dataSourceManager: { dataSources: new Map() },
    lockManager: {},
    cacheManager: { caches: new Map() },
  };
}

/** A process with some running applications, whose time the test has in hand. */
class World {
  readonly runners = new Map<string, AppRunner>();
  readonly records = new Map<string, AppRecord>();
  readonly apps: Record<string, Application> = {};
  readonly slept: string[] = [];
  readonly takenDown: string[] = [];
  readonly noted: [string, number | undefined][] = [];
  readonly said: string[] = [];
  /** Applications whose databases were lost while they ran. */
  readonly lost = new Set<string>();
  readonly woken: string[] = [];
  memoryMb = 100;
  readonly sleeper: Sleeper;
  readonly waker: Waker;

  constructor(env: Record<string, string> = {}) {
    const say = (text: string) => void this.said.push(text);
    const supervisor = { apps: this.apps, logger: { info: () => undefined, warn: say } };
    const host = {
      config: readConfig({ APP_SUPERVISOR_MAX_MEMORY: '0', ...env }, () => undefined),
      runners: this.runners,
      supervisor,
      record: (name: string) => this.records.get(name),
      noteDue: (name: string, at: number | undefined) => {
        const record = this.records.get(name) as AppRecord;
        const nextDueAt = at === undefined ? undefined : new Date(at).toISOString();
        if (record.nextDueAt !== nextDueAt) this.noted.push([name, at]);
        this.records.set(name, { ...record, nextDueAt });
        return Promise.resolve();
      },
      registry: { all: () => this.records.values() },
      runner: (name: string) => this.runners.get(name),
      databaseWatch: { isLost: (name: string) => this.lost.has(name) },
    };
    this.sleeper = new Sleeper(host, () => this.memoryMb);
    this.waker = new Waker(host);
  }

  add(name: string, record: Partial<AppRecord> = {}, state: AppState = 'running') {
    const app = { ...instance(), name };
    const runner = {
      state,
      lastActiveAt: 0,
      flight: { requests: 0 },
      since: 0,
      describe: () => ({ state: runner.state, since: runner.since }),
      mayTryAgain: true,
      takeDown: ({ code }: AppError) => {
        this.takenDown.push(`${name} ${code}`);
        runner.state = 'failed';
        delete this.apps[name];
        return Promise.resolve();
      },
      sleep: (reason: SleepReason, stillIdle: () => boolean) => {
        if (!stillIdle()) return Promise.resolve(false);
        this.slept.push(`${name} ${reason}`);
        runner.state = 'asleep';
        delete this.apps[name];
        return Promise.resolve(true);
      },
      start: () => {
        this.woken.push(`${name} start`);
        return Promise.resolve();
      },
      wake: (priority: string) => {
        this.woken.push(`${name} ${priority}`);
        return Promise.resolve();
      },
    };
    if (state === 'running') this.apps[name] = app as unknown as Application;
    this.records.set(name, { name, startMode: 'lazy', options: {}, ...record });
    this.runners.set(name, runner as unknown as AppRunner);
    return { app, runner };
  }
}

const cronAt = (at: number) => ({
  cronTime: { source: '* * * * *' },
  _callbacks: [],
  nextDate: () => ({ toMillis: () => at }),
});
const NOW = 1_800_000_000_000;

beforeEach(() => jest.useFakeTimers({ now: NOW }));
afterEach(() => {
  jest.clearAllTimers();
  jest.useRealTimers();
});

describe('a look', () => {
  it('puts the idle ones to sleep, and no others', async () => {
    const world = new World();
    world.add('idle');
    world.add('used').runner.lastActiveAt = NOW - 899_999;
    world.add('eager', { startMode: 'eager' });
    world.add('own', { idleTimeout: 3_600 }).runner.lastActiveAt = NOW - 3_000_000;
    world.add('resting', {}, 'asleep');
    await world.sleeper.round();
    expect(world.slept).toEqual(['idle idle']);
    expect(world.sleeper.awakeBecause('used')).toEqual(['recently-used']);
    expect(world.sleeper.awakeBecause('eager')).toEqual(['eager']);
    expect(world.sleeper.awakeBecause('idle')).toBeUndefined();
    expect(world.sleeper.awakeBecause('nobody')).toBeUndefined();
  });

  it('leaves who is at work, or cannot be read', async () => {
    const world = new World();
    world.add('command').app.activatedCommand = { name: 'upgrade' };
    const { adapter } = world.add('queue').app.eventQueue;
    adapter.events.set('jobs', {});
    adapter.queues.set('jobs', [{}]);
    (world.add('foreign').app.eventQueue as { adapter: object }).adapter = { publish: () => undefined };
    // Nobody takes these: they wait on disk as they wait here.
    world.add('left').app.eventQueue.adapter.queues.set('gone', [{}]);
    await world.sleeper.round();
    expect(world.slept).toEqual(['left idle']);
    expect(world.sleeper.awakeBecause('foreign')).toEqual(['busy']);
  });

  it('gives up who is used at the last moment', async () => {
    const world = new World();
    const { runner } = world.add('crm');
    const { sleep } = runner;
    runner.sleep = (reason, stillIdle) => {
      runner.lastActiveAt = NOW;
      return sleep(reason, stillIdle);
    };
    await world.sleeper.round();
    expect([world.slept, runner.state]).toEqual([[], 'running']);
  });

  it('happens again and again, and goes on after a fault', async () => {
    const world = new World({ APP_SUPERVISOR_SLEEP_INTERVAL: '5', APP_SUPERVISOR_IDLE_TIMEOUT: '20' });
    const { runner } = world.add('crm');
    runner.lastActiveAt = NOW;
    world.add('broken').runner.sleep = () => Promise.reject(new Error('broken'));
    world.sleeper.start();
    world.sleeper.start();
    await jest.advanceTimersByTimeAsync(15_000);
    expect(world.slept).toEqual([]);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(world.slept).toEqual(['crm idle']);
    world.sleeper.stop();
    expect(jest.getTimerCount()).toBe(0);
    expect(world.said.some((text) => text.includes('broken'))).toBe(true);
  });
});

describe('work ahead', () => {
  it('keeps an application awake, and is noted once for the next process', async () => {
    const world = new World();
    world.add('crm').app.cronJobManager.jobs.add(cronAt(NOW + 60_000));
    await world.sleeper.round();
    expect(world.sleeper.awakeBecause('crm')).toEqual(['scheduled-work']);
    expect(world.noted).toEqual([['crm', NOW + 60_000]]);
    jest.setSystemTime(NOW + 120_000);
    await world.sleeper.round();
    expect([world.noted.length, world.slept]).toEqual([1, []]);
  });

  it('is noted exactly before an application sleeps that is woken for it', async () => {
    const world = new World();
    const { app } = world.add('crm', { onSchedule: 'wake-when-due' });
    app.cronJobManager.jobs.add(cronAt(NOW + 200_000));
    await world.sleeper.round();
    expect(world.sleeper.awakeBecause('crm')).toEqual(['due-soon']);
    app.cronJobManager.jobs.clear();
    app.cronJobManager.jobs.add(cronAt(NOW + 3_600_000));
    await world.sleeper.round();
    expect(world.slept).toEqual(['crm idle']);
    expect(world.noted).toEqual([
      ['crm', NOW + 200_000],
      ['crm', NOW + 3_600_000],
    ]);
  });

  it('that is over is forgotten', async () => {
    const world = new World();
    world.add('crm', { nextDueAt: new Date(NOW - 1).toISOString() });
    await world.sleeper.round();
    expect([world.noted, world.slept]).toEqual([[['crm', undefined]], ['crm idle']]);
  });

  it("of NocoBase's own housekeeping is none", async () => {
    const world = new World();
    const job = { ...cronAt(NOW), cronTime: { source: '0 0 2 * * *' }, _callbacks: [() => 'checkpointCleaner'] };
    world.add('crm').app.cronJobManager.jobs.add(job);
    await world.sleeper.round();
    expect([world.noted, world.slept]).toEqual([[], ['crm idle']]);
  });

  it('wakes an application a minute before it is due, in the background, and tries again', () => {
    const world = new World();
    world.add('crm', { nextDueAt: new Date(NOW + 61_000).toISOString() }, 'asleep');
    world.add('up', { nextDueAt: new Date(NOW).toISOString() });
    world.add('off', { nextDueAt: new Date(NOW).toISOString(), stoppedAt: 'x' }, 'stopped');
    world.waker.start();
    expect(world.woken).toEqual([]);
    jest.advanceTimersByTime(10_000);
    expect(world.woken).toEqual(['crm background']);
    jest.advanceTimersByTime(10_000);
    expect(world.woken).toHaveLength(2);
    world.waker.stop();
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('an eager application that failed', () => {
  it('is brought up again when its backoff is over, and nobody else is', () => {
    const world = new World();
    const { runner } = world.add('crm', { startMode: 'eager' }, 'failed');
    runner.mayTryAgain = false;
    world.add('lazy', {}, 'failed');
    world.add('broken', { startMode: 'eager' }, 'quarantined').runner.mayTryAgain = false;
    world.add('off', { startMode: 'eager' }, 'stopped');
    world.waker.look();
    expect(world.woken).toEqual([]);
    runner.mayTryAgain = true;
    world.waker.look();
    expect(world.woken).toEqual(['crm background']);
  });
});

describe('an application that failed since its database was lost', () => {
  it.each([
    ['lazy', 'background'],
    ['manual', 'start'],
  ] as const)('comes back without a visit when its backoff is over (%s)', (startMode, how) => {
    const world = new World();
    const { runner } = world.add('crm', { startMode }, 'failed');
    world.lost.add('crm');
    runner.mayTryAgain = false;
    world.waker.look();
    expect(world.woken).toEqual([]);
    runner.mayTryAgain = true;
    world.waker.look();
    expect(world.woken).toEqual([`crm ${how}`]);
  });
});

describe('a heap near its limit', () => {
  it('puts applications to sleep at once, the one with the largest growth first, and not again for a while', async () => {
    const world = new World();
    for (const name of ['old', 'hog', 'new', 'held']) world.add(name);
    (world.runners.get('held') as unknown as { flight: { requests: number } }).flight.requests = 1;
    world.sleeper.start();
    world.sleeper.memoryPressed('high', new Map([['hog', 1_000]]));
    await jest.advanceTimersByTimeAsync(10);
    expect(world.slept).toEqual(['hog memory']);
    world.sleeper.memoryPressed('critical', new Map());
    await jest.advanceTimersByTimeAsync(10);
    expect(world.slept).toEqual(['hog memory']);
    await jest.advanceTimersByTimeAsync(5_000);
    world.sleeper.memoryPressed('critical', new Map());
    await jest.advanceTimersByTimeAsync(10);
    expect([...world.slept].sort()).toEqual(['hog memory', 'new memory', 'old memory']);
    world.sleeper.stop();
  });

  describe('if it is critical while an application with the largest growth is in use', () => {
    const GROWTH = new Map([['hog', 1_000]]);

    /** A world with an application that fills the heap during a request. */
    function hogWorld(): World {
      const world = new World();
      world.add('hog').runner.flight.requests = 1;
      world.add('used').runner.flight.requests = 1;
      world.sleeper.start();
      return world;
    }

    it('takes that one down at once if no other may sleep', async () => {
      const world = hogWorld();
      world.sleeper.memoryPressed('critical', GROWTH);
      await jest.advanceTimersByTimeAsync(10);
      expect([world.takenDown, world.slept]).toEqual([['hog APP_MEMORY_EXHAUSTED'], []]);
      world.sleeper.stop();
    });

    it('lets the others sleep first, and takes it down if that was not enough', async () => {
      const world = hogWorld();
      world.add('idle');
      world.sleeper.memoryPressed('critical', GROWTH);
      await jest.advanceTimersByTimeAsync(10);
      expect([world.takenDown, world.slept]).toEqual([[], ['idle memory']]);
      world.sleeper.memoryPressed('critical', GROWTH);
      expect(world.takenDown).toEqual([]);
      await jest.advanceTimersByTimeAsync(2_000);
      // Others that come up again and again do not keep it.
      world.add('next');
      world.sleeper.memoryPressed('critical', GROWTH);
      await jest.advanceTimersByTimeAsync(10);
      expect(world.takenDown).toEqual(['hog APP_MEMORY_EXHAUSTED']);
      world.sleeper.stop();
    });

    it('takes one down at a time, however long that takes', async () => {
      const world = hogWorld();
      let ended = () => undefined as void;
      (world.runners.get('hog') as unknown as { takeDown: () => Promise<void> }).takeDown = () => {
        world.takenDown.push('hog begins');
        return new Promise<void>((resolve) => {
          ended = resolve;
        });
      };
      const growth = new Map([...GROWTH, ['used', 10]] as [string, number][]);
      for (let look = 0; look < 3; look += 1) {
        world.sleeper.memoryPressed('critical', growth);
        await jest.advanceTimersByTimeAsync(2_000);
      }
      expect(world.takenDown).toEqual(['hog begins']);
      (world.runners.get('hog') as unknown as { state: string }).state = 'failed';
      ended();
      await jest.advanceTimersByTimeAsync(1);
      world.sleeper.memoryPressed('critical', growth);
      expect(world.takenDown).toEqual(['hog begins', 'used APP_MEMORY_EXHAUSTED']);
      world.sleeper.stop();
    });

    it('takes it down while a round waits for the database of another application', async () => {
      const world = hogWorld();
      world.add('slow').runner.sleep = () => new Promise(() => undefined);
      void world.sleeper.round();
      await jest.advanceTimersByTimeAsync(10);
      world.sleeper.memoryPressed('critical', GROWTH);
      await jest.advanceTimersByTimeAsync(2_000);
      world.sleeper.memoryPressed('critical', GROWTH);
      expect(world.takenDown).toEqual(['hog APP_MEMORY_EXHAUSTED']);
      world.sleeper.stop();
    });

    it('takes none down if the growth is that of none, or of one that is not running', async () => {
      const world = hogWorld();
      world.add('gone', {}, 'asleep');
      for (const growth of [new Map(), new Map([['gone', 1_000]])]) {
        world.sleeper.memoryPressed('critical', growth);
        await jest.advanceTimersByTimeAsync(2_000);
      }
      expect(world.takenDown).toEqual([]);
      world.sleeper.stop();
    });

    it('takes none down if the pressure is high only', async () => {
      const world = hogWorld();
      for (let round = 0; round < 3; round += 1) {
        world.sleeper.memoryPressed('high', GROWTH);
        await jest.advanceTimersByTimeAsync(5_000);
      }
      expect(world.takenDown).toEqual([]);
      world.sleeper.stop();
    });
  });

  it('does nothing once the sleeper has stopped', async () => {
    const world = new World();
    world.add('crm').runner.flight.requests = 1;
    world.add('idle');
    world.sleeper.memoryPressed('critical', new Map([['crm', 1_000]]));
    expect(world.takenDown).toEqual([]);
    await jest.advanceTimersByTimeAsync(10);
    expect(world.slept).toEqual([]);
  });
});

describe('the limits', () => {
  it('are looked at when an application has come up', async () => {
    const world = new World({ APP_SUPERVISOR_MAX_RUNNING: '1' });
    world.add('old').runner.lastActiveAt = NOW - 2_000;
    world.add('new').runner.lastActiveAt = NOW - 1_000;
    world.sleeper.limitsMayBePassed();
    expect(jest.getTimerCount()).toBe(0);
    world.sleeper.start();
    world.sleeper.limitsMayBePassed();
    world.sleeper.limitsMayBePassed();
    await jest.advanceTimersByTimeAsync(0);
    expect(world.slept).toEqual(['old running-limit']);
    world.sleeper.stop();
  });

  it('take the next when the least used one is at work, which only a closer look shows', async () => {
    const world = new World({ APP_SUPERVISOR_MAX_RUNNING: '1' });
    const { app } = world.add('first');
    app.pm.get = ((name: string) => (name === 'backups' ? { enabled: true } : undefined)) as never;
    Object.assign(app, { db: { getModel: () => ({ findOne: () => Promise.reject(new Error('gone')) }) } });
    world.add('second').runner.lastActiveAt = NOW - 1_000;
    await world.sleeper.round();
    expect(world.slept).toEqual(['second running-limit']);
    expect(world.sleeper.awakeBecause('first')).toEqual(['busy']);
  });

  it('say once how many applications are forced awake above them', async () => {
    const world = new World({ APP_SUPERVISOR_MAX_RUNNING: '1' });
    for (const name of ['a', 'b', 'c']) world.add(name, { keepAwake: true });
    await world.sleeper.round();
    await world.sleeper.round();
    expect(world.said).toEqual([expect.stringMatching(/^2 applications run above the limit of 1/)]);
    expect(world.slept).toEqual([]);
  });

  it('of memory put a few to sleep, and then wait', async () => {
    const world = new World({ APP_SUPERVISOR_MAX_MEMORY: '500', APP_SUPERVISOR_IDLE_TIMEOUT: '0' });
    for (const name of ['a', 'b', 'c']) world.add(name).runner.lastActiveAt = NOW - 120_000;
    world.memoryMb = 501;
    await world.sleeper.round();
    await world.sleeper.round();
    expect(world.slept).toEqual(['a memory']);
    jest.setSystemTime(NOW + 30_000);
    await world.sleeper.round();
    expect(world.slept).toEqual(['a memory', 'b memory']);
    world.memoryMb = 400;
    jest.setSystemTime(NOW + 1e7);
    await world.sleeper.round();
    expect(world.slept).toHaveLength(2);
  });
});
