import type { ArchivedFile } from '../../src/archive-manifest';

/** What an application's rows say of uploaded files, in the words of NocoBase's file manager. */

/** The type of NocoBase's storages that keep files on the disk. */
export const LOCAL_STORAGE = 'local';

/** The folder that NocoBase's own local storage begins with, as it stands in the row, and where it is served from. */
export const COMMON_ROOT = 'storage/uploads';
export const COMMON_URL = '/storage/uploads';

/** A local storage of files, as the application's own rows describe it. */
export interface LocalStorage {
  id: string;
  /** As it is written in the row; absent for NocoBase's default. */
  documentRoot?: string;
}

/** The application's local storages, and the files that its rows name there. Empty where no plugin keeps files. */
export interface ApplicationFiles {
  storages: LocalStorage[];
  files: ArchivedFile[];
}

/** A folder as a row names it; NocoBase itself takes slashes around it for nothing. */
export function plainPath(path: unknown): string {
  return typeof path === 'string' ? path.replace(/^\/+|\/+$/g, '') : '';
}

/** A file as a row names it. */
export function plainFile(storageId: string, path: unknown, filename: string): ArchivedFile {
  return { storageId, path: plainPath(path), filename };
}
