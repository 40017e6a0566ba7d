/** One entry of a log of NocoBase. */
export interface LogLine {
  /** ISO time; null where it cannot be read. */
  at: string | null;
  level: string;
  message: string;
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'];
const LEVEL = `(?:${LEVELS.join('|')})`;
const TIME = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g;
const COLOURS = /\x1b\[[\d;]*m/g; // eslint-disable-line no-control-regex -- they begin with that character
/** How an entry begins in the formats whose entries may go on over several lines. */
const BEGIN = new RegExp(`^(?:${LEVEL}\\||level=${LEVEL} |\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d \\[${LEVEL}\\])`);

/** NocoBase writes the time of its own time zone. */
function isoTime(text: unknown): string | null {
  if (typeof text !== 'string') return null;
  const at = new Date(text.replace(' ', 'T'));
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}

function fromJson(line: string): LogLine | undefined {
  try {
    const { level, message, timestamp } = JSON.parse(line) as Record<string, unknown>;
    if (typeof level !== 'string') return undefined;
    const text = typeof message === 'string' ? message : JSON.stringify(message ?? '');
    // Anybody may have written the line; the level goes to terminals and into pages as a word of ours.
    return { at: isoTime(timestamp), level: LEVELS.includes(level) ? level : 'info', message: text };
  } catch {
    return undefined;
  }
}

/** `level|message|…|time`; a message with a bar in it stands in quotation marks. */
function fromDelimited(entry: string): LogLine {
  const [level = ''] = entry.split('|', 1);
  const rest = entry.slice(level.length + 1);
  const quoted = /^"((?:[^"\\]|\\.)*)"(?:\||$)/s.exec(rest);
  const message = quoted ? (quoted[1] ?? '').replaceAll('\\"', '"') : (rest.split('|', 1)[0] ?? '');
  return { at: isoTime([...entry.matchAll(TIME)].at(-1)?.[0]), level, message };
}

/** `level=… message=… extra=… timestamp=…`, nothing quoted. */
function fromLogfmt(entry: string): LogLine {
  const level = /^level=(\w+)/.exec(entry)?.[1] ?? '';
  const message = /\bmessage=(.*?)(?= (?:extra|stack|meta|module|timestamp)=|$)/s.exec(entry)?.[1] ?? '';
  return { at: isoTime([...entry.matchAll(/timestamp=(\S{1,12} \S{1,12})/g)].at(-1)?.[1]), level, message };
}

/** `time [level] message   extra=…`, the message padded to a width. */
function fromConsole(entry: string): LogLine {
  const found = /^(\S+ \S+) \[(\w+)\] *(.*?)(?= (?:extra|stack|meta|module)=|$)/s.exec(entry);
  return { at: isoTime(found?.[1]), level: found?.[2] ?? '', message: (found?.[3] ?? '').trim() };
}

function fromText(entry: string): LogLine {
  if (entry.startsWith('level=')) return fromLogfmt(entry);
  return /^\d/.test(entry) ? fromConsole(entry) : fromDelimited(entry);
}

/**
 * The entries in a piece of a log, in NocoBase's formats `json`, `delimiter`, `logfmt` and `console`, each recognized by
 * itself. What comes before the first beginning of an entry is left out.
 */
export function readLogLines(text: string): LogLine[] {
  const entries: (LogLine | string[])[] = [];
  for (const line of text.replace(COLOURS, '').split('\n')) {
    const known = line.startsWith('{') ? fromJson(line) : undefined;
    const last = entries.at(-1);
    if (known) entries.push(known);
    else if (BEGIN.test(line)) entries.push([line]);
    else if (Array.isArray(last)) last.push(line);
  }
  return entries.map((entry) => (Array.isArray(entry) ? fromText(entry.join('\n').trimEnd()) : entry));
}
