import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AppRunner } from '../lifecycle/app-runner';
import { runRequest, type OwnRequest } from '../lifecycle/work-context';
import { whenOver } from './departure';
import { cutOff, refuse } from './refusal';

/** A handler counts as in flight for at most this long after its connection has closed, in milliseconds. */
export const ABANDONED_MS = 15 * 60_000;

/**
 * The lease that one request holds of its application. It ends when the response is over and the handler has ended: a
 * handler goes on when its visitor leaves, and its work must not be lost with the instance. A handler that never ends
 * loses the lease `ABANDONED_MS` after the response.
 */
class RequestLease {
  private handlers = 0;
  private open = true;
  private deadline?: NodeJS.Timeout;
  private release: (() => void) | undefined;
  private whenEnded?: () => void;

  constructor(private readonly acquire: () => () => void) {
    this.release = acquire();
  }

  /** The handler begins, also after the visitor has left. */
  begin(): void {
    this.handlers += 1;
    this.release ??= this.acquire();
    if (!this.open) this.limit();
  }

  end(): void {
    this.handlers -= 1;
    this.settle();
  }

  /** Moves to the requests that arrive from now on, if it has not ended. */
  renew(): void {
    const { release } = this;
    if (!release) return;
    this.release = this.acquire();
    release();
  }

  responseOver(): void {
    this.open = false;
    if (this.handlers > 0) this.limit();
    this.settle();
  }

  /** Calls the listener at the end of the lease. One request has one. */
  onEnd(listener: () => void): void {
    if (this.release) this.whenEnded = listener;
    else listener();
  }

  private limit(): void {
    this.deadline ??= setTimeout(() => this.giveBack(), ABANDONED_MS).unref();
  }

  private settle(): void {
    if (!this.open && this.handlers === 0) this.giveBack();
  }

  private giveBack(): void {
    clearTimeout(this.deadline);
    this.deadline = undefined;
    this.release?.();
    this.release = undefined;
    this.whenEnded?.();
    this.whenEnded = undefined;
  }
}

/**
 * On the response of a leased request. The lease refers to the response: as an entry of a WeakMap it would keep the whole
 * request over the small garbage collections, which then take three times as long.
 */
const LEASE = Symbol('the lease of the request');

type Leased = ServerResponse & { [LEASE]?: RequestLease };

/**
 * Takes a lease of the application for this request.
 * @param counts whether the request is a use of the application
 */
export function leaseFor(runner: AppRunner, req: IncomingMessage, res: ServerResponse, counts: boolean): void {
  // A response that has begun survives a command; `refuse` leaves it alone.
  const acquire = () => runner.lease(counts, (error, cause) => (cause === 'end' ? cutOff : refuse)(req, res, error));
  const lease = new RequestLease(acquire);
  (res as Leased)[LEASE] = lease;
  whenOver(req, res, () => lease.responseOver());
}

/** Calls the listener once, when the lease of this request has ended; at once without one. */
export function onLeaseEnd(res: ServerResponse, listener: () => void): void {
  const lease = (res as Leased)[LEASE];
  if (lease) lease.onEnd(listener);
  else listener();
}

/** Runs the handler of a request; its lease does not end before the handler does. */
export async function handleLeased(res: Leased | undefined, handler: () => Promise<void>): Promise<void> {
  const lease = res?.[LEASE];
  if (!lease) return handler();
  lease.begin();
  const own: OwnRequest = { moveOn: () => lease.renew() };
  try {
    await runRequest(own, handler);
  } finally {
    // What the handler leaves behind keeps `own`.
    own.moveOn = undefined;
    lease.end();
  }
}
