import type { IsolationReason } from '../src/isolation';
import type { OnSchedule, StartMode } from '../src/app-record';
import type { DbConnType } from '../src/database-options';
import type { Actor } from '../src/events';
import type { AwakeReason } from '../src/policies/idle';

// What the server says in words of its own, as an administrator reads it. Each text is a key of the locales.

export const START_MODE_TEXTS: Record<StartMode, { label: string; help: string }> = {
  lazy: { label: 'On first visit', help: 'Starts on the first visit and sleeps when idle.' },
  eager: { label: 'With NocoBase', help: 'Starts after the main application and stays awake.' },
  manual: { label: 'Manually', help: 'Only an administrator starts and stops it.' },
};

export const CONNECTION_TEXTS: Record<DbConnType, { label: string; help: string }> = {
  new_database: { label: 'A new database', help: 'On the same server as the main application.' },
  new_schema: {
    label: 'A new schema',
    help: "In a database on the main application's server; PostgreSQL only. A restore of the main application's backup replaces it, unless the main application has a schema of its own.",
  },
  new_connection: {
    label: 'Another server',
    help: 'PostgreSQL, MySQL or MariaDB, with its own address and user.',
  },
};

export const ON_SCHEDULE_TEXTS: Record<OnSchedule, string> = {
  'stay-awake': 'Stay awake for it',
  'wake-when-due': 'Sleep, and wake in time',
};

/** Steps of a boot, a making or an upgrade (`docs/lifecycle.md`). */
export const STEP_TEXTS: Readonly<Record<string, string>> = {
  queue: 'Queued',
  construct: 'Creating the instance',
  role: 'Creating its database role',
  database: 'Creating the database',
  copy: 'Copying the database',
  template: 'Saving a template',
  connect: 'Connecting to the database',
  check: 'Comparing versions',
  install: 'Installing NocoBase',
  administrator: 'Setting up the administrator',
  upgrade: 'Upgrading the database',
  load: 'Loading plugins',
  start: 'Starting services',
  run: 'Running',
};

/** Why an application has no database role of its own. */
export const ISOLATION_TEXTS: Readonly<Record<IsolationReason, string>> = {
  'not-moved': 'It was not moved yet',
  'right-missing': "The main application's database role may not create roles or pass on rights",
  'login-refused':
    'The database server does not let a new role sign in: allow roles whose names begin with as_ in pg_hba.conf, or in the list of users of the pooler',
  'server-old': 'PostgreSQL 15 or newer is needed for an application in a schema',
  'schema-open': 'Every role may create objects in the schema of the main application',
  'not-owner': 'The database, or something in it, belongs to another role',
  'name-too-long': 'The name of its database has more than 64 characters in a grant, where each "_" counts twice',
  'own-connection': 'It signs in as the role that was given with its connection',
  'other-plugin': 'Another plugin decides where its data is stored',
};

/** Why an application is in its state, or why something happened to it. */
export const REASON_TEXTS: Readonly<Record<string, string>> = {
  idle: 'It was idle',
  'running-limit': 'To make room for others',
  memory: 'To free memory',
  operator: 'By an administrator',
  restart: 'For a restart',
  sleep: 'To sleep',
  shutdown: 'NocoBase was shut down',
  manual: 'Not started yet',
  upgrade: 'After an upgrade',
  cloned: 'While it is cloned',
  isolated: 'It got its own database role',
  repaired: 'Its database role was repaired',
  ended: 'It ended by itself',
  adopted: 'An existing database was adopted',
};

/** How the upgrade of one application ended; a failure is told as an error. */
export const UPGRADE_TEXTS: Readonly<Record<string, string>> = {
  upgraded: '"{{name}}" was upgraded to {{version}}.',
  current: '"{{name}}" is up to date.',
  not_installed: '"{{name}}" is not installed yet.',
  cancelled: 'The upgrade of "{{name}}" was cancelled.',
};

export const AWAKE_TEXTS: Readonly<Record<AwakeReason, string>> = {
  eager: 'It starts with NocoBase',
  manual: 'It is started and stopped manually',
  'keep-awake': 'It is set to stay awake',
  'idle-timeout-off': 'Idle sleep is switched off',
  request: 'Requests are in progress',
  'recently-used': 'It was used recently',
  'just-started': 'It was just started',
  busy: 'It is working',
  'scheduled-work': 'It has scheduled work',
  'due-soon': 'Scheduled work is due soon',
};

/** Steps of an export or an import (`docs/api.md`). */
export const ARCHIVE_STEP_TEXTS: Readonly<Record<string, string>> = {
  check: 'Checking',
  files: 'Files',
  dump: 'Reading the database',
  pack: 'Packing',
  database: 'Creating the database',
  restore: 'Restoring the database',
  register: 'Registering',
};

export const JOURNEY_TEXTS = { wake: 'Start', making: 'Creation', upgrade: 'Upgrade' } as const;

/** What to do about an error of an application, where the server's sentence does not say it all. */
export const ADVICE_TEXTS: Readonly<Record<string, string>> = {
  APP_BOOT_FAILED: 'Check the log for the cause, fix it, then retry.',
  APP_BOOT_TIMEOUT: 'See the step times below to find the slow step. Retry, or raise APP_SUPERVISOR_BOOT_TIMEOUT.',
  APP_QUARANTINED: 'Check the log for the cause, fix it, then retry. Visits will not start it until you retry.',
  APP_DATABASE_EMPTY:
    'Restore the database from a backup, then retry. Visits will not start or install it until you retry.',
  APP_DATABASE_FOREIGN: 'Restore the right database, then retry. If this one is right, choose "Accept database".',
  APP_DATABASE_ROLE: 'Choose "Isolate": it repairs the database role. Then retry.',
  APP_FAULTS: 'Check the log for the errors, then disable the plugin or workflow that throws them.',
  APP_MEMORY_EXHAUSTED:
    'Find the request or workflow that needs much memory, or give the process a larger heap (--max-old-space-size).',
};

export function adviceText(code: string | undefined): string | undefined {
  return code ? ADVICE_TEXTS[code] : undefined;
}

/** Who made something happen; a person has a name of his own. */
export const ACTOR_TEXTS: Readonly<Record<Actor['kind'], string>> = {
  user: 'An administrator',
  operator: 'An operator',
  visitor: 'A visitor',
  schedule: 'Its schedule',
  system: 'The supervisor',
};
