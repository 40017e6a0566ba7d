import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import type { Place } from './place';
import { explainDump, postgresDump, runDump } from './postgres-dump';

/**
 * Fills an empty database with the contents of another one, as they are at one moment, while others go on working
 * there: from `pg_dump` straight into `pg_restore`. All of it or nothing.
 * @throws APP_DUMP_TOOL_MISSING, APP_DUMP_TOOL_OLD, APP_DUMP_UNSUPPORTED, APP_DUMP_FAILED, APP_DUMP_TIMEOUT
 */
export async function copyConnected(source: Place, target: Place, timeoutMs: number): Promise<void> {
  const from = { dialect: source.dialect.name, ...(await postgresDump.describe(source)) };
  await postgresDump.assertCanRestore(target, from);
  const folder = await mkdtemp(path.join(tmpdir(), 'app-supervisor-copy-'));
  const ended = new AbortController();
  const run = { timeoutMs, signal: ended.signal, folder };
  const between = new PassThrough();
  try {
    const programs = [runDump(source, between, run), postgresDump.restore(target, from, between, run)];
    // With the first that fails the other one has nothing to go on with; that first failure is the one to tell.
    await Promise.all(programs.map((program) => program.catch((error: unknown) => ended.abort(error))));
    if (ended.signal.aborted) throw await explainDump(source, ended.signal.reason);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
