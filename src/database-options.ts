import { quotable } from './app-name';
import { AppError } from './errors';
import { phrase, type Phrase, type Reason } from './phrase';
import { databaseKind } from './database-dialects';
import { canonicalHost } from './host-address';

/**
 * The ways in which an application is connected to its data, in the core's words: a database of its own beside the
 * main application's, a schema of its own in a database on that server, or a database on a server of its own.
 */
export const DB_CONN_TYPES = ['new_database', 'new_schema', 'new_connection'] as const;
export type DbConnType = (typeof DB_CONN_TYPES)[number];

/** Where an application keeps its data, in short and without secrets. */
export interface DatabasePlace {
  dialect: string;
  /** One of `DB_CONN_TYPES`; other plugins may have ways of their own. */
  type: string;
  /** Of a server that was named for this application. */
  host?: string;
  database: string;
  schema?: string;
}

/** The identifier rule of a database name that we create: what every server accepts without surprises. */
export const DATABASE_NAME_PATTERN = /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/;

/** Narrower: NocoBase writes the name of a schema without quotes in places. */
export const SCHEMA_NAME_PATTERN = /^[a-z_][a-z0-9_]{0,62}$/;

/** NocoBase's plugins write names of MySQL and MariaDB into commands of a shell. */
const SHELL_WORD_PATTERN = /^(?!-)[\w.@:-]{1,255}$/;
const MYSQL_USER_PATTERN = /^(?!-)[\w.@-]{1,63}$/;

/** Says what a name in a connection to MySQL or MariaDB may contain. */
export function shellWordRule(option: string): Phrase {
  return phrase(
    'for MySQL and MariaDB, database.{option} may contain only letters (a to z), digits, "_", ".", "@" and "-", and must not begin with "-"',
    { option },
  );
}

/** Whether a shell takes the value for one word, and a program for no option. */
export function isShellWord(value: unknown): value is string {
  return typeof value === 'string' && SHELL_WORD_PATTERN.test(value);
}

const SYSTEM_DATABASES = new Set([
  ...['postgres', 'template0', 'template1', 'mysql', 'information_schema', 'performance_schema', 'sys'],
]);

/** Of databases that we make and drop by their names: drafts and templates. */
const OWN_PREFIX = 'app_supervisor_';

/** What leads elsewhere in ways that are not compared with where others have their data. */
const NEVER = [
  ...['user', 'storage', 'url', 'uri', 'dialectOptions', 'dialectModule', 'dialectModulePath', 'replication'],
  ...['native', 'socketPath', 'hooks', 'protocol'],
];
const OTHER_SERVER = ['host', 'port', 'username', 'password', 'dialect', 'ssl'];

/** Options that a way of connecting does not have. */
const REFUSED: Record<DbConnType, readonly string[]> = {
  new_database: [...NEVER, ...OTHER_SERVER, 'schema'],
  new_schema: [...NEVER, ...OTHER_SERVER],
  new_connection: NEVER,
};

/** Whether a way of connecting has no such option of the database. */
export function isRefusedFor(type: unknown, key: string): boolean {
  const known = DB_CONN_TYPES.find((one) => one === type);
  return known !== undefined && REFUSED[known].includes(key);
}

const MAX_PASSWORD = 1_024;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const given = (value: unknown) => value !== undefined && value !== null;
const invalid = (reason: Reason) => new AppError('APP_OPTIONS_INVALID', { reason });
const unsupported = (reason: Reason) => new AppError('APP_DATABASE_UNSUPPORTED', { reason });

/** Absent means a database of its own. @throws APP_OPTIONS_INVALID, APP_DATABASE_UNSUPPORTED */
export function checkDbConnType(value: unknown): DbConnType {
  if (!given(value)) return 'new_database';
  if (typeof value !== 'string') throw invalid('dbConnType must be text');
  const type = DB_CONN_TYPES.find((known) => known === value);
  // Any other way could lead into a database that is not checked to be the application's own.
  if (!type) throw unsupported(phrase('dbConnType must be one of: {values}', { values: DB_CONN_TYPES.join(', ') }));
  return type;
}

/** @throws APP_OPTIONS_INVALID, APP_DATABASE_UNSUPPORTED, APP_DATABASE_NAME_INVALID */
export function checkDatabaseOptions(dbConnType: unknown, database: unknown): void {
  const type = checkDbConnType(dbConnType);
  if (given(database) && !isObject(database)) throw invalid('database must be an object');
  const values = isObject(database) ? database : {};
  const refused = REFUSED[type].find((key) => key in values);
  if (refused) {
    throw unsupported(phrase('database.{key} cannot be given with dbConnType "{type}"', { key: refused, type }));
  }
  if (given(values.database)) checkDatabaseName(values.database);
  if (given(values.schema)) checkSchemaName(values.schema);
  if (type === 'new_connection') checkConnection(values);
}

function checkDatabaseName(name: unknown): void {
  const legal = typeof name === 'string' && DATABASE_NAME_PATTERN.test(name);
  if (!legal || SYSTEM_DATABASES.has(name.toLowerCase()) || name.toLowerCase().startsWith(OWN_PREFIX)) {
    throw new AppError('APP_DATABASE_NAME_INVALID', { database: quotable(name) });
  }
}

function checkSchemaName(name: unknown): void {
  const legal = typeof name === 'string' && SCHEMA_NAME_PATTERN.test(name);
  if (!legal || name.startsWith('pg_') || name === 'information_schema') {
    throw new AppError('APP_DATABASE_SCHEMA_INVALID', { schema: quotable(name) });
  }
}

function checkConnection(values: Record<string, unknown>): void {
  const { dialect, host, port, username, password, ssl } = values;
  const kind = databaseKind(dialect);
  if (!kind) throw unsupported('the dialect of another server must be postgres, mysql or mariadb');
  if (!kind.schemas && given(values.schema)) throw unsupported('MySQL and MariaDB have no schemas; use a database');
  if (typeof host !== 'string' || canonicalHost(host) === undefined) {
    throw invalid('database.host must be a host name, an address, or the folder of a socket');
  }
  if (host.startsWith('/') && !kind.schemas) throw unsupported('MySQL and MariaDB are reached by a host and a port');
  if (given(port) && portNumber(port) === undefined) throw invalid('database.port must be a number from 1 to 65535');
  if (typeof username !== 'string' || !/^[^\p{Cc}]{1,63}$/u.test(username)) {
    throw invalid('database.username must be text of 1 to 63 characters');
  }
  if (!kind.schemas && !MYSQL_USER_PATTERN.test(username)) throw invalid(shellWordRule('username'));
  if (given(password) && (typeof password !== 'string' || password.length > MAX_PASSWORD || password.includes('\0'))) {
    throw invalid('database.password must be text');
  }
  if (given(ssl)) checkSsl(ssl);
}

function checkSsl(ssl: unknown): void {
  if (typeof ssl === 'boolean') return;
  const fields = isObject(ssl) ? Object.keys(ssl) : ['?'];
  const { rejectUnauthorized, ca } = isObject(ssl) ? ssl : {};
  const known = fields.every((field) => field === 'rejectUnauthorized' || field === 'ca');
  const typed = ['boolean', 'undefined'].includes(typeof rejectUnauthorized) && (!given(ca) || typeof ca === 'string');
  if (!known || !typed) throw invalid('database.ssl must be true, false, or {rejectUnauthorized, ca}');
}

/** A port as a number, also where it was given as text; undefined for anything else. */
export function portNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= 65_535 ? number : undefined;
}

/**
 * Checked options with what they leave open written out, so that a record says where its data lies even when the
 * environment changes; an address in its one spelling. The main application's database, of a schema in it, stays open:
 * the schema goes along when that is renamed.
 * @throws APP_DATABASE_NAME_INVALID
 */
export function completeDatabaseOptions(
  dbConnType: unknown,
  database: unknown,
  name: string,
): { dbConnType: DbConnType; database: Record<string, unknown> } {
  const type = checkDbConnType(dbConnType);
  const values = Object.fromEntries(Object.entries(isObject(database) ? database : {}).filter(([, v]) => given(v)));
  if (type === 'new_schema') values.schema ??= name.replaceAll('-', '_');
  else {
    values.database ??= name;
    // The application's name, too: other rules hold for that.
    checkDatabaseName(values.database);
  }
  if (type === 'new_connection') {
    values.dialect ??= 'postgres';
    values.host = canonicalHost(String(values.host));
    values.port = portNumber(values.port) ?? databaseKind(values.dialect)?.port;
  }
  return { dbConnType: type, database: values };
}
