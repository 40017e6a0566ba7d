import type { Application } from '@nocobase/server';
import { ROUTINE_EVENTS, type AppEvent, type AppEventType } from '../src/events';

export const EVENTS_COLLECTION = 'applicationEvents';

/** Events that are kept of one application, give or take a few: as many of those that come by themselves, and of the rest. */
export const EVENTS_KEPT = 200;
/** Events older than this are forgotten, also those of removed applications. */
export const EVENT_DAYS = 90;

const WRITE_DELAY_MS = 300;
const MAX_UNWRITTEN = 2_000;
const PRUNE_EVERY = 20;
const MAX_MESSAGE = 4_000;
/** What Sequelize calls the failures that are no fault of the statement. */
const UNANSWERED = /Connection|Timeout|Acquire/;
const DAY_MS = 86_400_000;

type Row = Record<string, unknown>;

export interface EventQuery {
  limit: number;
  offset?: number;
  /** Of these types only. */
  types?: readonly AppEventType[];
  since?: Date;
}

/**
 * The timelines of all applications. What is told is kept in memory for a moment and written in batches: no boot, no
 * sleep and no visitor waits for it, and while the main application's database is away nothing but the oldest is lost.
 */
export class Timeline {
  private unwritten: AppEvent[] = [];
  private readonly sincePruned = new Map<string, number>();
  private timer?: NodeJS.Timeout;
  private writing: Promise<void> = Promise.resolve();
  private dropped = 0;

  constructor(private readonly mainApp: () => Application) {}

  /** Never throws, and waits for nothing. */
  tell(event: AppEvent): void {
    this.unwritten.push({ ...event, message: event.message?.slice(0, MAX_MESSAGE) });
    if (this.unwritten.length > MAX_UNWRITTEN) {
      this.unwritten.shift();
      this.dropped += 1;
    }
    this.schedule();
  }

  /** Writes what is not written yet; resolves also when that fails, and then it is tried again later. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.writing = this.writing.then(() => this.write());
    await this.writing;
  }

  /** The latest events of an application, newest first, and how many there are. */
  async list(
    application: string,
    { limit, offset = 0, types, since }: EventQuery,
  ): Promise<{ rows: Row[]; count: number }> {
    await this.flush();
    const filter = {
      application,
      ...(types && { type: { $in: types } }),
      ...(since && { at: { $gte: since } }),
    };
    const [rows, count] = await this.mainApp()
      .db.getRepository(EVENTS_COLLECTION)
      .findAndCount({ filter, sort: ['-id'], limit, offset });
    return { rows: rows.map((row: { toJSON(): Row }) => eventView(row.toJSON())), count };
  }

  /** Forgets what is too old. */
  async forgetOld(): Promise<void> {
    await this.mainApp()
      .db.getRepository(EVENTS_COLLECTION)
      .destroy({ filter: { at: { $dateBefore: new Date(Date.now() - EVENT_DAYS * DAY_MS) } } });
  }

  private schedule(): void {
    if (this.timer) return;
    this.timer = setTimeout(() => void this.flush(), WRITE_DELAY_MS);
    // What is not written when the process ends is written by its orderly end.
    this.timer.unref();
  }

  private async write(): Promise<void> {
    const batch = this.unwritten;
    if (!batch.length) return;
    this.unwritten = [];
    try {
      await this.insert(batch);
      if (this.dropped) this.warn(`${this.dropped} events were lost`);
      this.dropped = 0;
    } catch (error) {
      if (!isRefusal(error)) return this.putBack(batch);
      await this.insertSingly(batch);
    }
    await this.prune(batch).catch(() => undefined);
  }

  private async insert(events: readonly AppEvent[]): Promise<void> {
    const rows = events.map((event) => ({ ...event, at: new Date(event.at) }));
    await this.mainApp()
      .db.getModel(EVENTS_COLLECTION)
      .bulkCreate(rows as never, { hooks: false });
  }

  /** One that the database refuses must not keep back the others. */
  private async insertSingly(batch: readonly AppEvent[]): Promise<void> {
    for (const [index, event] of batch.entries()) {
      try {
        await this.insert([event]);
      } catch (error) {
        if (!isRefusal(error)) return this.putBack(batch.slice(index));
        this.warn(`an event of "${event.application}" was refused by the database: ${String(error)}`);
      }
    }
  }

  private putBack(batch: readonly AppEvent[]): void {
    this.unwritten = [...batch, ...this.unwritten].slice(-MAX_UNWRITTEN);
    this.schedule();
  }

  private warn(text: string): void {
    this.mainApp().log.warn(text, { module: 'app-supervisor' });
  }

  private async prune(batch: readonly AppEvent[]): Promise<void> {
    for (const { application } of batch) {
      this.sincePruned.set(application, (this.sincePruned.get(application) ?? 0) + 1);
    }
    for (const [application, count] of this.sincePruned) {
      if (count < PRUNE_EVERY) continue;
      this.sincePruned.delete(application);
      const repository = this.mainApp().db.getRepository(EVENTS_COLLECTION);
      for (const type of [{ $in: ROUTINE_EVENTS }, { $notIn: ROUTINE_EVENTS }]) {
        const filter = { application, type };
        const last = (await repository.findOne({ filter, sort: ['-id'], offset: EVENTS_KEPT })) as {
          get(key: string): unknown;
        } | null;
        const id = last?.get('id');
        if (id !== undefined) await repository.destroy({ filter: { ...filter, id: { $lte: id } } });
      }
    }
  }
}

/** Whether the database has answered, and does not take it. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name.startsWith('Sequelize') && !UNANSWERED.test(error.name);
}

function eventView({ type, at, by, reason, message, journey }: Row): Row {
  return { type, at, by, reason: reason ?? null, message: message ?? null, journey: journey ?? null };
}
