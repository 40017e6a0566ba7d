import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import type { AppRecord } from '../../src/app-record';

const OWNER = 'owner';
const RECORD = 'record.json';
const PLACED = 'placed.jsonl';
const BEAT_MS = 20_000;
/** One whose owner on another machine has not been heard of for so long is nobody's. */
const SILENT_MS = 120_000;

/** What an import puts elsewhere than into its own folder, written down before it is done. */
export interface Placed {
  /** The draft is about to be written, and then to become the place. */
  begin(draft: string, place: string): Promise<void>;
  done(place: string): Promise<void>;
  /** A folder, with those above it, where they are not there yet. */
  makeFolder(folder: string): Promise<void>;
}

interface PlacedLine {
  draft?: string;
  place?: string;
  /** A folder that was made, and the first above it that was made along with it. */
  folder?: string;
  first?: string;
}

/**
 * The folder of one export or import while it is under way, readable by its owner only: everything half made lies here,
 * or is written down here, so that whoever comes after a killed process can clear it away.
 */
export class WorkFolder implements Placed {
  private beat?: NodeJS.Timeout;

  private constructor(readonly folder: string) {}

  static async make(room: string): Promise<WorkFolder> {
    const work = new WorkFolder(path.join(room, randomUUID()));
    await mkdir(work.folder, { recursive: true, mode: 0o700 });
    await writeFile(work.file(OWNER), `${hostname()} ${process.pid}`);
    work.beat = setInterval(() => {
      const now = new Date();
      utimes(work.file(OWNER), now, now).catch(() => undefined);
    }, BEAT_MS);
    work.beat.unref();
    return work;
  }

  /** Those that nobody works in any more. @param own the folders in which this process is at work */
  static async abandoned(room: string, own: ReadonlySet<string>): Promise<WorkFolder[]> {
    const names = await readdir(room).catch(() => []);
    const found: WorkFolder[] = [];
    for (const name of names) {
      const work = new WorkFolder(path.join(room, name));
      if (!own.has(work.folder) && !(await work.isAlive())) found.push(work);
    }
    return found;
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** The application whose database is about to be made. */
  async remember(record: AppRecord): Promise<void> {
    await writeFile(this.file(RECORD), JSON.stringify(record), { mode: 0o600 });
  }

  async remembered(): Promise<AppRecord | undefined> {
    const text = await readFile(this.file(RECORD), 'utf8').catch(() => undefined);
    try {
      return text === undefined ? undefined : (JSON.parse(text) as AppRecord);
    } catch {
      // Cut off while it was written: nothing was made yet.
      return undefined;
    }
  }

  begin(draft: string, place: string): Promise<void> {
    return this.note({ draft, place });
  }

  done(place: string): Promise<void> {
    return this.note({ place });
  }

  async makeFolder(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true });
    if (first !== undefined) await this.note({ folder, first });
  }

  /** Takes back what was put elsewhere; nothing of anybody else's. */
  async takeBack(): Promise<void> {
    const lines = (await readFile(this.file(PLACED), 'utf8').catch(() => '')).split('\n');
    const entries = lines.map(parseLine).filter((entry) => entry !== undefined);
    for (const { draft, place } of entries) {
      if (place === undefined) continue;
      if (draft === undefined) {
        await rm(place, { force: true });
        continue;
      }
      // Whether it became the place is told by the file itself.
      const [one, other] = await Promise.all([inode(draft), inode(place)]);
      if (one !== undefined && one === other) await rm(place, { force: true });
      await rm(draft, { force: true });
    }
    for (const { folder = '', first } of entries.reverse()) {
      // Those that somebody else uses by now are not empty, and stay.
      for (let at = folder; first !== undefined && at.startsWith(first); at = path.dirname(at)) {
        await rmdir(at).catch(() => undefined);
      }
    }
  }

  /** Nobody works in it any more. */
  rest(): void {
    clearInterval(this.beat);
  }

  async remove(): Promise<void> {
    this.rest();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async isAlive(): Promise<boolean> {
    const [text, stats] = await Promise.all([
      readFile(this.file(OWNER), 'utf8').catch(() => ''),
      stat(this.file(OWNER)).catch(() => undefined),
    ]);
    const [host, pid] = text.split(' ');
    if (host !== hostname()) return stats !== undefined && Date.now() - stats.mtimeMs < SILENT_MS;
    // Our own number, and not at work in it: a former process had it.
    if (Number(pid) === process.pid) return false;
    try {
      process.kill(Number(pid), 0);
      return stats !== undefined && Date.now() - stats.mtimeMs < SILENT_MS;
    } catch {
      return false;
    }
  }

  private note(line: PlacedLine): Promise<void> {
    return appendFile(this.file(PLACED), `${JSON.stringify(line)}\n`, { mode: 0o600 });
  }
}

function parseLine(line: string): PlacedLine | undefined {
  try {
    return line === '' ? undefined : (JSON.parse(line) as PlacedLine);
  } catch {
    return undefined;
  }
}

async function inode(file: string): Promise<string | undefined> {
  const stats = await stat(file, { bigint: true }).catch(() => undefined);
  return stats && `${stats.dev}:${stats.ino}`;
}
