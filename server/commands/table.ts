/** Tables for people: columns as wide as their contents, at most as wide as the terminal. */

export interface Cell {
  text: string;
  /** Paints the text; called with what is shown of it. */
  paint?: (text: string) => string;
}

const GAP = '  ';
const NARROWEST = 8;

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** What a terminal shows in two columns: Chinese, Japanese, Korean, full-width forms, pictures. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|^\p{Emoji_Presentation}|\ufe0f/u;
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** Columns of a terminal that a text takes. */
export function textWidth(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

function graphemeWidth(grapheme: string): number {
  if (INVISIBLE.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

/** Nothing that somebody has given as a name may move the cursor, change colours or break a line. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ');
}

/** The text within a number of columns; what is left out is shown by a dot. */
export function shorten(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let shown = '';
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const next = graphemeWidth(segment);
    if (used + next > width - 1) break;
    shown += segment;
    used += next;
  }
  return `${shown}…`;
}

/**
 * The lines of a table.
 * @param width of the terminal; undefined where nothing is to be shortened
 */
export function table(heads: readonly string[], rows: readonly (Cell | string)[][], width?: number): string[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell)));
  const shown = cells.map((row) => row.map((cell) => ({ ...cell, text: plain(cell.text) })));
  const lines: Cell[][] = [heads.map((text) => ({ text })), ...shown];
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => textWidth(line[column]?.text ?? ''))));
  if (width !== undefined) narrow(widths, width);
  return lines.map((line) => {
    const texts = heads.map((_, column) => {
      const { text, paint } = line[column] ?? { text: '' };
      const room = widths[column] ?? 0;
      const short = shorten(text, room);
      const padding = column === heads.length - 1 ? '' : ' '.repeat(room - textWidth(short));
      return `${paint ? paint(short) : short}${padding}`;
    });
    return texts.join(GAP).trimEnd();
  });
}

/** Takes from the widest column first, until all fit or none can give. */
function narrow(widths: number[], width: number): void {
  const sum = () => widths.reduce((total, one) => total + one, 0) + GAP.length * (widths.length - 1);
  while (sum() > width) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= NARROWEST) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

/** Two columns: what it is, and what is told of it. */
export function facts(pairs: readonly [string, string | null | undefined][]): string[] {
  const told = pairs.filter((pair): pair is [string, string] => Boolean(pair[1]));
  const width = Math.max(0, ...told.map(([title]) => textWidth(title)));
  return told.map(([title, text]) => `${title}${' '.repeat(width - textWidth(title))}${GAP}${plain(text)}`);
}
