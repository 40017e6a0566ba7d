import { AsyncLocalStorage } from 'node:async_hooks';
import { createWriteStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../../src/errors';
import { phrase, type Reason } from '../../src/phrase';

/**
 * Extracts the zip file of a backup in the place of the Backup Manager, which checks no sizes and leaves files open when it
 * fails. All entries are checked before the first one is extracted; the library for zip files enforces their sizes.
 */

interface Entry {
  fileName: string;
  uncompressedSize: number;
}

interface ZipFile {
  on(event: 'entry', listener: (entry: Entry) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'end', listener: () => void): void;
  readEntry(): void;
  openReadStream(entry: Entry, opened: (error: Error | null, stream?: Readable) => void): void;
  close(): void;
}

export interface ZipReader {
  open(
    file: string,
    options: { lazyEntries: true; autoClose: false },
    opened: (error: Error | null, zip?: ZipFile) => void,
  ): void;
}

interface Extractor {
  /** The zip file, in the folder that it is extracted into. */
  readonly tempFile: string;
  readonly extractPath: string;
  tempWriteStream: Writable | null;
  extract(callback: (error?: Error | null) => void): void;
  _destroy(error: Error | null, callback: (error?: Error | null) => void): void;
}

/** Throws if the files of a backup may not take so many bytes. */
export type AssertFits = (bytes: number, archiveBytes: number) => void;

interface Extraction {
  assertFits: AssertFits;
  refusal?: AppError;
}

/** A file of no bytes takes space, too. */
const FILE_BYTES = 1_024;

/** Files that are read as a whole: each plugin that the metadata name is looked for. */
const SMALL_FILES = ['_metadata.json', 'aes_key.dat'];
const SMALL_BYTES = 128 * 1_024;
const PLAIN_FILES = [...SMALL_FILES, 'data'];

const current = new AsyncLocalStorage<Extraction>();

const unusable = (reason: Reason) => new AppError('APP_ARCHIVE_INVALID', { reason });

/**
 * Runs a restore, in which the backup is checked before it is extracted. The Backup Manager replaces each error of an
 * extraction by one of its own; this function throws the original one.
 * @throws APP_ARCHIVE_INVALID, and what `assertFits` throws
 */
export async function extractWithin<T>(assertFits: AssertFits, restore: () => Promise<T>): Promise<T> {
  const extraction: Extraction = { assertFits };
  try {
    return await current.run(extraction, restore);
  } catch (error) {
    throw extraction.refusal ?? error;
  }
}

/** The place of an entry in the folder. @throws APP_ARCHIVE_INVALID */
function placeOf({ fileName, uncompressedSize }: Entry, { extractPath, tempFile }: Extractor): string {
  const [first = '', ...below] = path.posix.normalize(fileName).toLowerCase().split('/');
  if (first === path.basename(tempFile).toLowerCase()) throw unusable('a file in it would replace the archive');
  if (PLAIN_FILES.includes(first)) {
    if (below.length > 0) throw unusable(phrase('"{name}" in it is not a plain file', { name: first }));
    if (SMALL_FILES.includes(first) && uncompressedSize > SMALL_BYTES) {
      throw unusable(phrase('"{name}" in it is larger than {limit} KB', { name: first, limit: SMALL_BYTES / 1_024 }));
    }
  }
  const folder = path.resolve(extractPath);
  const place = path.resolve(folder, fileName);
  if (place !== folder && !place.startsWith(folder + path.sep))
    throw unusable('a file in it would be written outside its folder');
  return place;
}

/** Visits the entries of a zip file one after another, and closes it. */
async function eachEntry(
  reader: ZipReader,
  file: string,
  visit: (entry: Entry, zip: ZipFile) => Promise<void> | void,
): Promise<void> {
  const zip = await new Promise<ZipFile>((resolve, reject) =>
    reader.open(file, { lazyEntries: true, autoClose: false }, (error, opened) =>
      opened ? resolve(opened) : reject(error ?? unusable('it is not a zip file')),
    ),
  );
  const visitAndGoOn = async (entry: Entry) => {
    await visit(entry, zip);
    zip.readEntry();
  };
  const done = new Promise<void>((resolve, reject) => {
    zip.on('error', reject);
    zip.on('end', resolve);
    zip.on('entry', (entry) => void visitAndGoOn(entry).catch(reject));
    zip.readEntry();
  });
  await done.finally(() => zip.close());
}

async function extractEntry(zip: ZipFile, entry: Entry, place: string): Promise<void> {
  if (entry.fileName.endsWith('/')) {
    await mkdir(place, { recursive: true });
    return;
  }
  await mkdir(path.dirname(place), { recursive: true });
  const stream = await new Promise<Readable>((resolve, reject) =>
    zip.openReadStream(entry, (error, opened) =>
      opened ? resolve(opened) : reject(error ?? unusable('a file in it cannot be read')),
    ),
  );
  // Closes both, also after a failure.
  await pipeline(stream, createWriteStream(place));
}

async function extractAll(reader: ZipReader, extractor: Extractor, { assertFits }: Extraction): Promise<void> {
  const { tempFile } = extractor;
  const { size } = await stat(tempFile);
  let bytes = 0;
  await eachEntry(reader, tempFile, (entry) => {
    placeOf(entry, extractor);
    bytes += entry.uncompressedSize + FILE_BYTES;
    assertFits(bytes, size);
  });
  // No entry can have replaced the file meanwhile.
  await eachEntry(reader, tempFile, (entry, zip) => extractEntry(zip, entry, placeOf(entry, extractor)));
}

/**
 * Makes the Backup Manager's extractor extract backups of applications by `extractAll`, and close its file when it fails.
 * Called once a process.
 * @returns false if the extractor of this version has no such method
 */
export function guardExtraction(prototype: Partial<Extractor>, reader: ZipReader): boolean {
  const original = prototype.extract;
  if (typeof original !== 'function' || typeof reader.open !== 'function') return false;
  prototype.extract = function (this: Extractor, callback) {
    const extraction = current.getStore();
    if (!extraction) return original.call(this, callback);
    extractAll(reader, this, extraction).then(
      () => callback(),
      (error: Error) => {
        if (error instanceof AppError) extraction.refusal = error;
        callback(error);
      },
    );
  };
  prototype._destroy = function (this: Extractor, error, callback) {
    this.tempWriteStream?.destroy();
    callback(error);
  };
  return true;
}
