import type { AppError } from '../../src/errors';
import { withDeadline } from './deadline';

/** Ends one request that is no longer waited for: with this answer, or in the middle of the one that has begun. */
export type Cut = (error: AppError) => void;

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

  private hold(change: 1 | -1): void {
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
    const own: Cut = (error) => cut?.(error);
    generation.requests += 1;
    this.hold(1);
    generation.cuts.add(own);
    if (counts) this.touch();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (counts) this.touch();
      generation.requests -= 1;
      this.hold(-1);
      generation.cuts.delete(own);
      if (generation.requests === 0) generation.landed?.();
    };
  }

  /**
   * Waits for the requests that are in the present instance, at most `ms`; what is still in flight then is cut with
   * this error, since the end of the instance was asked for.
   */
  async drain(ms: number, error: AppError): Promise<void> {
    const ending = this.generation;
    this.generation = newGeneration();
    this.ended += 1;
    if (ending.requests === 0) return;
    const empty = new Promise<void>((resolve) => {
      ending.landed = resolve;
    });
    await withDeadline(empty, ms, () => new Error('not drained')).catch(() => {
      for (const cut of [...ending.cuts]) cut(error);
    });
  }
}
