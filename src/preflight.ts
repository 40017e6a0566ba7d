import type { ErrorCode } from './errors';

/** What is looked at before an application's database is touched, in this order. Documented in `docs/api.md`. */
export const PREFLIGHT_CHECKS = [
  ...(['options', 'owner', 'server', 'credentials', 'version', 'database', 'encoding', 'rights'] as const),
] as const;
export type PreflightCheck = (typeof PREFLIGHT_CHECKS)[number];

/** The checks, as screens and the command line name them. */
export const CHECK_TEXTS: Record<PreflightCheck, string> = {
  options: 'The values are valid',
  owner: 'The database is not used by another application',
  server: 'The server can be reached',
  credentials: 'User name and password are correct',
  version: 'The server is new enough',
  database: 'The database does not exist yet, is empty, or can be adopted',
  encoding: 'The encoding is correct',
  rights: 'The user has the required privileges',
};

const ANOTHER_PLACE = 'Choose another name or address; nothing else may use this database.';
const ADDRESS = 'Correct the connection settings, or start the database server.';
const EXPORTS =
  'Exports of this application need the program {program} of version {needed} or newer where NocoBase runs: install e.g. the package {package}.';
const TAKE_IN = 'Adopt only an application of your own; its data and users stay as they are.';

/** Advice about an error of a check, or about an error that exports will have. */
export const PREFLIGHT_ADVICE: Partial<Record<ErrorCode, string>> = {
  APP_DATABASE_IN_USE: ANOTHER_PLACE,
  APP_DATABASE_UNREACHABLE: ADDRESS,
  APP_DATABASE_FAILED: ADDRESS,
  APP_DATABASE_CREDENTIALS: 'Correct the user name and the password.',
  APP_DATABASE_DENIED: 'Ask the database administrator to grant the privilege or to create an empty database.',
  APP_DATABASE_EXISTS: ANOTHER_PLACE,
  APP_DATABASE_ADOPTABLE: TAKE_IN,
  APP_DATABASE_NEWER: 'Upgrade this NocoBase, or choose another name.',
  APP_DATABASE_ABSENT: 'Create the database on that server first, or leave Schema empty.',
  APP_DATABASE_ENCODING: 'Create the database with the encoding UTF8.',
  APP_DATABASE_VERSION: 'Use a newer database server.',
  APP_DUMP_TOOL_MISSING: EXPORTS,
  APP_DUMP_TOOL_OLD: EXPORTS,
};

/** About a schema in the main application's database, if the main application has no schema of its own. */
export const RESTORE_ADVICE =
  'A restore of a backup of the main application deletes or sets back schemas in its database. Use a database of its own, or give the main application a schema of its own (DB_SCHEMA).';

/** For everything that is wrong with a value as it was given. */
export const GENERAL_ADVICE = 'Correct the value.';
