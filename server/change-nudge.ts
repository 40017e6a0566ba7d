/** What main's open pages are told: that something changed, and not what; they ask by themselves, as far as they may. */
export const CHANGED = { type: 'app-supervisor:changed' } as const;

/** At most two a second. */
const PAUSE_MS = 500;

/**
 * Tells that something about the applications changed: at once, and once more after a pause when more has changed
 * meanwhile. While it is closed it says nothing, and leaves no timer.
 */
export class ChangeNudge {
  private opened = false;
  private again = false;
  private pause?: NodeJS.Timeout;

  /** @param push must not throw */
  constructor(private readonly push: () => void) {}

  open(): void {
    this.opened = true;
  }

  close(): void {
    this.opened = false;
    this.again = false;
    clearTimeout(this.pause);
    this.pause = undefined;
  }

  changed(): void {
    if (!this.opened) return;
    if (this.pause) {
      this.again = true;
      return;
    }
    this.pause = setTimeout(() => {
      this.pause = undefined;
      if (!this.again) return;
      this.again = false;
      this.changed();
    }, PAUSE_MS);
    this.pause.unref();
    this.push();
  }
}
