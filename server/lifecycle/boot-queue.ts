/** Who is let in first: an application that a visitor waits for comes before one that starts by itself. */
export type BootPriority = 'visitor' | 'background';

interface Waiting {
  priority: BootPriority;
  enter: () => void;
}

/**
 * Lets a bounded number of boots run at a time: one JavaScript thread does the work, so many at once only make all of
 * them, and the main application, slower.
 */
export class BootQueue {
  private active = 0;
  private readonly waiting: Waiting[] = [];

  constructor(private readonly concurrency: () => number) {}

  /** Runs `work` when there is a place. `promote` may be called to let it pass as a visitor's. */
  async run<T>(priority: BootPriority, work: () => Promise<T>, onQueued?: (promote: () => void) => void): Promise<T> {
    if (this.active >= this.concurrency()) {
      await new Promise<void>((enter) => {
        const entry: Waiting = { priority, enter };
        this.waiting.push(entry);
        onQueued?.(() => {
          entry.priority = 'visitor';
        });
      });
    } else {
      this.active += 1;
    }
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** The place is handed over, so that nobody who comes meanwhile takes it. */
  private leave(): void {
    const urgent = this.waiting.findIndex((entry) => entry.priority === 'visitor');
    const [next] = this.waiting.splice(Math.max(urgent, 0), 1);
    if (next) next.enter();
    else this.active -= 1;
  }
}
