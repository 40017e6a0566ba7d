import type { AppRecord } from '../../src/app-record';
import type { DatabaseDialect, ServerAddress, TableLayout } from './dialect';
import { locationOf, type DatabaseOptions } from './location';
import { noSchemas } from './mysql-inspect';
import { recordTarget, type DatabaseTarget, type MainPlace } from './ownership';

/** Where an application's data lies, or is to be made, and how one gets there. */
export interface Place {
  target: DatabaseTarget;
  dialect: DatabaseDialect;
  /** Over a database that is always there: the main application's, or the server's own on another server. */
  server: ServerAddress;
  /** The same server, over the application's own database, as the role that the application itself uses. */
  inside: ServerAddress;
  /** The application's own database, as the role that may create and drop it. Runs nothing that the application wrote. */
  owner: ServerAddress;
  database: string;
  /** Set where the application has a schema of its own in a database that others may use. */
  schema?: string;
  layout: TableLayout;
  /** On a server that the caller named. */
  elsewhere: boolean;
}

/** As a person calls it. */
export function placeName({ database, schema }: Pick<Place, 'database' | 'schema'>): string {
  return schema === undefined ? database : `${database}.${schema}`;
}

/**
 * @param options the database options that the application's instance is constructed with
 * @throws APP_DATABASE_UNSUPPORTED
 */
export function placeOf(record: AppRecord, options: DatabaseOptions, main: MainPlace): Place {
  const { dialect, server: own, layout } = locationOf(options);
  const target = recordTarget(record, main);
  if (record.options.dbConnType === 'new_schema' && !dialect.schemas) throw noSchemas();
  const elsewhere = record.options.dbConnType === 'new_connection';
  const { host, port, username, password, ssl, realm, lockName, lend } = main;
  const here: ServerAddress = { host, port, username, password, ssl, realm, lockName, lend, database: main.database };
  const server: ServerAddress = elsewhere ? { ...own, lockName, database: dialect.maintenanceDatabase } : here;
  const { database, schema } = target;
  const owner = { ...server, database };
  const inside = { ...owner, username: own.username, password: own.password };
  return { target, dialect, server, inside, owner, database, schema, layout, elsewhere };
}
