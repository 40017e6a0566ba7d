/** Between the beginnings of two calls: what changes often is not asked for more often than it can be read. */
const LEAST_MS = 500;

interface RefresherOptions {
  work: () => Promise<void>;
  /** How long after a call the next one comes by itself; asked each time. */
  interval: () => number;
  /** Nobody looks: it rests, and catches up with the next `poke`. */
  hidden: () => boolean;
}

/** Keeps something fresh: it calls when it is told to, or when nothing was told for a while; never two calls at once. */
export class Refresher {
  private timer?: ReturnType<typeof setTimeout>;
  private begunAt = -Infinity;
  private busy = false;
  private asked = false;
  private ended = false;

  constructor(private readonly options: RefresherOptions) {}

  start(): void {
    this.plan();
  }

  stop(): void {
    this.ended = true;
    clearTimeout(this.timer);
  }

  /** Something may have changed. */
  poke(): void {
    this.asked = true;
    if (!this.busy) this.plan();
  }

  private plan(): void {
    clearTimeout(this.timer);
    if (this.ended) return;
    const { hidden, interval } = this.options;
    if (hidden()) return;
    const wait = this.asked ? this.begunAt + LEAST_MS - Date.now() : interval();
    this.timer = setTimeout(() => void this.call(), Math.max(0, wait));
  }

  private async call(): Promise<void> {
    this.busy = true;
    this.asked = false;
    this.begunAt = Date.now();
    try {
      await this.options.work();
    } finally {
      this.busy = false;
      this.plan();
    }
  }
}
