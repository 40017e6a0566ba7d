import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../..');
/** Of the test runner; and what would colour or translate. */
const NOT_PASSED_ON = /^(JEST_|npm_|LC_|LANG|NO_COLOR|FORCE_COLOR|SOCKET_PATH|STORAGE_PATH)/;
const DEADLINE_MS = 180_000;

export interface Ended {
  code: number | NodeJS.Signals;
  out: string;
  err: string;
  ms: number;
}

/** A line in a real shell, in a process group of its own, as a terminal would run it. */
export class ShellLine {
  out = '';
  err = '';
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;

  constructor(line: string, env: Record<string, string> = {}, cwd = ROOT) {
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !NOT_PASSED_ON.test(name)));
    const started = Date.now();
    this.child = spawn('bash', ['-o', 'pipefail', '-c', line], {
      cwd,
      env: { ...inherited, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.child.stdin?.on('error', () => undefined);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.err += text));
    const late = setTimeout(() => this.signal('SIGKILL'), DEADLINE_MS);
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        clearTimeout(late);
        resolve({ code: code ?? (signal as NodeJS.Signals), out: this.out, err: this.err, ms: Date.now() - started });
      });
    });
  }

  /** Keys that somebody presses; nobody presses any more afterwards. */
  type(text: string): void {
    this.child.stdin?.end(text);
  }

  async says(pattern: RegExp, ms = 60_000): Promise<void> {
    const end = Date.now() + ms;
    while (!pattern.test(this.out + this.err)) {
      if (Date.now() > end) throw new Error(`not within ${ms} ms: ${String(pattern)} in\n${this.out}${this.err}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** To all in the line, as a terminal does it. */
  signal(signal: NodeJS.Signals): void {
    try {
      if (this.child.pid) process.kill(-this.child.pid, signal);
    } catch {
      // it has ended
    }
  }
}
