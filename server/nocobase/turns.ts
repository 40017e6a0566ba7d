import { setImmediate as nextTurn } from 'node:timers/promises';

/** After so many milliseconds, work pauses where it can: requests of other applications wait about as long. */
const STRETCH_MS = 10;

/** Lets others be served when work has gone on for a while. */
export class Turns {
  private since = performance.now();

  /** @param pause resolves in a later turn of the event loop */
  constructor(private readonly pause: () => Promise<unknown> = nextTurn) {}

  /** Whether `rest` would pause now. */
  get isDue(): boolean {
    return performance.now() - this.since >= STRETCH_MS;
  }

  async rest(): Promise<void> {
    // Most pieces of work take less than a millisecond, and each turn of the event loop takes time.
    if (!this.isDue) return;
    await this.pause();
    this.since = performance.now();
  }
}
