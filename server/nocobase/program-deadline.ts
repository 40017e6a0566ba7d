import { AsyncLocalStorage } from 'node:async_hooks';
import type { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { AppError } from '../../src/errors';

const KILL_AFTER_MS = 5_000;

const current = new AsyncLocalStorage<ProgramDeadline>();
let subscribed = false;

/** Node publishes each child process here when it is constructed: https://nodejs.org/docs/latest-v20.x/api/diagnostics_channel.html#process */
function noteChildren(): void {
  if (subscribed) return;
  subscribed = true;
  subscribe('child_process', (message) => current.getStore()?.note((message as { process: ChildProcess }).process));
}

/**
 * Ends the programs that a piece of NocoBase's work starts, and that run for too long: the Backup Manager itself waits for
 * them without a deadline, and a dump may hold a function that sleeps.
 */
export class ProgramDeadline {
  private readonly programs = new Set<ChildProcess>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private late?: string;
  private closed = false;

  /** @param timeoutMs for each program */
  constructor(private readonly timeoutMs: number) {}

  /**
   * Runs the work, also what it goes on with after its promise is settled.
   * @throws APP_DUMP_TIMEOUT in the place of the error of a work of which a program was ended
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    noteChildren();
    try {
      return await current.run(this, work);
    } catch (error) {
      if (this.late === undefined) throw error;
      const seconds = Math.round(this.timeoutMs / 1_000);
      throw new AppError('APP_DUMP_TIMEOUT', { program: this.late, seconds }, error);
    }
  }

  /** The work has ended. An application that it reloaded goes on in the same context, and may start programs of its own. */
  close(): void {
    this.closed = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  /** Called for each program that the work starts. */
  note(program: ChildProcess): void {
    if (this.closed) return;
    this.programs.add(program);
    const timer = this.after(this.timeoutMs, () => {
      this.late ??= program.spawnfile;
      this.end(program);
    });
    program.once('close', () => {
      this.programs.delete(program);
      clearTimeout(timer);
      this.timers.delete(timer);
    });
  }

  private end(program: ChildProcess): void {
    program.kill('SIGTERM');
    this.after(KILL_AFTER_MS, () => {
      if (this.programs.has(program)) program.kill('SIGKILL');
    });
  }

  /** The process may end meanwhile. */
  private after(ms: number, work: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
    }, ms);
    timer.unref();
    this.timers.add(timer);
    return timer;
  }
}
