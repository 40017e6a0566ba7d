import { setTimeout as pause } from 'node:timers/promises';
import type { LogLine } from '../../src/log-lines';
import { numberOf } from './arguments';
import { CommandFailure, EXIT } from './failure';
import { answer, type Session, type Verb } from './session';
import { plain } from './table';
import { clock } from './views';

/** The end of an application's own log and, with `--follow`, what is added to it. */

const LINES = 200;
/** As many as REST tells at a time; more than this within a second are not all seen. */
const MOST_LINES = 1_000;
const FOLLOW_MS = 1_000;

interface Log {
  available: boolean;
  rows: LogLine[];
}

const print = ({ terminal, json }: Session, rows: readonly LogLine[], each: (row: LogLine) => string) => {
  if (rows.length > 0) terminal.print(rows.map(json ? (row) => JSON.stringify(row) : each).join('\n'));
};

const lineOf = ({ at, level, message }: LogLine) => `${clock(at)} ${plain(level).padEnd(5)} ${plain(message)}`;

/**
 * What a look at the end of a log shows that the look before did not. Lines are told apart by what they say, since two
 * files are read into one order, and a line of the same second may come in before those that were there.
 */
export function addedLines(before: readonly LogLine[], now: readonly LogLine[]): LogLine[] {
  const known = new Map<string, number>();
  const keyOf = ({ at, level, message }: LogLine) => JSON.stringify([at, level, message]);
  for (const line of before) known.set(keyOf(line), (known.get(keyOf(line)) ?? 0) + 1);
  return now.filter((line) => {
    const left = known.get(keyOf(line)) ?? 0;
    if (left > 0) known.set(keyOf(line), left - 1);
    return left === 0;
  });
}

/** While it is being removed its log may still grow; afterwards it is not found. */
function unlessRemoving(error: unknown): undefined {
  if (!(error instanceof CommandFailure && error.code === 'APP_REMOVING')) throw error;
}

export const logs: Verb = async (session) => {
  const [name] = session.arguments.words;
  const { follow } = session.arguments.options;
  const lines = Math.min(numberOf(session.arguments.options, 'lines', LINES) ?? LINES, MOST_LINES);
  const read = async (count: number) =>
    (await session.line.call('applications:logs', { query: { filterByTk: name, lines: String(count) } })).data as Log;
  const log = await read(follow ? MOST_LINES : lines);
  if (!log.available) session.terminal.note(session.say('NocoBase writes no log files (LOGGER_TRANSPORT).'));
  if (!follow) {
    if (session.json) answer(session, log, () => []);
    else print(session, log.rows, lineOf);
    return EXIT.done;
  }
  print(session, log.rows.slice(-lines), lineOf);
  // Until Ctrl-C, until nobody reads any more, or until NocoBase or the application is gone, which fails the call.
  for (let before = log.rows; log.available;) {
    await pause(FOLLOW_MS);
    const now = await read(MOST_LINES).catch(unlessRemoving);
    if (!now) continue;
    print(session, addedLines(before, now.rows), lineOf);
    before = now.rows;
  }
  return EXIT.done;
};
