import { AsyncLocalStorage } from 'node:async_hooks';

/** The request that the running handler belongs to. */
export interface OwnRequest {
  /**
   * Moves the request to those that arrive from now on. Missing once its handler has ended, and for requests that hold
   * no lease.
   */
  moveOn?: () => void;
}

/** Timers and connections that a handler opens keep its context: what stands in it must hold nothing of the request. */
const current = new AsyncLocalStorage<OwnRequest>();

/** Runs the handler of a request. A command that it gives does not wait for this request, which may wait for the command. */
export function runRequest<T>(request: OwnRequest, handler: () => T): T {
  return current.run(request, handler);
}

export function ownRequest(): OwnRequest | undefined {
  return current.getStore();
}
