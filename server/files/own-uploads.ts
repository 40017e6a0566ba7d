import { lstat, mkdir, readlink, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import { storagePathJoin } from '@nocobase/utils';
import type { AppRecord, Provisioning } from '../../src/app-record';
import { isPlainPath } from '../../src/archive-manifest';
import { FORMERLY_SHARED, segmentsOf, uploadOwner } from '../../src/policies/upload-owner';
import { LOCAL_STORAGE, type LocalStorage } from '../databases/stored-files';
import { assertNoBackupWork, beginBackupWork, hasBackupWork } from '../lifecycle/backup-work';
import { areStoragesIn, namedFiles, nameHomes, type NamedFiles } from '../lifecycle/own-files';
import {
  newUploadsId,
  ownPath,
  ownUploads,
  rootOf,
  takeFiles,
  uploadsFolder,
  type HomeOf,
} from '../lifecycle/upload-folders';
import { beginRestore } from '../lifecycle/restored-contents';
import { isSettled, markSettled } from '../lifecycle/upload-marker';
import { confineDocuments } from '../nocobase/ai-documents';
import { scopeBackups, type BackupScope } from '../nocobase/backups';
import { replaceStorageClass } from '../nocobase/file-manager';
import { guardedStorage } from './guarded-storage';
import { namedByApplication, namedByMain, type NamedFilesHost } from './named-files';
import { keepStorageRows } from './storage-rows';

export interface OwnUploadsHost {
  readonly config: { archiveTimeoutMs: number };
  readonly namedFiles: NamedFilesHost;
  readonly limits: { assertBackupFits(name: string, bytes: number, archiveBytes: number): void };
  record(name: string): AppRecord | undefined;
  noteProgress(name: string, progress: Partial<Provisioning>): Promise<void>;
}

const MODULE = 'app-supervisor';
/** In an application's own folder: files of a restored backup, before they are moved to the places of their rows. */
const RESTORED = '.restored';
/** Columns of paths hold 255 characters, and NocoBase adds the name of a file to some. */
const MAX_PATH = 160;

/** The folder of the texts that an application's plugins read out of its documents. */
const documentsFolder = (name: string) => storagePathJoin('tmp', 'documents', name);

/** The own folders of the instances of this process, by application. */
const folders = new Map<string, string>();

/**
 * Keeps an instance to the uploads of its own application. Before each start, also after a reload and after a restored
 * backup, its files are in its own folder, and its rows name them there. From then on the storage layer compares each
 * path with that folder.
 */
export function keepOwnUploads(app: Application, host: OwnUploadsHost): void {
  // The core awaits it, though the type of a listener does not say so.
  // eslint-disable-next-line @typescript-eslint/no-misused-promises
  app.on('beforeStart', () => settle(app, host));
  app.on('afterLoad', () => confineDocuments(app, documentsFolder(app.name)));
}

async function settle(app: Application, host: OwnUploadsHost): Promise<void> {
  const warn = (what: string) =>
    app.log.warn(`${what} of this version cannot be kept to the uploads of one application`, { module: MODULE });
  // Also without a file manager: a table that another plugin declares as one of files is backed up with its files.
  if (!scopeBackups(app, backupScope(host))) warn('the Backup Manager');
  // A process that ended in a backup, or in a restore, has left its files.
  if (!hasBackupWork(app.name)) await rm(storagePathJoin('tmp', 'backups', app.name), { recursive: true, force: true });
  await rm(documentsFolder(app.name), { recursive: true, force: true });
  const own = await ensureFolder(app.name, host);
  if (own === undefined) return;
  folders.set(app.name, own);
  await bringHome(app, own, host);
  if (!app.pm.get('file-manager')) return;
  if (!replaceStorageClass(app, LOCAL_STORAGE, (base) => guardedStorage(base, own))) warn('the file manager');
  keepStorageRows(app, own);
}

async function ensureFolder(name: string, host: OwnUploadsHost): Promise<string | undefined> {
  const record = host.record(name);
  if (!record) return undefined;
  if (ownUploads(record) === undefined) await host.noteProgress(name, { uploads: newUploadsId() });
  const current = host.record(name);
  return current && ownUploads(current);
}

/** Moves the files into the application's own folder, and points the rows there. One query if that is done. */
async function bringHome(app: Application, own: string, host: OwnUploadsHost): Promise<void> {
  const settled = await isSettled(app.name, own);
  // Without a file manager, there is no file.
  if (!app.db.getCollection('storages')) return settled ? undefined : markSettled(app.name, own);
  const restored = path.join(uploadsFolder(), own, RESTORED);
  const isRestored = (await lstat(restored).catch(() => undefined)) !== undefined;
  if (settled && !isRestored && (await areStoragesIn(own, app))) return;
  const found = await namedFiles(app.db);
  const homeOf: HomeOf = settled ? ({ id }, folder) => ownPath(own, id, folder) : formerHome(own);
  await mkdir(path.join(uploadsFolder(), own), { recursive: true });
  if (isRestored) {
    const atRest = found.storages.map((storage) => ({ ...storage, documentRoot: restored }));
    const reach = { own: path.join(own, RESTORED), settled: true };
    await takeFiles(homeOf, { storages: atRest, files: found.files, reach }, 'replace');
    await rm(restored, { recursive: true, force: true });
  }
  if (!settled) {
    const left = host.record(app.name)?.provisioning?.formerUploads;
    const reach = { own, settled, also: await formerlyOwn(own, found, host.namedFiles, left) };
    const files = await withoutMains(found, host.namedFiles.mainApp());
    await takeFiles(homeOf, { ...found, files, reach }, 'link');
  }
  await nameHomes(found, homeOf);
  await markSettled(app.name, own);
}

/**
 * Files of the folder that older versions shared keep their path, so that old addresses can be redirected. Files of
 * every other folder get a path of their own.
 */
function formerHome(own: string): HomeOf {
  return (storage, folder) => {
    const isCommon = path.resolve(rootOf(storage.documentRoot)) === path.resolve(uploadsFolder());
    const shared = folder === '' ? `${own}/${FORMERLY_SHARED}` : `${own}/${FORMERLY_SHARED}/${folder}`;
    const fits = isCommon && isPlainPath(folder) && uploadOwner(segmentsOf(folder)).kind === 'main';
    return fits && shared.length <= MAX_PATH ? shared : ownPath(own, storage.id, folder);
  };
}

const belowUploads = (storage: LocalStorage, folder: string, filename: string) =>
  path.relative(uploadsFolder(), path.join(rootOf(storage.documentRoot), folder, filename));

/** The files without those that the main application's rows name, too: those are the main application's. */
async function withoutMains({ storages, files }: NamedFiles, mainApp: Application): Promise<NamedFiles['files']> {
  const roots = new Map(storages.map((storage) => [storage.id, storage]));
  const placed = files.flatMap((file) => {
    const storage = roots.get(file.storageId);
    return storage ? [{ file, name: belowUploads(storage, file.path, file.filename) }] : [];
  });
  const mains = await namedByMain(
    mainApp,
    placed.map(({ name }) => name),
  );
  return placed.filter(({ name }) => !mains.has(name)).map(({ file }) => file);
}

/**
 * Files in folders of other applications that are this application's all the same: a backup that was restored under an
 * older version named the folder of its original. Those that the original's rows name, too, are the original's. An
 * application that has adopted its data reaches only the folder that was left with that data, if its owner is not
 * registered any more: an administrator can write a row for any file.
 */
async function formerlyOwn(
  own: string,
  { storages, files }: NamedFiles,
  host: NamedFilesHost,
  left: string | undefined,
): Promise<Set<string>> {
  const roots = new Map(storages.map((storage) => [storage.id, storage]));
  const byFolder = new Map<string, string[]>();
  for (const { storageId, path: folder, filename } of files) {
    const storage = roots.get(storageId);
    const name = storage && belowUploads(storage, folder, filename);
    const owner = name === undefined ? undefined : uploadOwner(segmentsOf(name));
    if (!name || owner?.kind !== 'app') continue;
    const theirs = `apps/${owner.folder}`;
    if (theirs !== own) byFolder.set(theirs, [...(byFolder.get(theirs) ?? []), name]);
  }
  const found = new Set<string>();
  for (const [folder, names] of byFolder) {
    const owner = host.records().find((record) => ownUploads(record) === folder);
    const isLeft = left === undefined || (left !== '' && folder.endsWith(`-${left}`));
    if (!owner && !isLeft) continue;
    const named = owner ? await namedByApplication(host, owner).catch(() => new Set(names)) : new Set<string>();
    for (const name of names) if (!named.has(name)) found.add(path.join(uploadsFolder(), name));
  }
  return found;
}

function backupScope({ config, limits }: OwnUploadsHost): BackupScope {
  return {
    backupFolder,
    restoreFolder,
    onRestore: beginRestore,
    programTimeoutMs: () => config.archiveTimeoutMs,
    assertNoBackup: (name) => {
      if (folders.has(name)) assertNoBackupWork(name, 'backup');
    },
    begin: (app, kind) => (folders.has(app.name) ? beginBackupWork(app, kind) : undefined),
    assertFits: (name, bytes, archiveBytes) => limits.assertBackupFits(name, bytes, archiveBytes),
  };
}

/** A folder in which a backup finds the application's own uploads, at their paths below `storage/uploads`, and no others. */
async function backupFolder(name: string): Promise<string | undefined> {
  const own = folders.get(name);
  if (own === undefined) return undefined;
  const view = storagePathJoin('apps', name, 'uploads-view');
  const link = path.join(view, own);
  const target = path.join(uploadsFolder(), own);
  await mkdir(target, { recursive: true });
  await mkdir(path.dirname(link), { recursive: true, mode: 0o700 });
  if ((await readlink(link).catch(() => undefined)) !== target) {
    await rm(link, { force: true });
    await symlink(target, link, 'dir');
  }
  return view;
}

/** A restore puts the files of the backup here. They are moved when the application starts again. */
async function restoreFolder(name: string): Promise<string | undefined> {
  const own = folders.get(name);
  if (own === undefined) return undefined;
  const folder = path.join(uploadsFolder(), own, RESTORED);
  await rm(folder, { recursive: true, force: true });
  return folder;
}
