import { execFile } from 'node:child_process';
import { access, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { RunningHost } from './test-host';

const run = promisify(execFile);

/** Of the embedded server: each host has one of its own, so that the name may be the same in all. */
export const DATABASE = 'supervisor_test';

/** An installation takes half a minute, on a busy machine minutes. */
const MADE_WITHIN_MS = 240_000;

interface HostModule {
  startHost(options: object): Promise<RunningHost>;
}

interface LockModule {
  FileLock: { acquire(file: string): Promise<{ lock: { release(): void } } | { heldBy: object }> };
}

interface Memory {
  postgres?: { port?: number };
}

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

/** Makes the data directory of a host that was installed, has our plugin enabled, and was stopped in order. */
async function make(folder: string): Promise<void> {
  const { startHost } = (await importHost('index.mjs')) as HostModule;
  const beside = `${folder}.new`;
  await rm(beside, { recursive: true, force: true });
  const host = await startHost({ dataDir: beside, database: DATABASE });
  await host.stop();
  await rename(beside, folder);
}

/** One of two processes makes it, the other waits for it. */
async function made(): Promise<string> {
  const { FileLock } = (await importHost('lock.mjs')) as LockModule;
  const place = process.env.TEST_RUN_FOLDER;
  if (!place) throw new Error('scripts/test/run-folder.cjs was not called before the tests');
  const folder = path.join(place, 'installed');
  for (const deadline = Date.now() + MADE_WITHIN_MS; Date.now() < deadline;) {
    if (await exists(folder)) return folder;
    const taken = await FileLock.acquire(path.join(place, 'lock'));
    if ('lock' in taken) {
      try {
        if (!(await exists(folder))) await make(folder);
        return folder;
      } finally {
        taken.lock.release();
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`nobody has installed NocoBase within ${MADE_WITHIN_MS} ms`);
}

/**
 * Fills the data directory of a host with an installation that is made once in a run of the tests. False where the
 * host has to install NocoBase itself, since its database is not kept in the data directory: on a server that `DB_HOST`
 * names, or where PostgreSQL's account cannot enter.
 */
export async function installInto(dataDir: string): Promise<boolean> {
  if (process.env.DB_HOST || process.env.DB_DIALECT) return false;
  const folder = await made();
  if (!(await exists(path.join(folder, 'postgres')))) return false;
  await run('cp', ['-a', `${folder}/.`, dataDir]);
  // What was logged while it was made is nothing that the host has to say.
  for (const logs of ['logs', 'storage/logs']) await rm(path.join(dataDir, logs), { recursive: true, force: true });
  // A port of its own: two copies that start together would both find the noted one free.
  const file = path.join(dataDir, 'host.json');
  const memory = JSON.parse(await readFile(file, 'utf8')) as Memory;
  delete memory.postgres?.port;
  await writeFile(file, JSON.stringify(memory), { mode: 0o600 });
  return true;
}
