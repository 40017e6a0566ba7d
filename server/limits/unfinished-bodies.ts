import { AppError } from '../../src/errors';

/** Bodies of one application that arrive at the same time. */
const MAX_UNFINISHED = 500;
/** Memory for the bodies of one application that nothing has read yet, beyond the buffers of their streams. */
const MAX_KEPT_BYTES = 32 * 2 ** 20;

/** A body on its way in, as far as the bounds of its application concern it. */
export interface UnfinishedBody {
  /** The application that the request is for; `main` is not bounded. */
  app(): string;
  /** Whether the request has a validly signed token. */
  isSigned(): boolean;
  /** Answers the request. */
  refuse(error: AppError): void;
}

/** The bodies of one application, the oldest first. */
class OwnBodies<Body> {
  readonly unfinished = new Set<Body>();
  /** Bytes in memory, also of bodies that are complete and were not read yet. */
  readonly kept = new Map<Body, number>();
  keptBytes = 0;

  get isEmpty(): boolean {
    return this.unfinished.size === 0 && this.kept.size === 0;
  }

  free(body: Body): void {
    this.keptBytes -= this.kept.get(body) ?? 0;
    this.kept.delete(body);
  }
}

/**
 * The bodies that are not complete, of all applications. A complete body leaves within milliseconds, and a slow one becomes
 * the oldest: each that goes beyond a bound ends the oldest body without a validly signed token.
 */
export class UnfinishedBodies<Body extends UnfinishedBody = UnfinishedBody> {
  private readonly byApp = new Map<string, OwnBodies<Body>>();
  /** The application under which a body was added: `app()` may know better later. */
  private readonly apps = new WeakMap<Body, string>();
  private count = 0;

  constructor(
    private readonly maxUnfinished = MAX_UNFINISHED,
    private readonly maxKeptBytes = MAX_KEPT_BYTES,
  ) {}

  get size(): number {
    return this.count;
  }

  *[Symbol.iterator](): IterableIterator<Body> {
    for (const { unfinished } of this.byApp.values()) yield* unfinished;
  }

  /** Bytes that are kept for the bodies of an application. */
  keptOf(app: string): number {
    return this.byApp.get(app)?.keptBytes ?? 0;
  }

  add(body: Body): void {
    const app = body.app();
    this.apps.set(body, app);
    const own = this.byApp.get(app) ?? new OwnBodies<Body>();
    this.byApp.set(app, own);
    own.unfinished.add(body);
    this.count += 1;
    if (app !== 'main' && own.unfinished.size > this.maxUnfinished) this.endOldest(app, own);
  }

  /** The body is complete, or was refused. What is kept of it stays until `free`. */
  delete(body: Body): void {
    this.change(body, (own) => {
      if (own.unfinished.delete(body)) this.count -= 1;
    });
  }

  /**
   * Takes memory for a part of a body; `free` releases it.
   * @returns whether the part may be kept. If not, its connection must not be read on, or its request is refused now.
   */
  keep(body: Body, bytes: number): boolean {
    const app = this.apps.get(body);
    const own = app === undefined || app === 'main' ? undefined : this.byApp.get(app);
    if (!app || !own?.unfinished.has(body)) return false;
    while (own.keptBytes + bytes > this.maxKeptBytes) if (!this.endOldest(app, own)) return false;
    if (!own.unfinished.has(body)) return false;
    own.kept.set(body, (own.kept.get(body) ?? 0) + bytes);
    own.keptBytes += bytes;
    return true;
  }

  /** Releases what was kept of a body; may be repeated. */
  free(body: Body): void {
    this.change(body, (own) => own.free(body));
  }

  private change(body: Body, work: (own: OwnBodies<Body>) => void): void {
    const app = this.apps.get(body);
    const own = app === undefined ? undefined : this.byApp.get(app);
    if (app === undefined || !own) return;
    work(own);
    if (own.isEmpty) this.byApp.delete(app);
  }

  /** False if all bodies of the application have a token. */
  private endOldest(app: string, own: OwnBodies<Body>): boolean {
    for (const body of own.unfinished) {
      if (body.isSigned()) continue;
      // Its connection is closed seconds later, and must not count until then.
      own.unfinished.delete(body);
      this.count -= 1;
      own.free(body);
      body.refuse(new AppError('APP_BUSY', { name: app }));
      return true;
    }
    return false;
  }
}
