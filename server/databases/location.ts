import { createHash } from 'node:crypto';
import { AppError } from '../../src/errors';
import type { DatabaseDialect, ServerAddress, TableLayout } from './dialect';
import { mariadbDialect, mysqlDialect } from './mysql';
import { postgresDialect } from './postgres';

/** The part of an instance's database options that says where its data lies; the rest is Sequelize's and the core's. */
export interface DatabaseOptions {
  [option: string]: unknown;
  dialect?: unknown;
  dialectOptions?: { ssl?: unknown };
}

/** Where an instance keeps its tables, and what they are called there. */
export interface DatabaseLocation {
  dialect: DatabaseDialect;
  server: ServerAddress;
  layout: TableLayout;
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

export function addressOf(options: DatabaseOptions): ServerAddress {
  return {
    host: text(options.host),
    port: options.port === undefined ? undefined : Number(options.port),
    username: text(options.username) ?? text(options.user),
    password: options.password as string | undefined,
    database: String(options.database),
    ssl: options.dialectOptions?.ssl ?? options.ssl,
  };
}

const DIALECTS = [postgresDialect, mysqlDialect, mariadbDialect];

/** @throws APP_DATABASE_UNSUPPORTED */
export function dialectOf({ dialect }: DatabaseOptions): DatabaseDialect {
  const known = DIALECTS.find(({ name }) => name === dialect);
  if (known) return known;
  const reason =
    dialect === 'sqlite'
      ? 'NocoBase does not include SQLite; applications need PostgreSQL, MySQL or MariaDB'
      : 'applications need PostgreSQL, MySQL or MariaDB';
  throw new AppError('APP_DATABASE_UNSUPPORTED', { reason });
}

/** How an instance with these options calls its tables. */
export function layoutOf(options: DatabaseOptions): TableLayout {
  return {
    schema: text(options.schema) ?? 'public',
    tablePrefix: text(options.tablePrefix) ?? '',
    underscored: options.underscored === true,
  };
}

/** What tells main applications in one database apart; undefined for one whose tables are where all usually are. */
export function realmOf({ schema, tablePrefix }: TableLayout): string | undefined {
  if (schema === 'public' && tablePrefix === '') return undefined;
  return createHash('sha256')
    .update(JSON.stringify([schema, tablePrefix]))
    .digest('hex')
    .slice(0, 8);
}

/** @throws APP_DATABASE_UNSUPPORTED when this is no server that we can ask without an instance */
export function locationOf(options: DatabaseOptions): DatabaseLocation {
  const dialect = dialectOf(options);
  if (options.url !== undefined || options.uri !== undefined) {
    throw new AppError('APP_DATABASE_UNSUPPORTED', {
      reason:
        'a database that is given as a URL cannot be checked before the application starts; give its host, port and name',
    });
  }
  return { dialect, server: addressOf(options), layout: layoutOf(options) };
}
