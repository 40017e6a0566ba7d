import { constants } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { storagePathJoin } from '@nocobase/utils';
import type { AppRecord } from '../src/app-record';
import { AppError } from '../src/errors';
import { readLogLines, type LogLine } from '../src/log-lines';
import { redactText } from './app-options';
import type { AppSecrets } from './databases/secrets';
import { foldersOf } from './recycle-bin';
import type { Registry } from './registry';

/** What reading logs needs of the process around it. */
export interface LogsHost {
  registry: Registry;
  secrets(record: AppRecord): AppSecrets;
}

export interface AppLog {
  /** False where NocoBase writes no files. */
  available: boolean;
  /** The newest last. */
  rows: LogLine[];
}

/** Of each kind of file; there are two. */
const READ_BYTES = 256 * 1024;
const MESSAGE_LENGTH = 4_000;
/** What NocoBase calls the files of an application's own log: by day or not, and with a number where one was too long. */
const KINDS = [/^system(_\d[\d-]*)?\.log(\.\d+)?$/, /^system_error(_\d[\d-]*)?\.log(\.\d+)?$/];

/** Undefined where there is none yet, or where it leads elsewhere. */
async function folderOf(name: string): Promise<string | undefined> {
  const logs = storagePathJoin('logs');
  const folder = foldersOf(name).find((candidate) => path.dirname(candidate) === logs);
  if (folder === undefined || name.toLowerCase() === 'main') return undefined;
  try {
    const [all, own] = await Promise.all([realpath(logs), realpath(folder)]);
    return own === path.join(all, name) ? own : undefined;
  } catch {
    return undefined;
  }
}

/** The last bytes of a file, from the first line on that is whole. */
async function tailOf(file: string, bytes: number): Promise<string> {
  // No link is followed: it would lead to somebody else's.
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = await handle.stat();
    if (!found.isFile()) return '';
    const begin = Math.max(0, found.size - bytes);
    const buffer = Buffer.alloc(found.size - begin);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, begin);
    const text = buffer.toString('utf8', 0, bytesRead);
    return begin === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    await handle.close();
  }
}

/** The newest entries of one kind of file. */
async function newestOf(folder: string, names: readonly string[]): Promise<LogLine[]> {
  const files = await Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      const { mtimeMs, size } = await stat(file).catch(() => ({ mtimeMs: 0, size: 0 }));
      return { file, mtimeMs, size };
    }),
  );
  const lines: LogLine[] = [];
  let left = READ_BYTES;
  for (const { file, size } of files.sort((one, other) => other.mtimeMs - one.mtimeMs)) {
    if (left <= 0) break;
    // One that is gone, or is no file, has nothing to say.
    const text = await tailOf(file, left).catch(() => '');
    lines.unshift(...readLogLines(text));
    left -= Math.min(size, left);
  }
  return lines;
}

/** When each entry was written; of one whose time cannot be read, the time of the one before it. */
function inTime(lines: readonly LogLine[]): (LogLine & { time: string })[] {
  let time = '';
  return lines.map((line) => ({ ...line, time: (time = line.at ?? time) }));
}

function secretsOf(host: LogsHost, record: AppRecord): string[] {
  try {
    const { jwtSecret, databasePassword } = host.secrets(record);
    return [jwtSecret, databasePassword].filter((secret): secret is string => Boolean(secret));
  } catch {
    // They cannot be read here, so nobody can have logged them in the clear here either.
    return [];
  }
}

/** The end of an application's own log, without what must not be shown. @throws APP_NOT_FOUND */
export async function readLog(host: LogsHost, name: string, count: number): Promise<AppLog> {
  const record = host.registry.get(name);
  if (!record) throw new AppError('APP_NOT_FOUND', { name });
  const transports = process.env.LOGGER_TRANSPORT || 'console,dailyRotateFile';
  if (!/file/i.test(transports)) return { available: false, rows: [] };
  const folder = await folderOf(name);
  if (folder === undefined) return { available: true, rows: [] };
  const files = await readdir(folder).catch(() => []);
  const kinds = await Promise.all(
    KINDS.map((kind) =>
      newestOf(
        folder,
        files.filter((file) => kind.test(file)),
      ),
    ),
  );
  const secrets = secretsOf(host, record);
  // Those of one second stay in the order in which they were written.
  const sorted = kinds
    .flatMap(inTime)
    .sort((one, other) => (one.time < other.time ? -1 : Number(one.time > other.time)));
  const rows = sorted.slice(-count).map(({ at, level, message }) => ({
    ...{ at, level },
    message: redactText(message, secrets).slice(0, MESSAGE_LENGTH),
  }));
  return { available: true, rows };
}
