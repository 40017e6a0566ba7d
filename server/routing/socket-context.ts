import { AsyncLocalStorage } from 'node:async_hooks';

const connecting = new AsyncLocalStorage<true>();
let delivery: 'readable' | 'unreadable' | undefined;

/** Runs `open`; whatever it sets off, also later, counts as the doing of a socket. */
export function openedBySocket<T>(open: () => T): T {
  return connecting.run(true, open);
}

/** Begins the synchronous part of the core's handling of one message that came by a socket. */
export function beginDelivery(readable: boolean): void {
  delivery = readable ? 'readable' : 'unreadable';
}

export function endDelivery(): void {
  delivery = undefined;
}

/**
 * Whether the core asks for an application because a socket was opened or said something. Such a question wakes
 * nobody: after a restart hundreds of open tabs reconnect and introduce themselves.
 */
export function arrivedBySocket(): boolean {
  return delivery !== undefined || connecting.getStore() === true;
}

/** Whether the message that the core is about to read cannot be read: it would reject where nobody catches it. */
export function isUnreadableMessage(): boolean {
  return delivery === 'unreadable';
}
