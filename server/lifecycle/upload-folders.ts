import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, lstat, mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { storagePathJoin } from '@nocobase/utils';
import type { AppRecord } from '../../src/app-record';
import { isPlainFileName, isPlainPath, type ArchivedFile } from '../../src/archive-manifest';
import type { LocalStorage } from '../databases/stored-files';

/**
 * Uploaded files, where NocoBase's local storages keep them: below one folder for all applications, each of those that
 * we make in a folder of its own, of which nothing but its record tells the name. What rows say of paths is their
 * application's word: it decides what that application shows, and never what is deleted.
 */

const OWN_ROOM = 'apps';
/** Below `storage/`, rooms in which nobody uploads anything, though a storage's row may name them. */
const OTHER_ROOMS = new Set([
  ...['apps', 'backups', 'cache', 'db', 'dist-client', 'environment-variables', 'logs', 'plugins', 'scripts', 'tmp'],
]);

const digest = (text: string, length: number) => createHash('sha256').update(text).digest('hex').slice(0, length);

/** The folder that all local storages begin with. */
export const uploadsFolder = () => storagePathJoin('uploads');

/**
 * The folder of this application's own files, below that of all uploads; undefined where the plugin did not make it.
 * One that is made anew under the same name has another: its mark is another.
 */
export function ownUploads({ name, provisioning }: AppRecord): string | undefined {
  const token = provisioning?.ownershipToken;
  return token && /^[\w-]+$/.test(name) ? `${OWN_ROOM}/${name}-${digest(token, 16)}` : undefined;
}

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

/** The file that a row names; undefined where there is none, or where the row leads to what is no upload. */
export async function findUpload(documentRoot: string | undefined, file: ArchivedFile): Promise<string | undefined> {
  if (!isPlainPath(file.path) || !isPlainFileName(file.filename)) return undefined;
  const root = rootOf(documentRoot);
  const found = path.join(root, file.path, file.filename);
  try {
    if (!(await lstat(found)).isFile()) return undefined;
    const folder = await realpath(path.dirname(found));
    return isInside(await realpath(root), folder) && (await mayHoldUploads(folder)) ? found : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
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

/** How files get into the application's own folder: as a second name of the same, as another file, or away from there. */
export type Taking = 'link' | 'copy' | 'move';

export interface FoundFiles {
  storages: readonly LocalStorage[];
  files: readonly ArchivedFile[];
}

/** Puts files that rows name into the application's own folder, where `ownPath` says. May be repeated. */
export async function takeFiles(
  own: string,
  { storages, files }: FoundFiles,
  how: Taking,
  assertCurrent: () => void = () => undefined,
): Promise<void> {
  const roots = new Map(storages.map(({ id, documentRoot }) => [id, documentRoot]));
  for (const file of files) {
    assertCurrent();
    if (!roots.has(file.storageId)) continue;
    const target = path.join(uploadsFolder(), ownPath(own, file.storageId, file.path), file.filename);
    const source = await findUpload(roots.get(file.storageId), file);
    if (source === undefined || source === target) continue;
    await mkdir(path.dirname(target), { recursive: true });
    await take(source, target, how);
  }
}

async function take(source: string, target: string, how: Taking): Promise<void> {
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
  await takeFiles(own, found, 'link', assertCurrent);
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

/** Deletes the application's own uploads, and nothing else, whatever its rows say. */
export async function removeUploads(record: AppRecord): Promise<void> {
  const own = ownUploads(record);
  if (own) await removeOwn(own);
}

async function removeOwn(own: string): Promise<void> {
  const folder = path.join(uploadsFolder(), own);
  const room = await lstat(path.dirname(folder)).catch(() => undefined);
  // A link to elsewhere is not followed.
  if (room?.isDirectory()) await rm(folder, { recursive: true, force: true });
}
