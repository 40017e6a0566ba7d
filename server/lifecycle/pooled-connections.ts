import type Database from '@nocobase/database';
import { AppError } from '../../src/errors';
import { connectionManagerOf, type CoreConnection, type CoreConnectionManager } from '../core';
import { endsBy, endStatement } from '../databases/pool';
import { boundResults } from '../databases/row-limit';
import type { ConnectionBudget, Holder, Permit } from './connection-budget';

/** What an application's pool is given, in terms of Sequelize's `pool` option, and one thing more. */
export interface AppPoolOptions {
  max: number;
  min: number;
  /** ms */
  idle: number;
  evict: number;
  acquire: number;
  /** How far the pool may stretch while all its connections are busy and requests wait; at least `max`. */
  stretch: number;
}

/** All connections of a pool are in use and none has come back for this long: requests may be waiting for each other. */
const STALL_MS = 1_000;
/** How long a pool that is closed waits for connections that are in use, before it cuts them off. */
export const CLOSE_PATIENCE_MS = 10_000;
/** A permit is waited for longer than a connection of the pool, so that the pool is the first to say so. */
const PERMIT_GRACE_MS = 5_000;

/** What a pool needs of its surroundings. */
export interface PoolHost {
  /** Ends the session of a number at a MySQL or MariaDB server. */
  endSession?: (thread: number) => Promise<void>;
  /** Told of a connection on which results are not bounded. */
  onUnbounded?: () => void;
}

/** Nobody waits any longer for a connection that was to be opened. */
class Unwanted extends Error {
  override readonly name = 'Unwanted';
}

/** Counts the connections of this database in the budget, also after it reconnects. */
export function countConnections(db: Database, name: string, budget: ConnectionBudget, host: PoolHost = {}): void {
  new PooledConnections(name, connectionManagerOf(db), budget, host);
  const reconnect = db.reconnect.bind(db);
  db.reconnect = async () => {
    const before = connectionManagerOf(db);
    await reconnect();
    const manager = connectionManagerOf(db);
    if (manager !== before) new PooledConnections(name, manager, budget, host);
  };
}

/**
 * The connections of one Sequelize instance, as the budget sees them. Each gets its permit before it is opened, and
 * keeps it until its socket is closed, however that comes about: evicted, recalled, broken, cut off by the server.
 *
 * The pool is small. While all of it is busy for long and requests wait, it stretches by one connection at a time: two
 * requests that need a second connection in the middle of a transaction would otherwise wait for each other.
 */
class PooledConnections implements Holder {
  readonly claim: number;
  private readonly max: number;
  private readonly waitMs: number;
  private readonly open = new Map<CoreConnection, Permit>();
  /** Opened by the driver, and not yet known to be usable. */
  private readonly fresh = new WeakMap<object, CoreConnection>();
  private readonly ending = new WeakMap<CoreConnection, Promise<void>>();
  private readonly driver: Pick<
    CoreConnectionManager,
    'connect' | '_connect' | '_disconnect' | 'getConnection' | 'releaseConnection' | 'close'
  >;
  private movedAt = Date.now();
  private watch?: NodeJS.Timeout;
  private closing = false;

  constructor(
    readonly name: string,
    private readonly manager: CoreConnectionManager,
    private readonly budget: ConnectionBudget,
    private readonly host: PoolHost,
  ) {
    const options = manager.config.pool as Partial<AppPoolOptions> & { max: number };
    this.max = options.max;
    this.claim = Math.max(this.max, options.stretch ?? 0);
    this.waitMs = options.acquire ?? 60_000;
    this.driver = {
      connect: manager.connect.bind(manager),
      _connect: manager._connect.bind(manager),
      _disconnect: manager._disconnect.bind(manager),
      getConnection: manager.getConnection.bind(manager),
      releaseConnection: manager.releaseConnection.bind(manager),
      close: manager.close.bind(manager),
    };
    Object.assign(manager, {
      connect: (config: object) => this.dial(config),
      _connect: (config: object) => this.connect(config),
      _disconnect: (connection: CoreConnection) => this.disconnect(connection),
      getConnection: (given?: object) => this.acquire(given),
      releaseConnection: (connection: CoreConnection) => this.release(connection),
      close: () => this.close(),
    });
  }

  // ---- a connection's life --------------------------------------------------------------------------------------

  private async connect(config: object): Promise<CoreConnection> {
    const permit = await this.permit();
    // An object of its own, by which the connection is found if what follows fails.
    const own = { ...config };
    try {
      const connection = await this.driver._connect(own);
      this.open.set(connection, permit);
      permit.opened();
      const { endSession } = this.host;
      if (endSession) endsBy(connection, endSession);
      if (!boundResults(connection, () => this.discard(connection))) this.host.onUnbounded?.();
      connection.once?.('end', () => this.gone(connection));
      return connection;
    } catch (error) {
      const opened = this.fresh.get(own);
      if (opened) await this.manager.disconnect(opened).catch(() => undefined);
      permit.release();
      throw error;
    }
  }

  private async dial(config: object): Promise<CoreConnection> {
    const connection = await this.driver.connect(config);
    this.fresh.set(config, connection);
    return connection;
  }

  private async permit(): Promise<Permit> {
    if (!this.closing) return await this.budget.take(this, this.waitMs + PERMIT_GRACE_MS);
    const permit = this.budget.tryTake(this);
    if (!permit) throw this.busy();
    return permit;
  }

  private disconnect(connection: CoreConnection): Promise<void> {
    const ending =
      this.ending.get(connection) ?? this.driver._disconnect(connection).finally(() => this.gone(connection));
    this.ending.set(connection, ending);
    return ending;
  }

  private gone(connection: CoreConnection): void {
    const permit = this.open.get(connection);
    this.open.delete(connection);
    permit?.release();
  }

  // ---- in use and back ------------------------------------------------------------------------------------------

  /** @throws APP_DATABASE_BUSY where Sequelize would say that no connection was to be had in time */
  private async acquire(options?: object): Promise<CoreConnection> {
    for (;;) {
      try {
        const acquired = this.driver.getConnection(options);
        this.watch ??= setTimeout(() => this.look(), STALL_MS).unref();
        const connection = await acquired;
        this.movedAt = Date.now();
        return connection;
      } catch (error) {
        this.withdraw();
        // It was withdrawn when nobody waited for it; this one has come just then.
        if (error instanceof Unwanted && !this.closing) continue;
        throw isAcquireTimeout(error) || error instanceof Unwanted ? this.busy() : error;
      }
    }
  }

  private release(connection: CoreConnection): void {
    this.movedAt = Date.now();
    const permit = this.open.get(connection);
    if (permit && (this.tooMany() || this.budget.recalls(permit, this.manager.pool.waiting > 0))) {
      this.discard(connection);
      return;
    }
    this.driver.releaseConnection(connection);
    this.withdraw();
  }

  giveBack(): void {
    for (const { resource } of [...(this.manager.pool._availableObjects ?? [])]) {
      const permit = this.open.get(resource);
      if (permit && this.budget.recalls(permit, false)) this.discard(resource);
    }
  }

  /** A connection that nobody waits for any longer is not opened. */
  private withdraw(): void {
    if (this.manager.pool.waiting === 0 && this.budget.waitingOf(this) > 0) this.budget.withdraw(this, new Unwanted());
  }

  private discard(connection: CoreConnection): void {
    this.manager.destroyConnection(connection).catch(() => undefined);
  }

  private busy(): AppError {
    return new AppError('APP_DATABASE_BUSY', { name: this.name, seconds: Math.round(this.waitMs / 1_000) });
  }

  // ---- stretching -----------------------------------------------------------------------------------------------

  /** Looks, as long as requests wait, whether anything moves. */
  private look(): void {
    this.watch = undefined;
    const { pool } = this.manager;
    if (!(pool.waiting > 0) || this.closing) return;
    this.watch = setTimeout(() => this.look(), STALL_MS).unref();
    const factory = pool._factory;
    const stalled = Date.now() - this.movedAt >= STALL_MS && pool.using >= this.limitOf(pool);
    if (!factory || !stalled || factory.max >= this.claim) return;
    factory.max += 1;
    pool._dispense();
  }

  private limitOf(pool: CoreConnectionManager['pool']): number {
    return pool._factory?.max ?? this.max;
  }

  /** The pool has stretched, and nobody waits any longer. */
  private tooMany(): boolean {
    const { pool } = this.manager;
    if (pool.waiting > 0 || !pool._factory || pool._factory.max <= this.max) return false;
    pool._factory.max = Math.max(this.max, pool.size - 1);
    return pool.size > this.max;
  }

  // ---- the end --------------------------------------------------------------------------------------------------

  /** Sequelize waits for ever for a connection that nobody gives back. */
  private async close(): Promise<void> {
    this.closing = true;
    this.budget.withdraw(this, new Unwanted());
    const cut = setTimeout(() => void this.cutOff(), CLOSE_PATIENCE_MS);
    try {
      await this.driver.close();
    } finally {
      clearTimeout(cut);
      clearTimeout(this.watch);
      await this.cutOff();
    }
  }

  private async cutOff(): Promise<void> {
    await Promise.all([...this.open.keys()].map((connection) => this.cut(connection)));
  }

  /** The server goes on with a statement whose line is broken: it is told to stop first. */
  private async cut(connection: CoreConnection): Promise<void> {
    await endStatement(connection as object, this.manager);
    this.discard(connection);
    // Also one that the pool does not know of.
    await this.disconnect(connection).catch(() => undefined);
  }
}

function isAcquireTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'SequelizeConnectionAcquireTimeoutError';
}
