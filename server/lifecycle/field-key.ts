import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { storagePathJoin } from '@nocobase/utils';
import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import { writeWholeFile } from './whole-file';

/** The key with which an application encrypts fields: without it, nobody can read them, wherever the database is. */
const KEY_FILE = 'aes_key.dat';

/** Where NocoBase keeps an application's key, and where older versions did. */
export function keyPlaces(name: string): [present: string, former: string] {
  const placeIn = (room: string) => storagePathJoin(room, path.basename(name), KEY_FILE);
  return [placeIn('apps'), placeIn('environment-variables')];
}

async function readKey(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The key that a copy of the application needs; undefined where it has none, or the copy has it.
 * @throws APP_CLONE_REFUSED if another key lies there: that of a former application is set aside when the clone is created
 */
async function missingKey(source: string, name: string): Promise<Buffer | undefined> {
  const [present, former] = keyPlaces(source);
  const key = (await readKey(present)) ?? (await readKey(former));
  const there = await readKey(keyPlaces(name)[0]);
  if (!key || there?.equals(key)) return undefined;
  // One of another length was cut off while an earlier version wrote it.
  if (there?.length === key.length) {
    const reason = phrase('storage/apps contains the key of another application "{name}"', { name });
    throw new AppError('APP_CLONE_REFUSED', { name: source, reason });
  }
  return key;
}

/** May be repeated. @throws APP_CLONE_REFUSED */
export async function copyKey(source: string, name: string): Promise<void> {
  const key = await missingKey(source, name);
  if (!key) return;
  const [file] = keyPlaces(name);
  await writeWholeFile(file, key);
}
