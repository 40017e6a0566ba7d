import { AppError } from '../../src/errors';
import { canAllEnd } from '../../src/policies/connection-share';

/** One that opens connections: the pool of one instance, or a piece of work that needs one. */
export interface Holder {
  /** The application, for looking. */
  readonly name: string;
  /** The most that it holds at a time. */
  readonly claim: number;
  /** Closes the connections that it does not use and that are recalled (`ConnectionBudget.recalls`). */
  giveBack(): void;
}

/** The right to one connection, from before it is opened until after it is closed. */
export interface Permit {
  readonly holder: Holder;
  /** When it was given, ms. */
  readonly since: number;
  /** The connection is open: its turn begins. */
  opened(): void;
  /** May be called more than once. */
  release(): void;
}

export interface BudgetSnapshot {
  limit: number;
  inUse: number;
  waiting: number;
  /** By name of the holder. */
  holders: Record<string, { inUse: number; waiting: number }>;
}

interface Issued extends Permit {
  /** ms */
  turnEndsAt: number;
  /** When its holder was told to close it, ms. */
  recalledAt?: number;
}

interface Ticket {
  grant: (permit: Permit) => void;
  refuse: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** How long a connection may be kept while others wait, at least. */
export const TURN_MS = 250;
/** Where opening one takes long, its turn is long against that: changing hands must not be most of the work. */
const TURN_PER_OPENING = 20;
const LONGEST_TURN_MS = 2_000;
/** A recalled connection that is still there after this time is not counted on any longer: another one is recalled. */
const RECALL_PATIENCE_MS = 2_000;

/**
 * The connections to one database server, counted. A permit comes before each connection; where there is none, the
 * holders stand in line: those without any come first, and each is served once before any is served twice. While
 * somebody waits, connections that had their turn are recalled: idle ones for anybody, others, when their query or
 * transaction ends, for those who have none, or fewer.
 *
 * The last free permits go only to those who can then come to their end (`canAllEnd`): holders that wait for a second
 * connection while they keep their first never block each other.
 */
export class ConnectionBudget {
  private readonly issued = new Map<Holder, Set<Issued>>();
  /** In the order in which they are served. */
  private readonly line = new Map<Holder, Ticket[]>();
  private inUse = 0;
  private waiting = 0;
  private reminder?: NodeJS.Timeout;

  constructor(private currentLimit: number) {}

  get limit(): number {
    return this.currentLimit;
  }

  /** At least 1. Below what is in use, nothing is given out until enough has come back. */
  set limit(limit: number) {
    this.currentLimit = limit;
    this.serve();
  }

  /** A permit, if there is one at once, and nobody has waited for it longer. */
  tryTake(holder: Holder): Permit | undefined {
    return this.line.size === 0 && this.mayHave(holder) ? this.issue(holder) : undefined;
  }

  /** @throws APP_DATABASE_BUSY after `deadlineMs`, or what `withdraw` is given */
  take(holder: Holder, deadlineMs: number): Promise<Permit> {
    const permit = this.tryTake(holder);
    if (permit) return Promise.resolve(permit);
    return new Promise<Permit>((grant, refuse) => {
      const seconds = Math.round(deadlineMs / 1_000);
      const timer = setTimeout(() => {
        this.leaveLine(holder, ticket);
        refuse(new AppError('APP_DATABASE_BUSY', { name: holder.name, seconds }));
      }, deadlineMs);
      const ticket: Ticket = { grant, refuse, timer };
      const tickets = this.line.get(holder);
      if (tickets) tickets.push(ticket);
      else this.line.set(holder, [ticket]);
      this.waiting += 1;
      this.serve();
      this.recall();
    });
  }

  /** Whatever the holder waits for, it does not need any longer. */
  withdraw(holder: Holder, error: Error): void {
    for (const ticket of [...(this.line.get(holder) ?? [])]) {
      this.leaveLine(holder, ticket);
      ticket.refuse(error);
    }
    // Who stood behind it may fit.
    this.serve();
  }

  waitingOf(holder: Holder): number {
    return this.line.get(holder)?.length ?? 0;
  }

  /**
   * Whether this connection is to be closed now that its query or transaction has ended: when true, its holder does.
   * @param wanted its holder has further use for it
   */
  recalls(permit: Permit, wanted: boolean): boolean {
    if (this.waiting === 0) return false;
    const now = Date.now();
    const issued = permit as Issued;
    if (now < issued.turnEndsAt || issued.recalledAt !== undefined) return false;
    if (this.claimants(permit.holder, wanted) <= this.comingBack(now)) return false;
    issued.recalledAt = now;
    return true;
  }

  snapshot(): BudgetSnapshot {
    const holders: BudgetSnapshot['holders'] = {};
    const entry = ({ name }: Holder) => (holders[name] ??= { inUse: 0, waiting: 0 });
    for (const [holder, permits] of this.issued) entry(holder).inUse += permits.size;
    for (const [holder, tickets] of this.line) entry(holder).waiting += tickets.length;
    return { limit: this.limit, inUse: this.inUse, waiting: this.waiting, holders };
  }

  /** How many connections others wait for, for whom this holder gives up one that it wants, or does not want. */
  private claimants(holder: Holder, wanted: boolean): number {
    const own = this.heldBy(holder);
    let count = 0;
    for (const [other, tickets] of this.line) {
      const held = this.heldBy(other);
      if (other !== holder && (!wanted || held === 0 || held < own)) count += tickets.length;
    }
    return count;
  }

  private heldBy(holder: Holder): number {
    return this.issued.get(holder)?.size ?? 0;
  }

  private mayHave(holder: Holder): boolean {
    if (this.inUse >= this.limit) return false;
    const held = this.heldBy(holder);
    const shares = [...this.issued].map(([other, { size }]) => ({
      held: other === holder ? size + 1 : size,
      claim: this.claimOf(other),
    }));
    if (held === 0) shares.push({ held: 1, claim: this.claimOf(holder) });
    return canAllEnd(this.limit - this.inUse - 1, shares);
  }

  /** Nobody needs more than there is. */
  private claimOf(holder: Holder): number {
    return Math.min(holder.claim, this.limit);
  }

  private issue(holder: Holder): Permit {
    const permits = this.issued.get(holder) ?? new Set<Issued>();
    this.issued.set(holder, permits);
    const since = Date.now();
    const permit: Issued = {
      holder,
      since,
      turnEndsAt: since + TURN_MS,
      opened: () => {
        const now = Date.now();
        const turn = Math.max(TURN_MS, TURN_PER_OPENING * (now - since));
        permit.turnEndsAt = now + Math.min(turn, LONGEST_TURN_MS);
      },
      release: () => {
        if (!permits.delete(permit)) return;
        if (permits.size === 0 && this.issued.get(holder) === permits) this.issued.delete(holder);
        this.inUse -= 1;
        this.serve();
      },
    };
    permits.add(permit);
    this.inUse += 1;
    return permit;
  }

  /** Gives out what may be given out. Whoever was served and wants more goes to the end of the line. */
  private serve(): void {
    this.serveThose((held) => held === 0);
    this.serveThose((held) => held > 0);
  }

  private serveThose(areMeant: (held: number) => boolean): void {
    // Who holds as much and may claim as much as one that was refused is refused as well.
    const refused = new Set<string>();
    for (const [holder, tickets] of this.line) {
      if (this.inUse >= this.limit) break;
      const held = this.heldBy(holder);
      const kind = `${held}/${this.claimOf(holder)}`;
      const [ticket] = tickets;
      if (!ticket || !areMeant(held) || refused.has(kind)) continue;
      if (!this.mayHave(holder)) {
        refused.add(kind);
        continue;
      }
      refused.clear();
      const permit = this.issue(holder);
      this.leaveLine(holder, ticket);
      if (tickets.length > 0) {
        this.line.delete(holder);
        this.line.set(holder, tickets);
      }
      ticket.grant(permit);
    }
  }

  private leaveLine(holder: Holder, ticket: Ticket): void {
    const tickets = this.line.get(holder);
    const place = tickets?.indexOf(ticket) ?? -1;
    if (!tickets || place < 0) return;
    tickets.splice(place, 1);
    if (tickets.length === 0) this.line.delete(holder);
    clearTimeout(ticket.timer);
    this.waiting -= 1;
    if (this.waiting > 0) return;
    clearInterval(this.reminder);
    this.reminder = undefined;
  }

  /** As long as somebody waits, all holders are asked again: a connection may have had its turn by now. */
  private recall(): void {
    if (this.waiting === 0) return;
    this.reminder ??= setInterval(() => this.recall(), TURN_MS);
    for (const holder of [...this.issued.keys()]) holder.giveBack();
  }

  /** Permits whose connections are being closed. */
  private comingBack(now: number): number {
    let count = 0;
    for (const permits of this.issued.values()) {
      for (const { recalledAt } of permits) {
        if (recalledAt !== undefined && now - recalledAt < RECALL_PATIENCE_MS) count += 1;
      }
    }
    return count;
  }
}
