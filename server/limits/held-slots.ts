import type { ServerResponse } from 'node:http';

/** A property, not an entry of a WeakMap: see docs/development.md, "The path of a request". */
const LEAVE = Symbol('returns the slot of the request');

type Holder = ServerResponse & { [LEAVE]?: () => void };

/** Remembers how the slot of a request is returned. */
export function holdSlot(res: ServerResponse, leave: () => void): void {
  (res as Holder)[LEAVE] = leave;
}

/** Returns the slot of a request before its handler ends; does nothing without one. */
export function releaseSlot(res: ServerResponse): void {
  (res as Holder)[LEAVE]?.();
}
