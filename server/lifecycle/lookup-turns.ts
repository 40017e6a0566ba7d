import { lookup, promises } from 'node:dns';
import type { LookupFunction } from 'node:net';

/**
 * Names of servers are looked up in threads of the process, two at a time, and a name server that does not answer holds a
 * thread for up to 20 seconds. Applications look up one name at a time, in turns, so that the main application and all
 * connections to databases have the other thread.
 */

/** A name that has waited so long is not looked up. */
const MAX_WAIT_MS = 20_000;
/** Names of one application that wait. */
const MAX_WAITING = 200;

type Begin = (end: () => void) => void;

/** One look-up at a time; the applications that wait take turns. */
export class LookupTurns {
  private busy = false;
  private readonly queues = new Map<string, Set<Begin>>();

  /**
   * @param name the application
   * @param begin called at its turn, with the function that ends it
   * @param refuse called if there is no turn in time
   */
  take(name: string, begin: Begin, refuse: () => void): void {
    const queue = this.queues.get(name) ?? new Set<Begin>();
    if (queue.size >= MAX_WAITING) return refuse();
    const timer = setTimeout(() => {
      if (!queue.delete(waiting)) return;
      if (queue.size === 0) this.queues.delete(name);
      refuse();
    }, MAX_WAIT_MS).unref();
    const waiting: Begin = (end) => {
      clearTimeout(timer);
      begin(end);
    };
    queue.add(waiting);
    this.queues.set(name, queue);
    this.next();
  }

  private next(): void {
    if (this.busy) return;
    const [[name, queue] = []] = this.queues;
    const [begin] = queue ?? [];
    if (name === undefined || !queue || !begin) return;
    queue.delete(begin);
    // The application goes to the end of the row.
    this.queues.delete(name);
    if (queue.size > 0) this.queues.set(name, queue);
    this.busy = true;
    let ended = false;
    begin(() => {
      if (ended) return;
      ended = true;
      this.busy = false;
      this.next();
    });
  }
}

const tooLate = (hostname: string) =>
  Object.assign(new Error(`the name ${hostname} could not be looked up in time`), { code: 'ETIMEOUT', hostname });

/** Looks a name up like Node, when it is the turn of the application. */
export function lookupInTurn(turns: LookupTurns, name: string): LookupFunction {
  return (hostname, options, callback) => {
    turns.take(
      name,
      (end) =>
        lookup(hostname, options, (...found) => {
          end();
          callback(...(found as Parameters<typeof callback>));
        }),
      () => callback(tooLate(hostname), ''),
    );
  };
}

type Lookup = (hostname: string, ...rest: unknown[]) => Promise<unknown>;

/**
 * Lets code of applications that looks names up by promises take turns.
 * @param current returns the ID of the application that runs code now; undefined for the main application
 * @returns takes it back
 */
export function trackLookups(turns: LookupTurns, current: () => string | undefined): () => void {
  const names = promises as unknown as { lookup: Lookup };
  const original = names.lookup;
  const tracked: Lookup = (hostname, ...rest) => {
    const name = current();
    if (name === undefined) return original(hostname, ...rest);
    return new Promise((resolve, reject) => {
      turns.take(
        name,
        (end) =>
          void original(hostname, ...rest)
            .then(resolve, reject)
            .finally(end),
        () => reject(tooLate(hostname)),
      );
    });
  };
  names.lookup = tracked;
  return () => {
    if (names.lookup === tracked) names.lookup = original;
  };
}
