import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../..');

/** Of the test runner, and of a database server that is not the one that comes along. */
const NOT_PASSED_ON = /^(JEST_|npm_|DB_|INIT_|APP_|HOST_)/;

interface LaunchOptions {
  args?: string[];
  dataDir: string;
  env?: Record<string, string>;
  /** By `npm start`, in a process group of its own: a terminal sends its Ctrl-C to all of them. */
  npm?: boolean;
}

/** `npm start` as a user meets it: lines on a terminal, keys, an exit code. */
export class Launcher {
  output = '';
  errorOutput = '';
  readonly exited: Promise<number | NodeJS.Signals>;
  private ended = false;

  private constructor(
    private readonly child: ChildProcess,
    private readonly group: boolean,
  ) {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      this.errorOutput += text;
    });
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.ended = true;
        resolve(code ?? (signal as NodeJS.Signals));
      });
    });
  }

  static start({ args = [], dataDir, env = {}, npm = false }: LaunchOptions): Launcher {
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !NOT_PASSED_ON.test(name)));
    const [command, ...words] = npm ? ['npm', 'start', '--', ...args] : [process.execPath, 'host/start.mjs', ...args];
    const child = spawn(command, words, {
      cwd: ROOT,
      env: { ...inherited, HOST_DATA_DIR: dataDir, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: npm,
    });
    return new Launcher(child, npm);
  }

  /** Waits until the output holds this. */
  async says(text: string, ms = 180_000): Promise<void> {
    const end = Date.now() + ms;
    while (!this.output.includes(text)) {
      if (this.ended || Date.now() > end) {
        throw new Error(`${this.ended ? 'ended' : `waited ${ms} ms`} without "${text}":\n${this.output}`);
      }
      await sleep(50);
    }
  }

  /** Until NocoBase is up and the launcher rests. */
  ready(): Promise<void> {
    return this.says('Ctrl-C\n');
  }

  /** What stands behind a word of the banner. */
  told(word: string): string {
    return new RegExp(`^  ${word} +(.+)$`, 'm').exec(this.output)?.[1] ?? '';
  }

  get credentials(): { account: string; password: string } {
    const [account = '', password = ''] = this.told('Sign in').split(/ +/);
    return { account, password };
  }

  signal(signal: NodeJS.Signals): void {
    try {
      if (this.child.pid) process.kill(this.group ? -this.child.pid : this.child.pid, signal);
    } catch {
      // it has ended
    }
  }

  /** Ctrl-C; resolves to the exit code. */
  interrupt(): Promise<number | NodeJS.Signals> {
    this.signal('SIGINT');
    return this.exited;
  }

  /** For `afterAll`: whatever has become of it. */
  async end(): Promise<void> {
    if (!this.ended) await this.interrupt();
  }
}

export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A port that nothing listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** A data directory, and what a host has left of itself in it and outside. */
export class DataFolder {
  private constructor(readonly path: string) {}

  static async make(): Promise<DataFolder> {
    return new DataFolder(await mkdtemp(path.join(tmpdir(), 'app-supervisor-data-')));
  }

  /** Locks, sockets and processes; empty where everything was given back. */
  async leftovers(): Promise<string[]> {
    const files = await readdir(this.path, { recursive: true }).catch(() => []);
    const traces = files.filter((file) => /(\.lock|\.sock|\.stale|\.tmp|postmaster\.pid|\.new)$/.test(file));
    const beside = (await readdir(path.join(ROOT, '.host')).catch(() => [])).filter((file) => file.endsWith('.lock'));
    return [...traces, ...beside, ...(await this.processes())];
  }

  /** Who works in this folder; known on Linux only. */
  async processes(): Promise<string[]> {
    const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
    const found = await Promise.all(
      pids.map(async (pid) => {
        const [command, environment, cwd] = await Promise.all([
          readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
          readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''),
          readlink(`/proc/${pid}/cwd`).catch(() => ''),
        ]);
        const concerned = [command, environment, cwd].some((text) => text.includes(this.path));
        return concerned ? [`process ${pid}: ${command.replaceAll('\0', ' ').slice(0, 120)}`] : [];
      }),
    );
    return found.flat();
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
