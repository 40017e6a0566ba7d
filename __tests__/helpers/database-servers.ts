import { spawnSync } from 'node:child_process';
import path from 'node:path';
import mysql from 'mysql2/promise';
import { Client } from 'pg';
import type { DatabaseDialect, ServerAddress } from '../../server/databases/dialect';
import { mariadbDialect, mysqlDialect } from '../../server/databases/mysql';
import { postgresDialect } from '../../server/databases/postgres';

/** The database servers of this machine, each by every dialect that speaks to it. */

const HOST_MODULES = path.resolve(__dirname, '..', '..', 'host', 'node_modules');

export interface KnownServer {
  dialect: DatabaseDialect;
  address: ServerAddress & { host: string; port: number };
  /** Why it cannot be used, in words. */
  missing?: string;
}

const POSTGRES = {
  host: '127.0.0.1',
  port: 5432,
  username: 'postgres',
  password: 'Trusted-4712',
  database: 'postgres',
};
const MYSQL = {
  host: '127.0.0.1',
  port: 3306,
  username: 'root',
  password: '',
  database: 'information_schema',
  lockName: (database: string) => `lock of a test: ${database}`.slice(0, 60),
};

/** Asked in a process of its own, so that the tests can be declared without waiting. */
function ask(script: string): string {
  const found = spawnSync(process.execPath, ['-e', script], {
    env: { ...process.env, NODE_PATH: HOST_MODULES },
    encoding: 'utf8',
    timeout: 10_000,
  });
  return found.status === 0 ? found.stdout : `- ${found.stderr.trim().split('\n')[0] || 'no answer'}`;
}

const fail = '(error) => { process.stderr.write(String(error.code || error.message)); process.exit(1); }';

function askPostgres(): string {
  const { username: user, ...rest } = POSTGRES;
  const options = JSON.stringify({ ...rest, user, connectionTimeoutMillis: 3000 });
  return ask(`const client = new (require('pg').Client)(${options});
    client.connect().then(() => client.end()).then(() => process.stdout.write('PostgreSQL'), ${fail})`);
}

function askMysql(): string {
  const { username: user, ...rest } = MYSQL;
  const options = JSON.stringify({ ...rest, user, connectTimeout: 3000 });
  return ask(`require('mysql2/promise').createConnection(${options}).then(async (connection) => {
    const [[row]] = await connection.query('SELECT VERSION() AS version');
    process.stdout.write(row.version);
    await connection.end();
  }).catch(${fail})`);
}

function reason(said: string, what: string): string | undefined {
  return said.startsWith('- ') ? `no ${what} here: ${said.slice(2)}` : undefined;
}

export function knownServers(): KnownServer[] {
  const mysqlSaid = askMysql();
  const isMariadb = /mariadb/i.test(mysqlSaid);
  const missing = reason(mysqlSaid, 'MySQL or MariaDB');
  return [
    { dialect: postgresDialect, address: POSTGRES, missing: reason(askPostgres(), 'PostgreSQL') },
    { dialect: mariadbDialect, address: MYSQL, missing: missing ?? (isMariadb ? undefined : 'this is a MySQL') },
    // NocoBase speaks by it to both.
    { dialect: mysqlDialect, address: MYSQL, missing },
  ];
}

/** As its administrator, beside the code that is tested. */
export async function runSql<T = Record<string, unknown>>(
  { dialect, address }: Pick<KnownServer, 'dialect' | 'address'>,
  sql: string,
  database = address.database,
): Promise<T[]> {
  const { host, port, username: user, password } = address;
  if (dialect.family === 'postgres') {
    const client = new Client({ host, port, user, password, database });
    await client.connect();
    try {
      return (await client.query(sql)).rows as T[];
    } finally {
      await client.end();
    }
  }
  const connection = await mysql.createConnection({ host, port, user, password, database, multipleStatements: true });
  try {
    return (await connection.query(sql))[0] as T[];
  } finally {
    await connection.end();
  }
}

export function quotedName({ dialect }: Pick<KnownServer, 'dialect'>, name: string): string {
  const mark = dialect.family === 'postgres' ? '"' : '`';
  return `${mark}${name.replaceAll(mark, mark + mark)}${mark}`;
}

/** Names of databases that begin with the prefix, in whatever state they are. */
export async function databasesOf(server: KnownServer, prefix: string): Promise<string[]> {
  const sql =
    server.dialect.family === 'postgres'
      ? 'SELECT datname AS name FROM pg_database ORDER BY 1'
      : 'SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA ORDER BY 1';
  const rows = await runSql<{ name: string }>(server, sql);
  return rows.map(({ name }) => name).filter((name) => name.startsWith(prefix));
}
