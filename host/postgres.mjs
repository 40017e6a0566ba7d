// @ts-check
/**
 * The PostgreSQL that the host brings along, for a machine that has none: its programs come out of npm packages, its
 * data is kept in the data directory, and it answers on loopback only.
 */
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostRequire } from './paths.mjs';
import { findPlace } from './postgres-binaries.mjs';
import { freePort, isFree } from './ports.mjs';
import { HostProblem } from './problem.mjs';
import { identityOf, lastLines, runToEnd, startProcess, stopProcess } from './processes.mjs';

const USER = 'nocobase';
const START_MS = 60_000;
/** "Fast" shutdown: connections are ended, data is written out. */
const FAST = 'SIGINT';
/** Writing the data out takes its time on a busy disk; a server that is killed meanwhile must recover. */
const STOP_MS = 60_000;
/** How long a process of a server that was killed may go on writing. */
const LEFTOVER_MS = 60_000;

/**
 * @typedef {import('./server-address.mjs').ServerAddress} ServerAddress
 */

/**
 * @param {import('./data-directory.mjs').DataDirectory} data
 * @param {object} [options]
 * @param {number} [options.release] of PostgreSQL, for new data: 15 (default) or 18
 * @param {number} [options.maxConnections]
 * @param {AbortSignal} [options.signal]
 * @param {AbortSignal} [options.hurry]
 * @param {(text: string) => void} [options.note] told of an installation that takes long
 * @param {number} [options.retryUntil] milliseconds since 1970
 * @returns {Promise<{ address: ServerAddress, pid: number, stop: () => Promise<void> }>}
 */
export async function startPostgres(data, options = {}) {
  const { release, maxConnections = 200, signal, hurry, note, retryUntil = Date.now() + LEFTOVER_MS } = options;
  const place = await findPlace(data.path, { release, signal, note });
  await initialise(place, data, signal);
  const memory = /** @type {NonNullable<import('./data-directory.mjs').Memory['postgres']>} */ (data.memory.postgres);
  await removeStalePidFile(place.directory);

  if (!memory.port || !(await isFree(memory.port))) {
    memory.port = await freePort();
    data.remember();
  }
  signal?.throwIfAborted();
  const logFile = data.file('logs', 'postgres.log');
  const log = openSync(logFile, 'w', 0o600);
  const settings = {
    port: memory.port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: maxConnections,
  };
  const server = await startProcess(
    place.postgres,
    ['-D', place.directory, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...runAs(place), stdio: ['ignore', log, log] },
  );
  closeSync(log);
  const forget = data.lock.noteProcess('PostgreSQL', { ...server, ask: FAST });
  const stop = async () => {
    await stopProcess(server, { ask: FAST, deadlineMs: STOP_MS, hurry });
    forget();
  };

  /** @type {ServerAddress} */
  const address = { dialect: 'postgres', host: '127.0.0.1', port: memory.port, user: USER, password: memory.password };
  try {
    await untilReady(address, server, logFile, signal);
  } catch (error) {
    await stop();
    if (Date.now() > retryUntil || !readFileSync(logFile, 'utf8').includes('is still in use')) throw error;
    await sleep(500);
    return startPostgres(data, { ...options, retryUntil });
  }
  return { address, pid: server.pid, stop };
}

/**
 * Makes the database cluster, beside its place first, so that an interruption leaves no half of one.
 * @param {import('./postgres-binaries.mjs').Place} place
 * @param {import('./data-directory.mjs').DataDirectory} data
 * @param {AbortSignal | undefined} signal
 */
async function initialise(place, data, signal) {
  const { memory } = data;
  const exists = existsSync(join(place.directory, 'PG_VERSION'));
  if (memory.postgres && memory.postgres.place !== place.kind) {
    throw new HostProblem(
      `The data of this host was made ${place.kind === 'system' ? 'in' : 'outside'} its data directory, where PostgreSQL's account ${place.kind === 'system' ? 'cannot reach it now' : 'had to be'}; start it from where and as whom you did before, or begin anew with another HOST_DATA_DIR.`,
    );
  }
  if (exists && memory.postgres) return;
  if (exists && place.kind === 'data') {
    throw new HostProblem(
      `${place.directory} holds a PostgreSQL whose password ${data.file('host.json')} does not know; put that file back, or remove ${place.directory}.`,
    );
  }
  const beside = `${place.directory}.new`;
  const passwordFile = `${beside}.password`;
  const password = randomBytes(18).toString('base64url');
  try {
    for (const leftover of [beside, place.directory]) rmSync(leftover, { recursive: true, force: true });
    mkdirSync(beside, { mode: 0o700 });
    writeFileSync(passwordFile, password, { mode: 0o600 });
    if (place.account) for (const path of [beside, passwordFile]) chownSync(path, place.account.uid, place.account.gid);
    const { code, output } = await runToEnd(
      place.initdb,
      [
        `--pgdata=${beside}`,
        `--username=${USER}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        // Letters of all languages, sorted as in Unicode, in each release and without a locale of the system.
        '--locale-provider=icu',
        '--icu-locale=und',
      ],
      { ...runAs(place), signal, started: (record) => data.lock.noteProcess('initdb', record) },
    );
    if (code !== 0)
      throw new HostProblem('PostgreSQL could not make its data directory.', { details: lastLines(output) });
    memory.postgres = { password, place: place.kind };
    memory.installations = Object.fromEntries(
      Object.entries(memory.installations ?? {}).filter(([key]) => !key.startsWith('embedded/')),
    );
    data.remember();
    renameSync(beside, place.directory);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(beside, { recursive: true, force: true });
  }
}

/** @param {import('./postgres-binaries.mjs').Place} place */
function runAs({ account, directory }) {
  const identity = account ? { uid: account.uid, gid: account.gid } : {};
  return { ...identity, cwd: dirname(directory), env: { ...process.env, LC_ALL: 'C', LC_MESSAGES: 'C' } };
}

/**
 * PostgreSQL does not start where a `postmaster.pid` names a living process, even if that is by now another program.
 * @param {string} directory
 */
async function removeStalePidFile(directory) {
  const file = join(directory, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  const identity = identityOf(pid);
  if (identity && isPostgresOf(pid, directory))
    await stopProcess({ pid, identity }, { ask: FAST, deadlineMs: STOP_MS });
  rmSync(file, { force: true });
}

/**
 * @param {number} pid
 * @param {string} directory
 */
function isPostgresOf(pid, directory) {
  try {
    const [program, ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return basename(program) === 'postgres' && args.includes(directory);
  } catch {
    return process.platform !== 'linux'; // not to be told: PostgreSQL's own word for it
  }
}

/**
 * @param {ServerAddress} address
 * @param {import('./processes.mjs').ProcessRecord & { exited: Promise<unknown> }} server
 * @param {string} logFile
 * @param {AbortSignal | undefined} signal
 */
async function untilReady(address, server, logFile, signal) {
  const { Client } = hostRequire('pg');
  let ended = false;
  void server.exited.then(() => (ended = true));
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(50)) {
    signal?.throwIfAborted();
    if (ended) break;
    const client = new Client({ ...address, database: 'postgres', connectionTimeoutMillis: 2_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      return;
    } catch {
      // not yet
    } finally {
      await client.end().catch(() => {});
    }
  }
  throw new HostProblem(`The embedded PostgreSQL did not start; its log is ${logFile}.`, {
    details: lastLines(readFileSync(logFile, 'utf8'), 8),
  });
}
