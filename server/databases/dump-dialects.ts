import { AppError } from '../../src/errors';
import type { DumpTools } from './dump-tools';
import { postgresDump } from './postgres-dump';

/** The kinds of database whose applications can be taken to an archive and back. */
const TOOLS: Readonly<Record<string, DumpTools>> = { postgres: postgresDump };

/** @throws APP_DUMP_UNSUPPORTED */
export function dumpToolsOf(dialect: string): DumpTools {
  const tools = TOOLS[dialect];
  if (!tools) throw new AppError('APP_DUMP_UNSUPPORTED', { reason: `there are no programs for "${dialect}"` });
  return tools;
}
