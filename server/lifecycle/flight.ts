import type { AppError } from '../../src/errors';
import { CommandHold } from './command-hold';
import { withDeadline } from './deadline';
import { ownRequest } from './work-context';

/** Why a request is no longer waited for: its instance ends, or executes a command and lives on. */
export type CutCause = 'end' | 'command';

/**
 * Ends one request that is no longer waited for, with this answer. At the end of the instance, a response that has begun
 * is cut; a command leaves it to its handler.
 */
export type Cut = (error: AppError, cause: CutCause) => void;

interface Generation {
  requests: number;
  cuts: Set<Cut>;
  landed?: () => void;
}

const newGeneration = (): Generation => ({ requests: 0, cuts: new Set() });

/**
 * The requests of one application that are under way, generation by generation: those that are in an instance which
 * ends are waited for, and who comes meanwhile belongs to the next one.
 */
export class Flight {
  /** Requests that arrive while the application executes a command of its own wait for this, without a lease. */
  readonly hold = new CommandHold();
  private generation = newGeneration();
  private lastUse = 0;
  /** Requests that hold a place, of the present instance or of one that ended. */
  private held = 0;
  private heldMs = 0;
  private heldAt = 0;
  private ended = 0;

  /** How many requests are in the present instance, or held for it. */
  get requests(): number {
    return this.generation.requests;
  }

  /** Epoch milliseconds of the last sign of use: a request's begin or end, or `touch()`; 0 for none so far. */
  get lastActiveAt(): number {
    return this.lastUse;
  }

  /** The milliseconds of all requests together since the process started. A request counts as long as it holds its place. */
  get workMs(): number {
    return this.heldMs + this.held * (performance.now() - this.heldAt);
  }

  /** How many instances have ended. */
  get endings(): number {
    return this.ended;
  }

  private countHeld(change: 1 | -1): void {
    const now = performance.now();
    this.heldMs += this.held * (now - this.heldAt);
    this.heldAt = now;
    this.held += change;
  }

  /** Something that counts as use of the application happened. */
  touch(): void {
    this.lastUse = Date.now();
  }

  /**
   * A place among the requests in flight; the returned function gives it back, once.
   * @param counts whether the request is a use of the application
   * @param cut called when the request is not waited for any longer
   */
  lease(counts = true, cut?: Cut): () => void {
    const { generation } = this;
    // One of its own for each request, whatever the caller gives.
    const own: Cut = (error, cause) => cut?.(error, cause);
    generation.requests += 1;
    this.countHeld(1);
    generation.cuts.add(own);
    if (counts) this.touch();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (counts) this.touch();
      generation.requests -= 1;
      this.countHeld(-1);
      generation.cuts.delete(own);
      if (generation.requests === 0) generation.landed?.();
    };
  }

  /**
   * Waits for the requests that are in the present instance, at most `ms`; what is still in flight then is cut with
   * this error, since the end of the instance was asked for. A command in progress is waited for like a request, and the
   * requests that wait for it are let go on: they find the application on its way down.
   */
  async drain(ms: number, error: AppError): Promise<void> {
    this.hold.open();
    this.ended += 1;
    await this.landing(this.nextGeneration(), ms, error, 'end');
  }

  /**
   * Runs a command of the application while no request is in its instance. Waits for the requests in flight first, at
   * most `ms`; those without a response are answered with this error then. Does not wait for the request that gave the
   * command. Requests that arrive wait for `hold`.
   */
  async runCommand<T>(command: () => Promise<T>, ms: number, error: AppError): Promise<T> {
    // Nothing may be awaited up to here and `hold.run`: a request that arrives in between would be in neither generation.
    const former = this.nextGeneration();
    // The end of the instance waits for the command, and an application at a command is in use.
    const release = this.lease();
    ownRequest()?.moveOn?.();
    try {
      return await this.hold.run(() => this.landing(former, ms, error, 'command'), command);
    } finally {
      release();
    }
  }

  /** Begins a generation. @returns the former one */
  private nextGeneration(): Generation {
    const former = this.generation;
    this.generation = newGeneration();
    return former;
  }

  /** Resolves when no request of the generation is left, after `ms` at the latest. */
  private async landing(former: Generation, ms: number, error: AppError, cause: CutCause): Promise<void> {
    if (former.requests === 0) return;
    const empty = new Promise<void>((resolve) => {
      former.landed = resolve;
    });
    await withDeadline(empty, ms, () => new Error('not drained')).catch(() => {
      for (const cut of [...former.cuts]) cut(error, cause);
    });
  }
}
