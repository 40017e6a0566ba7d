import type { AppRecord } from '../../src/app-record';
import { databaseKind, type DatabaseKind } from '../../src/database-dialects';
import { canonicalHost, isLoopback } from '../../src/host-address';
import type { ServerAddress, ServerIdentity } from './dialect';

/** Where an application's data lies, in comparable form. Without a schema it has the whole database. */
export interface DatabaseTarget {
  server: string;
  database: string;
  schema?: string;
  /** Of which family of servers; absent means PostgreSQL's. */
  family?: string;
}

/** The main application's server, and where on it its own data lies. */
export interface MainPlace extends ServerAddress {
  /** Absent means `postgres`. */
  dialect?: string;
  /** Absent means `public`. */
  schema?: string;
  /** Rows that name no way of connecting are schemas in the main application's database (`USE_DB_SCHEMA_IN_SUBAPP`). */
  appsInSchemas?: boolean;
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

/** A server in comparable form: all addresses of this machine itself are one. */
export function serverKey(host: unknown, port: unknown, defaultPort: number): string {
  const given = typeof host === 'string' ? host.trim() : '';
  const name = canonicalHost(given) ?? given.toLowerCase();
  return `${name === '' || isLoopback(name) ? 'localhost' : name}:${Number(port) || defaultPort}`;
}

/** One that is not supported is a family of its own. */
function kindOf(dialect: unknown): DatabaseKind {
  return databaseKind(dialect) ?? { family: String(dialect), port: 0, schemas: true };
}

/** The same address is another server to another family: only one of them listens there. */
function serverOf({ family, port: usual }: DatabaseKind, host: unknown, port: unknown) {
  const key = serverKey(host, port, usual);
  return family === 'postgres' ? { server: key } : { server: `${family}://${key}`, family };
}

/** The place of the main application's own data: a schema, where there are such. */
export function mainTarget(main: MainPlace): DatabaseTarget {
  const kind = kindOf(main.dialect);
  const target: DatabaseTarget = { ...serverOf(kind, main.host, main.port), database: main.database };
  return kind.schemas ? { ...target, schema: main.schema ?? 'public' } : target;
}

/**
 * The place of an application's data. What its options leave open is the main application's server, and a database
 * of the application's own name (the core's rule for sub-applications), or the main application's for a schema.
 */
export function recordTarget(record: AppRecord, main: MainPlace): DatabaseTarget {
  const { dbConnType } = record.options;
  const { host, port, database, schema, url, uri, dialect } = record.options.database ?? {};
  const address = text(url) ?? text(uri);
  const kind = kindOf(dialect ?? main.dialect);
  if (address !== undefined) return urlTarget(address, text(database), kind);
  const server = serverOf(kind, host ?? main.host, port ?? main.port);
  if (!kind.schemas) return { ...server, database: text(database) ?? record.name };
  const inSchema = dbConnType === 'new_schema' || (!dbConnType && main.appsInSchemas === true);
  const target: DatabaseTarget = {
    ...server,
    database: text(database) ?? (inSchema ? main.database : record.name),
  };
  if (inSchema) target.schema = text(schema) ?? (dbConnType ? (main.schema ?? 'public') : record.name);
  else if (dbConnType === 'new_connection' && text(schema)) target.schema = text(schema);
  return target;
}

function urlTarget(address: string, database: string | undefined, kind: DatabaseKind): DatabaseTarget {
  try {
    const { hostname, port, pathname } = new URL(address);
    const named = decodeURIComponent(pathname.slice(1));
    return { ...serverOf(kind, hostname, port), database: database ?? named };
  } catch {
    return { server: `url:${address}`, database: database ?? '' };
  }
}

/** Two addresses of one server. A physical copy of it counts as the same: it has the same databases. */
export function isSameServer(one: ServerIdentity, other: ServerIdentity): boolean {
  const alike = (key: keyof ServerIdentity) => one[key] !== undefined && one[key] === other[key];
  return alike('startedAt') || alike('systemId');
}

/** Whether two places in the same server have something in common. */
export function overlaps(one: DatabaseTarget, other: DatabaseTarget): boolean {
  if (one.family !== other.family) return false;
  // Whether these tell capital letters apart is a matter of how the server was set up.
  const name = ({ family, database }: DatabaseTarget) => (family === 'mysql' ? database.toLowerCase() : database);
  if (name(one) !== name(other)) return false;
  return one.schema === undefined || other.schema === undefined || one.schema === other.schema;
}

/** Somebody who keeps data in a place: `main`, or the name of an application, with its record. */
export interface PlaceUser {
  owner: string;
  record?: AppRecord;
  target: DatabaseTarget;
}

/** All others whose places overlap with the given one, if only their servers are the same. */
export function* namesakes(
  target: DatabaseTarget,
  self: string,
  records: Iterable<AppRecord>,
  main: MainPlace,
): Generator<PlaceUser> {
  const own = mainTarget(main);
  if (overlaps(own, target)) yield { owner: 'main', target: own };
  for (const record of records) {
    if (record.name === self) continue;
    const other = recordTarget(record, main);
    if (overlaps(other, target)) yield { owner: record.name, record, target: other };
  }
}

/** Who else keeps data in the given place, as far as the addresses tell: `main`, the name of an application, or nobody. */
export function findOtherUser(
  target: DatabaseTarget,
  self: string,
  records: Iterable<AppRecord>,
  main: MainPlace,
): string | undefined {
  for (const user of namesakes(target, self, records, main)) {
    if (user.target.server === target.server) return user.owner;
  }
  return undefined;
}
