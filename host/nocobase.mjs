// @ts-check
/**
 * The NocoBase process from its start to its end.
 */
import { closeSync, existsSync, openSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HOST_DIR } from './paths.mjs';
import { HostProblem } from './problem.mjs';
import { lastLines, sendSignal, startProcess, stopProcess } from './processes.mjs';

/** A first start installs a hundred tables; on a small, busy machine that may take minutes. */
const HEALTHY_MS = 300_000;
/** How long NocoBase may call itself failed before we believe it: while it restarts itself it can say so in passing. */
const FAILED_MS = 3_000;
/** Longer than NocoBase itself may take: the plugin gives the requests in flight their time. */
const STOP_BESIDES_MS = 5_000;
const SHUTDOWN_SECONDS = 20;
const LOG_KEPT_BYTES = 10 * 1024 * 1024;
const ON_THE_WAY = new Set(['APP_PREPARING', 'APP_INITIALIZING', 'APP_INITIALIZED', 'APP_COMMANDING', 'APP_STOPPED']);

export class NocoBase {
  #listening = false;

  /**
   * @param {Awaited<ReturnType<typeof startProcess>>} running
   * @param {{ logFile: string, logStart: number, socket: string, storage: string, healthUrl: string, stopMs: number, startedAt: number, forget: () => void }} more
   */
  constructor(running, more) {
    this.pid = running.pid;
    this.exited = running.exited;
    this.running = running;
    this.more = more;
    /** @type {import('./processes.mjs').Exit | undefined} */
    this.exit = undefined;
    void running.exited.then((exit) => (this.exit = exit));
  }

  /**
   * @param {import('./data-directory.mjs').DataDirectory} data
   * @param {{ env: Record<string, string>, quick: boolean, healthUrl: string }} options quick: install or upgrade first
   */
  static async start(data, { env, quick, healthUrl }) {
    const logFile = data.file('logs', 'nocobase.log');
    keepSmall(logFile);
    const startedAt = Date.now();
    const logStart = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
    const log = openSync(logFile, 'a', 0o600);
    const args = [
      '--preserve-symlinks',
      join(HOST_DIR, 'nocobase-entry.cjs'),
      'start',
      ...(quick ? ['--quickstart'] : []),
    ];
    const running = await startProcess(process.execPath, args, { cwd: HOST_DIR, env, stdio: ['pipe', log, log] });
    closeSync(log);
    running.child.stdin?.on('error', () => {});
    const socket = env.SOCKET_PATH;
    const forget = data.lock.noteProcess('NocoBase', { ...running, socket });
    return new NocoBase(running, {
      logFile,
      logStart,
      socket,
      storage: env.STORAGE_PATH,
      healthUrl,
      stopMs: (Number(env.APP_SUPERVISOR_SHUTDOWN_TIMEOUT) || SHUTDOWN_SECONDS) * 1_000 + STOP_BESIDES_MS,
      startedAt,
      forget,
    });
  }

  /**
   * @param {{ signal?: AbortSignal, note?: (text: string) => void }} [options] note: what NocoBase says it is doing
   */
  async untilHealthy({ signal, note } = {}) {
    let failedSince = 0;
    for (const deadline = Date.now() + HEALTHY_MS; Date.now() < deadline; await sleep(100)) {
      signal?.throwIfAborted();
      if (this.exit) throw this.#problem('NocoBase ended while it was starting');
      if (!this.#isListening()) continue;
      const { ok, code, message } = await askHealth(this.more.healthUrl, signal);
      if (ok) return;
      if (message) note?.(message);
      if (!code || ON_THE_WAY.has(code)) failedSince = 0;
      else failedSince ||= Date.now();
      if (failedSince && Date.now() - failedSince > FAILED_MS)
        throw this.#problem(`NocoBase did not start: ${message}`);
    }
    throw this.#problem(`NocoBase was not ready within ${HEALTHY_MS / 1000} seconds`);
  }

  /** Whether it is our process that has the port, and not one that took it since we looked. */
  #isListening() {
    this.#listening ||= this.#output().includes('Gateway HTTP Server running');
    return this.#listening;
  }

  /** What this process has written. */
  #output() {
    return readFileSync(this.more.logFile).subarray(this.more.logStart).toString();
  }

  /** For whoever waits until NocoBase ends by itself. */
  async untilEnded() {
    await this.exited;
    return this.#problem('NocoBase ended unexpectedly');
  }

  /** @param {{ hurry?: AbortSignal, deadlineMs?: number }} [options] */
  async stop({ hurry, deadlineMs = this.more.stopMs } = {}) {
    await stopProcess(this.running, { deadlineMs, hurry, wholeGroup: true });
    this.#clearUp();
  }

  /** @param {NodeJS.Signals} signal */
  async kill(signal) {
    sendSignal(this.pid, signal);
    await this.exited;
    this.#clearUp();
  }

  #clearUp() {
    rmSync(this.more.socket, { force: true });
    this.more.forget();
  }

  /** @param {string} what */
  #problem(what) {
    const how = this.exit ? ` (${this.exit.signal ?? `exit code ${this.exit.code}`})` : '';
    return new HostProblem(`${what.replace(/\.$/, '')}${how}; its log is ${this.more.logFile}.`, {
      details: this.#lastWords(),
    });
  }

  /** The last errors of NocoBase's own log in this run, and else the end of its output. */
  #lastWords() {
    const folder = join(this.more.storage, 'logs', 'main');
    const files = existsSync(folder) ? readdirSync(folder).filter((name) => /^system.*\.log$/.test(name)) : [];
    const errors = files
      .filter((name) => statSync(join(folder, name)).mtimeMs >= this.more.startedAt)
      .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
      .map(parseLogLine)
      .filter((line) => line !== null && line.level === 'error' && line.at >= this.more.startedAt)
      .map((line) => String(line?.message).split('\n')[0]);
    const output = lastLines(this.#output(), 8);
    return errors.length > 0 ? [...new Set(errors)].slice(-5) : output;
  }
}

/**
 * @param {string} url
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<{ ok: boolean, code?: string, message?: string }>}
 */
async function askHealth(url, signal) {
  try {
    const limit = AbortSignal.timeout(2_000);
    const answer = await fetch(url, { signal: signal ? AbortSignal.any([limit, signal]) : limit });
    const text = await answer.text();
    if (answer.ok) return { ok: text === 'ok' };
    const { error } = JSON.parse(text);
    return { ok: false, code: error?.code, message: error?.message };
  } catch {
    return { ok: false }; // not listening yet
  }
}

/** @param {string} file */
function keepSmall(file) {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found && found.size > LOG_KEPT_BYTES) renameSync(file, `${file}.1`);
}

/**
 * @param {string} text
 * @returns {{ level: string, message: unknown, at: number } | null}
 */
function parseLogLine(text) {
  try {
    const line = JSON.parse(text);
    return { level: line.level, message: line.message, at: Date.parse(line.timestamp) };
  } catch {
    return null;
  }
}
