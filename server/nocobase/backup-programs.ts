import { lstat, open } from 'node:fs/promises';
import { AppError } from '../../src/errors';

/**
 * Guards the programs that the Backup Manager runs: `pg_dump`, `pg_restore`, `mysqldump`, `mysql`. They run as the user of
 * the process, on what an application's administrator chose.
 */

interface RestoreOptions {
  filePath: string;
}

interface Adapter {
  readonly dbOpts: Record<string, unknown>;
  restore(options: RestoreOptions): Promise<unknown>;
}

export type GetAdapter = (options: { dialect: string }) => object;

type Check = (adapter: Adapter, options: RestoreOptions) => Promise<void>;

/** A dump of `pg_dump` in the custom format, the only one that the Backup Manager writes. */
const CUSTOM_FORMAT = 'PGDMP';

const guarded = new WeakSet();

/**
 * Refuses a dump that is not one plain file. `pg_restore` takes a folder, too, and reads the files that lists in it name,
 * wherever they are.
 * @throws APP_ARCHIVE_INVALID
 */
async function assertDump({ dbOpts }: Adapter, { filePath }: RestoreOptions): Promise<void> {
  const found = await lstat(filePath).catch(() => undefined);
  if (!found?.isFile()) throw new AppError('APP_ARCHIVE_INVALID', { reason: 'its database is not one plain file' });
  // Kingbase's own programs write another beginning.
  if (dbOpts.dialect !== 'postgres') return;
  if ((await beginningOf(filePath, CUSTOM_FORMAT.length)) !== CUSTOM_FORMAT) {
    throw new AppError('APP_ARCHIVE_INVALID', { reason: "its database is no dump in PostgreSQL's custom format" });
  }
}

async function beginningOf(filePath: string, length: number): Promise<string> {
  const file = await open(filePath);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function checkRestores(prototype: Partial<Adapter>, check: Check): boolean {
  const original = prototype.restore;
  if (typeof original !== 'function' || !Object.hasOwn(prototype, 'restore')) return false;
  prototype.restore = async function (this: Adapter, options: RestoreOptions) {
    await check(this, options);
    return original.call(this, options);
  };
  return true;
}

/**
 * Guards the adapters for all applications of the process, whether an action, a command or a schedule uses them. Idempotent.
 * @returns false if the adapters of this version cannot be guarded
 */
export function guardBackupPrograms(getAdapter: GetAdapter): boolean {
  const prototypeOf = (dialect: string) => Object.getPrototypeOf(getAdapter({ dialect })) as Partial<Adapter>;
  const postgres = prototypeOf('postgres');
  if (guarded.has(postgres)) return true;
  guarded.add(postgres);
  return checkRestores(postgres, assertDump);
}
