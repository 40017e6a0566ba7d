/** How far a response is. It refers to nothing of the request: an application that sleeps keeps none in memory. */
export interface ResponseProgress {
  headersSent: boolean;
}

/** A request that began so many milliseconds ago is taken to wait for its database, or for its visitor. */
const AT_WORK_MS = 30;

interface Use {
  at: number;
  response: ResponseProgress;
}

/** Knows of each application when its last request began, and whether that request is still at work. */
export class RecentUse {
  private readonly uses = new Map<string, Use>();
  private last = '';
  private lastAt = -Infinity;
  private formerAt = -Infinity;

  /** A request to this application begins. */
  note(name: string, response: ResponseProgress, now = performance.now()): void {
    if (name !== this.last) {
      this.formerAt = this.lastAt;
      this.last = name;
    }
    this.lastAt = now;
    this.uses.set(name, { at: now, response });
  }

  /**
   * Milliseconds since a request to another application than this one began; Infinity for none so far. The last two
   * applications are remembered: one of them is another one.
   */
  msSinceOthers(name: string, now = performance.now()): number {
    return now - (name === this.last ? this.formerAt : this.lastAt);
  }

  /** Whether a request to another application is at work. */
  isOtherAtWork(name: string, now = performance.now()): boolean {
    if (this.msSinceOthers(name, now) >= AT_WORK_MS) return false;
    for (const [other, { at, response }] of this.uses) {
      if (other !== name && now - at < AT_WORK_MS && !response.headersSent) return true;
    }
    return false;
  }

  /** The application is gone. */
  forget(name: string): void {
    this.uses.delete(name);
  }
}
