/** Scripts and styles of one application that are sent at a time: a browser asks for six over one connection. */
const AT_ONCE = 12;
/** A client that reads slowly takes no time of the threads: its place is free after so many milliseconds. */
const HELD_MS = 1_000;
/** A file that has waited so many milliseconds is sent. */
const MAX_WAIT_MS = 10_000;

/** Calls the listener when the visitor has left. */
type OnGone = (listener: () => void) => void;

/** Gives a place back. May be repeated. */
type Leave = () => void;

/**
 * The places of one application for files that are the same for all applications. NocoBase packs each one anew for each
 * request, in four threads that all applications share: those of one application take turns beyond a number.
 */
export class FilePlaces {
  private readonly taken = new Set<Leave>();
  private readonly queue = new Set<(begins: boolean) => void>();

  get waiting(): number {
    return this.queue.size;
  }

  /**
   * Takes a place, now or when one is free. It is given back after `HELD_MS` in any case.
   * @returns what gives the place back; undefined if the visitor has left before
   */
  take(onGone: OnGone): Leave | Promise<Leave | undefined> {
    if (this.taken.size < AT_ONCE) return this.begin();
    return new Promise((resolve) => {
      const settle = (begins: boolean) => {
        if (!this.queue.delete(settle)) return;
        clearTimeout(timer);
        resolve(begins ? this.begin() : undefined);
      };
      const timer = setTimeout(() => settle(true), MAX_WAIT_MS);
      this.queue.add(settle);
      onGone(() => settle(false));
    });
  }

  private begin(): Leave {
    const leave = () => {
      clearTimeout(timer);
      if (!this.taken.delete(leave)) return;
      const [next] = this.queue;
      if (this.taken.size < AT_ONCE) next?.(true);
    };
    const timer = setTimeout(leave, HELD_MS).unref();
    this.taken.add(leave);
    return leave;
  }
}
