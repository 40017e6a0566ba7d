import { createInterface } from 'node:readline';
import { CommandFailure, EXIT } from './failure';
import { shorten } from './table';

const COLOURS = { red: 31, green: 32, yellow: 33, cyan: 36, grey: 90, bold: 1 } as const;
export type Colour = keyof typeof COLOURS;

/** Where a command reads and writes. */
export interface Streams {
  in: NodeJS.ReadStream;
  out: NodeJS.WriteStream;
  err: NodeJS.WriteStream;
}

/** What is said on a terminal, or into a pipe: results on standard output, everything else on standard error. */
export class Terminal {
  private shown = '';

  constructor(
    private readonly streams: Streams,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  /** Columns; undefined where nobody looks. */
  get width(): number | undefined {
    return this.streams.out.isTTY ? this.streams.out.columns || 80 : undefined;
  }

  /** Whether there is somebody who can be asked. */
  get asks(): boolean {
    return Boolean(this.streams.in.isTTY && this.streams.err.isTTY);
  }

  readonly paint = (colour: Colour, text: string): string => {
    const wanted = this.streams.out.isTTY && !this.env.NO_COLOR && this.env.TERM !== 'dumb';
    return wanted && text ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
  };

  /** The result. */
  print(text: string): void {
    this.clear();
    this.streams.out.write(`${text}\n`);
  }

  /** What is not the result: a hint, an error. */
  note(text: string): void {
    this.clear();
    this.streams.err.write(`${text}\n`);
  }

  /** How far it is: one line that is written over, and without a terminal one line for each change. */
  progress(text: string): void {
    if (text === this.shown) return;
    if (this.streams.err.isTTY) {
      const line = shorten(text, (this.streams.err.columns || 80) - 1);
      this.streams.err.write(`\r\u001b[K${line}`);
    } else this.streams.err.write(`${text}\n`);
    this.shown = text;
  }

  clear(): void {
    if (this.shown && this.streams.err.isTTY) this.streams.err.write('\r\u001b[K');
    this.shown = '';
  }

  /** Asks a question that is answered by yes; anything else is no. @throws CommandFailure where nobody can be asked */
  async confirm(question: string, hint: string): Promise<boolean> {
    if (!this.asks) throw new CommandFailure(EXIT.refused, 'CONFIRMATION_REQUIRED', hint);
    const lines = createInterface({ input: this.streams.in, output: this.streams.err });
    try {
      const answer = await new Promise<string>((resolve) => {
        lines.once('close', () => resolve(''));
        lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
        lines.question(`${question} [y/N] `, resolve);
      });
      return /^(y|yes|是)$/i.test(answer.trim());
    } finally {
      lines.close();
    }
  }

  readonly input = (): NodeJS.ReadStream => this.streams.in;
  readonly output = (): NodeJS.WriteStream => this.streams.out;
}
