// @ts-check
/**
 * A running host as an object: for `npm start`, for the tests, and for the measurements.
 */
import { createHash, randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { placedCode } from './built-plugin.mjs';
import { DataDirectory } from './data-directory.mjs';
import { openDatabase } from './database.mjs';
import { nocobaseEnvironment } from './nocobase-environment.mjs';
import { NocoBase } from './nocobase.mjs';
import { hostRequire } from './paths.mjs';
import { enablePlugin } from './plugin.mjs';
import { freePort, requireFree } from './ports.mjs';
import { prepare } from './prepare.mjs';
import { Releases } from './releases.mjs';
import { consoleReport, silent } from './report.mjs';
import { RestClient } from './rest.mjs';
import { addressIn, requireListening } from './server-address.mjs';

export { HostProblem, Interrupted } from './problem.mjs';

/**
 * @typedef {object} HostOptions
 * @property {string} dataDir everything the host keeps; one host at a time
 * @property {number} [port] default: any free one
 * @property {string} [listenHost] default 127.0.0.1
 * @property {Record<string, string | undefined>} [env] besides, or instead of, what the process has; undefined removes
 * @property {string} [database] its name, instead of DB_DATABASE; made if missing
 * @property {boolean} [pluginEnabled] default true; false leaves the plugin installed, and disabled if it is
 * @property {boolean} [pluginAvailable] default true; false: NocoBase does not even see the plugin
 * @property {boolean} [prepared] default true: packages are installed, the plugin is built and placed
 * @property {boolean} [quiet] default true
 * @property {import('./report.mjs').Report} [report]
 * @property {AbortSignal} [signal] gives up whatever is under way, orderly
 * @property {AbortSignal} [hurry] ends all waiting for an orderly stop
 *
 * @typedef {Awaited<ReturnType<typeof startHost>>} Host
 */

/** @param {HostOptions} options */
export async function startHost(options) {
  const { signal, hurry, listenHost = '127.0.0.1', pluginEnabled = true, pluginAvailable = true } = options;
  const report = options.report ?? ((options.quiet ?? true) ? silent : consoleReport());
  const env = { ...process.env, ...options.env };
  const releases = new Releases();
  try {
    const data = await DataDirectory.open(resolve(options.dataDir), report);
    releases.add(() => data.close());
    const port = options.port ?? (await freePort(listenHost));
    await requireFree(port, listenHost);
    const named = addressIn(env);
    if (named) await requireListening(named);
    if (options.prepared === false) await prepare({ report, signal });

    const database = await openDatabase(data, { env, database: options.database, report, releases, signal, hurry });
    const installation = recall(data, database, env);
    const url = `http://${reachable(listenHost)}:${port}`;
    const api = `${url}${(env.APP_PUBLIC_PATH || '/').replace(/\/+$/, '')}${(env.API_BASE_PATH || '/api/').replace(/\/+$/, '')}`;
    const appKey = env.APP_KEY || (data.memory.appKey ??= randomBytes(32).toString('hex'));
    data.remember();

    /** @type {NocoBase} */
    let nocobase;
    const boot = async () => {
      const code = installedCode(pluginAvailable);
      const { admin } = installation;
      nocobase = await NocoBase.start(data, {
        env: nocobaseEnvironment({ data, listenHost, port, database, appKey, admin, pluginAvailable, env }),
        quick: !installation.complete || installation.installedCode !== code,
        healthUrl: `${api}/__health_check`,
      });
      const title = installation.complete ? 'starting NocoBase' : 'installing and starting NocoBase';
      await report.step(title, (note) => nocobase.untilHealthy({ signal, note }));
      Object.assign(installation, { complete: true, installedCode: code });
      data.remember();
    };
    releases.add(() =>
      nocobase?.stop({ hurry, deadlineMs: signal?.aborted && !installation.complete ? 5_000 : undefined }),
    );
    signal?.throwIfAborted();
    await boot();

    const credentials = {
      email: env.INIT_ROOT_EMAIL || installation.admin.email,
      password: env.INIT_ROOT_PASSWORD || installation.admin.password,
    };
    const main = new RestClient(api, { signal });
    if (pluginEnabled && pluginAvailable && !installation.pluginEnabled) {
      await report.step('enabling the plugin', () =>
        enablePlugin(main, credentials, () => nocobase.untilHealthy({ signal })),
      );
      installation.pluginEnabled = true;
      data.remember();
    }

    return {
      url,
      api,
      port,
      dataDir: data.path,
      storageDir: data.file('storage'),
      logFile: data.file('logs', 'nocobase.log'),
      credentials,
      /** Where NocoBase's tables are, for whoever wants to look. */
      database: database.address,
      /** A REST client of the main application, not signed in. */
      rest: main,
      get pid() {
        return nocobase.pid;
      },
      /** Settles when NocoBase ends, with the problem that tells why. */
      untilEnded: () => nocobase.untilEnded(),
      /** Stops everything that this host started, and gives back what it took. */
      stop: () => releases.run(),
      /**
       * Ends NocoBase alone, the hard way; `restart()` brings it back.
       * @param {NodeJS.Signals} [how]
       */
      kill: (how = 'SIGKILL') => nocobase.kill(how),
      /** Stops NocoBase in order, if it runs, and starts it again: same port, same database. */
      async restart() {
        await nocobase.stop({ hurry });
        await boot();
      },
    };
  } catch (error) {
    await releases.run().catch(() => {});
    throw error;
  }
}

/**
 * What is known of the installation in this database; of a new one, its first administrator is settled now.
 * @param {DataDirectory} data
 * @param {import('./database.mjs').Database} database
 * @param {Record<string, string | undefined>} env
 * @returns {import('./data-directory.mjs').Installation}
 */
function recall(data, database, env) {
  const installations = (data.memory.installations ??= {});
  const known = installations[database.key];
  if (known?.complete && database.installed) return known;
  const installation = {
    complete: database.installed,
    databaseIsOurs: database.created,
    admin: {
      email: env.INIT_ROOT_EMAIL || known?.admin.email || 'admin@nocobase.com',
      username: env.INIT_ROOT_USERNAME || known?.admin.username || 'nocobase',
      password: env.INIT_ROOT_PASSWORD || known?.admin.password || randomBytes(9).toString('base64url'),
    },
  };
  installations[database.key] = installation;
  return installation;
}

/**
 * Changes with NocoBase and with the plugin: an installation of other code is upgraded before it starts.
 * @param {boolean} pluginAvailable
 */
function installedCode(pluginAvailable) {
  const { version } = hostRequire('@nocobase/server/package.json');
  return createHash('sha256')
    .update(`${version} ${pluginAvailable && placedCode()}`)
    .digest('hex')
    .slice(0, 16);
}

/** @param {string} listenHost */
function reachable(listenHost) {
  if (listenHost === '0.0.0.0') return '127.0.0.1';
  if (listenHost === '::') return '[::1]';
  return isIPv6(listenHost) ? `[${listenHost}]` : listenHost;
}
