import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { AppError, isAppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import { clientPackage, programVersion, startFailure } from './child-program';

/** A program of PostgreSQL on this machine. */
export interface PostgresProgram {
  /** Its name in `PATH`, or its file. */
  program: string;
  /** Its version, e.g. `15.18`. */
  text: string;
  major: number;
}

/** From this version on, `pg_restore` sends the setting `transaction_timeout`, which older servers refuse. */
const WITH_TRANSACTION_TIMEOUT = 17;

interface Folder {
  parent: string;
  name: RegExp;
}

/** Where packages of PostgreSQL have their programs: `<parent>/<name>/bin`. Most of these folders are not in `PATH`. */
const FOLDERS: Partial<Record<NodeJS.Platform, Folder[]>> = {
  linux: [
    // Debian and Ubuntu
    { parent: '/usr/lib/postgresql', name: /^\d+$/ },
    // Red Hat and its relatives
    { parent: '/usr', name: /^pgsql-\d+$/ },
  ],
  // Homebrew
  darwin: ['/opt/homebrew/opt', '/usr/local/opt'].map((parent) => ({
    parent,
    name: /^(?:postgresql|libpq)(?:@\d+)?$/,
  })),
  win32: [{ parent: 'C:\\Program Files\\PostgreSQL', name: /^\d+$/ }],
};

export const programFolders = { known: FOLDERS[process.platform] ?? [] };

async function filesOf(name: string): Promise<string[]> {
  const found = programFolders.known.map(async ({ parent, name: matching }) => {
    const names = await readdir(parent).catch(() => []);
    return names.filter((entry) => matching.test(entry)).map((entry) => path.join(parent, entry, 'bin', name));
  });
  return (await Promise.all(found)).flat();
}

/** The version of a program; undefined if it is not there, or the error if it does not work. */
async function inspect(program: string): Promise<PostgresProgram | AppError | undefined> {
  try {
    return { program, ...(await programVersion(program)) };
  } catch (error) {
    const failure = startFailure(program, error);
    return failure.code === 'APP_DUMP_TOOL_MISSING' ? undefined : failure;
  }
}

const works = (found: PostgresProgram | AppError | undefined): found is PostgresProgram =>
  found !== undefined && !isAppError(found);

/** Whether an archive of a program can be restored on a server, and whether `pg_restore` can do it. Both are major versions. */
export function canBeRestored(program: number, server: number): boolean {
  return server >= WITH_TRANSACTION_TIMEOUT || program < WITH_TRANSACTION_TIMEOUT;
}

/**
 * Finds a program of PostgreSQL: that in `PATH` if it is new enough and fits the server, else the one of the machine that is
 * nearest to the needed version. Programs read archives of their own version and of older ones only.
 * @param needed the lowest major version
 * @param server the major version of the database server
 * @throws APP_DUMP_TOOL_MISSING, APP_DUMP_TOOL_OLD, APP_DUMP_FAILED if one does not work and there is no other,
 * APP_DUMP_UNSUPPORTED if `pg_restore` is too new for the server
 */
export async function findPostgresProgram(name: string, needed: number, server: number): Promise<PostgresProgram> {
  const isEnough = (found: PostgresProgram) => found.major >= needed;
  const usual = await inspect(name);
  if (works(usual) && isEnough(usual) && canBeRestored(usual.major, server)) return usual;
  const others = await Promise.all((await filesOf(name)).map(inspect));
  const present = [usual, ...others].filter(works).sort((a, b) => a.major - b.major);
  const [nearest] = present.filter(isEnough);
  if (nearest) {
    // An archive can be written all the same: it may go to another server.
    if (name !== 'pg_restore' || canBeRestored(nearest.major, server)) return nearest;
    const about = { version: nearest.text, server, package: clientPackage(name, server) };
    const reason = phrase(
      'pg_restore {version} cannot restore on PostgreSQL {server}; install the package {package}',
      about,
    );
    throw new AppError('APP_DUMP_UNSUPPORTED', { reason });
  }
  const about = { program: name, needed, package: clientPackage(name, needed) };
  const newest = present.at(-1);
  if (newest) throw new AppError('APP_DUMP_TOOL_OLD', { ...about, version: newest.text });
  const broken = [usual, ...others].find(isAppError);
  throw broken ?? new AppError('APP_DUMP_TOOL_MISSING', about);
}
