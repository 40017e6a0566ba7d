/**
 * Knows of each application when the last request to another one began. It remembers the last two applications only: one
 * of them is another one.
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

  /** Milliseconds since a request to another application than this one began; Infinity for none so far. */
  msSinceOthers(name: string, now = performance.now()): number {
    return now - (name === this.last ? this.formerAt : this.lastAt);
  }
}
