/**
 * A restore of the main application's backup replaces its database. Applications that lie in that database, in schemas
 * of their own, are dropped or set back with it, unless the main application has a schema of its own as well.
 */

/** Actions of the main application that restore a backup. */
const RESTORES: Readonly<Record<string, readonly string[]>> = {
  backups: ['restore', 'upload'],
  backup: ['restore', 'restoreUpload'],
  backupFiles: ['restore'],
};

/** Whether the action restores a backup of the main application. */
export function isRestore(resource = '', action = ''): boolean {
  return Object.hasOwn(RESTORES, resource) && RESTORES[resource]?.includes(action) === true;
}

/** The query or body parameter, and the option of the command, by which a restore is confirmed. */
export const CONFIRM_PARAMETER = 'confirmApplications';
export const CONFIRM_OPTION = '--confirm-applications';

/** Whether a value of the parameter confirms. */
export function isConfirmed(value: unknown): boolean {
  return value === true || value === 'true';
}

export interface RestoreCommand {
  /** The words behind the command, options among them. */
  words: readonly string[];
  /** Where the command was told to restore to. */
  options: { schema?: unknown; database?: unknown; app?: unknown };
}

/**
 * Whether the command `restore` replaces the main application's own database.
 * @param database the name of that database
 */
export function replacesMain({ words, options }: RestoreCommand, database: string): boolean {
  if (words.includes(CONFIRM_OPTION)) return false;
  const { schema, app, database: given } = options;
  if (isText(schema) || isText(app)) return false;
  return !isText(given) || given === database;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
