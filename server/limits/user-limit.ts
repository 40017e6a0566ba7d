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

/** Databases whose events are listened to already: an instance may be loaded more than once. */
const limited = new WeakSet<object>();

/**
 * Holds an application to its number of users, however they come: an administrator's form, a sign-up, an import of a
 * table, a synchronization, a plugin. Users that are there already stay.
 */
export function limitUsers(app: Application, limits: AppLimits): void {
  const { name, db } = app;
  if (limited.has(db)) return;
  limited.add(db);
  const reservations = new Reservations();

  const reserve = async (count: number, { transaction }: WriteOptions) => {
    const { users } = limits.of(name).inForce;
    if (users === 0 || count === 0) return;
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

  db.on('users.beforeCreate', (_user: unknown, options: WriteOptions = {}) => reserve(1, options));
  db.on('users.beforeBulkCreate', (users: unknown[], options: WriteOptions & { individualHooks?: boolean } = {}) =>
    // With hooks for each of them, each is counted by itself.
    options.individualHooks ? undefined : reserve(users.length, options),
  );
}
