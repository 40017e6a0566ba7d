import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, lstat, mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { storagePathJoin } from '@nocobase/utils';
import type { AppRecord } from '../../src/app-record';
import { isPlainFileName, isPlainPath, type ArchivedFile } from '../../src/archive-manifest';
import { APP_FOLDERS, segmentsOf, uploadOwner } from '../../src/policies/upload-owner';
import type { LocalStorage } from '../databases/stored-files';
import { removeMarker } from './upload-marker';

/**
 * Uploaded files, where NocoBase's local storages keep them: below one folder for all applications, each of which has a
 * folder of its own in there. An application's rows are its own word: they decide which of its own files it shows, and
 * neither what it reads elsewhere nor what is deleted.
 */

/** Below `storage/`, rooms in which nobody uploads anything, though a storage's row may name them. */
const OTHER_ROOMS = new Set([
  ...['apps', 'backups', 'cache', 'db', 'dist-client', 'environment-variables', 'logs', 'plugins', 'scripts', 'tmp'],
]);

const digest = (text: string, length: number) => createHash('sha256').update(text).digest('hex').slice(0, length);

/** The folder that all local storages begin with. */
export const uploadsFolder = () => storagePathJoin('uploads');

/**
 * Returns the folder of this application's own files, below that of all uploads: one for each application, not for each
 * ID. An application that the plugin did not create has one by `provisioning.uploads`, given at its first boot; a row of
 * another plugin has one by the ID and the database in it. Undefined until the first boot, or if the ID is no file name.
 */
export function ownUploads({ name, provisioning, options }: AppRecord): string | undefined {
  if (!/^[\w-]+$/.test(name)) return undefined;
  const { uploads, ownershipToken: token } = provisioning ?? {};
  if (uploads !== undefined) return `${APP_FOLDERS}/${name}-${uploads}`;
  if (token) return `${APP_FOLDERS}/${name}-${uploadsIdOf(token)}`;
  if (provisioning) return undefined;
  const { database, schema } = options.database ?? {};
  return `${APP_FOLDERS}/${name}-${digest(JSON.stringify([name, options.dbConnType, database, schema]), 16)}`;
}

/** The end of the name of the folder of an application whose database carries this ownership token. */
export const uploadsIdOf = (ownershipToken: string) => digest(ownershipToken, 16);

/** A new value for `provisioning.uploads`. */
export const newUploadsId = () => randomBytes(8).toString('hex');

/** Where the files of a storage's folder lie in the application's own; what lies there stays where it is. */
export function ownPath(own: string, storageId: string, folder: string): string {
  if (folder === own || folder.startsWith(`${own}/`)) return folder;
  return `${own}/${digest(`${storageId}/${folder}`, 12)}`;
}

/** The folder of a local storage, found as NocoBase's file manager finds it. */
export function rootOf(documentRoot?: string): string {
  const given = documentRoot ?? process.env.LOCAL_STORAGE_DEST;
  if (!given) return uploadsFolder();
  if (path.isAbsolute(given)) return given;
  const below = /^(?:\.\/)?storage(?:\/|$)(.*)$/.exec(given.replace(/\\/g, '/'))?.[1];
  return below === undefined ? path.resolve(given) : storagePathJoin(below);
}

/** The folders in which the rows of an application may name files. */
export interface UploadReach {
  /** Its own folder, below that of all uploads. */
  own?: string;
  /** Whether its files are in its own folder already: nothing else is in reach then. */
  settled: boolean;
  /** Files in folders of other applications that are in reach all the same, by their full paths. */
  also?: ReadonlySet<string>;
}

/**
 * Returns the full path of the file that a row names; undefined if there is none, or if the row leads to a file that is
 * no upload, or out of reach. Links of folders are followed; a file that is a link itself is none.
 */
export async function findUpload(
  documentRoot: string | undefined,
  file: ArchivedFile,
  reach: UploadReach,
): Promise<string | undefined> {
  if (!isPlainPath(file.path) || !isPlainFileName(file.filename)) return undefined;
  const root = rootOf(documentRoot);
  const found = path.join(root, file.path, file.filename);
  try {
    if (!(await lstat(found)).isFile()) return undefined;
    const folder = await realpath(path.dirname(found));
    if (!isInside(await realpath(root), folder)) return undefined;
    return (await isInReach(folder, file.filename, reach)) ? found : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function isInReach(folder: string, filename: string, { own, settled, also }: UploadReach): Promise<boolean> {
  const all = await realpath(uploadsFolder()).catch(() => uploadsFolder());
  if (own !== undefined && isInside(path.join(all, own), folder)) return true;
  if (settled) return false;
  const owner = isInside(all, folder) ? uploadOwner(segmentsOf(path.relative(all, folder))) : undefined;
  if (owner?.kind === 'app') return also?.has(path.join(folder, filename)) ?? false;
  return mayHoldUploads(folder);
}

const isMissing = (error: unknown) => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Of two paths without links. */
export function isInside(root: string, folder: string): boolean {
  const relative = path.relative(root, folder);
  return relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative));
}

/**
 * Whether a folder, links followed, is one of those that an operator or NocoBase keeps uploads in: a storage's row may
 * name any, that of keys included.
 */
async function mayHoldUploads(folder: string): Promise<boolean> {
  const { LOCAL_STORAGE_DEST, LOCAL_STORAGE_ALLOWED_ROOTS = '' } = process.env;
  const given = [LOCAL_STORAGE_DEST ?? '', ...LOCAL_STORAGE_ALLOWED_ROOTS.split(',')].map((root) => root.trim());
  const roots = [uploadsFolder(), ...given.filter(Boolean).map(rootOf)];
  for (const root of roots) {
    if (isInside(await realpath(root).catch(() => root), folder)) return true;
  }
  const storage = await realpath(storagePathJoin());
  const [room = ''] = path.relative(storage, folder).split(path.sep);
  return isInside(storage, folder) && room !== '' && !room.startsWith('.') && !OTHER_ROOMS.has(room);
}

/**
 * How files get into the application's own folder: as a second name of the same, as another file, away from there, or
 * away from there in the place of what the folder holds.
 */
export type Taking = 'link' | 'copy' | 'move' | 'replace';

export interface FoundFiles {
  storages: readonly LocalStorage[];
  files: readonly ArchivedFile[];
  reach: UploadReach;
}

/** Returns the folder, below that of all uploads, in which an application keeps the files of a storage's folder. */
export type HomeOf = (storage: LocalStorage, folder: string) => string;

/** See `ownPath`. */
export const homeIn =
  (own: string): HomeOf =>
  ({ id }, folder) =>
    ownPath(own, id, folder);

/** Puts files that rows name into the application's own folder, as `homeOf` says. Idempotent. */
export async function takeFiles(
  homeOf: HomeOf,
  { storages, files, reach }: FoundFiles,
  how: Taking,
  assertCurrent: () => void = () => undefined,
): Promise<void> {
  const known = new Map(storages.map((storage) => [storage.id, storage]));
  for (const file of files) {
    assertCurrent();
    const storage = known.get(file.storageId);
    if (!storage || !isPlainFileName(file.filename)) continue;
    const target = path.join(uploadsFolder(), homeOf(storage, file.path), file.filename);
    const source = await findUpload(storage.documentRoot, file, reach);
    if (source === undefined || source === target) continue;
    await mkdir(path.dirname(target), { recursive: true });
    await take(source, target, how);
  }
}

async function take(source: string, target: string, how: Taking): Promise<void> {
  if (how === 'replace') return rename(source, target);
  if (how === 'copy') return copyFile(source, target, constants.COPYFILE_FICLONE);
  await (how === 'move' ? rename(source, target) : link(source, target)).catch(async (error: NodeJS.ErrnoException) => {
    // Deleted meanwhile, or taken before.
    if (error.code === 'ENOENT' || error.code === 'EEXIST') return;
    await copyFile(source, target, constants.COPYFILE_FICLONE);
    if (how === 'move') await rm(source, { force: true });
  });
}

/** Nothing is left of what a former attempt took. */
export async function takeAnew(own: string, found: FoundFiles, assertCurrent: () => void): Promise<void> {
  assertCurrent();
  await removeOwn(own);
  await takeFiles(homeIn(own), found, 'link', assertCurrent);
}

/** Makes files that are a second name of others' files of their own: an upload may be written over in place. */
export async function unlinkOthers(own: string, assertCurrent: () => void): Promise<void> {
  const folder = path.join(uploadsFolder(), own);
  const names = await readdir(folder, { recursive: true }).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const draft = path.join(folder, '.app-copy');
  for (const name of names) {
    assertCurrent();
    const file = path.join(folder, name);
    const stats = await lstat(file);
    if (!stats.isFile() || stats.nlink === 1) continue;
    await copyFile(file, draft, constants.COPYFILE_FICLONE);
    await rename(draft, file);
  }
  await rm(draft, { force: true });
}

/**
 * Deletes the application's own uploads, and nothing else, whatever its rows say.
 * @param spared files that rows of other applications name, by their paths below the folder of all uploads
 */
export async function removeUploads(record: AppRecord, spared: ReadonlySet<string> = new Set()): Promise<void> {
  const own = ownUploads(record);
  if (!own) return;
  await removeMarker(record.name);
  if (spared.size === 0) return removeOwn(own);
  for (const file of await uploadsIn(own)) {
    if (!spared.has(file)) await rm(path.join(uploadsFolder(), file), { force: true });
  }
}

/** The files in an application's own folder, by their paths below the folder of all uploads. Links are not followed. */
export async function uploadsIn(own: string): Promise<string[]> {
  const entries = await readdir(path.join(uploadsFolder(), own), { recursive: true, withFileTypes: true }).catch(
    (error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    },
  );
  const files = entries.filter((entry) => !entry.isDirectory());
  return files.map((entry) => path.relative(uploadsFolder(), path.join(entry.parentPath, entry.name)));
}

async function removeOwn(own: string): Promise<void> {
  const folder = path.join(uploadsFolder(), own);
  const room = await lstat(path.dirname(folder)).catch(() => undefined);
  // A link to elsewhere is not followed.
  if (room?.isDirectory()) await rm(folder, { recursive: true, force: true });
}
