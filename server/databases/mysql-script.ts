import { Transform, type TransformCallback } from 'node:stream';
import { phrase, type Reason } from '../../src/phrase';
import { MARK_TABLE } from './mysql-inspect';

/**
 * What a dump of one application's tables may say to a server: the program's own settings, `CREATE TABLE` and
 * `INSERT … VALUES` of plain values, each of an unqualified name. Such a script reaches nothing but the database that it
 * is run in. A dump is read line by line: the program writes no text or name that goes over the end of one.
 */

/** Why a script is not let near a server, for a person. */
export class ScriptRefusal extends Error {
  override readonly name = 'ScriptRefusal';

  constructor(readonly reason: Reason) {
    super(String(reason));
  }
}

/** Before it the client reads no statement, and older ones do not know it. */
export const SANDBOX_LINE = /^\/\*M?!999999\\- enable the sandbox mode \*\/ ?\r?$/;

const SETTINGS = /^\/\*M?!\d{5,6} SET (.+?) \*\/;$/;
/** Kept and put back by a dump. */
const KEPT = new Set([
  ...['CHARACTER_SET_CLIENT', 'CHARACTER_SET_RESULTS', 'COLLATION_CONNECTION', 'TIME_ZONE', 'UNIQUE_CHECKS'],
  ...['FOREIGN_KEY_CHECKS', 'SQL_MODE', 'SQL_NOTES', 'NOTE_VERBOSITY'],
]);
/** None of them changes how a text ends. */
const SET = new Set([
  ...['NAMES utf8mb4', "TIME_ZONE='+00:00'", 'UNIQUE_CHECKS=0', 'FOREIGN_KEY_CHECKS=0', 'SQL_NOTES=0'],
  ...["SQL_MODE='NO_AUTO_VALUE_ON_ZERO'", 'NOTE_VERBOSITY=0'],
  ...['@saved_cs_client=@@character_set_client', 'character_set_client=@saved_cs_client'],
  ...['character_set_client=utf8', 'character_set_client=utf8mb4'],
]);
/** Around the rows of a table, where the program is told to do so. */
const BRACKETS = new Set(['commit;', 'set autocommit=0;', 'set autocommit=@OLD_AUTOCOMMIT;']);

const NAME = '`((?:[^`]|``)+)`';
const CREATE = new RegExp(`^CREATE TABLE ${NAME} \\($`);
const INSERT = new RegExp(`^INSERT INTO ${NAME}(?: \\(${NAME}(?:, ?${NAME})*\\))? VALUES(?= |$)`);

const VALUE = /\s+|[(),]|''|(?:NULL|_binary)\b|0x[0-9A-F]+\b|[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w$.])|;$/iy;
/** No point but that of a number: nothing is qualified. */
const COLUMN =
  /\s+|''|``|[A-Z_][\w$]*|\d+(?:\.\d+)?|\/\*M?!\d{5,6}(?=\s)|\*\/|->>?|[()=,+%<>!|&~^:{}[\]]|-(?!-)|\*(?!\/)|\/(?!\*)|;$/iy;
/** Of a definition, what would read or write elsewhere, or hold the server up. */
const NEVER = new Set([
  ...['select', 'table', 'union', 'directory', 'connection', 'tablespace', 'delimiter', 'call'],
  ...['load_file', 'sleep', 'benchmark', 'get_lock', 'sys_exec', 'sys_eval'],
]);
const ENGINE = /\bengine\b(?:\s*=\s*(InnoDB|Aria|MyISAM)\b)?/gi;
/** Engines whose tables keep their rows in the database, and nowhere else. */
export const ENGINES = ['InnoDB', 'Aria', 'MyISAM'];

const MAX_LINE_BYTES = 256 * 2 ** 20;
const SHOWN = 40;
const LINE_END = 0x0a;

/** Where a quoted text or name ends; -1 where it does not. */
function endOfQuote(line: string, from: number, quote: string): number {
  const next = quote === '`' ? /`/g : /['\\]/g;
  for (let at = from; ;) {
    next.lastIndex = at;
    const found = next.exec(line)?.index;
    if (found === undefined) return -1;
    if (line[found] === quote && line[found + 1] !== quote) return found;
    at = found + 2;
  }
}

/** A line without what is quoted in it: of texts and names only the quotes are left. */
function withoutQuotes(line: string): string {
  const quotes = /['`]/g;
  let bare = '';
  for (let at = 0; ;) {
    quotes.lastIndex = at;
    const found = quotes.exec(line);
    if (!found) return bare + line.slice(at);
    const [quote] = found;
    const end = endOfQuote(line, found.index + 1, quote);
    if (end === -1) throw new ScriptRefusal('a text does not end');
    // To a server of another version a part of a definition may be a comment, and end within a name.
    if (quote === '`' && /\*\/|\/\*/.test(line.slice(found.index, end)))
      throw new ScriptRefusal('a name contains the beginning or the end of a comment');
    bare += line.slice(at, found.index) + quote + quote;
    at = end + 1;
  }
}

function isSetting(assignment: string): boolean {
  if (SET.has(assignment)) return true;
  const kept = /^@OLD_(\w+)=@@(\w+)$|^(\w+)=@OLD_(\w+)$/.exec(assignment);
  const [one, other] = kept ? [kept[1] ?? kept[3], kept[2] ?? kept[4]] : [];
  return one !== undefined && one === other && KEPT.has(one);
}

/** Looks at a dump as it passes by; what it refuses, it does not let through. */
export class ScriptCheck extends Transform {
  private readonly decoder = new TextDecoder('utf-8', { fatal: true });
  private rest: Buffer[] = [];
  private restBytes = 0;
  private lines = 0;
  private within: 'nothing' | 'table' | 'rows' = 'nothing';
  /** Of a definition, in a part for servers of some versions only. */
  private optional = false;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.guarded(done, () => {
      let at = 0;
      for (let end = chunk.indexOf(LINE_END); end !== -1; end = chunk.indexOf(LINE_END, at)) {
        this.keep(chunk.subarray(at, end));
        this.endLine();
        at = end + 1;
      }
      this.keep(chunk.subarray(at));
      return chunk;
    });
  }

  override _flush(done: TransformCallback): void {
    this.guarded(done, () => {
      this.endLine();
      if (this.within !== 'nothing') throw this.refusal('its last statement does not end');
    });
  }

  private guarded(done: TransformCallback, work: () => Buffer | void): void {
    try {
      const chunk = work();
      if (chunk) done(null, chunk);
      else done();
    } catch (error) {
      done(error as Error);
    }
  }

  private keep(piece: Buffer): void {
    this.restBytes += piece.length;
    if (this.restBytes > MAX_LINE_BYTES) throw this.refusal('a row is too large');
    this.rest.push(piece);
  }

  private endLine(): void {
    const bytes = this.rest.length === 1 ? this.rest[0] : Buffer.concat(this.rest);
    this.rest = [];
    this.restBytes = 0;
    this.lines += 1;
    try {
      this.checkLine(this.decode(bytes));
    } catch (error) {
      throw error instanceof ScriptRefusal ? this.refusal(error.reason) : error;
    }
  }

  private decode(bytes: Buffer | undefined): string {
    try {
      return this.decoder.decode(bytes);
    } catch {
      throw new ScriptRefusal('it is not text in UTF-8');
    }
  }

  private refusal(reason: Reason): ScriptRefusal {
    return new ScriptRefusal(phrase('line {line} of its database: {reason}', { line: this.lines || 1, reason }));
  }

  private checkLine(line: string): void {
    if (this.within === 'rows') return this.checkRows(line);
    if (this.within === 'table') return this.checkDefinition(line);
    if (line.trim() === '' || BRACKETS.has(line)) return;
    if (this.lines === 1 && SANDBOX_LINE.test(line)) return;
    const settings = SETTINGS.exec(line)?.[1]?.split(/, ?/);
    if (settings?.every((assignment) => isSetting(assignment.replace(/\s*=\s*/, '=')))) return;
    const table = CREATE.exec(line)?.[1];
    const into = INSERT.exec(line);
    const name = table ?? into?.[1];
    if (name === undefined) {
      throw new ScriptRefusal(
        phrase('"{text}" is not allowed in a dump of an application', { text: line.slice(0, SHOWN) }),
      );
    }
    if (name.toLowerCase() === MARK_TABLE) throw new ScriptRefusal('it contains a table of this plugin');
    if (into) return this.checkRows(line.slice(into[0].length));
    this.within = 'table';
  }

  /** Values, and nothing that is worked out. */
  private checkRows(line: string): void {
    const bare = withoutQuotes(line).trimEnd();
    this.tokens(bare, VALUE, () => undefined);
    this.within = bare.endsWith(';') ? 'nothing' : 'rows';
  }

  private checkDefinition(line: string): void {
    const bare = withoutQuotes(line).trimEnd();
    this.tokens(bare, COLUMN, (token) => {
      if (NEVER.has(token.toLowerCase())) {
        throw new ScriptRefusal(phrase('"{text}" is not allowed in the definition of a table', { text: token }));
      }
      if (token.startsWith('/*')) {
        if (this.optional) throw new ScriptRefusal('a conditional comment contains another one');
        this.optional = true;
      } else if (token === '*/') {
        if (!this.optional) throw new ScriptRefusal('a conditional comment ends that did not begin');
        this.optional = false;
      } else if (this.optional && (token === "''" || token === ';')) {
        throw new ScriptRefusal('a conditional comment contains a text');
      }
    });
    for (const [, engine] of bare.matchAll(ENGINE)) {
      if (engine === undefined) throw new ScriptRefusal('the storage engine of a table is not supported');
    }
    this.within = bare.endsWith(';') ? 'nothing' : 'table';
  }

  private tokens(bare: string, token: RegExp, each: (token: string) => void): void {
    for (token.lastIndex = 0; token.lastIndex < bare.length;) {
      const at = token.lastIndex;
      const found = token.exec(bare)?.[0];
      if (found === undefined) {
        const text = bare.slice(at, at + SHOWN);
        throw new ScriptRefusal(phrase('"{text}" is not allowed in the definition of a table', { text }));
      }
      each(found);
    }
  }
}
