// @ts-check
/**
 * The processes that the host starts. Each gets a session of its own, so that a Ctrl-C in the terminal, which goes to
 * the whole foreground group, reaches only the launcher, and the launcher alone decides in which order things stop.
 * A process is remembered by its pid *and* its start time: a pid alone may have been given to somebody else since.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostProblem, reasonOf } from './problem.mjs';

/** @typedef {{ pid: number, identity: string }} ProcessRecord */

const OUTPUT_KEPT = 64 * 1024;

/**
 * A text that is the same for as long as this very process lives; null when it is gone (or only a zombie).
 * @param {number} pid
 * @returns {string | null}
 */
export function identityOf(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return null;
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      return fields[0] === 'Z' || fields[0] === 'X' ? null : `${boot}/${fields[19]}`;
    }
    if (process.platform !== 'win32') {
      const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
      const [state, ...started] = line.split(/\s+/);
      return !line || state.startsWith('Z') ? null : started.join(' ');
    }
    process.kill(pid, 0);
    return 'alive';
  } catch {
    return null;
  }
}

/**
 * @param {ProcessRecord | undefined | null} record
 * @returns {boolean}
 */
export function isAlive(record) {
  return Boolean(record && record.identity && identityOf(record.pid) === record.identity);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 */
export async function startProcess(command, args, options) {
  const child = spawn(command, args, { ...options, detached: true });
  const exited = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  }).catch((error) => {
    throw new HostProblem(`Cannot run ${command}: ${reasonOf(error)}.`, { cause: error });
  });
  const pid = /** @type {number} */ (child.pid);
  return { child, pid, identity: identityOf(pid) ?? 'gone', exited: /** @type {Promise<Exit>} */ (exited) };
}
/** @typedef {{ code: number | null, signal: NodeJS.Signals | null }} Exit */

/**
 * Asks a process to end, and after the deadline ends it with everything left in its group.
 * @param {ProcessRecord} record
 * @param {{ ask?: NodeJS.Signals, deadlineMs?: number, hurry?: AbortSignal, wholeGroup?: boolean }} [how]
 * @returns {Promise<'asked' | 'killed' | 'gone'>}
 */
export async function stopProcess(record, { ask = 'SIGTERM', deadlineMs = 10_000, hurry, wholeGroup = false } = {}) {
  if (!isAlive(record)) return 'gone';
  sendSignal(wholeGroup ? -record.pid : record.pid, ask);
  const deadline = Date.now() + deadlineMs;
  while (isAlive(record) && Date.now() < deadline && !hurry?.aborted) await sleep(25);
  const outcome = isAlive(record) ? 'killed' : 'asked';
  if (outcome === 'killed' || wholeGroup) sendSignal(-record.pid, 'SIGKILL');
  for (const end = Date.now() + 5_000; isAlive(record) && Date.now() < end;) await sleep(25);
  return outcome;
}

/**
 * @param {number} target a pid, or minus the pid of a group's leader
 * @param {NodeJS.Signals} signal
 */
export function sendSignal(target, signal) {
  try {
    process.kill(target, signal);
  } catch {
    // already gone
  }
}

/**
 * @typedef {object} RunOptions
 * @property {AbortSignal} [signal] ends the command, with all its children
 * @property {(record: ProcessRecord) => () => void} [started] notes the process, and returns how to forget it
 */

/**
 * Runs a command to its end and returns what it wrote.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions & RunOptions} options
 * @returns {Promise<{ code: number | null, output: string, stdout: string }>}
 */
export async function runToEnd(command, args, { signal, started, ...options }) {
  signal?.throwIfAborted();
  const running = await startProcess(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const forget = started?.(running);
  let output = '';
  let stdout = '';
  running.child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text;
    output = (output + text).slice(-OUTPUT_KEPT);
  });
  running.child.stderr?.setEncoding('utf8').on('data', (text) => {
    output = (output + text).slice(-OUTPUT_KEPT);
  });
  const closed = new Promise((resolve) => running.child.once('close', resolve));
  /** @type {Promise<unknown> | undefined} */
  let stopping;
  const onAbort = () => {
    stopping = stopProcess(running, { deadlineMs: 3_000, wholeGroup: true });
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const { code } = await running.exited;
    await stopping;
    signal?.throwIfAborted();
    await closed;
    return { code, output, stdout };
  } finally {
    signal?.removeEventListener('abort', onAbort);
    forget?.();
  }
}

/**
 * @param {string} output
 * @param {number} [count]
 * @returns {string[]}
 */
export function lastLines(output, count = 12) {
  return output
    .split('\n')
    .map((line) => line.trimEnd())
    .filter(Boolean)
    .slice(-count);
}
