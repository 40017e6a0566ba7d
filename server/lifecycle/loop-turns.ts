/**
 * Runs tasks in their order, at most one in each turn of the event loop. Other events are served between two tasks. The
 * caller bounds the number of tasks.
 */
export class LoopTurns {
  private readonly queue: (() => void)[] = [];
  private taken = false;

  get waiting(): number {
    return this.queue.length;
  }

  /** Runs the task now, or in a later turn if another one had this turn or is waiting. A task that throws ends its own turn only. */
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
