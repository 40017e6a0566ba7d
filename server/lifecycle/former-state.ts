import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { storagePathJoin } from '@nocobase/utils';

/**
 * State of an application below `storage/` that NocoBase names by the ID: keys, the event queue, logs, caches, backups,
 * temporary files. An application that is created under the ID of a former one must inherit none of it.
 */
const ROOMS: readonly (readonly string[])[] = [
  ...[['apps'], ['logs'], ['cache', 'apps'], ['backups'], ['environment-variables'], ['tmp', 'backups']],
];
/** Beside the folders of applications; no ID begins with a dot. */
const FORMER = '.former';
const STAMP = 'app_supervisor_owner';

const isFolderName = (name: string) => /^[\w-][\w.-]*$/.test(name) && name !== 'main';
const proofOf = (contentToken: string) => createHash('sha256').update(contentToken).digest('hex');
const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT';

function stampFile(name: string): string {
  return storagePathJoin('apps', name, STAMP);
}

/** Notes whose keys a folder holds when the data of a purged application is kept: a later adoption needs them. */
export async function stampKeptState(name: string, contentToken: string | undefined): Promise<void> {
  if (contentToken === undefined || !isFolderName(name)) return;
  const file = stampFile(name);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, proofOf(contentToken), { mode: 0o600 });
}

async function isStateOf(name: string, contentToken: string | undefined): Promise<boolean> {
  if (contentToken === undefined) return false;
  const stamp = await readFile(stampFile(name), 'utf8').catch(() => undefined);
  return stamp === proofOf(contentToken);
}

/**
 * Moves what a former application of this ID has left to `.former` in the same folder. What belongs to the data that is
 * adopted stays.
 * @param contentToken of the marker inside the adopted database, as it was found
 * @returns the folders that were moved
 */
export async function setAsideFormerState(name: string, contentToken?: string): Promise<string[]> {
  if (!isFolderName(name) || (await isStateOf(name, contentToken))) return [];
  const at = new Date().toISOString().replace(/\W/g, '');
  const moved: string[] = [];
  for (const room of ROOMS) {
    const former = storagePathJoin(...room, FORMER);
    try {
      await mkdir(former, { recursive: true, mode: 0o700 });
      await rename(storagePathJoin(...room, name), path.join(former, `${name}-${at}`));
      moved.push(path.join(...room, name));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return moved;
}
