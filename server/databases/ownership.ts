import type { AppRecord } from '../../src/app-record';
import { canonicalHost, isLoopback } from '../../src/host-address';
import type { ServerAddress, ServerIdentity } from './dialect';

/** Where an application's data lies, in comparable form. Without a schema it has the whole database. */
export interface DatabaseTarget {
  server: string;
  database: string;
  schema?: string;
}

/** The main application's server, and where on it its own data lies. */
export interface MainPlace extends ServerAddress {
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

/** The place of the main application's own data: a schema. */
export function mainTarget(main: MainPlace, defaultPort: number): DatabaseTarget {
  return {
    server: serverKey(main.host, main.port, defaultPort),
    database: main.database,
    schema: main.schema ?? 'public',
  };
}

/**
 * The place of an application's data. What its options leave open is the main application's server, and a database
 * of the application's own name (the core's rule for sub-applications), or the main application's for a schema.
 */
export function recordTarget(record: AppRecord, main: MainPlace, defaultPort: number): DatabaseTarget {
  const { dbConnType } = record.options;
  const { host, port, database, schema, url, uri } = record.options.database ?? {};
  const address = text(url) ?? text(uri);
  if (address !== undefined) return urlTarget(address, text(database), defaultPort);
  const inSchema = dbConnType === 'new_schema' || (!dbConnType && main.appsInSchemas === true);
  const target: DatabaseTarget = {
    server: serverKey(host ?? main.host, port ?? main.port, defaultPort),
    database: text(database) ?? (inSchema ? main.database : record.name),
  };
  if (inSchema) target.schema = text(schema) ?? (dbConnType ? (main.schema ?? 'public') : record.name);
  else if (dbConnType === 'new_connection' && text(schema)) target.schema = text(schema);
  return target;
}

function urlTarget(address: string, database: string | undefined, defaultPort: number): DatabaseTarget {
  try {
    const { hostname, port, pathname } = new URL(address);
    const named = decodeURIComponent(pathname.slice(1));
    return { server: serverKey(hostname, port, defaultPort), database: database ?? named };
  } catch {
    return { server: `url:${address}`, database: database ?? '' };
  }
}

/** Two addresses of one server. A physical copy of it counts as the same: it has the same databases. */
export function isSameServer(one: ServerIdentity, other: ServerIdentity): boolean {
  return one.startedAt === other.startedAt || (one.systemId !== undefined && one.systemId === other.systemId);
}

/** Whether two places in the same server have something in common. */
export function overlaps(one: DatabaseTarget, other: DatabaseTarget): boolean {
  if (one.database !== other.database) return false;
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
  defaultPort: number,
): Generator<PlaceUser> {
  const own = mainTarget(main, defaultPort);
  if (overlaps(own, target)) yield { owner: 'main', target: own };
  for (const record of records) {
    if (record.name === self) continue;
    const other = recordTarget(record, main, defaultPort);
    if (overlaps(other, target)) yield { owner: record.name, record, target: other };
  }
}

/** Who else keeps data in the given place, as far as the addresses tell: `main`, the name of an application, or nobody. */
export function findOtherUser(
  target: DatabaseTarget,
  self: string,
  records: Iterable<AppRecord>,
  main: MainPlace,
  defaultPort: number,
): string | undefined {
  for (const user of namesakes(target, self, records, main, defaultPort)) {
    if (user.target.server === target.server) return user.owner;
  }
  return undefined;
}
