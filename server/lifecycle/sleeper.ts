import type { Application } from '@nocobase/server';
import type { AppRecord } from '../../src/app-record';
import { appsToEvict, NO_RELIEF, type Eviction, type EvictionConfig } from '../../src/policies/eviction';
import { AppError } from '../../src/errors';
import {
  heldUnder,
  memoryHog,
  urgentSleepers,
  type HeapGrowth,
  type HeapPressure,
} from '../../src/policies/memory-pressure';
import {
  awakeBecause,
  heldBecause,
  idleApps,
  type AppSnapshot,
  type AwakeReason,
  type Workload,
} from '../../src/policies/idle';
import type { SupervisorConfig } from '../config';
import type { AppRunner } from './app-runner';
import type { SleepReason } from './runner-host';
import { glanceAtWorkload, readWorkload } from './workload';

/** What the sleeper needs of the process around it. */
export interface SleeperHost {
  config: SupervisorConfig;
  runners: ReadonlyMap<string, AppRunner>;
  supervisor: { apps: Record<string, Application>; logger: { info(text: string): void; warn(text: string): void } };
  record(name: string): AppRecord | undefined;
  /** Remembers in the row when the next of an application's own work is due; undefined means none. */
  noteDue(name: string, at: number | undefined): Promise<void>;
}

/** For this long nobody who came up is put to sleep again. */
const MIN_UPTIME_MS = 60_000;
/** A nap shorter than this costs more than it saves. It is longer than the lead with which the waker wakes. */
const MIN_NAP_MS = 5 * 60_000;
const MEMORY_QUIET_MS = 60_000;
const MEMORY_PAUSE_MS = 30_000;
/** Between two rounds for the pressure of the heap, in milliseconds. */
const URGENT_PAUSE_MS = { none: 0, high: 5_000, critical: 2_000 } as const;
/** Pressure that is critical again within this time was not relieved by the applications that were put to sleep. */
const STILL_CRITICAL_MS = 30_000;
/** How long the requests of an application may still take that is taken down for its memory. */
const HOG_DRAIN_MS = 1_000;
/** Who was looked at more closely and must stay awake is asked no further questions for this long. */
const LOOK_AGAIN_MS = 2 * 60_000;

export function evictionConfig(config: SupervisorConfig): EvictionConfig {
  return {
    idleTimeoutMs: config.idleTimeoutMs,
    minUptimeMs: MIN_UPTIME_MS,
    minNapMs: MIN_NAP_MS,
    maxRunning: config.maxRunning,
    maxMemoryMb: config.maxMemoryMb,
    memoryQuietMs: MEMORY_QUIET_MS,
    memoryPauseMs: MEMORY_PAUSE_MS,
  };
}

/** What a closer look at an application found. */
interface Look extends Workload {
  /** Which instance it was. */
  upSince: number;
  until: number;
}

type Choice = (apps: readonly AppSnapshot[]) => readonly { name: string; reason: SleepReason }[];

/**
 * Looks again and again which applications may sleep, and puts them to sleep: the idle ones, and the least used ones
 * where a limit is reached. What it decides by stands in `src/policies/idle.ts` and `eviction.ts`. Whoever is chosen is
 * looked at more closely, and once more at the last moment, inside the application's own queue.
 */
export class Sleeper {
  private timer?: NodeJS.Timeout;
  private rounds: Promise<unknown> = Promise.resolve();
  private asked = false;
  private relief = NO_RELIEF;
  private reportedAbove = 0;
  private pressed?: { pressure: HeapPressure; growth: HeapGrowth };
  private urgentAt = 0;
  private criticalAt = 0;
  private takingDown = false;
  private readonly looks = new Map<string, Look>();
  private readonly policy: EvictionConfig;

  constructor(
    private readonly host: SleeperHost,
    private readonly memoryMb: () => number = () => process.memoryUsage.rss() / 2 ** 20,
  ) {
    this.policy = evictionConfig(host.config);
  }

  start(): void {
    if (this.timer) return;
    this.timer = setInterval(() => void this.round(), this.host.config.sleepIntervalMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** An application has come up: the limits are looked at as soon as its boot is through. */
  limitsMayBePassed(): void {
    if (this.asked || !this.timer) return;
    this.asked = true;
    setImmediate(() => {
      this.asked = false;
      void this.enqueue(() => this.keepLimits());
    });
  }

  /** The heap is near its limit: applications sleep at once, not at the next regular look. */
  memoryPressed(pressure: HeapPressure, growth: HeapGrowth): void {
    const now = Date.now();
    if (!this.timer || now - this.urgentAt < URGENT_PAUSE_MS[pressure]) return;
    this.urgentAt = now;
    this.pressed = { pressure, growth };
    void this.enqueue(() => this.relieveHeap());
    if (pressure !== 'critical') return;
    const again = now - this.criticalAt < STILL_CRITICAL_MS;
    this.criticalAt = now;
    const apps = this.snapshots();
    // Not in the queue: its looks at applications may take longer than the memory lasts.
    if (again || urgentSleepers(apps, pressure, growth, this.policy, now).length === 0) this.takeHogDown(apps, growth);
  }

  /** One at a time: the next one only after a collection has shown that this one was not enough. */
  private takeHogDown(apps: readonly AppSnapshot[], growth: HeapGrowth): void {
    const name = memoryHog(apps, growth);
    if (this.takingDown || name === undefined) return;
    const runner = this.host.runners.get(name);
    if (!runner) return;
    this.takingDown = true;
    const { logger } = this.host.supervisor;
    const error = new AppError('APP_MEMORY_EXHAUSTED', { name });
    logger.warn(error.message);
    const failed = (failure: unknown) => logger.warn(`application "${name}" was not taken down: ${String(failure)}`);
    const end = () => {
      this.takingDown = false;
    };
    runner.takeDown(error, HOG_DRAIN_MS).catch(failed).finally(end);
  }

  private async relieveHeap(): Promise<void> {
    const { pressure, growth } = this.pressed ?? { pressure: 'none', growth: new Map<string, number>() };
    this.pressed = undefined;
    if (pressure === 'none') return;
    this.host.supervisor.logger.warn(`the heap is near its limit (${pressure}): applications are put to sleep`);
    const choose: Choice = (apps) =>
      urgentSleepers(apps, pressure, growth, this.policy, Date.now()).map((name) => ({ name, reason: 'memory' }));
    await this.act(choose, (app, now) => heldUnder(pressure, app, this.policy, now));
  }

  /** One look at everything. Rounds do not overlap, and never reject. */
  round(): Promise<void> {
    return this.enqueue(async () => {
      await this.noteSchedules();
      const idle: Choice = (apps) => idleApps(apps, this.policy, Date.now()).map((name) => ({ name, reason: 'idle' }));
      await this.act(idle, (app, now) => awakeBecause(app, this.policy, now));
      await this.keepLimits();
    });
  }

  /** Why an application is not asleep; undefined when it does not run. */
  awakeBecause(name: string): AwakeReason[] | undefined {
    const app = this.snapshot(name);
    return app?.state === 'running' ? awakeBecause(app, this.policy, Date.now()) : undefined;
  }

  /** Whether a running application does work of its own at this moment. */
  isBusy(name: string): boolean {
    const instance = this.host.runners.get(name)?.state === 'running' ? this.host.supervisor.apps[name] : undefined;
    return instance !== undefined && glanceAtWorkload(instance).busy.length > 0;
  }

  private enqueue(work: () => Promise<void>): Promise<void> {
    const run = this.rounds.then(() => this.guard(work()));
    this.rounds = run;
    return run;
  }

  /** What goes wrong with one application is said, and keeps nobody else awake. */
  private async guard(work: Promise<unknown>): Promise<void> {
    await work.catch((error: unknown) => this.host.supervisor.logger.warn(`sleep: ${String(error)}`));
  }

  private async keepLimits(): Promise<void> {
    let eviction: Eviction | undefined;
    const choose: Choice = (apps) => {
      const snapshot = { apps, memoryMb: this.memoryMb(), relief: this.relief };
      eviction = appsToEvict(snapshot, this.policy, Date.now());
      return eviction.asleep;
    };
    await this.act(choose, (app, now) => heldBecause(app, this.policy, now));
    if (!eviction) return;
    this.relief = eviction.relief;
    this.report(eviction.aboveLimit);
  }

  /** Said once each time it changes. */
  private report(above: number): void {
    if (above === this.reportedAbove) return;
    this.reportedAbove = above;
    if (above === 0) return;
    const { maxRunning } = this.host.config;
    this.host.supervisor.logger.warn(
      `${above} applications run above the limit of ${maxRunning}: all others are in use, have just come up, or are kept awake`,
    );
  }

  /** Chooses, looks at the chosen more closely, chooses again, until all the chosen are known well; then they sleep. */
  private async act(choose: Choice, held: (app: AppSnapshot, now: number) => AwakeReason[]): Promise<void> {
    const apps = new Map(this.snapshots().map((app) => [app.name, app]));
    const known = new Set<string>();
    let chosen = choose([...apps.values()]);
    for (;;) {
      const next = chosen.find(({ name }) => !known.has(name));
      if (!next) break;
      known.add(next.name);
      const closer = await this.lookCloser(next.name);
      if (closer) apps.set(next.name, closer);
      else apps.delete(next.name);
      chosen = choose([...apps.values()]);
    }
    for (const { name, reason } of chosen) await this.guard(this.putToSleep(apps.get(name), reason, held));
  }

  private async lookCloser(name: string): Promise<AppSnapshot | undefined> {
    const instance = this.host.supervisor.apps[name];
    const app = this.snapshot(name);
    if (!instance || app?.state !== 'running') return app;
    const work = await readWorkload(instance, app.upSince, Date.now());
    this.looks.set(name, { ...work, upSince: app.upSince, until: Date.now() + LOOK_AGAIN_MS });
    if (!work.busy.includes('unreadable')) await this.noteSchedule(name, work);
    return { ...app, ...work };
  }

  private async putToSleep(
    known: AppSnapshot | undefined,
    reason: SleepReason,
    held: (app: AppSnapshot, now: number) => AwakeReason[],
  ): Promise<void> {
    const runner = known && this.host.runners.get(known.name);
    if (!known || !runner) return;
    const { name, nextDueAt } = known;
    // Before it sleeps, and exactly: nobody would wake it for its work otherwise.
    await this.host.noteDue(name, nextDueAt);
    const asleep = await runner.sleep(reason, () => {
      const now = this.snapshot(name);
      // What it does may have changed; when its work is due was asked of its database a moment ago.
      return now !== undefined && held({ ...now, nextDueAt }, Date.now()).length === 0;
    });
    if (asleep) this.host.supervisor.logger.info(`application "${name}" sleeps: ${reason}`);
  }

  /**
   * Leaves word in the rows of applications that have work of their own ahead, so that a new process brings them up for
   * it although nobody visits them.
   */
  private async noteSchedules(): Promise<void> {
    for (const name of this.host.runners.keys()) {
      const app = this.snapshot(name);
      if (app?.state === 'running' && app.scheduled.length > 0) await this.guard(this.noteSchedule(name, app));
    }
    for (const name of this.looks.keys()) {
      if (this.host.runners.get(name)?.state !== 'running') this.looks.delete(name);
    }
  }

  /** Too early is good enough while it is awake: a row is not written anew for each time that comes. */
  private async noteSchedule(name: string, { scheduled, nextDueAt = Date.now() }: Workload): Promise<void> {
    const noted = this.host.record(name)?.nextDueAt;
    if (scheduled.length === 0) return this.host.noteDue(name, undefined);
    if (noted === undefined || Date.parse(noted) > nextDueAt) await this.host.noteDue(name, nextDueAt);
  }

  private snapshots(): AppSnapshot[] {
    return [...this.host.runners.keys()].flatMap((name) => {
      const app = this.snapshot(name);
      return app ? [this.withHope(app)] : [];
    });
  }

  private snapshot(name: string): AppSnapshot | undefined {
    const record = this.host.record(name);
    const runner = this.host.runners.get(name);
    if (!record || !runner) return undefined;
    const { state, since } = runner.describe();
    const instance = state === 'running' ? this.host.supervisor.apps[name] : undefined;
    const work = instance ? this.withLook(name, since, glanceAtWorkload(instance)) : { busy: [], scheduled: [] };
    return {
      name,
      state,
      startMode: record.startMode,
      keepAwake: record.keepAwake === true,
      idleTimeoutMs: record.idleTimeout === undefined ? undefined : record.idleTimeout * 1_000,
      onSchedule: record.onSchedule ?? 'stay-awake',
      upSince: since,
      lastActiveAt: runner.lastActiveAt,
      requestsInFlight: runner.flight.requests,
      ...work,
    };
  }

  /** When its work is due is not always seen at a glance: it is hoped to be late, and the closer look tells. */
  private withHope(app: AppSnapshot): AppSnapshot {
    const unasked = app.scheduled.length > 0 && app.nextDueAt === undefined && !this.freshLook(app);
    return unasked ? { ...app, nextDueAt: Infinity } : app;
  }

  private freshLook({ name, upSince }: Pick<AppSnapshot, 'name' | 'upSince'>): Look | undefined {
    const look = this.looks.get(name);
    return look && look.upSince === upSince && look.until >= Date.now() ? look : undefined;
  }

  /** What is seen at a glance, and what the last closer look found besides. */
  private withLook(name: string, upSince: number, seen: Workload): Workload {
    const look = this.freshLook({ name, upSince });
    if (!look) return seen;
    return {
      busy: [...new Set([...seen.busy, ...look.busy])],
      scheduled: [...new Set([...seen.scheduled, ...look.scheduled])],
      nextDueAt: look.scheduled.length ? look.nextDueAt : seen.nextDueAt,
    };
  }
}
