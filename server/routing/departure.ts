import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** On a connection: the callbacks of the responses that are open on it. */
const OPEN = Symbol('called at the end of the connection');

type Watched = Socket & { [OPEN]?: Set<() => void> };

function openOn(socket: Watched): Set<() => void> {
  const known = socket[OPEN];
  if (known) return known;
  const ends = new Set<() => void>();
  socket[OPEN] = ends;
  socket.once('close', () => {
    for (const end of ends) end();
  });
  return ends;
}

/**
 * Calls `done` once, when the answer is over or its connection is. Node tells an answer that waits behind another one on
 * the same connection nothing of the connection's end.
 */
export function whenOver({ socket }: IncomingMessage, res: ServerResponse, done: () => void): void {
  if (res.destroyed || socket.destroyed) {
    done();
    return;
  }
  const ends = openOn(socket);
  const end = () => {
    if (ends.delete(end)) done();
  };
  ends.add(end);
  // Emitted once; `once` would allocate more.
  res.on('close', end);
}

/**
 * Waits until the body of a request has arrived.
 * @returns false if the request needs no response any more: its body was refused, its application was stopped, or its visitor
 * has left
 */
export async function bodyArrived(arrival: Promise<void>, req: IncomingMessage, res: ServerResponse): Promise<boolean> {
  await Promise.race([arrival, departure(req, res)]);
  return !res.headersSent && !res.destroyed && !req.socket.destroyed;
}

/** Resolves when the answer is over, or its connection is. */
export function departure(req: IncomingMessage, res: ServerResponse): Promise<void> {
  return new Promise((resolve) => whenOver(req, res, resolve));
}
