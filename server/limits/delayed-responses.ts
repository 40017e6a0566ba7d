/** How long a client that is refused again and again waits for its response. */
export const DELAY_MS = 1_000;
const TICK_MS = 50;
/** Responses at one tick: many clients that were delayed together are not answered in one stretch of the thread. */
const PER_TICK = 32;
const MAX_DELAYED = 2_000;
const MAX_DELAYED_OF_ONE = 256;

interface Delayed {
  key: string;
  due: number;
  answer: () => void;
}

/**
 * Responses that are sent a second later, so that a client in a closed loop cannot fill the thread with refusals. All
 * have the same delay: one queue and one timer serve them. The number is bounded, in all and for each application.
 */
export class DelayedResponses {
  private queue: Delayed[] = [];
  private readonly counts = new Map<string, number>();
  private timer?: NodeJS.Timeout;
  private closed = false;

  get size(): number {
    return this.queue.length;
  }

  /**
   * Calls `answer` after the delay.
   * @param key the application for whose requests it is
   * @returns false if there is no place; then `answer` is not called
   */
  add(key: string, answer: () => void): boolean {
    const count = this.counts.get(key) ?? 0;
    if (this.closed) {
      answer();
      return true;
    }
    if (this.queue.length >= MAX_DELAYED || count >= MAX_DELAYED_OF_ONE) return false;
    this.counts.set(key, count + 1);
    this.queue.push({ key, due: performance.now() + DELAY_MS, answer });
    this.timer ??= setInterval(() => this.tick(), TICK_MS).unref();
    return true;
  }

  /** Sends all that is delayed now, and everything from now on at once: the process ends. */
  close(): void {
    this.closed = true;
    this.send(this.queue.length);
  }

  private tick(): void {
    const now = performance.now();
    let due = 0;
    while (due < PER_TICK && due < this.queue.length && (this.queue[due]?.due ?? 0) <= now) due += 1;
    this.send(due);
  }

  private send(count: number): void {
    for (const { key, answer } of this.queue.splice(0, count)) {
      const left = (this.counts.get(key) ?? 1) - 1;
      if (left > 0) this.counts.set(key, left);
      else this.counts.delete(key);
      answer();
    }
    if (this.queue.length > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
