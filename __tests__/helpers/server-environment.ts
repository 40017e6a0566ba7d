import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { KnownServer } from './database-servers';

const HOST_MODULES = path.resolve(__dirname, '../../host/node_modules');

/** Where the tests that run NocoBase in their own process have their databases. */
export interface ServerEnvironment {
  /** The variables that name a server; none where the embedded one is to be used. */
  env: Record<string, string | undefined>;
  /** Why there is none, in words. */
  missing?: string;
}

/** What `pg` says of a server, asked in a process of its own, so that the tests can be declared without waiting. */
function unreachable(env: Record<string, string | undefined>): string | undefined {
  const script = `
    const { Client } = require('pg');
    const { DB_HOST: host, DB_PORT: port, DB_USER: user, DB_PASSWORD: password } = process.env;
    const client = new Client({ host, port: Number(port || 5432), user, password, database: 'postgres', connectionTimeoutMillis: 3000 });
    client.on('error', () => {});
    client.connect()
      .then(() => client.query('SELECT rolcreatedb OR rolsuper AS ok FROM pg_roles WHERE rolname = current_user'))
      .then(({ rows }) => { if (!rows[0].ok) throw new Error('the role may not create databases'); return client.end(); })
      .then(() => process.exit(0), (error) => { process.stderr.write(error.message || error.code); process.exit(1); });`;
  const found = spawnSync(process.execPath, ['-e', script], {
    env: { ...process.env, ...env, NODE_PATH: HOST_MODULES },
    encoding: 'utf8',
    timeout: 10_000,
  });
  return found.status === 0 ? undefined : found.stderr.trim() || 'no answer';
}

/** The PostgreSQL that the environment names, else the one that is usually there, else the host's embedded one. */
function findServer(): ServerEnvironment {
  const { DB_DIALECT, DB_HOST, DB_PORT } = process.env;
  if (DB_DIALECT && DB_DIALECT !== 'postgres') {
    return {
      env: {},
      missing: `the environment names a database of the kind "${DB_DIALECT}", and these need PostgreSQL`,
    };
  }
  if (DB_HOST) {
    const reason = unreachable({});
    const missing = reason && `the PostgreSQL on ${DB_HOST}:${DB_PORT ?? 5432} cannot be used: ${reason}`;
    return { env: { DB_DIALECT: 'postgres' }, missing };
  }
  // A server that asks for no password takes any, and applications get the main application's role by its password only.
  const login = { DB_USER: 'postgres', DB_PASSWORD: 'Trusted-4712' };
  const usual = { DB_DIALECT: 'postgres', DB_HOST: '127.0.0.1', DB_PORT: '5432', ...login };
  return { env: unreachable(usual) === undefined ? usual : {} };
}

let found: ServerEnvironment | undefined;

/** Looked for once a test file. */
export function postgresServer(): ServerEnvironment {
  found ??= findServer();
  return found;
}

/** The same of a server that is known. */
export function environmentOf({ dialect, address, missing }: KnownServer): ServerEnvironment {
  const { host, port, username, password } = address;
  const env = {
    DB_DIALECT: dialect.name,
    DB_HOST: host,
    DB_PORT: String(port),
    DB_USER: username,
    DB_PASSWORD: password,
  };
  return { env, missing };
}

/** `describe`, skipped with the reason in its name where nobody can give a PostgreSQL. */
export function describeWithPostgres(name: string, tests: () => void): void {
  const { missing } = postgresServer();
  if (missing) describe.skip(`${name} (skipped: ${missing})`, tests);
  else describe(name, tests);
}
