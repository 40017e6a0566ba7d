/** An application counts as in use for this long after the begin of a request. */
const RECENT_MS = 1_000;

/**
 * Knows of each application whether others had requests just now. It remembers the last two applications only: one of
 * them is another one.
 */
export class RecentUse {
  private last = '';
  private lastAt = -Infinity;
  private formerAt = -Infinity;

  /** A request to this application begins. */
  note(name: string, now = performance.now()): void {
    if (name !== this.last) {
      this.formerAt = this.lastAt;
      this.last = name;
    }
    this.lastAt = now;
  }

  /** Whether another application than this one had a request within the last second. */
  byOthers(name: string, now = performance.now()): boolean {
    return now - (name === this.last ? this.formerAt : this.lastAt) < RECENT_MS;
  }
}
