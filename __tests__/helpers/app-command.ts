import { ShellLine, type Ended } from './shell';
import type { TestHost } from './test-host';

/** `nocobase app` in a real shell beside a host, as this repository calls it; in what is typed `APP` stands for it. */
export class AppCommand {
  constructor(private readonly host: TestHost) {}

  line(words: string, env: Record<string, string> = {}): ShellLine {
    const typed = words.replaceAll('APP', 'npm run -s nocobase -- app');
    // As a shell at a terminal does, this one lives through Ctrl-C and tells the code of what ran in it.
    return new ShellLine(`trap : INT; ${typed}`, { HOST_DATA_DIR: this.host.host.dataDir, ...env });
  }

  /** To its end; nobody sits at the keyboard. */
  async run(words: string, env?: Record<string, string>): Promise<Ended> {
    const shell = this.line(words, env);
    shell.type('');
    return shell.ended;
  }

  /** What must succeed, as a table. */
  async table(words: string): Promise<string> {
    const ended = await this.run(`APP ${words}`);
    expect([words, ended.code, ended.err]).toEqual([words, 0, expect.any(String)]);
    // eslint-disable-next-line no-control-regex
    expect(ended.out).not.toMatch(/\u001b/);
    return ended.out;
  }

  /** What must succeed, as a script reads it. */
  async json(words: string) {
    const ended = await this.run(`APP ${words} --json`);
    expect([words, ended.code, ended.err]).toEqual([words, 0, expect.any(String)]);
    return JSON.parse(ended.out);
  }
}
