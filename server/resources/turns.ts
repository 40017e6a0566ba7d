/** Work on one thing, one after the other, in the order in which it was asked for; on different things at the same time. */
export class Turns {
  private readonly last = new Map<string, Promise<unknown>>();

  /** Settles as the work does; the work before it may fail. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.last.set(key, mine);
    const leave = () => void (this.last.get(key) === mine && this.last.delete(key));
    mine.then(leave, leave);
    return mine;
  }
}
