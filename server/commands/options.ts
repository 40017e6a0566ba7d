import { LIMIT_NAMES, LIMITS } from '../../src/policies/limits';

/** One option of a verb; `field` is where its value goes in the body of the call, for those that describe an application. */
export interface OptionSpec {
  name: string;
  short?: string;
  /** How its value is called in the help; a flag has none. */
  value?: string;
  text: string;
  field?: string;
  /** How the text of the command line becomes a value; `text` when absent. */
  kind?: 'text' | 'number' | 'choice' | 'secret';
}

export const JSON_OPTION: OptionSpec = { name: 'json', text: 'answer in JSON, for scripts' };
export const YES: OptionSpec = { name: 'yes', short: 'y', text: 'do not ask' };
export const WAIT: OptionSpec[] = [
  { name: 'wait', short: 'w', text: 'wait until it is done, and tell how far it is' },
  { name: 'timeout', value: 'seconds', text: 'how long to wait, at most 2000000 (3600); the work goes on afterwards' },
];
export const COMMON: OptionSpec[] = [
  { name: 'socket', value: 'path', text: 'where NocoBase listens for commands' },
  { name: 'help', short: 'h', text: 'show this help' },
];

/** The limits of an application, such as `--limit-request-rate`. */
const LIMIT_OPTIONS: OptionSpec[] = LIMIT_NAMES.map((name) => ({
  name: `limit-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  value: 'number',
  field: `limits.${name}`,
  kind: 'number',
  text: LIMITS[name].label,
}));

/** What can be said of an application at any time. */
export const DESCRIBED: OptionSpec[] = [
  { name: 'display-name', value: 'text', field: 'displayName', text: 'what people read' },
  { name: 'domain', value: 'host', field: 'cname', text: 'a domain of its own; "" for none' },
  { name: 'icon', value: 'name', field: 'icon', text: 'name of its icon' },
  { name: 'start-mode', value: 'mode', field: 'startMode', text: 'lazy, eager or manual' },
  {
    ...{ name: 'idle-timeout', value: 'seconds', field: 'idleTimeout', kind: 'number' },
    text: 'put to sleep after this time without use; 0: never, "": as the environment says',
  },
  { name: 'keep-awake', value: 'yes|no', field: 'keepAwake', kind: 'choice', text: 'never put to sleep' },
  { name: 'on-schedule', value: 'rule', field: 'onSchedule', text: 'stay-awake or wake-when-due' },
  { name: 'pinned', value: 'yes|no', field: 'pinned', kind: 'choice', text: 'shown in the application switcher' },
  { name: 'hidden', value: 'yes|no', field: 'hidden', kind: 'choice', text: 'not shown in the block of applications' },
  ...LIMIT_OPTIONS,
];

export const ADMINISTRATOR: OptionSpec[] = [
  { name: 'admin-email', value: 'address', field: 'admin.email', text: 'of its first administrator' },
  { name: 'admin-username', value: 'name', field: 'admin.username', text: 'of its first administrator' },
  { name: 'admin-nickname', value: 'name', field: 'admin.nickname', text: 'of its first administrator' },
  {
    ...{ name: 'admin-password-file', value: 'file', field: 'admin.password', kind: 'secret' },
    text: 'a file with the password, or - for standard input; without an administrator the main application’s first user gets in with his own',
  },
];

/** Where it has its data; told once. */
export const DATABASE: OptionSpec[] = [
  {
    ...{ name: 'database-type', value: 'type', field: 'options.dbConnType' },
    text: 'new_database, new_schema or new_connection',
  },
  { name: 'database', value: 'name', field: 'options.database.database', text: 'name of its database' },
  { name: 'schema', value: 'name', field: 'options.database.schema', text: 'name of its schema' },
  { name: 'dialect', value: 'kind', field: 'options.database.dialect', text: 'postgres, mysql or mariadb' },
  { name: 'host', value: 'address', field: 'options.database.host', text: 'of another database server' },
  { name: 'port', value: 'number', field: 'options.database.port', kind: 'number', text: 'of that server' },
  { name: 'user', value: 'name', field: 'options.database.username', text: 'at that server' },
  {
    ...{ name: 'password-file', value: 'file', field: 'options.database.password', kind: 'secret' },
    text: 'a file with the password at that server, or - for standard input',
  },
  { name: 'adopt', field: 'adopt', text: 'take in the application that the database holds' },
];

export const VALUES: OptionSpec = {
  name: 'values',
  value: 'json',
  text: 'any other fields of the REST action, as JSON, or @file, or @- for standard input',
};
export const LANGUAGE: OptionSpec = {
  name: 'lang',
  value: 'code',
  field: 'options.lang',
  text: 'the language that it is installed in, such as zh-CN',
};
