// @ts-check
/**
 * The environment of the NocoBase process: what the user has set stays, unless it would break the host's own promises.
 * Whatever is set neither here nor there gets NocoBase's own default in `nocobase-entry.cjs`.
 */
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HOST_MODULES, PLUGIN_NAME } from './paths.mjs';

/** The longest path of a Unix socket that Linux (107 bytes) and macOS (103) both take. */
const SOCKET_PATH_BYTES = 103;
/** Of npm and of the test runner that may have started us. */
const NOT_INHERITED = /^(npm_|JEST_|VITEST|HOST_|__env_modified__$|IS_DEV_CMD$|PM2_)/;

/**
 * @param {object} host
 * @param {import('./data-directory.mjs').DataDirectory} host.data
 * @param {string} host.listenHost
 * @param {number} host.port
 * @param {import('./database.mjs').Database} host.database
 * @param {string} host.appKey
 * @param {import('./data-directory.mjs').Installation['admin']} host.admin
 * @param {boolean} host.pluginAvailable
 * @param {import('./server-address.mjs').Environment} host.env
 * @returns {Record<string, string>}
 */
export function nocobaseEnvironment({ data, listenHost, port, database, appKey, admin, pluginAvailable, env }) {
  const inherited = /** @type {Record<string, string>} */ (
    Object.fromEntries(Object.entries(env).filter(([name, value]) => value !== undefined && !NOT_INHERITED.test(name)))
  );
  const plugins = [inherited.APPEND_PRESET_LOCAL_PLUGINS, pluginAvailable ? PLUGIN_NAME : ''].filter(Boolean);
  return {
    LOGGER_TRANSPORT: 'dailyRotateFile',
    TELEMETRY_ENABLED: 'off',
    INIT_APP_LANG: 'en-US',
    APP_SUPERVISOR_BASE_DOMAIN: 'localhost',
    ...inherited,
    ...database.env,
    APP_KEY: appKey,
    APP_ENV: 'production',
    NODE_ENV: 'production',
    APP_HOST: listenHost,
    APP_PORT: String(port),
    STORAGE_PATH: data.file('storage'),
    PM2_HOME: data.file('storage', '.pm2'),
    SOCKET_PATH: socketPath(data.path),
    NODE_MODULES_PATH: HOST_MODULES,
    NODE_PATH: HOST_MODULES,
    NODE_OPTIONS: [inherited.NODE_OPTIONS, '--preserve-symlinks'].filter(Boolean).join(' '),
    APPEND_PRESET_LOCAL_PLUGINS: plugins.join(','),
    INIT_ROOT_EMAIL: admin.email,
    INIT_ROOT_USERNAME: admin.username,
    INIT_ROOT_PASSWORD: admin.password,
    ...(database.serverPid ? { HOST_POSTGRES_PID: String(database.serverPid) } : {}),
  };
}

/**
 * In the data directory; where that path is too long for a socket, at a short one that only this directory has.
 * @param {string} dataDirectory
 */
export function socketPath(dataDirectory) {
  const inside = join(dataDirectory, 'gateway.sock');
  // The plugin's own lies beside it, under a longer name.
  if (Buffer.byteLength(join(dataDirectory, 'app-supervisor.sock')) <= SOCKET_PATH_BYTES) return inside;
  const key = createHash('sha256').update(dataDirectory).digest('hex').slice(0, 12);
  return join(tmpdir(), `nocobase-host-${key}.sock`);
}
