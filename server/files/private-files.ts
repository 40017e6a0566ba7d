import { chmod, lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { storagePathJoin } from '@nocobase/utils';

/**
 * Takes rights of other users of the machine off keys, logs and archives. NocoBase writes them with the rights that the
 * process gives to every file.
 */

interface Modes {
  files: number;
  folders: number;
}

const KEYS: Modes = { files: 0o600, folders: 0o700 };
/** The group keeps the right to read: programs that collect logs or backups often run in it. */
const RECORDS: Modes = { files: 0o640, folders: 0o750 };

/** Below `storage/`. */
const PRIVATE: readonly (readonly [folder: string, modes: Modes])[] = [
  ['apps', KEYS],
  ['environment-variables', KEYS],
  ['backups', RECORDS],
  ['logs', RECORDS],
  ['tmp/backups', RECORDS],
  ['tmp/documents', KEYS],
];

/** Takes off every right that is not in the mode; adds none. Files of other users, and links, stay as they are. */
async function tighten(entry: string, modes: Modes): Promise<void> {
  const stats = await lstat(entry);
  if (stats.uid !== process.getuid?.()) return;
  const allowed = stats.isDirectory() ? modes.folders : stats.isFile() ? modes.files : undefined;
  if (allowed === undefined) return;
  const mode = stats.mode & 0o777;
  if ((mode & ~allowed) !== 0) await chmod(entry, mode & allowed);
  if (!stats.isDirectory()) return;
  for (const name of await readdir(entry)) await tighten(path.join(entry, name), modes).catch(() => undefined);
}

/**
 * Tightens the folders of keys, logs and archives of one application, or of all if none is named. Folders outside of
 * `storage/`, and links to such, stay as they are. Never rejects: what cannot be changed stays.
 */
export async function tightenPrivateFiles(name?: string): Promise<void> {
  for (const [folder, modes] of PRIVATE) {
    const entry = name === undefined ? storagePathJoin(folder) : storagePathJoin(folder, name);
    await tighten(entry, modes).catch(() => undefined);
  }
}
