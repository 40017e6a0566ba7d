/** Scripts and styles of one application that are sent at a time: a browser asks for six over one connection. */
const AT_ONCE = 12;
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

  get waiting(): number {
    return this.queue.size;
  }

  /** True if a place was free. Otherwise resolves when one is; to false if the visitor has left. */
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

  /** Gives a place back. */
  leave(): void {
    this.taken -= 1;
    const [next] = this.queue;
    if (next && this.taken < AT_ONCE) next(true);
  }
}
