import { lstat, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../src/errors';
import { isInside, rootOf, uploadsFolder } from '../lifecycle/upload-folders';
import type { FileRecord, StorageClass, StorageConfig, UploadEngine } from '../nocobase/file-manager';

const text = (value: unknown) => (typeof value === 'string' ? value : '');

/** The path that NocoBase makes of a storage and a file in it. */
function pathIn({ options }: StorageConfig, folder: unknown, filename?: unknown): string {
  const root = options?.documentRoot;
  return path.resolve(rootOf(typeof root === 'string' && root ? root : undefined), text(folder), text(filename));
}

/** Follows links as far as the path exists. */
async function resolveExisting(file: string): Promise<string> {
  for (let existing = file; ; existing = path.dirname(existing)) {
    const found = await realpath(existing).catch(() => undefined);
    if (found !== undefined) return path.join(found, path.relative(existing, file));
    if (existing === path.dirname(existing)) return file;
  }
}

/**
 * Whether a file is in the application's own folder, also after its links are followed: what a storage's row and a
 * file's row say together is compared with the folder, not believed.
 */
async function isOwn(own: string, file: string): Promise<boolean> {
  const home = path.join(uploadsFolder(), own);
  if (!isInside(home, file)) return false;
  return isInside(await resolveExisting(home), await resolveExisting(file));
}

const notFound = () => new AppError('APP_FILE_NOT_FOUND');

/**
 * Before a file is written: files from the time before applications had folders of their own may be second names of files
 * of other applications, and NocoBase writes into the file that has the name.
 */
async function unlinkShared(file: string): Promise<void> {
  const stats = await lstat(file).catch(() => undefined);
  if (stats && stats.nlink > 1) await rm(file, { force: true });
}

/** An engine that writes into the application's own folder, or fails. */
function guardEngine(engine: UploadEngine, own: string, folder: () => string): UploadEngine {
  const write = engine._handleFile.bind(engine);
  const choose = engine.getFilename?.bind(engine);
  if (choose) {
    engine.getFilename = (req, file, done) => {
      choose(req, file, (error, filename) => {
        if (error || filename === undefined) return done(error, filename);
        unlinkShared(path.join(folder(), filename)).then(() => done(null, filename), done);
      });
    };
  }
  return Object.assign(engine, {
    _handleFile: (...[req, file, done]: Parameters<UploadEngine['_handleFile']>) => {
      isOwn(own, folder()).then(
        (fits) => (fits ? write(req, file, done) : done(outside(folder()))),
        (error: unknown) => done(error),
      );
    },
  });
}

/** The error under a name that the file manager answers with 400. */
function outside(folder: string): Error {
  const error = new AppError('APP_STORAGE_OUTSIDE', { folder: path.basename(folder) });
  return Object.assign(new Error(error.message), { name: 'MulterError', code: error.code });
}

const guarded = new WeakSet<StorageClass>();

/** Returns the file manager's class of local storages, kept to one application's own folder. Idempotent. */
export function guardedStorage(base: StorageClass, own: string): StorageClass {
  if (guarded.has(base)) return base;
  const kept = class extends base {
    private isOwn({ path: folder, filename }: FileRecord): Promise<boolean> {
      return isOwn(own, pathIn(this.storage, folder, filename));
    }

    override make(): UploadEngine {
      return guardEngine(super.make(), own, () => pathIn(this.storage, text(this.storage.path).replace(/^[/\\]+/, '')));
    }

    override async exists(record: FileRecord): Promise<boolean> {
      return (await this.isOwn(record)) && super.exists(record);
    }

    override async copy(source: FileRecord, target: FileRecord): Promise<void> {
      if (!(await this.isOwn(source)) || !(await this.isOwn(target))) throw notFound();
      await unlinkShared(pathIn(this.storage, target.path, target.filename));
      await super.copy(source, target);
    }

    /** A file that is not the application's stays; its row goes, as for a file that is missing. */
    override async delete(records: FileRecord[]): Promise<[number, FileRecord[]]> {
      const deletable: FileRecord[] = [];
      for (const record of records) if (await this.isOwn(record)) deletable.push(record);
      const [count, undeleted] = await super.delete(deletable);
      return [count + records.length - deletable.length, undeleted];
    }

    override async getFileStream(file: FileRecord, options?: unknown): Promise<unknown> {
      if (!(await this.isOwn(file))) throw notFound();
      return super.getFileStream(file, options);
    }
  };
  guarded.add(kept);
  return kept;
}
