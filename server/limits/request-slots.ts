import { decideSlot, type Limits } from '../../src/policies/limits';

export type SlotLimits = Pick<Limits, 'requestSlots' | 'requestQueue' | 'queueTimeout'>;

/** How the wait for a slot ended. `left`: the visitor has gone. */
export type SlotOutcome = 'admitted' | 'left' | 'refused';

/** A request that is at work for so many milliseconds is slow. */
const SLOW_MS = 25;
/** An application is in use for so many milliseconds after the begin of a request. */
const IN_USE_MS = 1_000;
/** Another application that had a request so many milliseconds ago may soon have the next one. */
const BUSY_MS = 30;
/** The time that is left to other applications, as a multiple of the time of the last request. */
const PAUSE_RATIO = 2;
/** More requests than one page asks for at once. */
const MANY_WAITING = 16;
/** The most milliseconds that are left to other applications between two requests. */
const MAX_PAUSE_MS = 10;

/** How soon it is looked again whether a request of another application is at work, in milliseconds. */
const LOOK_MS = 1;

/** The use of the other applications of this process, the main application included. */
export interface OtherUse {
  /** Milliseconds since a request to another application began; Infinity for none so far. */
  msSinceOthers(): number;
  isOtherAtWork(): boolean;
}

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
 *
 * While other applications are in use, a request begins when the one that began before has ended, or when that one is
 * slow and thus waits for its database: otherwise the stretches of all requests with a slot would delay the neighbours
 * in each turn. If many requests wait, the next one does not begin while a request of another application is at work, and
 * leaves others twice the time that the last one took; both for a bounded time. While no other application is in use, the
 * slots alone bound the requests.
 */
export class RequestSlots {
  private used = 0;
  private readonly queue = new Set<Waiter>();
  private scheduled = false;
  /** A request began in this turn. */
  private turnTaken = false;
  /** No request has ended since the last one began. */
  private working = false;
  private begunAt = 0;
  private endedAt = 0;
  private pause?: NodeJS.Timeout;

  constructor(
    private readonly limits: () => SlotLimits,
    private readonly others: OtherUse,
  ) {}

  get inFlight(): number {
    return this.used;
  }

  get waiting(): number {
    return this.queue.size;
  }

  /** A request that asks now would begin at once. */
  get mayBegin(): boolean {
    return this.queue.size === 0 && !this.turnTaken && this.pauseMs() <= 0;
  }

  /** Many requests wait, and other applications are in use. */
  get isCrowded(): boolean {
    return this.queue.size >= MANY_WAITING && this.others.msSinceOthers() < IN_USE_MS;
  }

  /**
   * Takes a slot.
   * @param bounded false for requests that were held already while the application started: their number was bounded
   * there, and they are not refused for the length of this queue
   */
  take(onGone: OnGone, bounded = true): 'admitted' | 'refused' | Promise<SlotOutcome> {
    const limits = this.limits();
    const mayBegin = !this.turnTaken && this.pauseMs() <= 0;
    const decision = decideSlot(limits, this.used, this.queue.size, mayBegin);
    if (decision === 'admit') {
      this.begin();
      return 'admitted';
    }
    if (decision === 'refuse' && bounded) return 'refused';
    const outcome = this.wait(limits.queueTimeout * 1_000, onGone);
    this.schedule();
    return outcome;
  }

  /** Returns a slot. The next request begins in a later turn of the event loop. */
  leave(): void {
    this.used -= 1;
    if (this.working) this.endedAt = performance.now();
    this.working = false;
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
        if (this.queue.size === 0) clearTimeout(this.pause);
        resolve(outcome);
        return true;
      };
      const timer = setTimeout(() => settle('refused'), ms);
      this.queue.add(settle);
      onGone(() => settle('left'));
    });
  }

  private begin(): void {
    this.used += 1;
    this.turnTaken = true;
    this.working = true;
    this.begunAt = performance.now();
    this.schedule();
  }

  /** Milliseconds until the next request may begin, for the sake of other applications. */
  private pauseMs(): number {
    const since = this.others.msSinceOthers();
    if (since >= IN_USE_MS) return 0;
    if (this.working) return this.begunAt + SLOW_MS - performance.now();
    if (this.queue.size < MANY_WAITING) return 0;
    const rested = performance.now() - this.endedAt;
    if (rested < MAX_PAUSE_MS && this.others.isOtherAtWork()) return LOOK_MS;
    return since < BUSY_MS ? Math.min(PAUSE_RATIO * (this.endedAt - this.begunAt), MAX_PAUSE_MS) - rested : 0;
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
    const pauseMs = requestSlots > 0 ? this.pauseMs() : 0;
    if (this.queue.size > 0 && pauseMs > 0) {
      clearTimeout(this.pause);
      this.pause = setTimeout(() => this.schedule(), pauseMs);
      return;
    }
    const [waiter] = this.queue;
    if (waiter?.('admitted')) this.begin();
  }
}
