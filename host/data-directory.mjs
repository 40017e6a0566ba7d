// @ts-check
/**
 * The data directory of one host: its lock, its memory (`host.json`: secrets, and what has been done already), and the
 * clearing up after a launcher that was killed.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileLock } from './lock.mjs';
import { HostProblem, reasonOf } from './problem.mjs';

/**
 * What one installation in one database is known to be.
 * @typedef {object} Installation
 * @property {boolean} complete false from just before the first start until it was healthy
 * @property {boolean} databaseIsOurs whether the host itself created this database
 * @property {{ email: string, username: string, password: string }} admin the first administrator, as installed
 * @property {boolean} [pluginEnabled]
 * @property {string} [installedCode] which NocoBase and which plugin ran here last
 *
 * @typedef {object} Memory
 * @property {string} [appKey]
 * @property {{ port?: number, password: string, place: 'data' | 'system' }} [postgres]
 * @property {Record<string, Installation>} [installations] by the address of their database
 */

export class DataDirectory {
  /**
   * @param {string} path
   * @param {FileLock} lock
   * @param {Memory} memory
   */
  constructor(path, lock, memory) {
    this.path = path;
    this.lock = lock;
    this.memory = memory;
  }

  /**
   * @param {string} path
   * @param {import('./report.mjs').Report} report
   * @returns {Promise<DataDirectory>}
   */
  static async open(path, report) {
    try {
      mkdirSync(join(path, 'logs'), { recursive: true });
      mkdirSync(join(path, 'storage'), { recursive: true });
    } catch (error) {
      throw new HostProblem(`Cannot use ${path} as data directory: ${reasonOf(error)}; set HOST_DATA_DIR to another.`);
    }
    const taken = await FileLock.acquire(join(path, 'host.lock')).catch((error) => {
      throw new HostProblem(`Cannot write in the data directory ${path}: ${reasonOf(error)}.`);
    });
    if ('heldBy' in taken) {
      throw new HostProblem(
        `Another host (process ${taken.heldBy.pid}) runs in ${path}; stop it first, or give this one a directory of its own with HOST_DATA_DIR.`,
      );
    }
    try {
      await taken.lock.clearUp(report);
      return new DataDirectory(path, taken.lock, readMemory(join(path, 'host.json')));
    } catch (error) {
      taken.lock.release();
      throw error;
    }
  }

  /** @param {string[]} names */
  file(...names) {
    return join(this.path, ...names);
  }

  /** Keeps the memory: written whole or not at all, readable by its owner only. */
  remember() {
    const file = this.file('host.json');
    writeFileSync(`${file}.tmp`, `${JSON.stringify(this.memory, null, 2)}\n`, { mode: 0o600 });
    chmodSync(`${file}.tmp`, 0o600);
    renameSync(`${file}.tmp`, file);
  }

  close() {
    this.lock.release();
  }
}

/**
 * @param {string} file
 * @returns {Memory}
 */
function readMemory(file) {
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new HostProblem(`${file} cannot be read (${reasonOf(error)}); repair it, or remove the data directory.`);
  }
}
