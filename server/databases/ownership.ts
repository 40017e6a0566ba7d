import type { AppRecord } from '../../src/app-record';
import type { ServerAddress } from './dialect';

/** Where an application's data lies, in comparable form. */
export interface DatabaseTarget {
  server: string;
  database: string;
}

const LOOPBACK = new Set(['', 'localhost', '127.0.0.1', '::1', '[::1]', '0.0.0.0']);

/** A server in comparable form. */
export function serverKey(host: unknown, port: unknown, defaultPort: number): string {
  const name = typeof host === 'string' ? host.trim().toLowerCase().replace(/\.$/, '') : '';
  return `${LOOPBACK.has(name) ? 'localhost' : name}:${Number(port) || defaultPort}`;
}

/** The place of the main application's own data. */
export function mainTarget(server: ServerAddress, defaultPort: number): DatabaseTarget {
  return { server: serverKey(server.host, server.port, defaultPort), database: server.database };
}

/**
 * The place of an application's data. What its options leave open is the main application's server, and a database
 * of the application's own name (the core's rule for sub-applications).
 */
export function recordTarget(record: AppRecord, server: ServerAddress, defaultPort: number): DatabaseTarget {
  const { host, port, database, url, uri } = record.options.database ?? {};
  const address = url ?? uri;
  if (typeof address === 'string')
    return { server: `url:${address}`, database: typeof database === 'string' ? database : '' };
  const inMain = record.options.dbConnType === 'new_schema' && database === undefined;
  return {
    server: serverKey(host ?? server.host, port ?? server.port, defaultPort),
    database: inMain ? server.database : typeof database === 'string' ? database : record.name,
  };
}

/**
 * Who else keeps data in the given place: `main`, the name of another application, or nobody.
 * Applications in a schema of a shared database count as users of the whole database: it must never be dropped.
 */
export function findOtherUser(
  target: DatabaseTarget,
  self: string,
  records: Iterable<AppRecord>,
  server: ServerAddress,
  defaultPort: number,
): string | undefined {
  const same = (other: DatabaseTarget) => other.server === target.server && other.database === target.database;
  if (same(mainTarget(server, defaultPort))) return 'main';
  for (const record of records) {
    if (record.name !== self && same(recordTarget(record, server, defaultPort))) return record.name;
  }
  return undefined;
}
