import type { FaultSummary } from '../../src/app-state';
import { recentFaults, tooManyFaults, type FaultLimit } from '../../src/policies/fault-intensity';
import type { Fault } from './fault-fence';

/** So many faults of one application are written to the log in a minute; what comes beyond is counted. */
const LOGGED_A_MINUTE = 20;

interface Account {
  count: number;
  last: FaultSummary['last'];
  /** The instance that had the last exception. */
  instance?: object;
  /** Times of its exceptions, as far as they count. */
  exceptions: number[];
  logged: number[];
  unlogged: number;
}

/** What is to be done about a fault. */
export interface FaultVerdict {
  /** How many were not written to the log since the last one that was; undefined: this one is not, either. */
  log: number | undefined;
  tooMany: boolean;
}

/** Each application's faults since the process began. */
export class FaultLedger {
  private readonly accounts = new Map<string, Account>();

  constructor(private readonly limit: () => FaultLimit) {}

  /**
   * A rejection is written down and no more: NocoBase, too, goes on after one. Exceptions of the present instance are
   * borne up to a limit; more of them take it down.
   */
  note({ app, kind, error, at, instance }: Fault): FaultVerdict {
    const limit = this.limit();
    const account = this.accounts.get(app) ?? this.open(app);
    account.count += 1;
    account.last = { kind, error: nameOf(error), at };
    if (kind === 'exception' && instance) {
      const former = account.instance === instance ? recentFaults(account.exceptions, at, limit) : [];
      account.exceptions = [...former, at].slice(-limit.max - 1);
      account.instance = instance;
    }
    const tooMany = tooManyFaults(account.exceptions, at, limit);
    if (tooMany) account.exceptions = [];
    account.logged = recentFaults(account.logged, at, { max: LOGGED_A_MINUTE, withinMs: 60_000 });
    if (account.logged.length >= LOGGED_A_MINUTE) {
      account.unlogged += 1;
      return { log: undefined, tooMany };
    }
    const { unlogged } = account;
    account.logged.push(at);
    account.unlogged = 0;
    return { log: unlogged, tooMany };
  }

  summary(app: string): FaultSummary | undefined {
    const account = this.accounts.get(app);
    return account && { count: account.count, last: account.last };
  }

  forget(app: string): void {
    this.accounts.delete(app);
  }

  private open(app: string): Account {
    const last: FaultSummary['last'] = { kind: 'exception', error: '', at: 0 };
    const account: Account = { count: 0, last, exceptions: [], logged: [], unlogged: 0 };
    this.accounts.set(app, account);
    return account;
  }
}

/** The kind of an error for callers; its message may hold what is not theirs to read, and stands in the log. */
function nameOf(error: unknown): string {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  const text = [name, code].filter((part) => typeof part === 'string' && /^[\w.-]{1,60}$/.test(part)).join(' ');
  return text || typeof error;
}
