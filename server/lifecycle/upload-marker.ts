import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { storagePathJoin } from '@nocobase/utils';

/**
 * Remembers that an application's files are in its own folder: from then on, its rows reach no other one. Kept beside
 * the application's key, where neither its rows nor its file manager can write.
 */

const markerOf = (name: string) => storagePathJoin('apps', name, 'uploads-folder');

/** Whether the files of the application are in this folder, or were when it was last settled. */
export async function isSettled(name: string, own: string): Promise<boolean> {
  const settled = await readFile(markerOf(name), 'utf8').catch(() => '');
  return settled === own;
}

export async function markSettled(name: string, own: string): Promise<void> {
  const marker = markerOf(name);
  await mkdir(path.dirname(marker), { recursive: true, mode: 0o700 });
  await writeFile(marker, own, { mode: 0o600 });
}

export async function removeMarker(name: string): Promise<void> {
  await rm(markerOf(name), { force: true });
}
