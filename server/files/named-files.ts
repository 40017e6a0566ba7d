import type { Application } from '@nocobase/server';
import type { AppRecord } from '../../src/app-record';
import type { ArchivedFile } from '../../src/archive-manifest';
import { readMysqlFiles } from '../databases/mysql-files';
import type { Place } from '../databases/place';
import { readPostgresFiles } from '../databases/postgres-files';
import { plainPath } from '../databases/stored-files';
import { ownUploads, uploadsIn } from '../lifecycle/upload-folders';
import { isSettled } from '../lifecycle/upload-marker';

/** Finds out which files below `storage/uploads` the rows of other applications name. */

export interface NamedFilesHost {
  mainApp(): Application;
  /** All registered applications, removed ones included. */
  records(): readonly AppRecord[];
  place(record: AppRecord): Place;
}

const BATCH = 500;

const nameOf = ({ path, filename }: Pick<ArchivedFile, 'path' | 'filename'>) =>
  path ? `${path}/${filename}` : filename;

/** Which of these files, by their paths below the folder of all uploads, the main application's rows name. */
export async function namedByMain(mainApp: Application, files: Iterable<string>): Promise<Set<string>> {
  const wanted = new Set(files);
  const names = [...new Set([...wanted].map((file) => file.slice(file.lastIndexOf('/') + 1)))];
  const found = new Set<string>();
  if (names.length === 0) return found;
  for (const collection of mainApp.db.collections.values()) {
    if (collection.name !== 'attachments' && collection.options.template !== 'file') continue;
    for (let at = 0; at < names.length; at += BATCH) {
      const where = { filename: names.slice(at, at + BATCH) };
      const rows = await collection.model.findAll({ where, attributes: ['path', 'filename'], raw: true });
      for (const row of rows as unknown as { path: unknown; filename: string }[]) {
        const file = nameOf({ path: plainPath(row.path), filename: row.filename });
        if (wanted.has(file)) found.add(file);
      }
    }
  }
  return found;
}

/** The files that the rows of one application name, by their paths below the folder of all uploads. */
export async function namedByApplication(host: NamedFilesHost, record: AppRecord): Promise<Set<string>> {
  const place = host.place(record);
  const read = place.dialect.family === 'mysql' ? readMysqlFiles : readPostgresFiles;
  const { files } = await read(place);
  return new Set(files.map(nameOf));
}

/**
 * Which uploads of an application the rows of others name, the main application's included. Applications whose files
 * are in their own folder name none. One whose database cannot be asked may name any of them.
 */
export async function namedByOthers(host: NamedFilesHost, record: AppRecord): Promise<Set<string>> {
  const own = ownUploads(record);
  const files = own === undefined ? [] : await uploadsIn(own);
  if (files.length === 0) return new Set();
  const named = await namedByMain(host.mainApp(), files);
  for (const other of host.records()) {
    const theirs = ownUploads(other);
    if (other.name === record.name || (theirs && (await isSettled(other.name, theirs)))) continue;
    const rows = await namedByApplication(host, other).catch(() => undefined);
    for (const file of files) if (!rows || rows.has(file)) named.add(file);
  }
  return named;
}
