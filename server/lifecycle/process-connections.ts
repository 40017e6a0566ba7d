import type Database from '@nocobase/database';
import type { Application } from '@nocobase/server';
import type { PoolOptions } from 'sequelize';
import { databaseKind } from '../../src/database-dialects';
import { automaticLimit } from '../../src/policies/connection-share';
import type { SupervisorConfig } from '../config';
import { connectionManagerOf, onEachDatabase, releaseFromDriver } from '../core';
import { readCapacity } from '../databases/capacity';
import type { ServerAddress } from '../databases/dialect';
import { addressOf, type DatabaseOptions } from '../databases/location';
import { serverKey } from '../databases/ownership';
import { letMainEnd } from '../databases/pool';
import { ConnectionBudget, type BudgetSnapshot, type Holder } from './connection-budget';
import { countConnections, type AppPoolOptions } from './pooled-connections';

/** Where the server does not say how many connections it accepts; and for servers of others, which we do not ask. */
export const UNKNOWN_SERVER_LIMIT = 80;
/** After this time a connection that nobody used is closed. */
const IDLE_MS = 5_000;
const EVICT_MS = 1_000;
/** As many as Sequelize's own default pool has; see `PooledConnections`. */
const STRETCH = 5;
/** A stretched pool may have this part of what there is for applications. */
const STRETCH_PART = 0.1;
/** Under this name provisioning holds its connections. */
const PROVISIONING = '(provisioning)';

/** The connections of this process to the databases of NocoBase. */
export interface ConnectionsSnapshot {
  /** To the main application's database server: all that this process allows itself. */
  limit: number;
  main: { reserved: number; inUse: number };
  /** What is left for applications and provisioning. */
  applications: BudgetSnapshot;
  /** Applications on other database servers, each server with its own limit. */
  otherServers: ({ server: string } & BudgetSnapshot)[];
  /** Connections of data sources that were added in applications, main included: not limited, only shown. */
  external: { application: string; dataSource: string; inUse: number; max: number }[];
}

/** A server that is spoken to without an instance; by its dialect in NocoBase's words. */
export interface LentServer {
  dialect: string;
  host?: string;
  port?: number;
}

/** What the connections need of the process around them. */
interface ConnectionsHost {
  mainApp(): Application;
  /** Ends a session of an application's pool that does not end by itself. */
  roles: { endSession(name: string, options: DatabaseOptions, thread: number): Promise<void> };
}

/** One budget a database server for everything that this process opens; the main application's share is set aside. */
export class ProcessConnections {
  private readonly own = new ConnectionBudget(UNKNOWN_SERVER_LIMIT);
  private readonly others = new Map<string, ConnectionBudget>();
  private readonly unbounded = new Set<string>();
  private total = UNKNOWN_SERVER_LIMIT;

  constructor(
    private readonly config: Pick<SupervisorConfig, 'maxConnections' | 'appPoolMax' | 'connectionTimeoutMs'>,
    private readonly host: ConnectionsHost,
  ) {}

  /** Asks the server, once the main application has started, unless the environment says a number. */
  async measure(): Promise<void> {
    const { db, log } = this.host.mainApp();
    if (!isCounted(db)) return;
    const report = { module: 'app-supervisor' };
    const least = this.mainShare() + this.config.appPoolMax;
    let limit = this.config.maxConnections;
    try {
      const capacity = await readCapacity(db);
      if (limit > capacity.max - capacity.reserved) {
        log.warn(`APP_SUPERVISOR_MAX_CONNECTIONS is more than the server's ${capacity.max} connections`, report);
      }
      limit ||= automaticLimit(capacity);
    } catch (error) {
      limit ||= UNKNOWN_SERVER_LIMIT;
      log.warn('the connection limit of the database server is not known', { ...report, error: String(error), limit });
    }
    if (limit < least) {
      log.warn(`${limit} database connections are too few, ${least} are used: raise the server's limit`, report);
    }
    this.total = Math.max(limit, least);
    this.own.limit = this.total - this.mainShare();
  }

  /** The pool of an application; its own options may make it smaller. */
  poolOptions(given: PoolOptions | undefined): AppPoolOptions {
    const { appPoolMax, connectionTimeoutMs } = this.config;
    const max = atMost(appPoolMax, given?.max);
    const stretch = Math.min(STRETCH, Math.floor(this.own.limit * STRETCH_PART));
    return {
      max,
      min: 0,
      idle: atMost(IDLE_MS, given?.idle),
      evict: EVICT_MS,
      acquire: atMost(connectionTimeoutMs, given?.acquire),
      stretch: Math.max(max, atMost(stretch, given?.max)),
    };
  }

  /** Counts the connections of this instance, also after it has initialized itself again. To be called before it opens any. */
  attach(app: Application): void {
    onEachDatabase(app, (db) => {
      releaseFromDriver(db);
      if (!isCounted(db)) return;
      const main = connectionManagerOf(this.host.mainApp().db);
      const { sequelize } = connectionManagerOf(db);
      const budget = this.budgetOf(db);
      // Otherwise Sequelize opens a connection beside the pool, only to ask the server for its version.
      if (budget === this.own) sequelize.options.databaseVersion ||= main.sequelize.options.databaseVersion;
      const options = db.options as unknown as DatabaseOptions;
      countConnections(db, app.name, budget, {
        endSession: (thread) => this.host.roles.endSession(app.name, options, thread),
        onUnbounded: () => this.warnOfResults(db.sequelize.getDialect()),
      });
      if (budget === this.own) letMainEnd(connectionManagerOf(db), () => this.mainAddress());
    });
  }

  /**
   * Runs a piece of work that needs one connection to a server: the main application's, or another one.
   * @throws APP_DATABASE_BUSY
   */
  async lend<T>(work: () => Promise<T>, server?: LentServer): Promise<T> {
    if (!isCounted(this.host.mainApp().db)) return await work();
    const holder: Holder = { name: PROVISIONING, claim: 1, giveBack: () => undefined };
    const budget = this.knownBudget(
      server ? keyOfServer(server.dialect, server.host, server.port) : keyOf(this.host.mainApp().db),
    );
    // A server on which no application has connections: there is nobody to share with.
    if (!budget) return await work();
    const permit = await budget.take(holder, this.config.connectionTimeoutMs);
    try {
      return await work();
    } finally {
      permit.release();
    }
  }

  /** Undefined where the main application's database is a file. */
  snapshot(apps: readonly Application[]): ConnectionsSnapshot | undefined {
    const { db } = this.host.mainApp();
    if (!isCounted(db)) return undefined;
    return {
      limit: this.total,
      main: { reserved: this.mainShare(), inUse: connectionManagerOf(db).pool.size },
      applications: this.own.snapshot(),
      otherServers: [...this.others].map(([server, budget]) => ({ server, ...budget.snapshot() })),
      external: [this.host.mainApp(), ...apps].flatMap((app) => externalConnections(app)),
    };
  }

  /** Once for each dialect. */
  private warnOfResults(dialect: string): void {
    if (this.unbounded.has(dialect)) return;
    this.unbounded.add(dialect);
    const notice = `results of statements are not bounded: the driver of ${dialect} is another one`;
    this.host.mainApp().log.warn(notice, { module: 'app-supervisor' });
  }

  private mainAddress(): ServerAddress {
    return addressOf(this.host.mainApp().db.options as unknown as DatabaseOptions);
  }

  private mainShare(): number {
    return connectionManagerOf(this.host.mainApp().db).config.pool.max;
  }

  private budgetOf(db: Database): ConnectionBudget {
    const server = keyOf(db);
    let budget = this.knownBudget(server);
    if (!budget) {
      budget = new ConnectionBudget(this.config.maxConnections || UNKNOWN_SERVER_LIMIT);
      this.others.set(server, budget);
    }
    return budget;
  }

  private knownBudget(server: string): ConnectionBudget | undefined {
    return server === keyOf(this.host.mainApp().db) ? this.own : this.others.get(server);
  }
}

function atMost(limit: number, given: number | undefined): number {
  return given !== undefined && given >= 1 && given < limit ? Math.floor(given) : limit;
}

/** A database that is a file has no connections that anybody could be short of. */
function isCounted(db: Database): boolean {
  return db.sequelize.getDialect() !== 'sqlite';
}

function keyOf(db: Database): string {
  const { host, port } = connectionManagerOf(db).sequelize.config;
  return keyOfServer(db.sequelize.getDialect(), host, port);
}

function keyOfServer(dialect: string, host: unknown, port: unknown): string {
  const { family, port: usual } = databaseKind(dialect) ?? { family: dialect, port: 0 };
  return `${family}://${serverKey(host, port, usual)}`;
}

function externalConnections(app: Application): ConnectionsSnapshot['external'] {
  const own = connectionManagerOf(app.db);
  return [...app.dataSourceManager.dataSources.values()].flatMap((dataSource) => {
    const { db } = dataSource.collectionManager as { db?: Database };
    const manager = db?.sequelize && isCounted(db) ? connectionManagerOf(db) : undefined;
    if (!manager || manager === own) return [];
    const { pool, config } = manager;
    return [{ application: app.name, dataSource: dataSource.name, inUse: pool.size, max: config.pool.max }];
  });
}
