import { lstat, open } from 'node:fs/promises';
import { isShellWord, portNumber, shellWordRule } from '../../src/database-options';
import { AppError } from '../../src/errors';
import type { Reason } from '../../src/phrase';

/**
 * Guards the programs that the Backup Manager runs: `pg_dump`, `pg_restore`, `mysqldump`, `mysql`. They run as the user of
 * the process, on what an application's administrator chose.
 */

interface RestoreOptions {
  filePath: string;
}

interface BackupOptions {
  skipFdw?: boolean;
  includeTables?: readonly unknown[];
}

interface Adapter {
  readonly dbOpts: Record<string, unknown>;
  backup(options: BackupOptions): Promise<unknown>;
  restore(options: RestoreOptions): Promise<unknown>;
}

type Prototype = Partial<Adapter>;

export type GetAdapter = (options: { dialect: string }) => object;

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
  if (!found?.isFile()) throw new AppError('APP_ARCHIVE_INVALID', { reason: 'its database is not a plain file' });
  // Kingbase's own programs write another beginning.
  if (dbOpts.dialect !== 'postgres') return;
  if ((await beginningOf(filePath, CUSTOM_FORMAT.length)) !== CUSTOM_FORMAT) {
    throw new AppError('APP_ARCHIVE_INVALID', { reason: "its database is not a dump in PostgreSQL's custom format" });
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

/** Calls `check` before the method. Returns false if the prototype has no such method of its own. */
function checkBefore<M extends 'backup' | 'restore'>(
  prototype: Prototype,
  method: M,
  check: (adapter: Adapter, options: Parameters<Adapter[M]>[0]) => Promise<void> | void,
): boolean {
  const original = prototype[method] as ((options: Parameters<Adapter[M]>[0]) => Promise<unknown>) | undefined;
  if (typeof original !== 'function' || !Object.hasOwn(prototype, method)) return false;
  prototype[method] = async function (this: Adapter, options: Parameters<Adapter[M]>[0]) {
    await check(this, options);
    return original.call(this, options);
  };
  return true;
}

const refused = (reason: Reason) => new AppError('APP_OPTIONS_INVALID', { reason });

/**
 * The adapter reads the servers of FEDERATED tables by commands of a shell, in which the names of tables stand: left out.
 * Names of tables are arguments of `mysqldump`, and one that begins with "-" is an option to it.
 * @throws APP_OPTIONS_INVALID
 */
function withoutShell({ dbOpts }: Adapter, options: BackupOptions): void {
  options.skipFdw = true;
  for (const name of [dbOpts.database, ...(options.includeTables ?? [])]) {
    if (String(name).startsWith('-')) throw refused('the name of a database or table must not begin with "-"');
  }
}

/** A path that a shell takes for one word. */
const SHELL_PATH = /^[^\s"'`$;&|<>(){}[\]*?!#]+$/;

/**
 * The adapter restores by commands of a shell, in which all of these stand.
 * @throws APP_OPTIONS_INVALID
 */
function assertShellWords({ dbOpts }: Adapter, { filePath }: RestoreOptions): void {
  for (const option of ['username', 'host', 'database']) {
    if (!isShellWord(dbOpts[option])) throw refused(shellWordRule(option));
  }
  const { port } = dbOpts;
  if (port && portNumber(port) === undefined) throw refused('database.port must be a number from 1 to 65535');
  if (!SHELL_PATH.test(filePath))
    throw refused('the path of the backup must not contain characters that a shell interprets');
}

/**
 * Guards the adapters for all applications of the process, whether an action, a command or a schedule uses them. Idempotent.
 * @returns false if the adapters of this version cannot be guarded
 */
export function guardBackupPrograms(getAdapter: GetAdapter): boolean {
  const prototypeOf = (dialect: string) => Object.getPrototypeOf(getAdapter({ dialect })) as Prototype;
  // Kingbase's adapter inherits from that of PostgreSQL, MariaDB's from that of MySQL.
  const [postgres, mysql] = [prototypeOf('postgres'), prototypeOf('mysql')];
  if (guarded.has(postgres)) return true;
  guarded.add(postgres);
  const checked = [
    checkBefore(postgres, 'restore', assertDump),
    checkBefore(mysql, 'backup', withoutShell),
    checkBefore(mysql, 'restore', assertShellWords),
  ];
  return !checked.includes(false);
}
