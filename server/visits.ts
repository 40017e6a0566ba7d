import type { Application } from '@nocobase/server';
import { COLLECTION } from './registry';

interface Visited {
  /** Epoch milliseconds of the last visit. */
  at: number;
  /** How many requests it was asked to answer since the counting began. */
  requests: number;
  /** The time that stands in the row. */
  written?: number;
}

const WRITE_EVERY_MS = 60_000;

/**
 * When each application was last visited, and how often. The time is kept across restarts in the row, past every hook
 * and without touching `updatedAt`: once a minute for all that were visited meanwhile, when an application goes to
 * rest, and at the end. No visitor waits for it.
 */
export class Visits {
  /** Epoch milliseconds since which requests are counted. */
  readonly since = Date.now();
  private readonly visited = new Map<string, Visited>();
  private timer?: NodeJS.Timeout;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly mainApp: () => Application) {}

  start(): void {
    if (this.timer) return;
    this.timer = setInterval(() => void this.flush(), WRITE_EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** @param requests what it is asked to answer: none where its page is opened, which is the same for all */
  note(name: string, requests = 1): void {
    const known = this.visited.get(name);
    if (!known) {
      this.visited.set(name, { at: Date.now(), requests });
      return;
    }
    known.at = Date.now();
    known.requests += requests;
  }

  /** Epoch milliseconds; undefined when it was not visited since the process began. */
  lastOf(name: string): number | undefined {
    return this.visited.get(name)?.at;
  }

  requestsOf(name: string): number {
    return this.visited.get(name)?.requests ?? 0;
  }

  /** Its row is gone, and what was said of it. */
  forget(name: string): void {
    this.visited.delete(name);
  }

  /** Writes what is not written yet, of one or of all; what cannot be written now is tried again. Never rejects. */
  async flush(name?: string): Promise<void> {
    this.writing = this.writing.then(() => this.write(name === undefined ? [...this.visited.keys()] : [name]));
    await this.writing;
  }

  private async write(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const known = this.visited.get(name);
      if (!known || known.written === known.at) continue;
      const { at } = known;
      try {
        await this.mainApp()
          .db.getModel(COLLECTION)
          .update({ lastVisitedAt: new Date(at) }, { where: { name }, hooks: false, silent: true });
        known.written = at;
      } catch {
        // The main application's database is away, or the main application itself: all the others would fail as well.
        return;
      }
    }
  }
}
