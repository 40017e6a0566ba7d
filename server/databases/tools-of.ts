import { AppError, type ErrorCode, isAppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import type { DatabaseDialect } from './dialect';
import type { DumpTools } from './dump-tools';
import { mysqlDump } from './mysql-dump';
import { postgresDump } from './postgres-dump';

/** By families of databases. */
const TOOLS: Readonly<Record<string, DumpTools>> = { postgres: postgresDump, mysql: mysqlDump };

/** @throws APP_DUMP_UNSUPPORTED */
export function toolsOf({ family, name }: Pick<DatabaseDialect, 'family' | 'name'>): DumpTools {
  const tools = TOOLS[family];
  if (tools) return tools;
  throw new AppError('APP_DUMP_UNSUPPORTED', {
    reason: phrase('there are no programs for "{dialect}"', { dialect: name }),
  });
}

const LACKING: readonly ErrorCode[] = ['APP_DUMP_TOOL_MISSING', 'APP_DUMP_TOOL_OLD'];

/**
 * Returns the error that exports of an application will have for lack of a program, before its database exists. Never rejects.
 * @param version of the database server, as it tells it
 */
export async function missingForExports(dialect: DatabaseDialect, version: string): Promise<AppError | undefined> {
  try {
    await toolsOf(dialect).assertInstalled(version);
    return undefined;
  } catch (error) {
    return isAppError(error) && LACKING.includes(error.code) ? error : undefined;
  }
}
