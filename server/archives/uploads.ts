import { createHash, randomBytes } from 'node:crypto';
import { constants, createWriteStream } from 'node:fs';
import { copyFile, link, lstat, readFile, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { storagePathJoin } from '@nocobase/utils';
import { isPlainFileName, isPlainPath, type ArchivedFile, type ArchivePart } from '../../src/archive-manifest';
import { AppError } from '../../src/errors';
import type { Placed } from './work-folder';

/** Files and keys of applications, where NocoBase keeps them: one folder for the uploads of all. */

const NAME_BYTES = 255;
const TRIES = 8;

/** The folder of a local storage, found as NocoBase's file manager finds it. */
export function uploadsFolder(documentRoot?: string): string {
  const given = documentRoot ?? process.env.LOCAL_STORAGE_DEST;
  if (!given) return storagePathJoin('uploads');
  if (path.isAbsolute(given)) return given;
  const below = /^(?:\.\/)?storage(?:\/|$)(.*)$/.exec(given.replace(/\\/g, '/'))?.[1];
  return below === undefined ? path.resolve(given) : storagePathJoin(below);
}

/** The file that a row names; undefined where there is none, or where the row leads out of the storage's folder. */
export async function findUpload(documentRoot: string | undefined, file: ArchivedFile): Promise<string | undefined> {
  if (!isPlainPath(file.path) || !isPlainFileName(file.filename)) return undefined;
  const root = uploadsFolder(documentRoot);
  const found = path.join(root, file.path, file.filename);
  try {
    if (!(await lstat(found)).isFile()) return undefined;
    return (await isInside(root, path.dirname(found))) ? found : undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Links followed. */
async function isInside(root: string, folder: string): Promise<boolean> {
  const relative = path.relative(await realpath(root), await realpath(folder));
  return relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative));
}

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
  if (hash.digest('hex') !== part.sha256) throw new AppError('APP_ARCHIVE_INVALID', { reason: 'it changed meanwhile' });
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

/** The same name with a random ending, as NocoBase itself gives to uploads, within what a file system takes. */
function otherName(filename: string): string {
  const extension = path.extname(filename).slice(0, 32);
  const ending = `-${randomBytes(6).toString('hex')}${extension}`;
  let base = path.basename(filename, path.extname(filename));
  while (Buffer.byteLength(base + ending) > NAME_BYTES) base = base.slice(0, -1);
  return `${base}${ending}`;
}

/**
 * Puts an uploaded file into NocoBase's folder, under its own name where that is free, else under another one; nothing
 * that lies there is touched.
 * @returns the name that it got
 * @throws APP_ARCHIVE_INVALID where its folder leads elsewhere
 */
export async function placeUpload(part: ArchivePart & { file: ArchivedFile }, source: Readable, placed: Placed) {
  const { path: below, filename } = part.file;
  const root = uploadsFolder();
  const folder = path.join(root, below);
  await placed.makeFolder(folder);
  if (!(await isInside(root, folder))) {
    source.destroy();
    throw new AppError('APP_ARCHIVE_INVALID', { reason: 'the folder of a file leads elsewhere' });
  }
  const draft = path.join(folder, `.app-import-${randomBytes(8).toString('hex')}`);
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const name = attempt === 0 ? filename : otherName(filename);
    const place = path.join(folder, name);
    await placed.begin(draft, place);
    if (attempt === 0) await writeDraft(draft, part, source, 0o644);
    if (!(await occupy(draft, place))) continue;
    await placed.done(place);
    await rm(draft, { force: true });
    return name;
  }
  throw new AppError('APP_ARCHIVE_STORAGE', { reason: 'no free name for a file' });
}

// ---- the key by which an application encrypts fields -----------------------------------------------------------------

const KEY_BYTES = 32;

/** The key that NocoBase uses for every application alike; undefined where each has one of its own. */
async function commonKey(): Promise<Buffer | undefined> {
  const { APP_AES_SECRET_KEY: hex, APP_AES_SECRET_KEY_PATH: file } = process.env;
  if (hex) return Buffer.from(hex, 'hex');
  return file ? readFile(path.resolve(file)).catch(() => undefined) : undefined;
}

const keyPlaces = (name: string) =>
  ['apps', 'environment-variables'].map((room) => storagePathJoin(room, name, KEY_FILE));
const KEY_FILE = 'aes_key.dat';

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
    throw new AppError('APP_ARCHIVE_UNFIT', { reason: `a key of another application "${name}" lies in storage/apps` });
  }
  if (!key) return false;
  const place = storagePathJoin('apps', name, KEY_FILE);
  const draft = `${place}.${randomBytes(4).toString('hex')}`;
  await placed.makeFolder(path.dirname(place));
  await placed.begin(draft, place);
  await writeDraft(draft, key.part, key.source(), 0o600);
  if (!(await occupy(draft, place))) throw new AppError('APP_ARCHIVE_STORAGE', { reason: 'a key came meanwhile' });
  await placed.done(place);
  await rm(draft, { force: true });
  return true;
}
