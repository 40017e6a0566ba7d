/**
 * Decides which actions, commands and plugins are for the administrators of the main application only.
 * An application's administrator manages that application. Packages, and files that all applications share, belong to
 * the process, so changing them needs an administrator of the main application.
 */

/** Why an action is refused in a sub-application; undefined if it is not. */
export type TenantRefusal = 'APP_PLUGINS_MANAGED_BY_MAIN' | 'APP_ACTION_LEAVES_APPLICATION' | undefined;

interface Rule {
  refusal: Exclude<TenantRefusal, undefined>;
  /** The only actions that stay allowed. */
  only?: readonly string[];
  /** The only actions that are refused. */
  except?: readonly string[];
  /** Actions whose `filterByTk` becomes a path: allowed with the name of a file, and refused with anything else. */
  byFileName?: readonly string[];
  /** Actions that are allowed on PostgreSQL only: elsewhere the client runs a backup as a script, with shell commands. */
  onPostgres?: readonly string[];
}

const RULES: Readonly<Record<string, Rule>> = {
  pm: {
    refusal: 'APP_PLUGINS_MANAGED_BY_MAIN',
    only: ['list', 'listEnabled', 'listEnabledV2', 'get', 'enable', 'disable'],
  },
  // The rows decide which packages a boot loads.
  applicationPlugins: { refusal: 'APP_PLUGINS_MANAGED_BY_MAIN', only: ['list', 'get'] },
  // One license key for the process, in storage/.license.
  license: { refusal: 'APP_ACTION_LEAVES_APPLICATION', except: ['license-key', 'instance-id'] },
  // On PostgreSQL a restore runs as the application's role, and its files go into the application's own folder.
  backups: { refusal: 'APP_ACTION_LEAVES_APPLICATION', onPostgres: ['restore', 'upload'] },
  // Its uploads hold files and SQL of any origin.
  backup: { refusal: 'APP_ACTION_LEAVES_APPLICATION', except: ['restoreUpload'], onPostgres: ['restore'] },
  backupFiles: {
    refusal: 'APP_ACTION_LEAVES_APPLICATION',
    only: ['list', 'create', 'dumpableCollections', 'get', 'download', 'destroy'],
    byFileName: ['get', 'download', 'destroy'],
  },
  // A row holds the path of the file that is sent, and the words of a command that a worker thread runs.
  asyncTasks: { refusal: 'APP_ACTION_LEAVES_APPLICATION', only: ['list', 'get', 'fetchFile', 'stop'] },
};

/** The name of a file in a folder, and no path. */
const FILE_NAME = /^[\w-][\w.-]{0,200}$/;

/** What else decides about an action. */
export interface TenantCall {
  /** The record that the action is called for. */
  filterByTk?: unknown;
  /** Whether the application's database is a PostgreSQL. */
  postgres?: boolean;
}

/** Returns why a sub-application refuses the action of the resource, whatever the caller's role is. */
export function judgeTenantAction(
  resource: string,
  action: string,
  { filterByTk, postgres = true }: TenantCall = {},
): TenantRefusal {
  const rule = Object.hasOwn(RULES, resource) ? RULES[resource] : undefined;
  if (!rule) return undefined;
  const { only, except, byFileName, onPostgres, refusal } = rule;
  if (only ? !only.includes(action) : except?.includes(action)) return refusal;
  if (!postgres && onPostgres?.includes(action)) return refusal;
  const isName = typeof filterByTk === 'string' && FILE_NAME.test(filterByTk);
  return byFileName?.includes(action) && !isName ? refusal : undefined;
}

/** Commands that NocoBase, or this plugin, runs in an instance. */
const COMMANDS = ['start', 'stop', 'restart', 'refresh', 'install', 'upgrade', 'destroy'];
const PLUGIN_COMMANDS = ['list', 'enable', 'disable'];

/** Returns why a sub-application refuses a command line of NocoBase's, by its words. */
export function judgeTenantCommand(words: readonly string[]): TenantRefusal {
  const [command = '', verb = ''] = words;
  if (command === 'pm') return PLUGIN_COMMANDS.includes(verb) ? undefined : 'APP_PLUGINS_MANAGED_BY_MAIN';
  return COMMANDS.includes(command) ? undefined : 'APP_ACTION_LEAVES_APPLICATION';
}

/** Plugins that manage other applications. They are never loaded into a sub-application. */
const MANAGERS = ['multi-app-manager', 'multi-app-share-collection', 'app-supervisor'];
const PREFIXES = ['@nocobase/plugin-', '@nocobase/preset-', 'nocobase-plugin-', ''];
const MANAGER_NAMES = new Set(MANAGERS.flatMap((name) => PREFIXES.map((prefix) => `${prefix}${name}`)));

/** Whether a plugin, by its name or the name of its package, manages other applications. */
export function managesApplications(nameOrPackage: string): boolean {
  return MANAGER_NAMES.has(nameOrPackage.trim().toLowerCase());
}

/** The plugins that a call of `pm:enable` or `pm:disable` names, read as NocoBase reads them. */
export function namedPlugins(filterByTk: unknown): string[] {
  const items: unknown[] = Array.isArray(filterByTk) ? filterByTk : [filterByTk];
  return items
    .flatMap((item) => (typeof item === 'string' ? item.split(',') : []))
    .map((name) => name.trim())
    .filter(Boolean);
}

/** A language as NocoBase's clients name one. It becomes a part of file names. */
const LANGUAGE = /^[a-z]{2,8}([-_][a-z0-9]{1,8}){0,3}$/i;

/** Whether a text names a language, and so may stand in a file name. */
export function isLanguage(text: unknown): text is string {
  return typeof text === 'string' && LANGUAGE.test(text);
}
