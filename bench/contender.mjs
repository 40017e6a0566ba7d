// @ts-check
/**
 * One NocoBase that is measured: with our plugin, with multi-app-manager, or with neither.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Probe } from './probe.mjs';
import { ask, visit } from './visitor.mjs';

const PROBE_FILE = join(dirname(fileURLToPath(import.meta.url)), 'probe.cjs');
const PEER = 'multi-app-manager';

/**
 * - `ours`: this plugin; `before`: the same of another checkout
 * - `peer`: `@nocobase/plugin-multi-app-manager`
 * - `none`: no multi-app plugin, and NocoBase's adapter for one application only
 * @typedef {'ours' | 'before' | 'peer' | 'none'} Kind
 */

export const ADMINISTRATOR = { email: 'bench@example.test', username: 'bench', password: 'bench-only-Pa55' };

export class Contender {
  /**
   * @param {Kind} kind
   * @param {import('../host/index.mjs').Host} host
   * @param {Probe} probe
   * @param {string} socketFolder
   */
  constructor(kind, host, probe, socketFolder) {
    this.kind = kind;
    this.host = host;
    this.probe = probe;
    this.socketFolder = socketFolder;
    this.api = host.api;
    this.healthUrl = `${host.api}/__health_check`;
  }

  /**
   * @param {Kind} kind
   * @param {object} options
   * @param {string} options.dataDir
   * @param {string} options.database
   * @param {string} options.checkout whose host and plugin
   * @param {Record<string, string | undefined>} options.env
   * @param {AbortSignal} options.signal
   */
  static async start(kind, { dataDir, database, checkout, env, signal }) {
    const { startHost } = await import(pathToFileURL(join(checkout, 'host', 'index.mjs')).href);
    const mine = kind === 'ours' || kind === 'before';
    const socketFolder = mkdtempSync(join(tmpdir(), 'bench-'));
    const socket = join(socketFolder, 'probe.sock');
    const oneApplicationOnly = { APP_DISCOVERY_ADAPTER: 'main-only', APP_PROCESS_ADAPTER: 'main-only' };
    /** @type {import('../host/index.mjs').Host | undefined} */
    let host;
    try {
      host = await startHost({
        dataDir,
        database,
        signal,
        pluginAvailable: mine,
        pluginEnabled: mine,
        env: {
          LOGGER_LEVEL: 'error',
          INIT_ROOT_EMAIL: ADMINISTRATOR.email,
          INIT_ROOT_USERNAME: ADMINISTRATOR.username,
          INIT_ROOT_PASSWORD: ADMINISTRATOR.password,
          NODE_OPTIONS: [process.env.NODE_OPTIONS, `--require=${PROBE_FILE}`].filter(Boolean).join(' '),
          BENCH_PROBE: socket,
          ...(kind === 'none' ? oneApplicationOnly : {}),
          ...env,
        },
      });
      return new Contender(kind, /** @type {any} */ (host), await Probe.reach(socket), socketFolder);
    } catch (error) {
      await host?.stop();
      rmSync(socketFolder, { recursive: true, force: true });
      throw error;
    }
  }

  get administrator() {
    return this.host.rest.signIn(ADMINISTRATOR);
  }

  /** Enables multi-app-manager as an administrator does; NocoBase restarts itself within the process. */
  async enablePeer() {
    const administrator = await this.administrator;
    await administrator.post(`pm:enable?filterByTk=${PEER}&awaitResponse=true`);
    for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
      const { text } = await ask(this.healthUrl);
      if (text === 'ok' && (await administrator.get(`pm:get?filterByTk=${PEER}`))?.enabled === true) return;
    }
    throw new Error(`${PEER} was not enabled`);
  }

  /** @param {string} app */
  visit(app) {
    return visit(this.api, app);
  }

  /**
   * Puts applications out of memory, both contenders by the same call of NocoBase's supervisor.
   * @param {string[]} names
   */
  async sleep(names) {
    const { left } = await this.probe.ask('sleep', { names });
    if (left.length > 0) throw new Error(`${this.kind}: still in memory: ${left.join(', ')}`);
  }

  /**
   * CPU time of the process for a piece of work.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<{ result: T, cpuMs: number }>}
   */
  async withCpu(work) {
    const before = await this.probe.ask('cpu');
    const result = await work();
    const after = await this.probe.ask('cpu');
    return { result, cpuMs: (after.user + after.system - before.user - before.system) / 1_000 };
  }

  async stop() {
    this.probe.close();
    try {
      await this.host.stop();
    } finally {
      rmSync(this.socketFolder, { recursive: true, force: true });
    }
  }
}
