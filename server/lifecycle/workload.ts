import type { Application } from '@nocobase/server';
import type { BusyKind, ScheduledKind, Workload } from '../../src/policies/idle';
import { isBackingUp } from './backup-work';
import { withDeadline } from './deadline';
import { nextByCron, readDueTimes, type DueSources } from './due-times';

/**
 * What an application's instance is doing, and is going to do, read from where NocoBase 2.2 keeps it. Nothing in the
 * core lists it in one place. Everything is read as if it may be missing or of another shape: a plugin that is not
 * there has no work; one that is there and cannot be read makes the application `unreadable`, which counts as busy.
 */

/** The instance's pieces, as far as they are read here. */
interface Queue {
  queues?: Map<string, unknown[]>;
  reading?: Map<string, unknown[]>;
  events?: Map<string, unknown>;
}

interface CronJob {
  cronTime?: { source?: unknown };
  _callbacks?: unknown[];
  nextDate?: () => { toMillis(): number };
}

interface WorkflowPlugin {
  enabled?: boolean;
  dispatcher?: { executing?: unknown; saving?: unknown; recovering?: unknown; events?: unknown[] };
  runningExecutionRegistry?: { executions?: Map<unknown, unknown> };
  timeoutManager?: { nextExpiresAt?: Date | null };
  enabledCache?: Map<unknown, { type?: unknown; config?: { mode?: unknown } }>;
  triggers?: { get(type: string): { modes?: Map<number, { timers?: Keyed; cache?: Keyed }> } | undefined };
  instructions?: { get(type: string): { timers?: Keyed } | undefined };
}

type Keyed = Map<string, unknown>;

/** Modes of the schedule trigger. */
const STATIC = 0;
const DATE_FIELD = 1;

/** A workload being read. */
class Reading {
  readonly busy = new Set<BusyKind>();
  readonly scheduled = new Set<ScheduledKind>();
  nextDueAt?: number;

  due(kind: ScheduledKind, at: number | undefined): void {
    this.scheduled.add(kind);
    if (at !== undefined && Number.isFinite(at)) this.nextDueAt = Math.min(at, this.nextDueAt ?? Infinity);
  }

  /** What throws could not be read. */
  part(read: () => void): void {
    try {
      read();
    } catch {
      this.busy.add('unreadable');
    }
  }
}

/** The size of a map, a set or a list. @throws where there is none */
function sizeOf(value: { size?: number; length?: number } | undefined): number {
  const size = value?.size ?? value?.length;
  if (typeof size !== 'number') throw new Error('unreadable');
  return size;
}

/** Keys of the timers of scheduled workflows end with the time: `<workflow>@<epoch ms>`. */
function earliest(timers: Keyed | undefined): number | undefined {
  let first: number | undefined;
  for (const key of timers?.keys() ?? []) {
    const at = Number(key.slice(key.lastIndexOf('@') + 1));
    if (Number.isFinite(at)) first = Math.min(at, first ?? Infinity);
  }
  return first;
}

/**
 * Jobs that NocoBase's own plugins have in every application to tidy up after themselves; they would keep each one
 * awake for ever. What they tidy is not less tidy when it waits for the next time that the application is awake at
 * that hour. As of 2.2.15 there is one: plugin-ai removes old checkpoints of its conversations at two in the night.
 */
const HOUSEKEEPING: readonly { cronTime: string; mark: RegExp }[] = [
  { cronTime: '0 0 2 * * *', mark: /checkpointCleaner/ },
];

function isHousekeeping(job: CronJob): boolean {
  const [callback] = job._callbacks ?? [];
  const text = typeof callback === 'function' ? callback.toString() : '';
  return HOUSEKEEPING.some(({ cronTime, mark }) => job.cronTime?.source === cronTime && mark.test(text));
}

function readQueue(app: Application, reading: Reading): void {
  const { adapter } = app.eventQueue as unknown as { adapter?: Queue };
  if (!adapter) return;
  const { queues, reading: underWay, events } = adapter;
  if (!queues || !underWay || !events) throw new Error('another adapter than the one in memory');
  // What nobody takes any longer, e.g. of a plugin that was disabled, waits on disk as it waits here.
  for (const [channel, jobs] of queues) if (events.has(channel) && jobs.length) reading.busy.add('queue');
  for (const jobs of underWay.values()) if (jobs.length) reading.busy.add('queue');
}

function readCron(app: Application, reading: Reading): void {
  const jobs = app.cronJobManager.jobs as unknown as Set<CronJob>;
  for (const job of jobs) if (!isHousekeeping(job)) reading.due('cron', job.nextDate?.().toMillis());
}

function readWorkflows(app: Application, reading: Reading): void {
  const plugin = app.pm.get('workflow') as unknown as WorkflowPlugin | undefined;
  if (!plugin?.enabled) return;
  const { dispatcher, runningExecutionRegistry, timeoutManager, triggers, instructions, enabledCache } = plugin;
  if (!dispatcher || !timeoutManager || !triggers || !instructions || !enabledCache) throw new Error('unreadable');
  const { executing, saving, recovering, events } = dispatcher;
  const running = sizeOf(runningExecutionRegistry?.executions) + sizeOf(events);
  if (executing || saving || recovering || running > 0) reading.busy.add('workflow');
  if (timeoutManager.nextExpiresAt) reading.due('execution-timeout', timeoutManager.nextExpiresAt.getTime());

  const { modes } = triggers.get('schedule') ?? {};
  if (!modes) throw new Error('unreadable');
  const timers = modes.get(STATIC)?.timers;
  if (sizeOf(timers) > 0) reading.due('schedule', earliest(timers));
  const byDate = [...enabledCache.values()].some(({ type, config }) => {
    return type === 'schedule' && config?.mode === DATE_FIELD;
  });
  if (byDate) reading.due('schedule', earliest(modes.get(DATE_FIELD)?.cache));

  const delay = instructions.get('delay');
  if (delay && sizeOf(delay.timers) > 0) reading.due('delay', undefined);
}

function readTasks(app: Application, reading: Reading): void {
  const plugin = app.pm.get('async-task-manager') as unknown as { enabled?: boolean } | undefined;
  if (!plugin?.enabled) return;
  const manager = app.container.get<{ tasks?: Map<unknown, unknown> } | undefined>('AsyncTaskManager');
  if (sizeOf(manager?.tasks) > 0) reading.busy.add('task');
}

interface Pooled {
  sequelize?: { connectionManager?: { pool?: { using?: unknown; waiting?: unknown } } };
}

/** Whoever has a connection in hand, or waits for one, is at work. */
function readDatabases(app: Application, reading: Reading): void {
  for (const source of app.dataSourceManager.dataSources.values()) {
    const { db } = (source.collectionManager ?? {}) as { db?: Pooled };
    if (!db) continue;
    const { using = 0, waiting = 0 } = db.sequelize?.connectionManager?.pool ?? {};
    if (Number(using) + Number(waiting) > 0) reading.busy.add('database');
  }
}

interface Locks {
  adapters?: Map<string, { constructor: { locks?: Map<string, { isLocked(): boolean }> } }>;
}

/** The automatic backup holds this lock while it is at work. */
function readLocks(app: Application, reading: Reading): void {
  const { adapters } = app.lockManager as unknown as Locks;
  const lock = adapters?.get('local')?.constructor.locks?.get(`backup:auto-task:${app.name}`);
  if (lock?.isLocked()) reading.busy.add('backup');
}

function readMemory(app: Application): Reading {
  const reading = new Reading();
  if (app.activatedCommand) reading.busy.add('command');
  if (isBackingUp(app)) reading.busy.add('backup');
  reading.part(() => readQueue(app, reading));
  reading.part(() => readCron(app, reading));
  reading.part(() => readWorkflows(app, reading));
  reading.part(() => readTasks(app, reading));
  reading.part(() => readDatabases(app, reading));
  reading.part(() => readLocks(app, reading));
  return reading;
}

const finish = ({ busy, scheduled, nextDueAt }: Reading): Workload => ({
  busy: [...busy],
  scheduled: [...scheduled],
  nextDueAt: scheduled.size ? nextDueAt : undefined,
});

/**
 * What can be seen without asking a database; cheap enough for every look. Delays, scheduled backups and records
 * with a date show themselves here in part only.
 */
export function glanceAtWorkload(app: Application): Workload {
  return finish(readMemory(app));
}

const READ_DEADLINE_MS = 10_000;

/**
 * All of it, with what stands in the application's database. Asked only of an application that is about to be put to
 * sleep: it would keep connections open otherwise.
 * @param upSince epoch milliseconds at which the instance came up
 */
export async function readWorkload(app: Application, upSince: number, now: number): Promise<Workload> {
  const reading = readMemory(app);
  // Its own question would look like work.
  const before = finish(reading);
  const sources: DueSources = { upSince, now, nextByCron: (expression) => nextByCron(app, expression, now) };
  try {
    const found = await withDeadline(readDueTimes(app, sources), READ_DEADLINE_MS, () => new Error('late'));
    for (const kind of found.busy) reading.busy.add(kind);
    // Which of the delays is the first to end, and which record comes next, is known only now.
    for (const { kind, at } of found.due) reading.due(kind, at);
    if (found.due.some(({ at }) => at === undefined)) return { ...finish(reading), nextDueAt: undefined };
  } catch {
    return { ...before, busy: [...new Set([...before.busy, 'unreadable' as const])] };
  }
  return finish(reading);
}
