import type { Application } from '@nocobase/server';
import type { AppEvent, AppEventType } from '../src/events';

export const EVENTS_COLLECTION = 'applicationEvents';

/** Events that are kept of one application, give or take a few. */
export const EVENTS_KEPT = 200;
/** Events older than this are forgotten, also those of removed applications. */
export const EVENT_DAYS = 90;

const WRITE_DELAY_MS = 300;
const MAX_UNWRITTEN = 2_000;
const PRUNE_EVERY = 20;
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
    this.unwritten.push(event);
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
      const { db } = this.mainApp();
      const rows = batch.map((event) => ({ ...event, at: new Date(event.at) }));
      await db.getModel(EVENTS_COLLECTION).bulkCreate(rows as never, { hooks: false });
      if (this.dropped) this.mainApp().log.warn(`${this.dropped} events were lost`, { module: 'app-supervisor' });
      this.dropped = 0;
    } catch {
      this.unwritten = [...batch, ...this.unwritten].slice(-MAX_UNWRITTEN);
      this.schedule();
      return;
    }
    await this.prune(batch).catch(() => undefined);
  }

  private async prune(batch: readonly AppEvent[]): Promise<void> {
    for (const { application } of batch) {
      this.sincePruned.set(application, (this.sincePruned.get(application) ?? 0) + 1);
    }
    for (const [application, count] of this.sincePruned) {
      if (count < PRUNE_EVERY) continue;
      this.sincePruned.delete(application);
      const repository = this.mainApp().db.getRepository(EVENTS_COLLECTION);
      const last = (await repository.findOne({ filter: { application }, sort: ['-id'], offset: EVENTS_KEPT })) as {
        get(key: string): unknown;
      } | null;
      const id = last?.get('id');
      if (id !== undefined) await repository.destroy({ filter: { application, id: { $lte: id } } });
    }
  }
}

function eventView({ type, at, by, reason, message, journey }: Row): Row {
  return { type, at, by, reason: reason ?? null, message: message ?? null, journey: journey ?? null };
}
