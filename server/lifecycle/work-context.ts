import { AsyncLocalStorage } from 'node:async_hooks';

/** The work of one instance. It holds nothing of the instance: contexts outlive it. */
export interface Enclosure {
  readonly app: string;
}

/** The request that the running handler belongs to. */
export interface OwnRequest {
  /**
   * Moves the request to those that arrive from now on. Missing once its handler has ended, and for requests that hold
   * no lease.
   */
  moveOn?: () => void;
}

/** Timers and connections that a handler opens keep its context: what stands in it must hold nothing of the request. */
interface WorkContext {
  /** Of the application at work; undefined for the main application. */
  readonly enclosure: Enclosure | undefined;
  readonly request: OwnRequest | undefined;
}

/** One store for both: Node copies each store of the process to each new promise. */
const current = new AsyncLocalStorage<WorkContext>();

/** Returns the work at hand; undefined for that of the main application. */
export function ownEnclosure(): Enclosure | undefined {
  return current.getStore()?.enclosure;
}

/** Returns the request of which the handler runs; undefined outside of handlers. */
export function ownRequest(): OwnRequest | undefined {
  return current.getStore()?.request;
}

/** Runs `work` as that of an instance, or of the main application. */
export function runEnclosed<T>(enclosure: Enclosure | undefined, work: () => T): T {
  return current.run({ enclosure, request: ownRequest() }, work);
}

/** From here to the end of this event, and what it sets off, all is the work of an instance, or of the main application. */
export function enterEnclosure(enclosure: Enclosure | undefined): void {
  current.enterWith({ enclosure, request: ownRequest() });
}

/** Runs the handler of a request. A command that it gives does not wait for this request, which may wait for the command. */
export function runRequest<T>(request: OwnRequest, handler: () => T): T {
  return current.run({ enclosure: ownEnclosure(), request }, handler);
}
