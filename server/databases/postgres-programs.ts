import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { AppError, isAppError } from '../../src/errors';
import { clientPackage, programVersion } from './child-program';

/** A program of PostgreSQL on this machine. */
export interface PostgresProgram {
  /** Its name in `PATH`, or its file. */
  program: string;
  /** Its version, e.g. `15.18`. */
  text: string;
  major: number;
}

/** Where packages of PostgreSQL have their programs: `<parent>/<name>/bin`. Most of these folders are not in `PATH`. */
export const programFolders = {
  known: [
    // Debian and Ubuntu
    { parent: '/usr/lib/postgresql', name: /^\d+$/ },
    // Red Hat and its relatives
    { parent: '/usr', name: /^pgsql-\d+$/ },
    // Homebrew
    { parent: '/opt/homebrew/opt', name: /^(?:postgresql|libpq)(?:@\d+)?$/ },
    { parent: '/usr/local/opt', name: /^(?:postgresql|libpq)(?:@\d+)?$/ },
    { parent: 'C:\\Program Files\\PostgreSQL', name: /^\d+$/ },
  ],
};

async function filesOf(name: string): Promise<string[]> {
  const found = programFolders.known.map(async ({ parent, name: matching }) => {
    const names = await readdir(parent).catch(() => []);
    return names.filter((entry) => matching.test(entry)).map((entry) => path.join(parent, entry, 'bin', name));
  });
  return (await Promise.all(found)).flat();
}

async function inspect(program: string): Promise<PostgresProgram | undefined> {
  try {
    return { program, ...(await programVersion(program)) };
  } catch (error) {
    // A folder of the server alone, or a program that does not run on this machine.
    if (path.isAbsolute(program) || (isAppError(error) && error.code === 'APP_DUMP_TOOL_MISSING')) return undefined;
    throw error;
  }
}

/**
 * Finds a program of PostgreSQL: that in `PATH` if it is new enough, else the newest one of the machine. An archive can be
 * imported by programs of its own version and newer ones only, therefore the newest is not taken first.
 * @param needed the lowest major version
 * @throws APP_DUMP_TOOL_MISSING, APP_DUMP_TOOL_OLD
 */
export async function findPostgresProgram(name: string, needed: number): Promise<PostgresProgram> {
  const usual = await inspect(name);
  if (usual && usual.major >= needed) return usual;
  const others = await Promise.all((await filesOf(name)).map(inspect));
  const [newest] = [usual, ...others].filter((found) => found !== undefined).sort((a, b) => b.major - a.major);
  const about = { program: name, needed, package: clientPackage(name, needed) };
  if (!newest) throw new AppError('APP_DUMP_TOOL_MISSING', about);
  if (newest.major < needed) throw new AppError('APP_DUMP_TOOL_OLD', { ...about, version: newest.text });
  return newest;
}
