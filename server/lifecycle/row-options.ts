import type { AppOptions } from '../../src/app-options';
import type { AppRecord } from '../../src/app-record';
import { databaseKind } from '../../src/database-dialects';
import { isRefusedFor, isShellWord } from '../../src/database-options';
import { AppError } from '../../src/errors';
import { allowedOptions, pluginNameOf, type AllowedOptions } from '../../src/option-table';
import type { AppSecrets } from '../databases/secrets';
import { isLibrary } from '../nocobase/plugin-packages';

export interface RowOptions extends AllowedOptions {
  options: AppOptions;
}

/** Options of the database that lead nowhere else, whatever the way of connecting. */
const UNHARMFUL = ['password', 'dialectOptions'];

/** What of a row's options counts, whatever wrote them, and what of them is ignored. Never throws. */
export function rowOptions({ options: given, provisioning }: Pick<AppRecord, 'options' | 'provisioning'>): RowOptions {
  const { options, ignored, misplaced } = allowedOptions(given);
  const row: RowOptions = { options, ignored, misplaced };
  keepPlugins(row);
  keepShellWords(row);
  // Of rows that we wrote, the way of connecting says which keys there are.
  if (!provisioning) return row;
  for (const key of Object.keys(row.options.database ?? {})) {
    if (UNHARMFUL.includes(key) || !isRefusedFor(row.options.dbConnType, key)) continue;
    ignored.push(`database.${key}`);
    row.misplaced ??= `database.${key}`;
    delete row.options.database?.[key];
  }
  return row;
}

/** Names on MySQL and MariaDB that no shell takes for a command. */
function keepShellWords(row: RowOptions): void {
  const { database } = row.options;
  if (!database || databaseKind(database.dialect)?.schemas !== false) return;
  for (const key of ['username', 'database']) {
    if (database[key] === undefined || isShellWord(database[key])) continue;
    row.ignored.push(`database.${key}`);
    row.misplaced ??= `database.${key}`;
    delete database[key];
  }
}

function keepPlugins({ options, ignored }: RowOptions): void {
  if (!Array.isArray(options.plugins)) return;
  const plugins = options.plugins as unknown[];
  const libraries = [...new Set(plugins.map((entry) => pluginNameOf(entry) as string))].filter(isLibrary);
  if (libraries.length === 0) return;
  options.plugins = plugins.filter((entry) => !libraries.includes(pluginNameOf(entry) as string));
  ignored.push(...libraries.map((name) => `plugins.${name}`));
}

/**
 * The options of a row for its instance: what counts of them, without what is sealed elsewhere.
 * @throws APP_OPTION_UNSUPPORTED when an option that does not count says where the data lies
 */
export function instanceOptionsOf(record: AppRecord, secrets: AppSecrets): AppOptions {
  const { options, misplaced } = rowOptions(record);
  if (misplaced !== undefined) {
    throw new AppError('APP_OPTION_UNSUPPORTED', { name: record.name, option: misplaced });
  }
  if (secrets.databasePassword !== undefined) delete options.database?.password;
  if (secrets.jwtSecret !== undefined) delete options.authManager?.jwt?.secret;
  return options;
}
