import { AsyncResource } from 'node:async_hooks';
import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';

/** Requests of one application to other servers that are open at once. Each holds a socket of the process. */
export const MAX_OPEN = 64;
/** Beyond them, so many wait for their turn. */
export const MAX_WAITING = 1_000;
export const WAIT_MS = 60_000;

/** Stands for one instance of an application. */
export interface Owner {
  readonly app: string;
}

/** A request to another server. */
export interface OutgoingRequest {
  /** Ends the request with this error, whether it has begun or waits. */
  end(error: Error): void;
}

interface Waiting {
  begin: () => void;
  deadline: NodeJS.Timeout;
}

/** The requests of one instance. Each request gives its place back with `release`. */
export class RequestAccount {
  private readonly open = new Set<OutgoingRequest>();
  private readonly waiting = new Map<OutgoingRequest, Waiting>();
  private closed = false;

  /** @param name the ID of its application */
  constructor(readonly name: string) {}

  get size(): number {
    return this.open.size;
  }

  /**
   * Begins a request as soon as there is a place. A request that gets none is ended with APP_BUSY, that of an instance that
   * has ended with APP_STOPPED.
   */
  take(request: OutgoingRequest, begin: () => void): void {
    if (this.closed) return request.end(this.stopped());
    if (this.open.size < MAX_OPEN) return this.begin(request, begin);
    if (this.waiting.size >= MAX_WAITING) return request.end(this.busy());
    const deadline = setTimeout(() => {
      if (this.waiting.delete(request)) request.end(this.busy());
    }, WAIT_MS).unref();
    // The turn comes in the course of another request.
    this.waiting.set(request, { begin: AsyncResource.bind(begin), deadline });
  }

  /** The request is over. May be repeated. */
  release(request: OutgoingRequest): void {
    clearTimeout(this.waiting.get(request)?.deadline);
    this.waiting.delete(request);
    if (this.open.delete(request)) this.next();
  }

  /** Ends all requests. */
  endAll(): void {
    const stopped = this.stopped();
    const requests = [...this.waiting.keys(), ...this.open];
    for (const { deadline } of this.waiting.values()) clearTimeout(deadline);
    this.waiting.clear();
    for (const request of requests) request.end(stopped);
  }

  /** Ends all requests, and refuses new ones. */
  close(): void {
    this.closed = true;
    this.endAll();
  }

  reopen(): void {
    this.closed = false;
  }

  private begin(request: OutgoingRequest, begin: () => void): void {
    this.open.add(request);
    try {
      begin();
    } catch (error) {
      this.release(request);
      throw error;
    }
  }

  private next(): void {
    for (const [request, { begin, deadline }] of this.waiting) {
      if (this.open.size >= MAX_OPEN) return;
      clearTimeout(deadline);
      this.waiting.delete(request);
      try {
        this.begin(request, begin);
      } catch (error) {
        request.end(error as Error);
      }
    }
  }

  private busy(): AppError {
    return new AppError('APP_BUSY', { name: this.name });
  }

  private stopped(): AppError {
    return new AppError('APP_STOPPED', { name: this.name });
  }
}

/** How an instance that is destroyed ends its requests. */
const endings = new WeakMap<Application, () => void>();

/** Ends the requests of a destroyed instance for good. */
export function endOutgoing(app: Application): void {
  endings.get(app)?.();
}

/** The requests of applications to other servers, by instance. */
export class OutgoingRequests {
  private readonly accounts = new WeakMap<Owner, RequestAccount>();

  /** @param owner returns the instance that runs code now; undefined for the main application, which has no bound */
  constructor(private readonly owner: () => Owner | undefined) {}

  /** Returns the account of the code that runs now. */
  readonly current = (): RequestAccount | undefined => {
    const owner = this.owner();
    return owner && this.of(owner);
  };

  /** Ends the requests of an instance when it stops or reloads. Called once for each constructed instance. */
  attach(app: Application, owner: Owner): void {
    const account = this.of(owner);
    account.reopen();
    // Before the listeners of plugins: what waits for an answer goes on while there is a database.
    for (const event of ['beforeStop', 'beforeReload', 'afterStop']) app.prependListener(event, () => account.endAll());
    endings.set(app, () => account.close());
  }

  private of(owner: Owner): RequestAccount {
    let account = this.accounts.get(owner);
    if (!account) {
      account = new RequestAccount(owner.app);
      this.accounts.set(owner, account);
    }
    return account;
  }
}
