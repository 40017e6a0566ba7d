import { readFile, rm } from 'node:fs/promises';
import { storagePathJoin } from '@nocobase/utils';
import { writeWholeFile } from './whole-file';

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
  await writeWholeFile(markerOf(name), own);
}

export async function removeMarker(name: string): Promise<void> {
  await rm(markerOf(name), { force: true });
}
