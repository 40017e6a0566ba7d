import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { storagePathJoin } from '@nocobase/utils';
import { AppError } from '../../src/errors';

/** The key with which an application encrypts fields: without it, nobody can read them, wherever the database is. */
const KEY_FILE = 'aes_key.dat';

async function readKey(room: string, name: string): Promise<Buffer | undefined> {
  try {
    return await readFile(storagePathJoin(room, path.basename(name), KEY_FILE));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The key that a copy of the application needs; undefined where it has none, or the copy has it.
 * @throws APP_CLONE_REFUSED where the key of another application of that name lies there, whose data was kept
 */
export async function missingKey(source: string, name: string): Promise<Buffer | undefined> {
  // Where NocoBase keeps it, and where older versions did.
  const key = (await readKey('apps', source)) ?? (await readKey('environment-variables', source));
  const there = await readKey('apps', name);
  if (!key || there?.equals(key)) return undefined;
  // One of another length was cut off while it was written.
  if (there?.length === key.length) {
    const reason = `a key of another application "${name}" lies in storage/apps`;
    throw new AppError('APP_CLONE_REFUSED', { name: source, reason });
  }
  return key;
}

/** May be repeated. @throws APP_CLONE_REFUSED */
export async function copyKey(source: string, name: string): Promise<void> {
  const key = await missingKey(source, name);
  if (!key) return;
  const folder = storagePathJoin('apps', path.basename(name));
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, KEY_FILE), key, { mode: 0o600 });
}
