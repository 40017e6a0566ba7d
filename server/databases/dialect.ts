import type { AppError } from '../../src/errors';
import type { StoredVersions } from '../../src/policies/upgrade-plan';

/** How a database server is reached: the main application's own connection settings. */
export interface ServerAddress {
  host?: string;
  port?: number;
  username?: string;
  password?: string;
  /** A database that exists and may be connected to: the main application's own. */
  database: string;
  ssl?: unknown;
  /** Counts one connection for as long as the work takes; see `ProcessConnections.lend`. */
  lend?: <T>(work: () => Promise<T>) => Promise<T>;
}

/** What the tables of an instance are called: the core's own names, prefixed, and with `underscored` in snake case. */
export interface TableLayout {
  schema: string;
  tablePrefix: string;
  underscored: boolean;
}

export type DatabaseFinding = 'absent' | 'empty' | 'occupied';

/**
 * What provisioning needs of a kind of database server. Every method throws an `AppError`, and answers within
 * seconds: no retries, a connection deadline, a statement deadline.
 */
export interface DatabaseDialect {
  readonly name: string;
  /** @throws APP_DATABASE_DENIED when the role may not create databases */
  assertMayCreate(server: ServerAddress): Promise<void>;
  inspect(server: ServerAddress, database: string): Promise<DatabaseFinding>;
  /**
   * Creates the database, marked with the token, so that no unmarked one ever carries its name. True when it was
   * created, false when it was there already with this mark. May be repeated after any interruption.
   * @throws APP_DATABASE_EXISTS when somebody else's is there
   */
  create(server: ServerAddress, database: string, token: string): Promise<boolean>;
  /** Whether the database carries the mark that `create` left. */
  isOwned(server: ServerAddress, database: string, token: string): Promise<boolean>;
  /**
   * Closes what is connected to the database and drops it when it carries the mark; also what an interrupted `create`
   * with the token left.
   */
  drop(server: ServerAddress, database: string, token: string): Promise<void>;
  /** The versions that an instance keeps in its tables; undefined when nothing is installed there. One statement. */
  readVersions(server: ServerAddress, layout: TableLayout): Promise<StoredVersions | undefined>;
  /** An error of the driver as one of ours, without password or address in it. */
  explain(error: unknown, database?: string): AppError;
}
