// @ts-check
/**
 * A PostgreSQL of the measurements' own, kept between runs, so that nobody else's load and limits enter: the one that
 * the host brings along.
 */
import { DataDirectory } from '../host/data-directory.mjs';
import { hostRequire } from '../host/paths.mjs';
import { startPostgres } from '../host/postgres.mjs';

/** @param {string} name */
const quoted = (name) => `"${name.replaceAll('"', '""')}"`;

export class DatabaseServer {
  /** @type {Awaited<ReturnType<typeof startPostgres>> | undefined} */
  #running;
  #maxConnections = 0;

  /**
   * @param {DataDirectory} data
   * @param {AbortSignal} signal
   */
  constructor(data, signal) {
    this.data = data;
    this.signal = signal;
  }

  /**
   * @param {string} folder
   * @param {{ report: import('../host/report.mjs').Report, signal: AbortSignal }} options
   */
  static async open(folder, { report, signal }) {
    return new DatabaseServer(await DataDirectory.open(folder, report), signal);
  }

  /** Runs from here on with this limit; whoever is connected to it with another limit is cut off. */
  async limit(/** @type {number} */ maxConnections) {
    if (this.#running && this.#maxConnections === maxConnections) return;
    await this.#running?.stop();
    this.#running = await startPostgres(this.data, { maxConnections, signal: this.signal });
    this.#maxConnections = maxConnections;
  }

  get address() {
    if (!this.#running) throw new Error('the database server does not run');
    return this.#running.address;
  }

  get logFile() {
    return this.data.file('logs', 'postgres.log');
  }

  /** As NocoBase and the host are told. */
  get environment() {
    const { host, port, user, password } = this.address;
    return { DB_DIALECT: 'postgres', DB_HOST: host, DB_PORT: String(port), DB_USER: user, DB_PASSWORD: password };
  }

  /**
   * @param {string} [database]
   * @returns {Promise<any>} a connected client of `pg`; the caller ends it
   */
  async connect(database = 'postgres') {
    const { Client } = hostRequire('pg');
    const { host, port, user, password } = this.address;
    const client = new Client({ host, port, user, password, database, connectionTimeoutMillis: 5_000 });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  /**
   * @param {string} text
   * @param {unknown[]} [values]
   * @param {string} [database]
   * @returns {Promise<any[]>}
   */
  async sql(text, values = [], database) {
    const client = await this.connect(database);
    try {
      return (await client.query(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** @param {string} prefix */
  async databases(prefix) {
    const rows = await this.sql(`SELECT datname FROM pg_database WHERE starts_with(datname, $1)`, [prefix]);
    return rows.map((row) => String(row.datname));
  }

  /**
   * The template databases that our plugin has left for main databases with this prefix.
   * @param {string} prefix
   */
  async templatesOf(prefix) {
    const rows = await this.sql(
      `SELECT t.datname FROM pg_database t JOIN pg_database m
          ON starts_with(t.datname, 'app_supervisor_template_' || m.oid || '_') WHERE starts_with(m.datname, $1)`,
      [prefix],
    );
    return rows.map((row) => String(row.datname));
  }

  /**
   * A copy, in place of what there was of that name. Nobody may be connected to the template.
   * @param {string} template
   * @param {string} name
   */
  async clone(template, name) {
    await this.drop(name);
    await this.sql(`CREATE DATABASE ${quoted(name)} TEMPLATE ${quoted(template)}`);
  }

  /** @param {string} name */
  async drop(name) {
    await this.sql(`DROP DATABASE IF EXISTS ${quoted(name)} WITH (FORCE)`);
  }

  /** Connections of clients to databases with this prefix. */
  async connections(/** @type {string} */ prefix) {
    const [row] = await this.sql(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND starts_with(datname, $1)`,
      [prefix],
    );
    return Number(row.n);
  }

  async close() {
    await this.#running?.stop();
    this.data.close();
  }
}
