import { nextToBoot, type ActiveBoots, type BootPriority, type QueuedBoot } from '../../src/policies/admission';

export type { BootPriority } from '../../src/policies/admission';

export interface BootRequest {
  priority: BootPriority;
  /** A making or an upgrade. */
  long?: boolean;
}

interface Waiting extends QueuedBoot {
  enter: () => void;
  refuse: (reason: Error) => void;
}

/**
 * Lets a bounded number of boots run at a time: one JavaScript thread does the work, so many at once only make all of
 * them, and the main application, slower. Who is next is decided in `src/policies/admission.ts`.
 */
export class BootQueue {
  private readonly active: ActiveBoots = { all: 0, long: 0 };
  private readonly waiting: Waiting[] = [];
  private closed?: Error;

  constructor(private readonly concurrency: () => number) {}

  /** How many run and how many wait. */
  get load(): { running: number; waiting: number } {
    return { running: this.active.all, waiting: this.waiting.length };
  }

  /** Runs `work` when there is a place. `promote` may be called to raise its priority while it waits. */
  async run<T>(
    { priority, long = false }: BootRequest,
    work: () => Promise<T>,
    onQueued?: (promote: (priority: BootPriority) => void) => void,
  ): Promise<T> {
    if (this.closed) throw this.closed;
    const nothing = () => undefined;
    const entry: Waiting = { priority, long, since: Date.now(), enter: nothing, refuse: nothing };
    const admitted = new Promise<void>((resolve, reject) => {
      entry.enter = resolve;
      entry.refuse = reject;
    });
    this.waiting.push(entry);
    this.admit();
    if (this.waiting.includes(entry)) {
      onQueued?.((raised) => {
        entry.priority = raised;
      });
      await admitted;
    }
    try {
      return await work();
    } finally {
      this.active.all -= 1;
      if (long) this.active.long -= 1;
      this.admit();
    }
  }

  /** The process ends: who has not begun does not begin any more. */
  close(reason: Error): void {
    this.closed = reason;
    for (const { refuse } of this.waiting.splice(0)) refuse(reason);
  }

  /** A place is taken before its owner goes on, so that nobody who comes meanwhile takes it too. */
  private admit(): void {
    for (;;) {
      const index = nextToBoot(this.waiting, this.active, this.concurrency(), Date.now());
      const [next] = index < 0 ? [] : this.waiting.splice(index, 1);
      if (!next) return;
      this.active.all += 1;
      if (next.long) this.active.long += 1;
      next.enter();
    }
  }
}
