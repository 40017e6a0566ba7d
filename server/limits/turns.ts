/**
 * Tasks of one application of which one begins in a turn of the event loop, in their order: what other applications
 * wait for is served between two of them. The caller bounds their number.
 */
export class Turns {
  private readonly queue: (() => void)[] = [];
  private taken = false;

  get waiting(): number {
    return this.queue.length;
  }

  /** Runs the task now, or in a later turn if another one had this turn or is waiting. The task must not throw. */
  run(task: () => void): void {
    if (this.taken) {
      this.queue.push(task);
      return;
    }
    this.taken = true;
    setImmediate(() => this.next());
    task();
  }

  private next(): void {
    const task = this.queue.shift();
    if (!task) {
      this.taken = false;
      return;
    }
    setImmediate(() => this.next());
    task();
  }
}
