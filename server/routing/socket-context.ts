import { AsyncLocalStorage } from 'node:async_hooks';

const connecting = new AsyncLocalStorage<true>();
let deliveringTo: string | undefined;

/** Runs `open`; whatever it sets off, also later, counts as the doing of a socket. */
export function openedBySocket<T>(open: () => T): T {
  return connecting.run(true, open);
}

/** Brackets the synchronous part of the core's handling of one message that came by a socket. */
export function deliverBySocket(id: string | undefined): void {
  deliveringTo = id;
}

/**
 * Whether the core asks for an application because a socket was opened or said something. Such a question wakes
 * nobody: after a restart hundreds of open tabs reconnect and introduce themselves.
 */
export function arrivedBySocket(): boolean {
  return deliveringTo !== undefined || connecting.getStore() === true;
}
