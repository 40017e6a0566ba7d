// @ts-check
/**
 * A database server: how it is named in the environment, and how it is spoken to.
 */
import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { hostRequire } from './paths.mjs';
import { HostProblem, reasonOf } from './problem.mjs';

const ANSWER_MS = 5_000;
const DEFAULT_PORTS = /** @type {Record<string, number>} */ ({ postgres: 5432, mysql: 3306, mariadb: 3306 });

/**
 * @typedef {object} ServerAddress
 * @property {string} dialect
 * @property {string} [host]
 * @property {number} [port]
 * @property {string} [user]
 * @property {string} [password]
 * @property {object} [ssl]
 *
 * @typedef {Record<string, string | undefined>} Environment
 */

/**
 * The server that the environment names, or null where it names none.
 * @param {Environment} env
 * @returns {ServerAddress | null}
 */
export function addressIn(env) {
  if (!env.DB_HOST && !env.DB_DIALECT) return null;
  const dialect = env.DB_DIALECT || 'postgres';
  if (!DEFAULT_PORTS[dialect]) return { dialect };
  const port = Number(env.DB_PORT || DEFAULT_PORTS[dialect]);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new HostProblem(`DB_PORT must be a port number; it is "${env.DB_PORT}".`);
  }
  return {
    dialect,
    host: env.DB_HOST || '127.0.0.1',
    port,
    user: env.DB_USER || undefined,
    password: env.DB_PASSWORD || undefined,
    ssl: sslIn(env),
  };
}

/** @param {Environment} env */
function sslIn(env) {
  const read = (/** @type {string} */ name) => {
    const value = env[`DB_DIALECT_OPTIONS_SSL_${name}`];
    return value && statSync(value, { throwIfNoEntry: false })?.isFile() ? readFileSync(value, 'utf8') : value;
  };
  const [ca, key, cert, reject, mode] = ['CA', 'KEY', 'CERT', 'REJECT_UNAUTHORIZED', 'MODE'].map(read);
  if (!ca && !key && !cert && !reject && !mode) return undefined;
  return { ca, key, cert, rejectUnauthorized: reject ? reject === 'true' : undefined };
}

/** @param {ServerAddress} address */
export const nameOf = ({ dialect, host, port }) => (host ? `${dialect}://${host}:${port}` : dialect);

/**
 * Whether anything listens there: asked before all that is slow, and with nothing but Node.
 * @param {ServerAddress} address
 */
export async function requireListening(address) {
  if (address.host) await explained(address, '', () => reach(address));
}

/**
 * Whether a database is there, and NocoBase in it; makes it where it is missing.
 * @param {ServerAddress} address
 * @param {{ database: string, schema?: string, discard?: boolean }} wanted discard: drop it first
 * @returns {Promise<{ created: boolean, installed: boolean }>}
 */
export async function ensureDatabase(address, { database, schema, discard = false }) {
  if (address.dialect === 'postgres') {
    return explained(address, database, async () => {
      if (discard) await dropPostgresDatabase(address, database);
      return ensurePostgresDatabase(address, database, schema ?? 'public');
    });
  }
  if (address.dialect === 'mysql' || address.dialect === 'mariadb') {
    return explained(address, database, () => ensureMysqlDatabase(address, database));
  }
  return { created: false, installed: false };
}

/**
 * @param {ServerAddress} address
 * @param {string} database
 * @param {string} schema
 */
async function ensurePostgresDatabase(address, database, schema) {
  let created = false;
  for (;;) {
    try {
      const installed = await withPostgres(address, database, async (client) => {
        const { rows } = await client.query(
          `select 1 from information_schema.tables where table_schema = $1 and lower(replace(table_name, '_', '')) like '%applicationversion'`,
          [schema],
        );
        return rows.length > 0;
      });
      return { created, installed };
    } catch (error) {
      if (/** @type {any} */ (error).code !== '3D000' || created) throw error; // there is no such database
    }
    await onMaintenanceDatabase(address, (client) =>
      client.query(`create database ${client.escapeIdentifier(database)}`),
    );
    created = true;
  }
}

/**
 * @param {ServerAddress} address
 * @param {string} database
 */
export async function dropPostgresDatabase(address, database) {
  await onMaintenanceDatabase(address, (client) =>
    client.query(`drop database if exists ${client.escapeIdentifier(database)} with (force)`),
  );
}

/**
 * @template T
 * @param {ServerAddress} address
 * @param {(client: any) => Promise<T>} work
 */
async function onMaintenanceDatabase(address, work) {
  try {
    return await withPostgres(address, 'postgres', work);
  } catch (error) {
    if (/** @type {any} */ (error).code !== '3D000') throw error;
    return withPostgres(address, 'template1', work);
  }
}

/**
 * @template T
 * @param {ServerAddress} address
 * @param {string} database
 * @param {(client: any) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function withPostgres({ host, port, user, password, ssl }, database, work) {
  const { Client } = hostRequire('pg');
  const client = new Client({ host, port, user, password, ssl, database, connectionTimeoutMillis: ANSWER_MS });
  client.on('error', () => {});
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * @param {ServerAddress} address
 * @param {string} database
 */
async function ensureMysqlDatabase({ host, port, user, password }, database) {
  const { createConnection } = hostRequire('mysql2/promise');
  const connection = await createConnection({ host, port, user, password, connectTimeout: ANSWER_MS });
  try {
    const [found] = await connection.query('show databases like ?', [database]);
    if (found.length === 0) await connection.query('create database ?? character set utf8mb4', [database]);
    const [tables] = await connection.query(
      `select 1 from information_schema.tables where table_schema = ? and lower(replace(table_name, '_', '')) like '%applicationversion'`,
      [database],
    );
    return { created: found.length === 0, installed: tables.length > 0 };
  } finally {
    await connection.end();
  }
}

/**
 * @param {ServerAddress} address
 * @returns {Promise<void>}
 */
function reach({ host, port }) {
  return new Promise((resolve, reject) => {
    const where = host?.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port: Number(port) };
    const socket = connect({ ...where, timeout: ANSWER_MS });
    socket.once('connect', () => resolve(void socket.destroy()));
    socket.once('error', reject);
    socket.once('timeout', () => socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
  });
}

/**
 * Turns a driver's error into a sentence for the operator.
 * @template T
 * @param {ServerAddress} address
 * @param {string} database
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function explained(address, database, work) {
  try {
    return await work();
  } catch (error) {
    const reason = reasonOf(error);
    const server = nameOf(address);
    const code = String(/** @type {any} */ (error)?.code ?? '');
    if (code === '42501' || code === 'ER_DBACCESS_DENIED_ERROR') {
      throw new HostProblem(
        `The user ${address.user ?? ''} may not create the database ${database} on ${server}: create it for them, or let them.`,
      );
    }
    if (code.startsWith('28') || code === 'ER_ACCESS_DENIED_ERROR') {
      throw new HostProblem(`The database server ${server} refused us (${reason}); check DB_USER and DB_PASSWORD.`);
    }
    throw new HostProblem(
      `The database server ${server} does not answer (${reason}); start it, correct DB_HOST and DB_PORT, or unset them to use the PostgreSQL that comes along.`,
      { cause: error },
    );
  }
}
