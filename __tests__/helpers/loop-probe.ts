import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestHost } from './test-host';

const PRELOAD = path.resolve(__dirname, 'loop-figures.cjs');

export interface ProbeFigures {
  /** The longest time in which no event was handled, without the time that other processes had the processor. */
  blockedMs: number;
  /** The same as Node's own histogram has it, with that time. */
  delayMs: number;
  /** After a collection of garbage. */
  heapUsed: number;
  /** Open file descriptors. */
  descriptors: number;
  /** What keeps the process busy, by kind. */
  resources: Record<string, number>;
}

/** Measures the event loop of a launched host from within its process. */
export class LoopProbe {
  private constructor(private readonly folder: string) {}

  static async open(): Promise<LoopProbe> {
    return new LoopProbe(await mkdtemp(path.join(tmpdir(), 'loop-probe-')));
  }

  private get file(): string {
    return path.join(this.folder, 'figures.json');
  }

  /** For the environment of the host. */
  get env(): Record<string, string> {
    return { NODE_OPTIONS: `--require ${PRELOAD}`, LOOP_PROBE_FILE: this.file };
  }

  /** The figures since the last call. */
  async figures(host: TestHost): Promise<ProbeFigures> {
    await rm(this.file, { force: true });
    process.kill(host.host.pid, 'SIGUSR2');
    let text = '';
    await host.until('the figures are written', async () => {
      text = await readFile(this.file, 'utf8').catch(() => '');
      return text !== '';
    });
    return JSON.parse(text) as ProbeFigures;
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
