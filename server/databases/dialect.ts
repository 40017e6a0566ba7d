import type { AppError } from '../../src/errors';
import type { RoleObstacle } from '../../src/isolation';
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
  /** Of the main application's address: what tells it from another main application in the same database. */
  realm?: string;
  /** For a statement, in milliseconds, where the usual minute is too long. */
  queryTimeoutMs?: number;
  /**
   * MySQL and MariaDB: the name of the lock for work on a database. Every account of a server may take any lock by its
   * name, therefore applications must not be able to compute it.
   */
  lockName?: (database: string) => string;
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
  /** Whether the schema has the name of the role that asks, or of another role of the server. */
  schemaOfRole: 'own' | 'other' | null;
}

/** A role of the database server that belongs to one application. */
export interface DatabaseRole {
  /** Names the main application's database as well: two of them may use one server. */
  name: string;
  password: string;
  /** MySQL and MariaDB: the part of the account behind the `@`. */
  host?: string;
}

/** A database, or with a schema that schema only. */
export interface RoleScope {
  database: string;
  schema?: string;
}

/**
 * The roles of applications on one kind of server. Every method takes the address of the main application's role, which
 * creates the roles and goes on owning the databases: an owner could forge their marks. All of them are idempotent.
 */
export interface RoleKeeper {
  /** Whether a role can be given a database that does not exist yet. */
  readonly grantsAhead: boolean;
  /** What all roles of this main application have in common: the beginning of their names, and their host. */
  outline(server: ServerAddress): Promise<{ prefix: string; host?: string }>;
  /**
   * Creates the role, or gives an existing one its password, its limit and its memberships again.
   * @param maxConnections how many connections it may have at a time
   * @throws APP_DATABASE_DENIED when the main application's role may not do this
   */
  ensure(server: ServerAddress, role: DatabaseRole, maxConnections: number): Promise<void>;
  /** Whether the server lets the role sign in to the database, which need not exist yet. */
  maySignIn(server: ServerAddress, role: DatabaseRole, database: string): Promise<boolean>;
  /**
   * Whether the role of the address is, or may act as, the role by which the main application signs in, or reaches its data
   * otherwise.
   */
  reachesMain(server: ServerAddress, main: ServerAddress): Promise<boolean>;
  /**
   * Gives the role an existing database, or a schema, with all objects in it; nothing to do where there is none yet. All other
   * sessions in the database end, or those that hold locks in the schema.
   * @throws APP_DATABASE_DENIED when the main application's role does not own it
   */
  give(server: ServerAddress, scope: RoleScope, role: DatabaseRole): Promise<void>;
  /**
   * Only where sessions keep locks: before the database or schema is dropped, the role may not sign in any more, and its
   * sessions end.
   */
  lock?(server: ServerAddress, role: Pick<DatabaseRole, 'name'>): Promise<void>;
  /** Takes `lock` back. */
  unlock?(server: ServerAddress, role: Pick<DatabaseRole, 'name'>): Promise<void>;
  /**
   * MySQL and MariaDB, where a session outlives the user and the database that it began with: ends all sessions of the role,
   * and waits until they are gone. The role may not sign in afterwards, until `ensure` lets it again.
   * @param only the number of the one session to end
   * @throws APP_DATABASE_SESSIONS if one is left
   */
  endSessions?(server: ServerAddress, role: Pick<DatabaseRole, 'name' | 'host'>, only?: number): Promise<void>;
  /** MySQL and MariaDB: ends one session of the user of the address. @throws APP_DATABASE_SESSIONS if it is left */
  endSession?(server: ServerAddress, thread: number): Promise<void>;
  /**
   * MySQL and MariaDB: ends all sessions of the user of the address in the database.
   * @throws APP_DATABASE_SESSIONS if one is left
   */
  endOwnSessions?(server: ServerAddress, database: string): Promise<void>;
  /**
   * Drops the role after its database or schema was dropped; one that others still depend on may only not sign in.
   * @param server the address of the database that its schema was in
   */
  drop(server: ServerAddress, role: DatabaseRole): Promise<void>;
  /**
   * Drops the role of an application whose data stays. If the role still owns something, it is kept, and may not sign in
   * any more.
   * @returns whether the role is gone
   */
  release(server: ServerAddress, role: Pick<DatabaseRole, 'name' | 'host'>): Promise<boolean>;
  /**
   * Drops a role that owns nothing and has no privilege. Any other role stays exactly as it is: an application may use it.
   * @returns whether the role is gone
   */
  dropUnused(server: ServerAddress, role: Pick<DatabaseRole, 'name' | 'host'>): Promise<boolean>;
  /** The roles of all applications of this main application, as far as its role may list them. */
  list(server: ServerAddress): Promise<Pick<DatabaseRole, 'name' | 'host'>[]>;
  /** MySQL and MariaDB: why no role can ever be let into a database of this name. Asks no server. */
  nameObstacle?(database: string): RoleObstacle | undefined;
  /** Why no role can keep to its own place here, asked before one is created. */
  obstacle(server: ServerAddress, scope: RoleScope): Promise<RoleObstacle | undefined>;
  /**
   * Closes the main application's database to new roles, if its role owns it. Roles that exist, and are no application's,
   * are let in as before.
   */
  closeMain(server: ServerAddress): Promise<void>;
  /** Names of databases, not of templates, to which every new role may connect. */
  openDatabases(server: ServerAddress): Promise<string[]>;
}

/** A schema of its own for an application, in a database that others use too; marked as databases are. */
export interface SchemaKeeper {
  /**
   * The address is that of the database. True when it was created, false when it was there with this mark.
   * @param role the name of the role that may create tables in it
   */
  create(server: ServerAddress, schema: string, token: string, role?: string): Promise<boolean>;
  inspect(server: ServerAddress, schema: string): Promise<DatabaseFinding>;
  isOwned(server: ServerAddress, schema: string, token: string): Promise<boolean>;
  /** Drops the schema, when it carries the mark, with all that is in it, and nothing else. */
  drop(server: ServerAddress, schema: string, token: string): Promise<void>;
}

/** A statement with named values, as Sequelize takes it. */
export interface NamedStatement {
  sql: string;
  replacements: Record<string, string>;
}

/**
 * The two ownership markers of an application's database (`src/policies/database-ownership.ts`), in the words of a kind
 * of database server. The statements run over a connection to that database.
 */
export interface OwnershipKeeper {
  /** Reads one row: `outside`, `inside`, and whether the schema is there (`present`). */
  read(layout: TableLayout, inSchema: boolean): NamedStatement;
  /** Writes the marker inside: the comment of the core's own table of its version. */
  markInside(layout: TableLayout, token: string): string;
  /** The same over a connection of its own. */
  writeInside(inside: ServerAddress, layout: TableLayout, token: string): Promise<void>;
  /** Reads the marker inside over a connection of its own. */
  readInside(inside: ServerAddress, layout: TableLayout): Promise<string | null | undefined>;
  /** Reads the marker outside over a connection of its own; undefined where the database or schema is missing. */
  readOutside(place: MarkedPlace): Promise<string | null | undefined>;
  /** Writes the marker outside, over one that is there. */
  writeOutside(place: MarkedPlace, token: string): Promise<void>;
}

/** A database, or a schema in it, with the addresses by which the main application's role reaches it. */
export interface MarkedPlace {
  server: ServerAddress;
  owner: ServerAddress;
  database: string;
  schema?: string;
}

/**
 * What provisioning needs of a kind of database server. Every method throws an `AppError`, and answers within
 * seconds: no retries, a connection deadline, a statement deadline.
 */
export interface DatabaseDialect {
  /** A drop that fails may have dropped a part of the tables. */
  readonly dropsInSteps?: true;
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
  readonly roles: RoleKeeper;
  readonly ownership: OwnershipKeeper;
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
   * @param role the name of the role that may work in it, and nobody else
   * @throws APP_DATABASE_EXISTS when somebody else's is there
   */
  create(server: ServerAddress, database: string, token: string, role?: string): Promise<boolean>;
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
