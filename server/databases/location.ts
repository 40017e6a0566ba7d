import { AppError } from '../../src/errors';
import type { DatabaseDialect, ServerAddress, TableLayout } from './dialect';
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

/** @throws APP_DATABASE_UNSUPPORTED when this is no server that we can ask without an instance */
export function locationOf(options: DatabaseOptions): DatabaseLocation {
  const { dialect, url, uri } = options;
  if (dialect !== postgresDialect.name || url !== undefined || uri !== undefined) {
    throw new AppError('APP_DATABASE_UNSUPPORTED', { reason: 'only PostgreSQL can be asked without booting' });
  }
  const layout = {
    schema: text(options.schema) ?? 'public',
    tablePrefix: text(options.tablePrefix) ?? '',
    underscored: options.underscored === true,
  };
  return { dialect: postgresDialect, server: addressOf(options), layout };
}
