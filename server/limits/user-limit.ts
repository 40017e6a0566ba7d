import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import type { AppLimits } from './app-limits';

interface Transaction {
  afterCommit(callback: () => void): void;
}

interface WriteOptions {
  transaction?: Transaction;
}

/** Reservations of transactions that end without a word are released after this time. */
const RESERVATION_MS = 10_000;

/**
 * Users that are being created and are not visible to a count yet: two calls at once must not both take the last
 * place. A reservation ends with the commit, or by time.
 */
class Reservations {
  private readonly held = new Set<number>();
  private next = 0;

  get size(): number {
    return this.held.size;
  }

  add(transaction: Transaction | undefined): () => void {
    const id = (this.next += 1);
    this.held.add(id);
    const timer = setTimeout(() => release(), RESERVATION_MS).unref();
    const release = () => {
      clearTimeout(timer);
      this.held.delete(id);
    };
    transaction?.afterCommit(release);
    return release;
  }
}

/** As much of a database of NocoBase as tells which collections hold users. */
interface Collections {
  readonly modelCollection?: ReadonlyMap<unknown, { name: string }>;
  readonly inheritanceMap?: { getParents(name: string): ReadonlySet<string> };
}

/**
 * Whether rows of a model are users: those of `users`, and of collections that inherit from it, directly or not.
 * PostgreSQL counts their rows among the users. NocoBase refuses further collections on the same table.
 */
function holdsUsers(model: unknown, { modelCollection, inheritanceMap }: Collections): boolean {
  const name = modelCollection?.get(model)?.name;
  return name !== undefined && (name === 'users' || inheritanceMap?.getParents(name).has('users') === true);
}

/** Databases whose events are listened to already: an instance may be loaded more than once. */
const limited = new WeakSet<object>();

/**
 * Holds an application to its number of users, however NocoBase writes them: an administrator's form, a sign-up, an import
 * of a table, a synchronization, a plugin, a collection that inherits from `users`. SQL passes it. Users that are there
 * already stay.
 */
export function limitUsers(app: Application, limits: AppLimits): void {
  const { name, db } = app;
  if (limited.has(db)) return;
  limited.add(db);
  const collections = db as unknown as Collections;
  const reservations = new Reservations();

  const reserve = async (count: number, { transaction }: WriteOptions, users: number) => {
    const releases = Array.from({ length: count }, () => reservations.add(transaction));
    const taken = reservations.size - count;
    const existing = await db.getModel('users').count({ transaction: transaction as never });
    if (existing + taken + count > users) {
      for (const release of releases) release();
      limits.note(name, 'users');
      throw new AppError('APP_USERS_LIMIT', { name, limit: users });
    }
    // Without a transaction the rows are visible at once.
    if (!transaction) setImmediate(() => releases.forEach((release) => release()));
  };
  /** NocoBase tells it of the rows of all collections: most are no users, and without a limit none is looked at. */
  const limit = (rows: readonly object[], options: WriteOptions): Promise<void> | undefined => {
    const { users } = limits.of(name).inForce;
    const [first] = rows;
    return users > 0 && first && holdsUsers(first.constructor, collections)
      ? reserve(rows.length, options, users)
      : undefined;
  };

  db.on('beforeCreate', (row: object, options: WriteOptions = {}) => limit([row], options));
  db.on('beforeBulkCreate', (rows: object[], options: WriteOptions & { individualHooks?: boolean } = {}) =>
    // With hooks for each of them, each is counted by itself.
    options.individualHooks ? undefined : limit(rows, options),
  );
}
