import { createInterface } from 'node:readline';
import { CommandFailure, EXIT } from './failure';
import { plain, shorten } from './table';

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
  /** Whether somebody waits on purpose; where nobody looks, progress is told only then. */
  waits = false;
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
  note(...lines: string[]): void {
    this.clear();
    this.streams.err.write(`${lines.map(plain).join('\n')}\n`);
  }

  /** How far it is: one line that is written over, and without a terminal a line for each change, at every tenth of it. */
  progress(told: string): void {
    const { err } = this.streams;
    if (!err.isTTY && !this.waits) return;
    const text = err.isTTY ? plain(told) : plain(told).replace(/\d(?= %$)/, '0');
    if (text === this.shown) return;
    err.write(err.isTTY ? `\r\u001b[K${shorten(text, (err.columns || 80) - 1)}` : `${text}\n`);
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
        lines.question(`${plain(question)} [y/N] `, resolve);
      });
      return /^(y|yes|是)$/i.test(answer.trim());
    } finally {
      lines.close();
    }
  }

  /** All of standard input, however slowly it comes. */
  async input(): Promise<string> {
    const pieces: Buffer[] = [];
    for await (const piece of this.streams.in as AsyncIterable<Buffer | string>) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces).toString();
  }

  readonly output = (): NodeJS.WriteStream => this.streams.out;

  /** When all that was said is written; what cannot be written is an error of its stream, and comes before. */
  async written(): Promise<void> {
    for (const stream of [this.streams.out, this.streams.err]) {
      await new Promise<void>((resolve) => stream.write('', () => resolve()));
    }
  }
}
