import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../src/errors';

const ENDING = '.tar';
const NAME = /^\w[\w.-]{0,200}\.tar$/;
/** What `take` names an archive: after its application, then time and chance. */
const NAMED = /^(.+)-\d{8}T\d{6}Z-[0-9a-f]+\.tar$/;

/** A name of an application as it stands in the names of its archives. */
function nameInFile(application: string): string {
  const safe = application.replace(/[^\w-]/g, '_').replace(/^_+/, '');
  return safe.slice(0, 100) || 'app';
}

/** The application that an archive is of, as far as its name tells. */
export function archivedApplication(archive: string): string | undefined {
  return NAMED.exec(archive)?.[1];
}

/** An archive that lies in the folder. */
export interface StoredArchive {
  name: string;
  /** In bytes. */
  size: number;
  /** ISO times: since when it lies there, and when it is deleted; null where it is kept. */
  storedAt: string;
  deletedAt: string | null;
}

/** The folder of archives, readable by its owner only: what is in them is everything that the applications know. */
export class ArchiveStore {
  /** @param retentionMs how long an archive is kept; 0 means until somebody deletes it */
  constructor(
    readonly folder: string,
    private readonly retentionMs: number,
  ) {}

  /** Where what is half made lies; on the same file system as the archives. */
  get workRoom(): string {
    return path.join(this.folder, '.work');
  }

  /** Newest first; all, or those of one application. */
  async list(application?: string): Promise<StoredArchive[]> {
    const wanted = application === undefined ? undefined : nameInFile(application);
    const isMeant = (name: string) => wanted === undefined || archivedApplication(name) === wanted;
    const names = (await readdir(this.folder).catch(() => [])).filter((name) => NAME.test(name) && isMeant(name));
    const found = await Promise.all(names.map((name) => this.find(name)));
    return found
      .filter((archive): archive is StoredArchive => archive !== undefined)
      .sort((one, other) => other.storedAt.localeCompare(one.storedAt));
  }

  /** The path of an archive. @throws APP_ARCHIVE_NOT_FOUND, also for what is no name of an archive */
  async locate(name: unknown): Promise<{ file: string; archive: StoredArchive }> {
    const archive = typeof name === 'string' && NAME.test(name) ? await this.find(name) : undefined;
    if (!archive) throw new AppError('APP_ARCHIVE_NOT_FOUND', { archive: String(name).slice(0, 200) });
    return { file: path.join(this.folder, archive.name), archive };
  }

  async delete(name: unknown): Promise<void> {
    const { file } = await this.locate(name);
    await rm(file, { force: true });
  }

  /** Takes in an archive that is complete. @returns its name */
  async take(draft: string, application: string, at: Date): Promise<StoredArchive> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const time = at
      .toISOString()
      .replace(/\.\d+Z$/, 'Z')
      .replace(/[-:]/g, '');
    const name = `${nameInFile(application)}-${time}-${randomBytes(2).toString('hex')}${ENDING}`;
    await rename(draft, path.join(this.folder, name));
    return (await this.locate(name)).archive;
  }

  async deleteOld(now = Date.now()): Promise<void> {
    if (this.retentionMs === 0) return;
    for (const { name, storedAt } of await this.list()) {
      if (Date.parse(storedAt) + this.retentionMs <= now) await rm(path.join(this.folder, name), { force: true });
    }
  }

  private async find(name: string): Promise<StoredArchive | undefined> {
    const stats = await lstat(path.join(this.folder, name)).catch(() => undefined);
    if (!stats?.isFile()) return undefined;
    // Since when it lies here, also where it was copied with the date that it had elsewhere.
    const since = stats.ctimeMs;
    const deletedAt = this.retentionMs === 0 ? null : new Date(since + this.retentionMs).toISOString();
    return { name, size: stats.size, storedAt: new Date(since).toISOString(), deletedAt };
  }
}
