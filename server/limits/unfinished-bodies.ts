import { AppError } from '../../src/errors';

/** Bodies of one application that arrive at the same time. Beyond it, the oldest one without a token ends. */
const MAX_UNFINISHED = 500;
/** Memory for the bodies of one application that nothing has read yet, beyond the buffers of their streams. */
const MAX_KEPT_BYTES = 32 * 2 ** 20;

/** A body on its way in, as far as the bounds of its application concern it. */
export interface UnfinishedBody {
  /** The application that the request is for; `main` is not bounded. */
  app(): string;
  /** Whether the request has a validly signed token. */
  isSigned(): boolean;
  /** Answers the request, and removes it from the set. */
  refuse(error: AppError): void;
}

/**
 * The bodies that are not complete, of all applications. A complete body leaves within milliseconds, and a slow one becomes
 * the oldest: what goes beyond a bound ends the oldest body without a validly signed token.
 */
export class UnfinishedBodies<Body extends UnfinishedBody = UnfinishedBody> {
  private readonly bodies = new Set<Body>();
  private readonly keptBytes = new Map<string, number>();

  constructor(
    private readonly maxUnfinished = MAX_UNFINISHED,
    private readonly maxKeptBytes = MAX_KEPT_BYTES,
  ) {}

  get size(): number {
    return this.bodies.size;
  }

  [Symbol.iterator](): IterableIterator<Body> {
    return this.bodies.values();
  }

  add(body: Body): void {
    this.bodies.add(body);
    // As long as all applications together have less, their number needs no look at each.
    if (this.bodies.size <= this.maxUnfinished) return;
    const app = body.app();
    let count = 0;
    for (const other of this.bodies) if (other.app() === app) count += 1;
    if (count > this.maxUnfinished) this.endOldest(app);
  }

  delete(body: Body): void {
    this.bodies.delete(body);
  }

  /**
   * Takes memory for a part of a body; release it with `release`.
   * @returns whether the part may be kept. If not, its connection must not be read on, or its request is refused now.
   */
  keep(body: Body, bytes: number): boolean {
    const app = body.app();
    if (app === 'main') return false;
    while (this.keptOf(app) + bytes > this.maxKeptBytes) if (!this.endOldest(app)) return false;
    this.keptBytes.set(app, this.keptOf(app) + bytes);
    return true;
  }

  release(body: Body, bytes: number): void {
    if (bytes === 0) return;
    const app = body.app();
    const left = this.keptOf(app) - bytes;
    if (left > 0) this.keptBytes.set(app, left);
    else this.keptBytes.delete(app);
  }

  private keptOf(app: string): number {
    return this.keptBytes.get(app) ?? 0;
  }

  /** False if all bodies of the application have a token. */
  private endOldest(app: string): boolean {
    if (app === 'main') return false;
    for (const body of this.bodies) {
      if (body.app() !== app || body.isSigned()) continue;
      body.refuse(new AppError('APP_BUSY', { name: app }));
      this.bodies.delete(body);
      return true;
    }
    return false;
  }
}
