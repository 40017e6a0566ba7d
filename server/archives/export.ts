import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { copyFile, link, mkdir } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  ARCHIVE_FORMAT,
  ARCHIVE_VERSION,
  contentSize,
  DATABASE_PART,
  KEY_PART,
  type ArchiveManifest,
  type ArchivePart,
} from '../../src/archive-manifest';
import { isMade, type AppRecord } from '../../src/app-record';
import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import type { StoredVersions } from '../../src/policies/upgrade-plan';
import type { DumpTools } from '../databases/dump-tools';
import type { Place } from '../databases/place';
import { digestFile, writeArchive } from './archive-file';
import type { ArchiveJob } from './archive-job';
import { findUpload } from '../lifecycle/upload-folders';
import { reachOf } from '../lifecycle/upload-reach';
import { findKey } from './uploads';
import type { WorkFolder } from './work-folder';

export interface ExportOrder {
  record: AppRecord;
  place: Place;
  tools: DumpTools;
  job: ArchiveJob;
  work: WorkFolder;
  timeoutMs: number;
}

/** What is known before the work begins: whether it can be done at all. */
export async function examineExport(tools: DumpTools, record: AppRecord, place: Place): Promise<StoredVersions> {
  const { name } = record;
  // Its first administrator may still have the password that everybody knows.
  if (!isMade(record))
    throw new AppError('APP_ARCHIVE_UNFIT', { reason: phrase('the creation of "{name}" is not finished', { name }) });
  const stored = await place.dialect.readVersions(place.inside, place.layout);
  if (!stored?.core)
    throw new AppError('APP_ARCHIVE_UNFIT', { reason: phrase('"{name}" is not installed yet', { name }) });
  await tools.describe(place);
  return stored;
}

/** The dump, as it leaves the program: its checksum is made on the way. */
async function dumpDatabase({ place, tools, job, work, timeoutMs }: ExportOrder): Promise<ArchivePart> {
  job.enter('dump');
  const hash = createHash('sha256');
  let size = 0;
  const output = new PassThrough();
  output.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    size += chunk.length;
    job.advance(chunk.length);
  });
  const written = pipeline(output, createWriteStream(work.file(DATABASE_PART), { flags: 'wx', mode: 0o600 }));
  // Whoever fails first is told of; the other one ends with it.
  written.catch((error: Error) => output.destroy(error));
  try {
    await tools.dump(place, output, { timeoutMs, signal: job.signal, folder: work.folder });
    await written;
  } finally {
    // Where the dump did not begin, nobody else closes the file.
    output.destroy();
  }
  return { name: DATABASE_PART, size, sha256: hash.digest('hex') };
}

/** A file as it is now, whatever becomes of it: linked where that goes, else copied. */
async function keep(source: string, target: string): Promise<void> {
  await link(source, target).catch(() => copyFile(source, target));
}

/** The application's uploaded files, those that lie on this machine: kept as they are found, for the archive. */
class FileCollection {
  readonly parts: ArchivePart[] = [];
  private readonly seen = new Set<string>();
  missing = 0;

  constructor(private readonly order: ExportOrder) {}

  /** Adds what rows name by now; what was kept before stays, also where it was deleted since. */
  async collect(): Promise<void> {
    const { record, place, tools, job, work } = this.order;
    const { storages, files } = await tools.readFiles(place);
    const reach = await reachOf(record);
    const roots = new Map(storages.map(({ id, documentRoot }) => [id, documentRoot]));
    await mkdir(work.file('files'), { recursive: true, mode: 0o700 });
    this.missing = 0;
    for (const file of files) {
      job.signal.throwIfAborted();
      const key = JSON.stringify([file.storageId, file.path, file.filename]);
      if (this.seen.has(key)) continue;
      const source = await findUpload(roots.get(file.storageId), file, reach);
      if (source === undefined) {
        this.missing += 1;
        continue;
      }
      const name = `files/${String(this.parts.length + 1).padStart(6, '0')}`;
      await keep(source, work.file(name));
      const { size, sha256 } = await digestFile(work.file(name), job.signal);
      this.parts.push({ name, size, sha256, file });
      this.seen.add(key);
      job.advance(size);
    }
  }
}

/**
 * Makes an archive of one application, while it runs or sleeps: the dump shows one moment. Files are looked for before
 * it and after it, so that hardly one is missing that was uploaded or deleted meanwhile.
 * @returns the archive, in the work folder
 */
export async function exportApplication(order: ExportOrder): Promise<{ file: string; manifest: ArchiveManifest }> {
  const { record, place, tools, job, work } = order;
  const nocobase = await examineExport(tools, record, place);
  const database = await tools.describe(place);
  const createdAt = new Date().toISOString();
  const files = new FileCollection(order);
  job.enter('files');
  await files.collect();
  const parts = [await dumpDatabase(order)];
  await files.collect();
  if (files.missing) job.warn('missing-files');
  const key = await findKey(record.name);
  if (key.file) {
    await copyFile(key.file, work.file(KEY_PART));
    parts.push({ name: KEY_PART, ...(await digestFile(work.file(KEY_PART))) });
  }
  parts.push(...files.parts);
  const { name, displayName, icon } = record;
  const manifest: ArchiveManifest = {
    format: ARCHIVE_FORMAT,
    version: ARCHIVE_VERSION,
    createdAt,
    application: { name, displayName, icon },
    nocobase,
    database: { dialect: place.dialect.name, ...database },
    ...(key.sha256 === undefined ? {} : { keySha256: key.sha256 }),
    missingFiles: files.missing,
    parts,
  };
  job.enter('pack', contentSize(manifest));
  const file = work.file('archive.tar');
  const progress = { signal: job.signal, onProgress: job.advance };
  await writeArchive(file, manifest, (part) => work.file(part.name), progress);
  return { file, manifest };
}
