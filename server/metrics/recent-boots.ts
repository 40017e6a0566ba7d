import type { AppEvent, Journey } from '../../src/events';

/** One boot or making of an application that has come to its end. */
export interface BootRecord {
  /** ISO time at which it began. */
  at: string;
  application: string;
  kind: Journey['kind'];
  ms: number;
  /** `stopped`: it was made, and rests. */
  outcome: Journey['outcome'];
}

const KEPT_MS = 3_600_000;
const KEPT = 500;
/** Whose journey is that of a boot; an upgrade before it tells of the same journey once more. */
const BOOT_EVENTS: readonly AppEvent['type'][] = ['created', 'woken', 'started', 'failed', 'quarantined'];

/** The boots of the last hour, as the timeline tells of them. */
export class RecentBoots {
  private boots: { endedAt: number; boot: BootRecord }[] = [];

  note({ application, type, at, journey }: AppEvent): void {
    if (!journey || journey.kind === 'upgrade' || !BOOT_EVENTS.includes(type)) return;
    const { startedAt, kind, ms, outcome } = journey;
    const boot = { at: new Date(startedAt).toISOString(), application, kind, ms, outcome };
    this.boots.push({ endedAt: at, boot });
    if (this.boots.length > KEPT) this.boots.shift();
  }

  /** The earliest first. */
  list(now = Date.now()): BootRecord[] {
    this.boots = this.boots.filter(({ endedAt }) => now - endedAt < KEPT_MS);
    return this.boots.map(({ boot }) => boot);
  }
}
