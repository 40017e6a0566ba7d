// @ts-check
/**
 * Where the contenders stand side by side: one database server, one installed NocoBase of which all get a copy, and one
 * installed application of which all fleets are copies. Databases of an installation are kept for the next run.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT_DIR, hostRequire } from '../host/paths.mjs';
import { Releases } from '../host/releases.mjs';
import { Contender } from './contender.mjs';
import { DatabaseServer } from './database-server.mjs';

const ROOMY = 300;
/** What is made anew in each run. */
const TEMPORARY = 'bench_';

/**
 * @typedef {object} Fleet
 * @property {number} [installed] applications with a database each, which was copied from an installed one
 * @property {number} [registered] how many rows there are in all; the others have no database
 *
 * @typedef {object} Setting
 * @property {Fleet} [fleet]
 * @property {Record<string, string>} [env]
 */

/** @param {number} number from 1 */
export const appName = (number) => `app${String(number).padStart(5, '0')}`;

/** @param {number} count */
export const appNames = (count) => Array.from({ length: count }, (_, index) => appName(index + 1));

export class Laboratory {
  #releases = new Releases();
  /** @type {Set<import('./contender.mjs').Kind>} */
  #ready = new Set();

  /**
   * @param {string} folder
   * @param {DatabaseServer} server
   * @param {{ report: import('../host/report.mjs').Report, signal: AbortSignal, before?: string, quick?: boolean }} options
   */
  constructor(folder, server, { report, signal, before, quick = false }) {
    this.folder = folder;
    this.server = server;
    this.report = report;
    this.signal = signal;
    this.before = before;
    this.quick = quick;
    this.version = String(hostRequire('@nocobase/server/package.json').version);
    const key = this.version.replace(/\W/g, '_');
    this.stock = `stock_${key}`;
    this.stockPeer = `stock_peer_${key}`;
    this.stockApp = `stock_app_${key}`;
  }

  /** @param {{ report: import('../host/report.mjs').Report, signal: AbortSignal, before?: string, quick?: boolean }} options */
  static async open(options) {
    const folder = join(ROOT_DIR, '.host', 'bench');
    mkdirSync(folder, { recursive: true });
    const server = await DatabaseServer.open(join(folder, 'server'), options);
    const laboratory = new Laboratory(folder, server, options);
    laboratory.#releases.add(() => server.close());
    try {
      await server.limit(ROOMY);
      await laboratory.#clear();
      laboratory.#releases.add(() => laboratory.#clear());
      await laboratory.#install();
      return laboratory;
    } catch (error) {
      await laboratory.close();
      throw error;
    }
  }

  /** How many of something there are: a tenth where the measurements themselves are tried out. */
  size(/** @type {number} */ count) {
    return this.quick ? Math.max(2, Math.round(count / 10)) : count;
  }

  /**
   * These contenders, and the plugin of another checkout where one was given.
   * @param {import('./contender.mjs').Kind[]} kinds
   * @returns {import('./contender.mjs').Kind[]}
   */
  kinds(kinds) {
    return this.before ? [...kinds, 'before'] : kinds;
  }

  /** Of NocoBase and of an application, once. */
  async #install() {
    const present = await this.server.databases('stock_');
    if ([this.stock, this.stockPeer, this.stockApp].every((name) => present.includes(name))) return;
    await this.report.step(`installing NocoBase ${this.version}`, async () => {
      for (const name of present) await this.server.drop(name);
      const database = `${TEMPORARY}stock`;
      await (await this.#start('none', database, {})).stop();
      await this.server.clone(database, this.stock);
      const peer = await this.#start('peer', database, {});
      try {
        await peer.enablePeer();
        const administrator = await peer.administrator;
        const options = { dbConnType: 'new_database', database: { database: `${TEMPORARY}stock_app` } };
        await administrator.post('applications:create', { name: 'template', options });
        await peer.visit('template');
        await peer.sleep(['template']);
        await administrator.post('applications:destroy?filterByTk=template');
      } finally {
        await peer.stop();
      }
      await this.server.clone(`${TEMPORARY}stock_app`, this.stockApp);
      await this.server.clone(database, this.stockPeer);
    });
  }

  /**
   * Starts a contender with a fleet of its own; `withContenders` stops it.
   * @param {import('./contender.mjs').Kind} kind
   * @param {Setting} setting
   */
  async #contender(kind, { fleet, env = {} }) {
    await this.#prepare(kind);
    const database = `${TEMPORARY}${kind}`;
    if (kind !== 'none') await this.#populate(kind, database, fleet ?? {});
    return this.#start(kind, database, env);
  }

  /** The contender's main database with its plugin enabled. */
  async #prepare(/** @type {import('./contender.mjs').Kind} */ kind) {
    if (this.#ready.has(kind)) return;
    const database = `${TEMPORARY}${kind}`;
    await this.server.clone(kind === 'peer' ? this.stockPeer : this.stock, database);
    if (kind === 'ours' || kind === 'before') await (await this.#start(kind, database, {})).stop();
    this.#ready.add(kind);
  }

  /**
   * @param {string} kind
   * @param {string} database
   * @param {Fleet} fleet
   */
  async #populate(kind, database, { installed = 0, registered = installed }) {
    const own = `${TEMPORARY}${kind}_`;
    const present = new Set(await this.server.databases(own));
    for (const name of appNames(installed)) {
      this.signal.throwIfAborted();
      if (!present.has(own + name)) await this.server.clone(this.stockApp, own + name);
    }
    const columns = `name, "displayName", cname, status, options, sort, "createdAt", "updatedAt"`;
    await this.server.sql('DELETE FROM applications', [], database);
    await this.server.sql(
      `INSERT INTO applications (${columns})
       SELECT name, 'Application ' || n, name || '.example.test', 'pending',
         json_build_object('dbConnType', 'new_database', 'database', json_build_object('database', $2::text || name)),
         n, now(), now()
       FROM (SELECT n, 'app' || lpad(n::text, 5, '0') AS name FROM generate_series(1, $1::int) AS n) AS numbers`,
      [registered, own],
      database,
    );
  }

  /**
   * @param {import('./contender.mjs').Kind} kind
   * @param {string} database
   * @param {Record<string, string>} env
   */
  async #start(kind, database, env) {
    const checkout = kind === 'before' && this.before ? this.before : ROOT_DIR;
    const dataDir = join(this.folder, `host-${kind}`);
    const all = { ...this.server.environment, ...env };
    return Contender.start(kind, { dataDir, database, checkout, env: all, signal: this.signal });
  }

  /**
   * Runs a piece of work with these contenders up, and stops them.
   * @template T
   * @param {import('./contender.mjs').Kind[]} kinds
   * @param {Setting} setting
   * @param {(contenders: Contender[]) => Promise<T>} work
   * @param {{ maxConnections?: number }} [server]
   * @returns {Promise<T>}
   */
  async withContenders(kinds, setting, work, { maxConnections = ROOMY } = {}) {
    const releases = new Releases();
    try {
      await this.server.limit(ROOMY);
      // A plugin is enabled, and databases are copied, before the limit that is measured holds.
      for (const kind of kinds) await this.#prepare(kind);
      await this.server.limit(maxConnections);
      /** @type {Contender[]} */
      const contenders = [];
      for (const kind of kinds) {
        const contender = await this.report.step(`starting: ${kind}`, () => this.#contender(kind, setting));
        releases.add(() => contender.stop());
        // For an end that comes from outside while the work is under way.
        this.#releases.add(() => contender.stop());
        contenders.push(contender);
      }
      return await work(contenders);
    } finally {
      await releases.run();
    }
  }

  /** Databases and folders that an earlier run has left, or this one. */
  async #clear() {
    for (const name of await this.server.templatesOf(TEMPORARY)) await this.server.drop(name);
    for (const name of await this.server.databases(TEMPORARY)) await this.server.drop(name);
    for (const kind of ['ours', 'before', 'peer', 'none']) {
      rmSync(join(this.folder, `host-${kind}`), { recursive: true, force: true });
    }
  }

  close() {
    return this.#releases.run();
  }
}

/**
 * Round by round, each contender in its turn; the order changes from round to round, so that what drifts hits all.
 * @param {Contender[]} contenders
 * @param {number} rounds
 * @param {(contender: Contender, round: number) => Promise<void>} work
 */
export async function inTurn(contenders, rounds, work) {
  for (let round = 0; round < rounds; round += 1) {
    const shift = round % contenders.length;
    const order = [...contenders.slice(shift), ...contenders.slice(0, shift)];
    for (const contender of round % 2 ? order.reverse() : order) await work(contender, round);
  }
}
