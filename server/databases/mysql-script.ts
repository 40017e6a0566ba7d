import { AppError } from '../../src/errors';

/** A statement of a dump, and the same with nothing between its quotes, which is what can be judged. */
export interface DumpedStatement {
  text: string;
  bones: string;
}

/** What a server takes at a time is a few MB; more than this is not read into memory. In characters. */
const LONGEST_STATEMENT = 256 * 2 ** 20;

const invalid = (reason: string) => new AppError('APP_ARCHIVE_INVALID', { reason });

/** Where something begins that is not plain text, or a statement ends. */
const SPECIAL = /['"`;#]|--|\/\*/g;

/**
 * Reads a dump of tables statement by statement. Comments are left out, also those that a server would carry out: they
 * say how the session of the dump was set, and the one of the restoration is set already.
 * @throws APP_ARCHIVE_INVALID for what no dump of tables holds
 */
export class DumpReader {
  private rest = '';
  private text: string[] = [];
  private bones: string[] = [];
  private length = 0;
  /** The quote, or the end of the comment, that is waited for. */
  private waiting?: string;

  /** The statements that are complete with this piece. */
  *read(piece: string): Generator<DumpedStatement> {
    this.rest += piece;
    for (;;) {
      if (this.waiting !== undefined) {
        if (!this.pass()) return;
        continue;
      }
      SPECIAL.lastIndex = 0;
      const found = SPECIAL.exec(this.rest);
      if (!found) {
        // The last character may be the first half of a comment's beginning.
        this.take(this.rest.slice(0, -1));
        this.rest = this.rest.slice(-1);
        return;
      }
      const [mark] = found;
      this.take(this.rest.slice(0, found.index));
      this.rest = this.rest.slice(found.index + mark.length);
      if (mark === ';') yield* this.finish();
      else if (mark === '#' || mark === '--') this.waiting = '\n';
      else if (mark === '/*') this.waiting = '*/';
      else if (mark === '"') throw invalid('its database holds a text between double quotes');
      else {
        this.take(mark);
        this.waiting = mark;
      }
    }
  }

  /** @throws APP_ARCHIVE_INVALID where it ends within a statement */
  *end(): Generator<DumpedStatement> {
    if (this.waiting === "'" || this.waiting === '`') throw invalid('its database ends within a text');
    if (this.waiting === undefined) this.take(this.rest);
    if (this.text.join('').trim() !== '') throw invalid('its database ends within a statement');
    yield* [];
  }

  /** Goes on to the end of what is quoted or left out; false where it is not there yet. */
  private pass(): boolean {
    const { waiting } = this;
    if (waiting === "'" || waiting === '`') return this.passQuoted(waiting);
    const at = this.rest.indexOf(waiting as string);
    if (at < 0) {
      this.rest = this.rest.slice(-1);
      return false;
    }
    this.rest = this.rest.slice(at + (waiting as string).length);
    this.waiting = undefined;
    this.take(' ');
    return true;
  }

  private passQuoted(quote: "'" | '`'): boolean {
    for (let from = 0; ;) {
      const end = this.rest.indexOf(quote, from);
      const escape = quote === "'" ? this.rest.indexOf('\\', from) : -1;
      if (escape >= 0 && (end < 0 || escape < end)) {
        if (escape + 1 >= this.rest.length) return this.keep(escape);
        from = escape + 2;
        continue;
      }
      if (end < 0) return this.keep(this.rest.length);
      // Whether it is doubled is not known before the next character.
      if (end + 1 >= this.rest.length) return this.keep(end);
      if (this.rest[end + 1] === quote) {
        from = end + 2;
        continue;
      }
      this.hide(this.rest.slice(0, end), quote);
      this.take(quote);
      this.rest = this.rest.slice(end + 1);
      this.waiting = undefined;
      return true;
    }
  }

  /** What is read so far of a quoted text, but for the end that may mean something. */
  private keep(length: number): false {
    this.hide(this.rest.slice(0, length), this.waiting as string);
    this.rest = this.rest.slice(length);
    return false;
  }

  /** A name is one of its own, whatever it is; of a text nothing is judged. */
  private hide(text: string, quote: string): void {
    this.add(text);
    if (quote === '`') this.bones.push(text.replace(/[^\w$]/g, '_'));
  }

  private take(text: string): void {
    this.add(text);
    this.bones.push(text);
  }

  private add(text: string): void {
    this.length += text.length;
    if (this.length > LONGEST_STATEMENT) throw invalid('its database holds a statement that is too long');
    this.text.push(text);
  }

  private *finish(): Generator<DumpedStatement> {
    const statement = { text: this.text.join('').trim(), bones: this.bones.join('').trim() };
    [this.text, this.bones, this.length] = [[], [], 0];
    if (statement.text !== '') yield statement;
  }
}

const NAME = '`[^`]*`';
const INSERT = new RegExp(`^INSERT\\s+INTO\\s+${NAME}\\s*(?:\\([^()]*\\)\\s*)?VALUES\\b`, 'i');
const VALUES = /\b(?:NULL|_binary|0x[0-9a-f]+)\b/gi;
const CREATE = new RegExp(`^CREATE\\s+TABLE\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?${NAME}\\s*\\(`, 'i');
const DROP = new RegExp(`^DROP\\s+TABLE\\s+IF\\s+EXISTS\\s+${NAME}$`, 'i');
/** Kinds of tables that keep their rows on this server. */
const ENGINE = /\bENGINE\s*=\s*(?!InnoDB\b|MyISAM\b|Aria\b)\w+/i;
/** What would read from, or lead to, somewhere else. */
const ELSEWHERE =
  /\b(?:SELECT|UNION|CONNECTION|DIRECTORY|TABLESPACE|LOAD_FILE|SLEEP|BENCHMARK|GET_LOCK|NEXTVAL|SETVAL|LASTVAL)\b/i;

/**
 * A dump makes tables in the database that it is restored into, and fills them; whatever else a statement could do, also
 * to other databases of the server, is not done. @throws APP_ARCHIVE_INVALID
 */
export function assertOfTables({ bones }: DumpedStatement): void {
  if (DROP.test(bones)) return;
  const insert = INSERT.exec(bones);
  if (insert) {
    const rest = bones.slice(insert[0].length).replace(VALUES, '');
    if (/^[\s(),'\d.eE+-]*$/.test(rest)) return;
    throw invalid('its database holds rows that are not plain values');
  }
  if (!CREATE.test(bones)) throw invalid('its database holds a statement that no dump of tables holds');
  const names = bones.replace(new RegExp(NAME, 'g'), '``');
  // A dot that stands in no number leads into another database.
  if (/[^\d\s]\s*\.|\.\s*[^\d\s]/.test(names) || ELSEWHERE.test(names) || ENGINE.test(names)) {
    throw invalid('its database holds a table that leads elsewhere');
  }
}
