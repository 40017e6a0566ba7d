import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { appAddress, originOf } from '../../src/app-address';
import type { ApplicationView } from './session';

/**
 * What the database says while no NocoBase runs: the rows of the applications, read over a connection of our own that
 * writes nothing. Who and where, and nothing of what only a running NocoBase knows.
 */

const CONNECT_MS = 5_000;
const FIELDS = ['name', 'displayName', 'cname', 'startMode', 'options', 'stoppedAt', 'lastVisitedAt', 'nextDueAt'];
const DATES = ['removedAt', 'createdAt'];

type Row = Record<string, unknown>;

/** The part of the drivers `pg` and `mysql2` that is used. */
interface Postgres {
  connect(): Promise<void>;
  on(event: 'error', listener: () => void): void;
  query(text: string): Promise<{ rows: Row[] }>;
  end(): Promise<void>;
}
interface MySql {
  query(asked: { sql: string; timeout: number }): Promise<[Row[]]>;
  destroy(): void;
}

/** Whether the environment says where NocoBase has its tables. */
export function knowsDatabase(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env.DB_DATABASE && env.DB_HOST && ['postgres', 'mysql', 'mariadb'].includes(dialectOf(env)));
}

const dialectOf = (env: NodeJS.ProcessEnv) => env.DB_DIALECT || 'postgres';

/** The applications in the order of their IDs. Rejects with what the driver says. */
export async function offlineApplications(env: NodeJS.ProcessEnv, removed: boolean): Promise<ApplicationView[]> {
  const read = dialectOf(env) === 'postgres' ? readPostgres : readMySql;
  const rows = await read(env);
  return rows
    .filter((row) => Boolean(row.removedAt) === removed)
    .map((row) => viewOf(row, env))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** As NocoBase itself loads it. */
function driver<T>(env: NodeJS.ProcessEnv, name: string): T {
  const modules = env.NODE_MODULES_PATH || path.resolve('node_modules');
  return createRequire(path.join(modules, 'nocobase.js'))(name) as T;
}

function statement(env: NodeJS.ProcessEnv, quote: string, schema?: string): string {
  const column = (field: string) =>
    env.DB_UNDERSCORED === 'true' ? field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : field;
  const quoted = (name: string) => `${quote}${name.replaceAll(quote, quote + quote)}${quote}`;
  const columns = [...FIELDS, ...DATES].map((field) => `${quoted(column(field))} AS ${quoted(field)}`).join(', ');
  const table = quoted(`${env.DB_TABLE_PREFIX ?? ''}applications`);
  return `SELECT ${columns} FROM ${schema ? `${quoted(schema)}.` : ''}${table}`;
}

/**
 * How NocoBase speaks TLS with its database (its DB_DIALECT_OPTIONS_SSL_*): each is a value or a file that holds it, and any
 * of them asks for TLS.
 */
export function databaseTls(env: NodeJS.ProcessEnv): Record<string, unknown> | undefined {
  const given = (name: string) => {
    const value = env[`DB_DIALECT_OPTIONS_SSL_${name}`];
    return value && existsSync(value) ? readFileSync(value, 'utf8') : value;
  };
  const [ca, key, cert, reject] = ['CA', 'KEY', 'CERT', 'REJECT_UNAUTHORIZED'].map(given);
  if (!ca && !key && !cert && !reject && !given('MODE')) return undefined;
  return {
    ...(ca && { ca }),
    ...(key && { key }),
    ...(cert && { cert }),
    ...(reject && { rejectUnauthorized: reject.trim() === 'true' }),
  };
}

async function readPostgres(env: NodeJS.ProcessEnv): Promise<Row[]> {
  const { Client } = driver<{ Client: new (options: object) => Postgres }>(env, 'pg');
  const { DB_HOST: host, DB_USER: user, DB_PASSWORD: password, DB_DATABASE: database } = env;
  const port = Number(env.DB_PORT) || 5432;
  const limits = { connectionTimeoutMillis: CONNECT_MS, query_timeout: CONNECT_MS, ssl: databaseTls(env) };
  const client = new Client({ host, port, user, password, database, ...limits });
  client.on('error', () => undefined);
  await client.connect();
  try {
    // In a schema with the name of the role, or in `public`, there may be functions of applications.
    await client.query('SET search_path = pg_catalog, pg_temp');
    await client.query('SET default_transaction_read_only = on');
    return (await client.query(statement(env, '"', env.DB_SCHEMA || 'public'))).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function readMySql(env: NodeJS.ProcessEnv): Promise<Row[]> {
  const { createConnection } = driver<{ createConnection: (options: object) => Promise<MySql> }>(env, 'mysql2/promise');
  const { DB_HOST: host, DB_USER: user, DB_PASSWORD: password, DB_DATABASE: database } = env;
  const port = Number(env.DB_PORT) || 3306;
  const limits = { connectTimeout: CONNECT_MS, ssl: databaseTls(env) };
  const client = await createConnection({ host, port, user, password, database, ...limits });
  try {
    await client.query({ sql: 'SET SESSION TRANSACTION READ ONLY', timeout: CONNECT_MS });
    return (await client.query({ sql: statement(env, '`'), timeout: CONNECT_MS }))[0];
  } finally {
    // An orderly end would wait behind a statement that does not come to its own.
    client.destroy();
  }
}

function viewOf(row: Row, env: NodeJS.ProcessEnv): ApplicationView {
  const name = String(row.name);
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  const time = (value: unknown) => (value ? new Date(value as string | Date).toISOString() : null);
  const options = (typeof row.options === 'string' ? JSON.parse(row.options) : (row.options ?? {})) as Row;
  const database = (options.database ?? {}) as Row;
  const baseDomains = (env.APP_SUPERVISOR_BASE_DOMAIN ?? '').split(/[\s,]+/).filter(Boolean);
  const publicPath = (env.APP_PUBLIC_PATH ?? '').replace(/\/+$/, '');
  const inSchema = options.dbConnType === 'new_schema';
  return {
    name,
    displayName: text(row.displayName) ?? null,
    state: row.stoppedAt || row.removedAt ? 'stopped' : 'asleep',
    stateSince: time(row.stoppedAt),
    stateReason: null,
    startMode: text(row.startMode) ?? 'lazy',
    lastError: null,
    retryAt: null,
    journey: null,
    lastVisitedAt: time(row.lastVisitedAt),
    nextDueAt: time(row.nextDueAt),
    createdAt: time(row.createdAt) ?? undefined,
    removedAt: time(row.removedAt),
    purgeAt: null,
    address: appAddress({ name, cname: text(row.cname) }, { baseDomains, publicPath, origin: originOf(env) }),
    databasePlace: {
      dialect: text(database.dialect) ?? dialectOf(env),
      type: text(options.dbConnType) ?? 'new_database',
      host: text(database.host) ?? null,
      database: text(database.database) ?? (inSchema ? (env.DB_DATABASE ?? '') : name),
      schema: inSchema ? (text(database.schema) ?? name.replaceAll('-', '_')) : (text(database.schema) ?? null),
    },
    faults: null,
    offline: true,
  };
}
