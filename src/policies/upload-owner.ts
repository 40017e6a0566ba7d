/**
 * Decides which application the files below `storage/` belong to. Each application has one folder of its own,
 * `storage/uploads/apps/<ID>-<16 hexadecimal digits>`. Everything else in `storage/uploads` is the main application's,
 * and nothing else below `storage/` is served to a request.
 */

/** The folder within `storage/uploads` that holds the folders of the applications. */
export const APP_FOLDERS = 'apps';

/** Within an application's own folder: its files from the folder that older versions shared. */
export const FORMERLY_SHARED = 'shared';

/** The name of an application's own folder. Compared without case: some file systems ignore it. */
const OWN_FOLDER = /^.+-[0-9a-f]{16}$/i;

/** A folder below `storage/uploads`: an application's, by the name of its own folder, or the main application's. */
export type UploadOwner = { kind: 'main' } | { kind: 'app'; folder: string };

/** @param segments a path below `storage/uploads`, without empty, `.` and `..` segments */
export function uploadOwner([room = '', folder = '']: readonly string[]): UploadOwner {
  if (room.toLowerCase() !== APP_FOLDERS || !OWN_FOLDER.test(folder)) return { kind: 'main' };
  return { kind: 'app', folder };
}

/** A decoded path as segments, as a file system resolves it. */
export function segmentsOf(path: string): string[] {
  return path.split(/[/\\]/).filter((segment) => segment !== '' && segment !== '.');
}

/**
 * What a request for a path below `/storage/` may get:
 * - `pass`: it is an upload of the application that the request is routed to;
 * - `own`: it names a file in the folder that older versions shared; the application may have it in its own folder;
 * - `app`: the main application may have it, unless the folder belongs to an application that is registered here;
 * - `none`: nothing.
 */
export type StorageAccess =
  { kind: 'pass' } | { kind: 'own'; path: string } | { kind: 'app'; folder: string } | { kind: 'none' };

const PASS: StorageAccess = { kind: 'pass' };
const NONE: StorageAccess = { kind: 'none' };

/**
 * @param path what follows `/storage/`, as it arrived
 * @param own the path of the application's own folder below `storage/uploads` (`apps/<folder>`); undefined for the main
 *   application
 */
export function storageAccess(path: string, own: string | undefined): StorageAccess {
  // NocoBase compares this prefix before it decodes.
  if (!path.startsWith('uploads/')) return NONE;
  const segments = segmentsOf(decodeURIComponent(path.slice('uploads/'.length)));
  const owner = uploadOwner(segments);
  if (own === undefined) return owner.kind === 'main' ? PASS : owner;
  if (owner.kind === 'main') return { kind: 'own', path: `${own}/${FORMERLY_SHARED}/${segments.join('/')}` };
  return segments.slice(0, 2).join('/') === own ? PASS : NONE;
}
