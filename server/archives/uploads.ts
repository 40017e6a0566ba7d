import { createHash, randomBytes } from 'node:crypto';
import { constants, createWriteStream } from 'node:fs';
import { copyFile, link, readFile, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ArchivedFile, ArchivePart } from '../../src/archive-manifest';
import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import { keyPlaces } from '../lifecycle/field-key';
import { isInside, ownPath, uploadsFolder } from '../lifecycle/upload-folders';
import type { Placed } from './work-folder';

/** Files and keys of a new application, put where NocoBase keeps them. */

/** Writes a part beside its place, and fails where it is not what was checked. */
async function writeDraft(draft: string, part: ArchivePart, source: Readable, mode: number): Promise<void> {
  const hash = createHash('sha256');
  const watch = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(source, watch, createWriteStream(draft, { flags: 'wx', mode }));
  if (hash.digest('hex') !== part.sha256)
    throw new AppError('APP_ARCHIVE_INVALID', { reason: 'it changed while it was read' });
}

/** False where something lies there already, which is left alone. */
async function occupy(draft: string, place: string): Promise<boolean> {
  try {
    await link(draft, place).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') throw error;
      // A file system without links.
      await copyFile(draft, place, constants.COPYFILE_EXCL);
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Puts an uploaded file into the new application's own folder.
 * @param own see `ownUploads`
 * @throws APP_ARCHIVE_INVALID where that leads elsewhere
 */
export async function placeUpload(
  own: string,
  part: ArchivePart & { file: ArchivedFile },
  source: Readable,
  placed: Placed,
): Promise<void> {
  const { storageId, path: below, filename } = part.file;
  const root = uploadsFolder();
  const folder = path.join(root, ownPath(own, storageId, below));
  await placed.makeFolder(folder);
  if (!isInside(await realpath(root), await realpath(folder))) {
    source.destroy();
    throw new AppError('APP_ARCHIVE_INVALID', { reason: 'the folder of a file is a link to another place' });
  }
  const draft = path.join(folder, `.app-import-${randomBytes(8).toString('hex')}`);
  const place = path.join(folder, filename);
  await placed.begin(draft, place);
  await writeDraft(draft, part, source, 0o644);
  if (!(await occupy(draft, place)))
    throw new AppError('APP_ARCHIVE_STORAGE', { reason: 'there is no free name for a file' });
  await placed.done(place);
  await rm(draft, { force: true });
}

// ---- the key by which an application encrypts fields -----------------------------------------------------------------

const KEY_BYTES = 32;

/** The key that NocoBase uses for every application alike; undefined where each has one of its own. */
async function commonKey(): Promise<Buffer | undefined> {
  const { APP_AES_SECRET_KEY: hex, APP_AES_SECRET_KEY_PATH: file } = process.env;
  if (hex) return Buffer.from(hex, 'hex');
  return file ? readFile(path.resolve(file)).catch(() => undefined) : undefined;
}

/** Where an application's own key lies, and what tells it from others. A key that others share is not given away. */
export async function findKey(name: string): Promise<{ file?: string; sha256?: string }> {
  const sha256 = (key: Buffer) => createHash('sha256').update(key).digest('hex');
  const common = await commonKey();
  if (common) return { sha256: sha256(common) };
  for (const file of keyPlaces(name)) {
    const key = await readFile(file).catch(() => undefined);
    if (key?.length === KEY_BYTES) return { file, sha256: sha256(key) };
  }
  return {};
}

/**
 * Gives a new application the key that its data is encrypted with.
 * @param sha256 what the archive says of the key, also where it does not hold it
 * @returns false where what is encrypted cannot be read here
 * @throws APP_ARCHIVE_UNFIT where the key of another application of this name lies there
 */
export async function placeKey(
  name: string,
  sha256: string | undefined,
  key: { part: ArchivePart; source: () => Readable } | undefined,
  placed: Placed,
): Promise<boolean> {
  const known = await findKey(name);
  if (known.sha256 === sha256) return true;
  if (!known.file && known.sha256) return false;
  if (known.file) {
    throw new AppError('APP_ARCHIVE_UNFIT', {
      reason: phrase('storage/apps contains the key of another application "{name}"', { name }),
    });
  }
  if (!key) return false;
  const [place] = keyPlaces(name);
  const draft = `${place}.${randomBytes(4).toString('hex')}`;
  await placed.makeFolder(path.dirname(place));
  await placed.begin(draft, place);
  await writeDraft(draft, key.part, key.source(), 0o600);
  if (!(await occupy(draft, place)))
    throw new AppError('APP_ARCHIVE_STORAGE', { reason: 'a key was written there at the same time' });
  await placed.done(place);
  await rm(draft, { force: true });
  return true;
}
