import { deferred, type Deferred } from './deferred';

interface Underway {
  readonly drained: Deferred;
  readonly ended: Deferred;
  isDrained: boolean;
}

/**
 * Tells requests to wait while their application executes a command of its own, such as a reload.
 *
 * - open: requests pass.
 * - draining: requests that arrive wait. The command waits for those in flight.
 * - executing: requests that arrive wait. The command runs.
 *
 * `run` leads through these states and back to open, however the command ends. `open` ends the waiting earlier. One
 * command at a time: call `run` only if `ended` is undefined. A command outlives `open`, and opens nothing afterwards.
 */
export class CommandHold {
  private underway?: Underway;

  /** Resolves when requests may pass; undefined if they may pass now. Never rejects. */
  get ended(): Promise<void> | undefined {
    return this.underway?.ended.promise;
  }

  /** Resolves when the requests in flight are over; undefined if no command is in progress. Never rejects. */
  get drained(): Promise<void> | undefined {
    return this.underway?.drained.promise;
  }

  get isDraining(): boolean {
    return this.underway?.isDrained === false;
  }

  /**
   * Runs a command between two generations of requests.
   * @param drain resolves when the requests in flight are over; called at once
   */
  async run<T>(drain: () => Promise<void>, command: () => Promise<T>): Promise<T> {
    const own: Underway = { drained: deferred(), ended: deferred(), isDrained: false };
    this.underway = own;
    try {
      await drain();
      own.isDrained = true;
      own.drained.resolve();
      return await command();
    } finally {
      own.drained.resolve();
      own.ended.resolve();
      if (this.underway === own) this.underway = undefined;
    }
  }

  /** Lets requests pass although a command is in progress, because its instance ends. */
  open(): void {
    this.underway?.ended.resolve();
    this.underway = undefined;
  }
}
