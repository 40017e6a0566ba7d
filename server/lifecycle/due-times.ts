import type { Application } from '@nocobase/server';
import { Op, type Model, type ModelStatic, type WhereOptions } from 'sequelize';
import type { BusyKind, ScheduledKind } from '../../src/policies/idle';

/** What stands in an application's database of its work: the part of the workload that costs a query. */

export interface DueSources {
  upSince: number;
  now: number;
  nextByCron: (expression: string) => number | undefined;
}

export interface Found {
  busy: BusyKind[];
  /** Without a time where there is work whose time cannot be told. */
  due: { kind: ScheduledKind; at?: number }[];
}

/** `JOB_STATUS.PENDING` and `EXECUTION_STATUS.STARTED` of plugin-workflow; `QUEUEING` is null. */
const PENDING = 0;
const STARTED = 0;

/** More rows than these are not looked at one by one: then it is not known when the first is due. */
const MAX_ROWS = 1_000;

/**
 * Nodes whose pending jobs wait for a person, for other nodes, or for a time (`delay`, which is read as such). Every
 * other pending job may be at work in this instance: a request, a mail, a script, a language model.
 */
const WAITING_NODES = ['manual', 'approval', 'loop', 'parallel', 'subflow', 'condition', 'multi-conditions'];

/** Work in the background of an instance takes no longer; a node of an unknown kind waits for something then. */
const LONGEST_WORK_MS = 60 * 60_000;

type Row = Record<string, unknown>;

function time(value: unknown): number {
  return new Date(value as string | number | Date).getTime();
}

interface CronReader {
  triggers?: { get(type: string): { modes?: Map<number, { getNextTime?: NextTime }> } | undefined };
}
type NextTime = (workflow: object, now: Date) => number | null;

/**
 * The next time after `now` by a cron expression, as NocoBase's schedules read it; undefined for none. (The library
 * behind `cronJobManager` reads another dialect: its months begin with 0.)
 */
export function nextByCron(app: Application, expression: string, now: number): number | undefined {
  try {
    const trigger = (app.pm.get('workflow') as unknown as CronReader | undefined)?.triggers?.get('schedule');
    const schedule = { config: { startsOn: '1970-01-01T00:00:00.000Z', repeat: expression }, stats: { executed: 0 } };
    return trigger?.modes?.get(0)?.getNextTime?.(schedule, new Date(now)) ?? undefined;
  } catch {
    return undefined;
  }
}

async function readJobs(app: Application, { upSince, now }: DueSources, found: Found): Promise<void> {
  const jobs = await app.db.getModel('jobs').findAll({
    attributes: ['createdAt', 'result'],
    where: { status: PENDING },
    include: [
      { association: 'execution', attributes: [], where: { status: STARTED }, required: true },
      {
        association: 'node',
        attributes: ['type'],
        where: { type: { [Op.notIn]: WAITING_NODES } },
        required: true,
      },
    ],
    limit: MAX_ROWS,
  });
  if (jobs.length === MAX_ROWS) found.due.push({ kind: 'delay' });
  for (const job of jobs) {
    const createdAt = time(job.get('createdAt'));
    const { type } = (job.get('node') ?? {}) as { type?: string };
    if (type === 'delay') found.due.push({ kind: 'delay', at: createdAt + Number(job.get('result')) });
    // What an earlier instance began, nobody goes on with.
    else if (createdAt >= upSince && now - createdAt < LONGEST_WORK_MS) found.busy.push('workflow');
  }
}

/** Executions that were created and have not found their way into the queue yet. */
async function readExecutions(app: Application, found: Found): Promise<void> {
  const waiting = await app.db.getModel('executions').findOne({
    attributes: ['id'],
    where: { dispatched: false, status: { [Op.is]: null } },
    include: [{ association: 'workflow', attributes: [], where: { enabled: true }, required: true }],
  } as never);
  if (waiting) found.busy.push('workflow');
}

/** A date field, and how far from it: `{field, offset, unit}`; or a fixed date. */
interface DateOption {
  field?: string;
  offset?: number;
  unit?: number;
}

interface DateSchedule {
  collection?: string;
  startsOn?: DateOption;
  endsOn?: DateOption | string;
  repeat?: number | string | null;
  limit?: number;
}

function shifted(value: unknown, { offset = 0, unit = 86_400_000 }: DateOption): number | undefined {
  if (value === null || value === undefined) return undefined;
  const at = Math.floor(time(value) / 1_000) * 1_000 + offset * unit;
  return Number.isFinite(at) ? at : undefined;
}

/** When a schedule fires next for one record; undefined for never. The rules are those of the schedule trigger. */
export function nextForRecord(
  start: number | undefined,
  end: number | undefined,
  repeat: DateSchedule['repeat'],
  { now, nextByCron: cron }: Pick<DueSources, 'now' | 'nextByCron'>,
): number | undefined {
  if (start === undefined) return undefined;
  let next: number | undefined;
  if (start >= now) next = start;
  else if (typeof repeat === 'number' && repeat > 0) next = now + repeat - ((now - start) % repeat);
  else if (typeof repeat === 'string' && repeat) next = cron(repeat);
  return next !== undefined && end !== undefined && end < next ? undefined : next;
}

interface WorkflowRow {
  type?: string;
  config?: DateSchedule & { mode?: number };
  stats?: { executed?: number };
}

/** Scheduled workflows whose times are the dates of records. */
async function readDateSchedules(app: Application, sources: DueSources, found: Found): Promise<void> {
  const plugin = app.pm.get('workflow') as unknown as { enabledCache: Map<unknown, WorkflowRow> };
  for (const { type, config, stats } of plugin.enabledCache.values()) {
    if (type !== 'schedule' || config?.mode !== 1) continue;
    const { collection, startsOn, endsOn, repeat, limit } = config;
    if (!collection || !startsOn?.field || (limit && (stats?.executed ?? 0) >= limit)) continue;
    const model = modelOf(app, collection);
    if (!model) {
      found.due.push({ kind: 'schedule' });
      continue;
    }
    const endField = typeof endsOn === 'object' ? endsOn?.field : undefined;
    const fixedEnd = typeof endsOn === 'string' ? time(endsOn) : undefined;
    const earliestStart = new Date(sources.now - (startsOn.offset ?? 0) * (startsOn.unit ?? 86_400_000));
    // Without repetition only what is still ahead counts.
    const where: WhereOptions = { [startsOn.field]: repeat ? { [Op.ne]: null } : { [Op.gte]: earliestStart } };
    const rows = (await model.findAll({
      attributes: [startsOn.field, ...(endField ? [endField] : [])],
      where,
      order: [[startsOn.field, 'ASC']],
      limit: MAX_ROWS,
      raw: true,
    })) as unknown as Row[];
    // In the order of their dates the first of those that do not repeat is among them; of the others it need not be.
    if (rows.length === MAX_ROWS && repeat) found.due.push({ kind: 'schedule' });
    for (const row of rows) {
      const end = endField && typeof endsOn === 'object' ? shifted(row[endField], endsOn) : fixedEnd;
      const at = nextForRecord(shifted(row[startsOn.field], startsOn), end, repeat, sources);
      if (at !== undefined) found.due.push({ kind: 'schedule', at });
    }
  }
}

/** The model behind `collection`, or `<data source>:collection`. */
function modelOf(app: Application, name: string): ModelStatic<Model> | undefined {
  const [first = '', second] = name.split(':');
  const source = app.dataSourceManager.dataSources.get(second === undefined ? 'main' : first);
  const manager = source?.collectionManager as unknown as
    { getCollection(name: string): { model?: ModelStatic<Model> } | undefined } | undefined;
  return manager?.getCollection(second ?? first)?.model;
}

interface CacheOf {
  keys?: () => Promise<string[]>;
  get(key: string): Promise<{ inProgress?: boolean } | undefined>;
}

/** Backups and restores of plugin-backups: the next by its schedule, and those under way. */
async function readBackups(app: Application, { nextByCron: cron }: DueSources, found: Found): Promise<void> {
  const settings = (await app.db.getModel('backupSettings').findOne({ raw: true })) as Row | null;
  const { scheduled, cron: expression } = settings ?? {};
  if (scheduled && typeof expression === 'string' && expression) {
    found.due.push({ kind: 'backup', at: cron(expression) });
  }
  const { caches } = app.cacheManager as unknown as { caches: Map<string, CacheOf> };
  for (const name of ['backup-task-results', 'restore-task-results']) {
    const cache = caches.get(name);
    for (const key of (await cache?.keys?.()) ?? []) {
      // Keys are listed with the prefix of the cache, and asked for without it.
      const state = await cache?.get(key.slice(key.indexOf(':') + 1));
      if (state?.inProgress) found.busy.push('backup');
    }
  }
}

function isEnabled(app: Application, plugin: string): boolean {
  return Boolean((app.pm.get(plugin) as unknown as { enabled?: boolean } | undefined)?.enabled);
}

export async function readDueTimes(app: Application, sources: DueSources): Promise<Found> {
  const found: Found = { busy: [], due: [] };
  if (isEnabled(app, 'workflow')) {
    await readJobs(app, sources, found);
    await readExecutions(app, found);
    await readDateSchedules(app, sources, found);
  }
  if (isEnabled(app, 'backups')) await readBackups(app, sources, found);
  return found;
}
