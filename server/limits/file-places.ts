/** Scripts and styles of one application that are sent at a time: a browser asks for six over one connection. */
const AT_ONCE = 12;
/** A client that reads slowly takes no time of the threads: its place is free after so many milliseconds. */
const HELD_MS = 1_000;
/** A file that has waited so many milliseconds is sent. */
const MAX_WAIT_MS = 10_000;

/** Calls the listener when the visitor has left. */
type OnGone = (listener: () => void) => void;

/**
 * The places of one application for files that are the same for all applications. NocoBase packs each one anew for each
 * request, in four threads that all applications share: those of one application take turns beyond a number.
 */
export class FilePlaces {
  private taken = 0;
  private readonly queue = new Set<(begins: boolean) => void>();
  private readonly holders = new Set<() => void>();

  get waiting(): number {
    return this.queue.size;
  }

  /** Takes a place: call `hold` then. True if one was free; otherwise resolves when one is, to false if the visitor has left. */
  take(onGone: OnGone): true | Promise<boolean> {
    if (this.taken < AT_ONCE) {
      this.taken += 1;
      return true;
    }
    return new Promise((resolve) => {
      const settle = (begins: boolean) => {
        if (!this.queue.delete(settle)) return;
        clearTimeout(timer);
        if (begins) this.taken += 1;
        resolve(begins);
      };
      const timer = setTimeout(() => settle(true), MAX_WAIT_MS);
      this.queue.add(settle);
      onGone(() => settle(false));
    });
  }

  /** A place was taken. Returns what gives it back, once; it is given back after `HELD_MS` in any case. */
  hold(): () => void {
    const leave = () => {
      clearTimeout(timer);
      this.leave(leave);
    };
    const timer = setTimeout(leave, HELD_MS).unref();
    this.holders.add(leave);
    return leave;
  }

  private leave(holder: () => void): void {
    if (!this.holders.delete(holder)) return;
    this.taken -= 1;
    const [next] = this.queue;
    if (next && this.taken < AT_ONCE) next(true);
  }
}
