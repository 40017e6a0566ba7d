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
  /** For a statement, in milliseconds, where the usual minute is too long. */
  queryTimeoutMs?: number;
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

/** Who a server is, however it is addressed: by one of the two. */
export interface ServerIdentity {
  /** Kept for life, also by physical copies; not every role may read it. */
  systemId?: string;
  /** When the server process was started, to the microsecond; where a server tells it so exactly. */
  startedAt?: string;
}

/** Everything that a server says of a place where an application is to be made. */
export interface Survey {
  identity: ServerIdentity;
  /** As people write it, and whether it is new enough. */
  version: { text: string; needed: string; sufficient: boolean };
  /** Nothing can be written: a standby. */
  readOnly: boolean;
  /** What is in the database; with a schema asked for, in that schema (`absent` also where the database is). */
  finding: DatabaseFinding;
  databaseExists: boolean;
  /** Of the database, or of one that would be created. */
  encoding: { name: string; sufficient: boolean };
  mayCreateDatabases: boolean;
  /** Of an existing database: whether schemas may be made in it, and tables in the place asked for. */
  mayCreateSchemas: boolean;
  mayCreateTables: boolean;
  /** The name of the schema is a word of SQL. */
  schemaReserved: boolean;
}

/** A schema of its own for an application, in a database that others use too; marked as databases are. */
export interface SchemaKeeper {
  /** The address is that of the database. True when it was created, false when it was there with this mark. */
  create(server: ServerAddress, schema: string, token: string): Promise<boolean>;
  inspect(server: ServerAddress, schema: string): Promise<DatabaseFinding>;
  isOwned(server: ServerAddress, schema: string, token: string): Promise<boolean>;
  /** Drops the schema, when it carries the mark, with all that is in it, and nothing else. */
  drop(server: ServerAddress, schema: string, token: string): Promise<void>;
}

/**
 * What provisioning needs of a kind of database server. Every method throws an `AppError`, and answers within
 * seconds: no retries, a connection deadline, a statement deadline.
 */
export interface DatabaseDialect {
  /** In NocoBase's own words: `DB_DIALECT`. */
  readonly name: string;
  /** Dialects of one family speak to the same servers. */
  readonly family: string;
  readonly defaultPort: number;
  /** A database that every server has, and that one connects to where the application's own does not exist yet. */
  readonly maintenanceDatabase: string;
  /** What a role needs to create databases, as its server calls it. */
  readonly creationRight: string;
  /** Of characters, as its server calls what NocoBase needs. */
  readonly encoding: string;
  /** Undefined where a database has no schemas. */
  readonly schemas?: SchemaKeeper;
  /** Everything that preflight needs to know, over two connections at most. Writes nothing. */
  survey(server: ServerAddress, database: string, schema?: string): Promise<Survey>;
  identify(server: ServerAddress): Promise<ServerIdentity>;
  /** @throws APP_DATABASE_DENIED when the role may not create databases */
  assertMayCreate(server: ServerAddress): Promise<void>;
  inspect(server: ServerAddress, database: string): Promise<DatabaseFinding>;
  /**
   * Creates the database, marked with the token, so that none that could be taken for a stranger's ever carries its
   * name. True when it was created, false when it was there already with this mark. May be repeated after any
   * interruption.
   * @throws APP_DATABASE_EXISTS when somebody else's is there
   */
  create(server: ServerAddress, database: string, token: string): Promise<boolean>;
  /** Whether the database carries the mark that `create` left. */
  isOwned(server: ServerAddress, database: string, token: string): Promise<boolean>;
  /** Only where the mark lies among the tables: empties the database, and leaves the mark. @throws APP_DATABASE_NOT_OWNED */
  clear?(server: ServerAddress, database: string, token: string): Promise<void>;
  /**
   * Closes what is connected to the database and drops it when it carries the mark; also what an interrupted `create`
   * with the token left.
   */
  drop(server: ServerAddress, database: string, token: string): Promise<void>;
  /** The versions that an instance keeps in its tables; undefined when nothing is installed there. One statement. */
  readVersions(server: ServerAddress, layout: TableLayout): Promise<StoredVersions | undefined>;
  /**
   * How many bytes the database takes, or the schema in it, with its indexes; undefined where there is none. Answers
   * within a few seconds.
   */
  measure(server: ServerAddress, database: string, schema?: string): Promise<number | undefined>;
  /** An error of the driver as one of ours, without password or address in it. */
  explain(error: unknown, database?: string): AppError;
}
