import { AsyncLocalStorage } from 'node:async_hooks';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../src/errors';

/**
 * Looks through the zip file of a backup before the Backup Manager extracts it: at the sizes, which the library for zip
 * files enforces when it extracts, and at the places of the files that are read.
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
  readonly tempFile: string;
  extract(callback: (error?: Error | null) => void): void;
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

const unusable = (reason: string) => new AppError('APP_ARCHIVE_INVALID', { reason });

/**
 * Runs a restore whose backup is looked through. The Backup Manager answers every failure of the extraction with an error of
 * its own.
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

/** @throws APP_ARCHIVE_INVALID */
function assertPlace({ fileName, uncompressedSize }: Entry): void {
  const [first = '', ...below] = path.posix.normalize(fileName).toLowerCase().split('/');
  if (!PLAIN_FILES.includes(first)) return;
  if (below.length > 0) throw unusable(`"${first}" in it is not one plain file`);
  if (SMALL_FILES.includes(first) && uncompressedSize > SMALL_BYTES) {
    throw unusable(`"${first}" in it is larger than ${SMALL_BYTES / 1_024} KB`);
  }
}

async function lookThrough(reader: ZipReader, file: string, { assertFits }: Extraction): Promise<void> {
  const { size } = await stat(file);
  const zip = await new Promise<ZipFile>((resolve, reject) =>
    reader.open(file, { lazyEntries: true, autoClose: false }, (error, opened) =>
      opened ? resolve(opened) : reject(error ?? unusable('it is no zip file')),
    ),
  );
  let bytes = 0;
  const done = new Promise<void>((resolve, reject) => {
    zip.on('error', reject);
    zip.on('end', resolve);
    zip.on('entry', (entry) => {
      try {
        assertPlace(entry);
        bytes += entry.uncompressedSize + FILE_BYTES;
        assertFits(bytes, size);
        zip.readEntry();
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    zip.readEntry();
  });
  await done.finally(() => zip.close());
}

/**
 * Makes the Backup Manager's extractor look through each backup first. Called once a process.
 * @returns false if the extractor of this version has no such method
 */
export function guardExtraction(prototype: Partial<Extractor>, reader: ZipReader): boolean {
  const original = prototype.extract;
  if (typeof original !== 'function' || typeof reader.open !== 'function') return false;
  prototype.extract = function (this: Extractor, callback) {
    const extraction = current.getStore();
    if (!extraction) return original.call(this, callback);
    lookThrough(reader, this.tempFile, extraction).then(
      () => original.call(this, callback),
      (error: Error) => {
        if (error instanceof AppError) extraction.refusal = error;
        callback(error);
      },
    );
  };
  return true;
}
