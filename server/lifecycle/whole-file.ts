import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Replaces a small private file, and creates its folder if needed. The content is written to a second file that is then
 * renamed: a process that is killed meanwhile leaves the former file or the new one, never half of it. One writer for
 * each file at a time.
 */
export async function writeWholeFile(file: string, content: string | Buffer): Promise<void> {
  const draft = `${file}.part`;
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  // Left by a process that was killed. Nothing is written through a link.
  await rm(draft, { force: true });
  await writeFile(draft, content, { mode: 0o600, flag: 'wx' });
  await rename(draft, file);
}
