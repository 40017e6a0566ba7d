// @ts-check
/**
 * The environment of the NocoBase process: what the user has set stays, unless it would break the host's own promises.
 * Whatever is set neither here nor there gets NocoBase's own default in `nocobase-entry.cjs`.
 */
import { existsSync, lstatSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HOST_MODULES, PLUGIN_NAME } from './paths.mjs';

/** The longest path of a Unix socket that Linux (107 bytes) and macOS (103) both take. */
const SOCKET_PATH_BYTES = 103;
const SOCKET = 'gateway.sock';
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
 * In the data directory; if that path is too long for a socket, in a folder of its own in the temporary folder. That
 * folder has a random name and is open to its owner only; the data directory remembers it.
 * @param {string} dataDirectory
 * @returns {string}
 */
export function socketPath(dataDirectory) {
  // The plugin's own lies beside it, under a longer name.
  if (Buffer.byteLength(join(dataDirectory, 'app-supervisor.sock')) <= SOCKET_PATH_BYTES) {
    return join(dataDirectory, SOCKET);
  }
  const note = join(dataDirectory, 'socket-folder');
  const known = existsSync(note) ? readFileSync(note, 'utf8') : '';
  if (isPrivateFolder(known)) return join(known, SOCKET);
  const folder = mkdtempSync(join(tmpdir(), 'nocobase-host-'));
  writeFileSync(note, folder, { mode: 0o600 });
  return join(folder, SOCKET);
}

/**
 * The temporary folder is cleared from time to time, and then another user may create the same name.
 * @param {string} folder
 */
function isPrivateFolder(folder) {
  const stats = folder ? lstatSync(folder, { throwIfNoEntry: false }) : undefined;
  return Boolean(stats?.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 0o077) === 0);
}
