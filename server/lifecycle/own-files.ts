import path from 'node:path';
import type { Application } from '@nocobase/server';
import type { AppRecord } from '../../src/app-record';
import type { ArchivedFile } from '../../src/archive-manifest';
import {
  COMMON_ROOT,
  COMMON_URL,
  LOCAL_STORAGE,
  plainFile,
  plainPath,
  type LocalStorage,
} from '../databases/stored-files';
import { RawTables, type TableName } from './raw-tables';
import { homeIn, isInside, ownUploads, rootOf, takeFiles, uploadsFolder, type HomeOf } from './upload-folders';
import { markSettled } from './upload-marker';

/** What the rows of an application say of its uploaded files, in an instance in which nothing is loaded. */

interface StorageRow extends LocalStorage {
  key: unknown;
  path: string;
  options: Record<string, unknown>;
}

/** What a table of files says of where one lies. */
interface FileRow {
  table: TableName;
  storageId: unknown;
  path: unknown;
  filename?: unknown;
}

/** Columns by which a table of files is known: NocoBase's template for them is not written into the database. */
const FILE_FIELDS = ['storageId', 'path', 'filename'];

async function fileRows(tables: RawTables, fields: readonly string[]): Promise<FileRow[]> {
  const found: FileRow[] = [];
  for (const table of await tables.having(FILE_FIELDS)) {
    for (const values of await tables.distinct(table, fields)) {
      const { storageId, filename } = values;
      found.push({ table, storageId, path: values.path, filename });
    }
  }
  return found;
}

async function localStorages(tables: RawTables, certain = false): Promise<StorageRow[]> {
  if (!certain && !(await tables.has('storages'))) return [];
  const rows = await tables.rows('storages', ['id', 'type', 'path', 'options']);
  const local = rows
    .filter(({ type }) => type === LOCAL_STORAGE)
    .map((row) => {
      const given = typeof row.options === 'string' ? (JSON.parse(row.options) as unknown) : row.options;
      const options = (given ?? {}) as Record<string, unknown>;
      const documentRoot =
        typeof options.documentRoot === 'string' && options.documentRoot !== '' ? options.documentRoot : undefined;
      return { key: row.id, id: String(row.id), path: plainPath(row.path), options, documentRoot };
    });
  // What a variable of the application says, only its instance knows.
  return local.filter(({ documentRoot }) => !documentRoot?.includes('{{'));
}

/** The rows name the files where `homeOf` puts them, and new uploads go there. Idempotent. */
async function moveRows(
  tables: RawTables,
  homeOf: HomeOf,
  storages: readonly StorageRow[],
  rows: readonly FileRow[],
): Promise<void> {
  const local = new Map(storages.map((storage) => [storage.id, storage]));
  const folders = new Map(rows.map((row) => [JSON.stringify([row.table.tableName, row.storageId, row.path]), row]));
  for (const { table, storageId, path } of folders.values()) {
    const storage = local.get(String(storageId));
    if (!storage) continue;
    const moved = homeOf(storage, plainPath(path));
    if (moved !== path) await tables.update(table, { path: moved }, { storageId, path });
  }
  // Last: by these it is known where the files were.
  for (const storage of storages) {
    const { key, path, options, documentRoot } = storage;
    const values: Record<string, unknown> = { path: homeOf(storage, path) };
    if (rootOf(documentRoot) !== uploadsFolder()) values.baseUrl = COMMON_URL;
    values.options = JSON.stringify({ ...options, documentRoot: COMMON_ROOT });
    await tables.update('storages', values, { id: key });
  }
}

/**
 * Gives a new application a folder of its own for its uploads, with what the installation put into the common one (the
 * logo). May be repeated.
 * @param shared whether the same files belong to a template, too
 */
export async function separateFiles({ db }: Application, record: AppRecord, shared: boolean): Promise<void> {
  const own = ownUploads(record);
  if (!own) return;
  const found = await namedFiles(db);
  // What the installation put into the common folder, moments ago.
  await takeFiles(homeIn(own), { ...found, reach: { own, settled: false } }, shared ? 'copy' : 'move');
  await moveRows(found.tables, homeIn(own), found.storages, found.rows);
  await markSettled(record.name, own);
}

/** The files that the rows of an instance name in its local storages, with the rows. */
export async function namedFiles(db: Application['db']) {
  const tables = new RawTables(db);
  const storages = await localStorages(tables);
  const rows = await fileRows(tables, FILE_FIELDS);
  const files: ArchivedFile[] = [];
  for (const { storageId, path, filename } of rows) {
    if (typeof filename === 'string') files.push(plainFile(String(storageId), path, filename));
  }
  return { tables, storages, rows, files };
}

/**
 * Makes the rows of an instance name files in its own folder only, and new uploads go there. Files are moved before, by
 * the caller. Idempotent.
 */
export async function nameHomes({ tables, storages, rows }: NamedFiles, homeOf: HomeOf): Promise<void> {
  await moveRows(tables, homeOf, storages, rows);
}

export type NamedFiles = Awaited<ReturnType<typeof namedFiles>>;

/** Whether each local storage of an instance keeps its files in this folder. One query. */
export async function areStoragesIn(own: string, { db }: Pick<Application, 'db'>): Promise<boolean> {
  const home = path.join(uploadsFolder(), own);
  const storages = await localStorages(new RawTables(db), true);
  return storages.every((storage) => isInside(home, path.join(rootOf(storage.documentRoot), storage.path)));
}

/** The rows of a clone name its own files, which are there already, and no longer the original's. May be repeated. */
export async function nameOwnFiles({ db }: Application, record: AppRecord): Promise<void> {
  const own = ownUploads(record);
  if (!own) return;
  const tables = new RawTables(db);
  // Of each folder once: there may be any number of files.
  const storages = await localStorages(tables);
  const rows = await fileRows(tables, ['storageId', 'path']);
  await moveRows(tables, homeIn(own), storages, rows);
  await markSettled(record.name, own);
}
