import { decideSlot, type Limits } from '../../src/policies/limits';

export type SlotLimits = Pick<Limits, 'requestSlots' | 'requestQueue' | 'queueTimeout'>;

/** How the wait for a slot ended. `left`: the visitor has gone. */
export type SlotOutcome = 'admitted' | 'left' | 'refused';

/** Ends a wait; false if it has ended already. */
type Waiter = (outcome: SlotOutcome) => boolean;

/** Calls the listener when the visitor has left. */
export type OnGone = (listener: () => void) => void;

/**
 * The request slots of one application: how many of its requests are at work, and a queue for the next ones, bounded
 * in number and time. A slot is returned exactly once for each `admitted`.
 *
 * One request begins in a turn of the event loop. The requests of other applications, and connections that wait to be
 * accepted (one in each turn), are served between two of them.
 */
export class RequestSlots {
  private used = 0;
  private readonly queue = new Set<Waiter>();
  private scheduled = false;
  /** A request began in this turn. */
  private turnTaken = false;

  constructor(private readonly limits: () => SlotLimits) {}

  get inFlight(): number {
    return this.used;
  }

  get waiting(): number {
    return this.queue.size;
  }

  /**
   * Takes a slot.
   * @param bounded false for requests that were held already while the application started: their number was bounded
   * there, and they are not refused for the length of this queue
   */
  take(onGone: OnGone, bounded = true): 'admitted' | 'refused' | Promise<SlotOutcome> {
    const limits = this.limits();
    const decision = decideSlot(limits, this.used, this.queue.size, this.turnTaken);
    if (decision === 'admit') {
      this.used += 1;
      this.turnTaken = true;
      this.schedule();
      return 'admitted';
    }
    if (decision === 'refuse' && bounded) return 'refused';
    return this.wait(limits.queueTimeout * 1_000, onGone);
  }

  /** Returns a slot. The next request begins in a later turn of the event loop. */
  leave(): void {
    this.used -= 1;
    this.schedule();
  }

  /** The limits have changed: requests that wait may have a slot now. */
  refresh(): void {
    this.schedule();
  }

  private wait(ms: number, onGone: OnGone): Promise<SlotOutcome> {
    return new Promise((resolve) => {
      const settle = (outcome: SlotOutcome) => {
        // The first outcome counts.
        if (!this.queue.delete(settle)) return false;
        clearTimeout(timer);
        resolve(outcome);
        return true;
      };
      const timer = setTimeout(() => settle('refused'), ms);
      this.queue.add(settle);
      onGone(() => settle('left'));
    });
  }

  private schedule(): void {
    if (this.scheduled || (this.queue.size === 0 && !this.turnTaken)) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.turnTaken = false;
      this.admitOne();
    });
  }

  private admitOne(): void {
    const { requestSlots } = this.limits();
    if (requestSlots > 0 && this.used >= requestSlots) return;
    const [waiter] = this.queue;
    if (!waiter?.('admitted')) return;
    this.used += 1;
    this.turnTaken = true;
    this.schedule();
  }
}
