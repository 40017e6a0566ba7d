// @ts-check
/**
 * A lock that is a file: it names the process that holds it, so that one left behind by a process that was killed is
 * recognised and taken over; and it notes the processes that its holder has started, so that the successor stops them.
 */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf, isAlive, stopProcess } from './processes.mjs';

/** A lock file that is being written is never empty for longer than this. */
const WRITING_MS = 2_000;

/**
 * @typedef {import('./processes.mjs').ProcessRecord & { ask?: NodeJS.Signals, socket?: string }} LeftRunning
 * @typedef {import('./processes.mjs').ProcessRecord & { notes: Record<string, LeftRunning> }} Holder
 */

export class FileLock {
  /**
   * @param {string} file
   * @param {Holder} holder
   */
  constructor(file, holder) {
    this.file = file;
    this.holder = holder;
  }

  /**
   * Takes the lock if nobody alive holds it.
   * @param {string} file
   * @returns {Promise<{ lock: FileLock } | { heldBy: Holder }>}
   */
  static async acquire(file) {
    /** @type {Holder} */
    const holder = { pid: process.pid, identity: identityOf(process.pid) ?? '', notes: {} };
    for (;;) {
      try {
        writeFileSync(file, JSON.stringify(holder), { flag: 'wx', mode: 0o600 });
        return { lock: new FileLock(file, holder) };
      } catch (error) {
        if (/** @type {any} */ (error).code !== 'EEXIST') throw error;
      }
      const found = read(file);
      if (found === 'gone') continue;
      if (found === 'unreadable') {
        if (ageOf(file) > WRITING_MS) removeIfStill(file, found);
        else await sleep(50);
        continue;
      }
      if (isAlive(found)) return { heldBy: found };
      holder.notes = found.notes; // inherited, until its processes are cleared up
      removeIfStill(file, found);
    }
  }

  /**
   * @param {string} key
   * @param {LeftRunning | undefined} value
   */
  note(key, value) {
    if (value) this.holder.notes[key] = value;
    else delete this.holder.notes[key];
    const beside = `${this.file}.${process.pid}.tmp`;
    writeFileSync(beside, JSON.stringify(this.holder), { mode: 0o600 });
    renameSync(beside, this.file);
  }

  /**
   * Notes a process of ours where whoever takes the lock after us would find it; returns how to forget it.
   * @param {string} name
   * @param {LeftRunning} running
   */
  noteProcess(name, { pid, identity, ask, socket }) {
    this.note(name, { pid, identity, ask, socket });
    return () => this.note(name, undefined);
  }

  /**
   * Stops what a holder that was killed left running, the youngest first.
   * @param {import('./report.mjs').Report} report
   */
  async clearUp(report) {
    for (const [name, left] of Object.entries(this.holder.notes).reverse()) {
      if (isAlive(left)) {
        await report.step(`stopping ${name}, left running by a host that was killed (process ${left.pid})`, () =>
          stopProcess(left, { ask: left.ask }),
        );
      }
      if (left.socket) rmSync(left.socket, { force: true });
      this.note(name, undefined);
    }
  }

  release() {
    rmSync(this.file, { force: true });
  }
}

/**
 * @param {string} file
 * @returns {Holder | 'gone' | 'unreadable'}
 */
function read(file) {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8'));
    return Number.isInteger(holder?.pid) ? { notes: {}, ...holder } : 'unreadable';
  } catch (error) {
    return /** @type {any} */ (error).code === 'ENOENT' ? 'gone' : 'unreadable';
  }
}

/** @param {string} file */
function ageOf(file) {
  try {
    return Date.now() - statSync(file).mtimeMs;
  } catch {
    return 0;
  }
}

/**
 * Removes a stale lock; if somebody else replaced it in the meantime, theirs is put back.
 * @param {string} file
 * @param {Holder | 'unreadable'} stale
 */
function removeIfStill(file, stale) {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  const moved = read(aside);
  const same = JSON.stringify(moved) === JSON.stringify(stale);
  if (same) rmSync(aside, { force: true });
  else renameSync(aside, file);
}
