import type { ServerResponse } from 'node:http';

const held = new WeakMap<ServerResponse, () => void>();

/** Remembers how the slot of a request is returned. */
export function holdSlot(res: ServerResponse, leave: () => void): void {
  held.set(res, leave);
}

/** Returns the slot of a request before its handler ends; does nothing without one. */
export function releaseSlot(res: ServerResponse): void {
  held.get(res)?.();
}
