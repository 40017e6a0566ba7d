import { quotable } from './app-name';
import { databaseKind } from './database-dialects';
import { DB_CONN_TYPES, portNumber } from './database-options';
import { AppError } from './errors';
import { canonicalHost } from './host-address';
import { LANGUAGES } from './language';
import { phrase, type Reason } from './phrase';
import { isPlainObject } from './plain-object';
import { holdsSecret, isSecretName } from './redaction';

/**
 * The options that an application may have: one table, by type and range. A key that is not listed is refused when a
 * caller writes it. In rows that exist it is ignored, so that it reaches neither Sequelize, nor the driver, nor the core.
 */

/** One option. Null and undefined stand for "not given" and are never asked about. */
export interface OptionRule {
  accepts(value: unknown): boolean;
  /** What the value must be: the end of a sentence that begins with "it must be". */
  expects: Reason;
  /** Only read in rows that other plugins wrote; no caller may write it. */
  onlyRead?: true;
  /** Where rows that other plugins wrote may hold more than a caller may write. */
  acceptsRead?(value: unknown): boolean;
  /** Whether the data of the application lies elsewhere without it. */
  decidesPlace?: true;
  /** Kept encrypted, and never in the options. An empty text is no secret. */
  secret?: true;
}

export interface OptionGroup {
  readonly keys: Readonly<Record<string, OptionRule | OptionGroup>>;
}

export const MAX_POOL_CONNECTIONS = 1_000;
export const MAX_POOL_MS = 3_600_000;
export const MAX_TOKEN_SECONDS = 3_153_600_000;
export const MAX_SECRET_LENGTH = 1_024;
export const MAX_PLUGINS = 500;
const MAX_PEM_LENGTH = 64 * 1024;

/** The spelling that NocoBase itself accepts for the name of a plugin, or of its package. */
const PLUGIN_PATTERN = /^(?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/i;
/** In seconds as a number, or as text with a unit. */
const DURATION_PATTERN = /^([1-9]\d{0,9}) ?(s|m|h|d|w|y)$/;
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800, y: 31_557_600 };

const text =
  (max: number, pattern?: RegExp) =>
  (value: unknown): boolean =>
    typeof value === 'string' && value.length <= max && !/\p{Cc}/u.test(value) && (pattern?.test(value) ?? true);
const whole =
  (min: number, max: number) =>
  (value: unknown): boolean =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
const flag: OptionRule = { accepts: (value) => typeof value === 'boolean', expects: 'true or false' };
const secret: OptionRule = {
  accepts: (value) => typeof value === 'string' && value.length <= MAX_SECRET_LENGTH && !value.includes('\0'),
  expects: phrase('text of at most {max} characters', { max: MAX_SECRET_LENGTH }),
  secret: true,
};
const milliseconds: OptionRule = {
  accepts: whole(0, MAX_POOL_MS),
  expects: phrase('a whole number of milliseconds from 0 to {max}', { max: MAX_POOL_MS }),
};

function isDuration(value: unknown): boolean {
  if (whole(1, MAX_TOKEN_SECONDS)(value) || value === 'never') return true;
  const [, count, unit = ''] = typeof value === 'string' ? (DURATION_PATTERN.exec(value) ?? []) : [];
  return Number(count) * (SECONDS[unit] ?? NaN) <= MAX_TOKEN_SECONDS;
}

const isPluginName = text(214, PLUGIN_PATTERN);

const pluginList =
  (isEntry: (entry: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.length <= MAX_PLUGINS && value.every(isEntry);

/** The name of a plugin, or `[name, options]`. Options may not name another package, which the core would load instead. */
function isPluginEntry(entry: unknown): boolean {
  if (!Array.isArray(entry)) return isPluginName(entry);
  const [name, options] = entry as unknown[];
  if (entry.length > 2 || !isPluginName(name)) return false;
  if (options === undefined) return true;
  return isPlainObject(options) && !Object.hasOwn(options, 'name') && !Object.hasOwn(options, 'packageName');
}

/** The name in an entry of `plugins`, which in rows of other plugins may be `[name, options]`. */
export function pluginNameOf(entry: unknown): unknown {
  return Array.isArray(entry) ? (entry as unknown[])[0] : entry;
}

/** @param keys the texts that it may hold besides `rejectUnauthorized` */
const isTls =
  (...keys: string[]) =>
  (value: unknown): boolean => {
    if (typeof value === 'boolean') return true;
    if (!isPlainObject(value)) return false;
    return Object.entries(value).every(([key, inner]) => {
      if (inner === undefined || inner === null) return key === 'rejectUnauthorized' || keys.includes(key);
      if (key === 'rejectUnauthorized') return typeof inner === 'boolean';
      return keys.includes(key) && typeof inner === 'string' && inner.length <= MAX_PEM_LENGTH;
    });
  };

/** Names in existing rows may be such as we would not create; `checkDatabaseOptions` says what we create. */
const name = (max: number, pattern?: RegExp): Omit<OptionRule, 'expects'> => ({
  accepts: text(max, pattern ?? /./),
  decidesPlace: true,
});

const DATABASE: OptionGroup = {
  keys: {
    database: { ...name(64), expects: 'text of 1 to 64 characters' },
    // NocoBase writes it into statements without quotes.
    schema: { ...name(63, /^[A-Za-z_][\w-]*$/), expects: 'letters, digits, "-" or "_"' },
    dialect: {
      accepts: (value) => databaseKind(value) !== undefined,
      expects: 'postgres, mysql or mariadb',
      decidesPlace: true,
    },
    host: {
      accepts: (value) => typeof value === 'string' && canonicalHost(value) !== undefined,
      expects: 'a host name, an address, or the folder of a socket',
      decidesPlace: true,
    },
    port: {
      accepts: (value) => portNumber(value) !== undefined,
      expects: 'a number from 1 to 65535',
      decidesPlace: true,
    },
    username: { ...name(128), expects: 'text of 1 to 63 characters' },
    password: secret,
    ssl: { accepts: isTls('ca'), expects: 'true, false, or {rejectUnauthorized, ca}', decidesPlace: true },
    pool: {
      keys: {
        max: {
          accepts: whole(1, MAX_POOL_CONNECTIONS),
          expects: phrase('a whole number from 1 to {max}', { max: MAX_POOL_CONNECTIONS }),
        },
        idle: milliseconds,
        acquire: milliseconds,
      },
    },
    tablePrefix: { ...name(32, /^\w*$/), expects: 'letters, digits or "_"', onlyRead: true },
    underscored: { ...flag, onlyRead: true, decidesPlace: true },
    dialectOptions: {
      keys: {
        ssl: {
          accepts: isTls('ca', 'cert', 'key', 'servername'),
          expects: 'true, false, or {rejectUnauthorized, ca, cert, key, servername}',
          onlyRead: true,
        },
      },
    },
  },
};

export const OPTION_TABLE: OptionGroup = {
  keys: {
    dbConnType: {
      accepts: (value) => DB_CONN_TYPES.some((type) => type === value),
      expects: phrase('one of: {values}', { values: DB_CONN_TYPES.join(', ') }),
      decidesPlace: true,
    },
    database: DATABASE,
    authManager: {
      keys: {
        jwt: {
          keys: {
            secret,
            expiresIn: {
              accepts: isDuration,
              expects: 'a number of seconds, a duration such as "12h" or "7d", or "never"',
            },
          },
        },
      },
    },
    lang: {
      accepts: (value) =>
        typeof value === 'string' && ['', ...LANGUAGES].some((code) => code.toLowerCase() === value.toLowerCase()),
      expects: 'the code of a language that NocoBase offers, such as en-US or zh-CN',
    },
    autoStart: flag,
    plugins: {
      accepts: pluginList(isPluginName),
      acceptsRead: pluginList(isPluginEntry),
      expects: 'a list of the names of installed plugins',
    },
    encryptedDbPassword: { ...flag, onlyRead: true },
    standaloneDeployment: { ...flag, onlyRead: true },
    sso: {
      keys: {
        enabled: { ...flag, onlyRead: true },
        issuer: {
          accepts: text(2_048),
          expects: phrase('text of at most {max} characters', { max: 2_048 }),
          onlyRead: true,
        },
      },
    },
  },
};

/** Keys below `database` that are not listed and yet decide where the data lies. Ignored, they would lead elsewhere. */
const PLACES = new Set([
  ...['url', 'uri', 'user', 'storage', 'replication', 'searchPath', 'prependSearchPath', 'schemaDelimiter', 'protocol'],
  ...['native', 'dialectModule', 'dialectModulePath', 'socketPath', 'define.schema', 'define.tableName'],
  ...['define.underscored', 'sync.schema', 'sync.searchPath'],
  ...['host', 'hostaddr', 'port', 'user', 'database', 'options', 'connectionString', 'uri', 'url', 'socketPath'].map(
    (key) => `dialectOptions.${key}`,
  ),
  ...['stream', 'service', 'searchPath'].map((key) => `dialectOptions.${key}`),
]);

const isGroup = (rule: OptionRule | OptionGroup): rule is OptionGroup => 'keys' in rule;
const given = (value: unknown) => value !== undefined && value !== null;

const ruleOf = ({ keys }: OptionGroup, key: string): OptionRule | OptionGroup | undefined =>
  Object.hasOwn(keys, key) ? keys[key] : undefined;

const isWritable = (rule: OptionRule | OptionGroup): boolean =>
  isGroup(rule) ? Object.values(rule.keys).some(isWritable) : !rule.onlyRead;

const isReadable = (rule: OptionRule, value: unknown): boolean => (rule.acceptsRead ?? rule.accepts)(value);

function decidesPlace(path: string, value: unknown, rule?: OptionRule | OptionGroup): boolean {
  if (rule && !isGroup(rule)) return rule.decidesPlace === true;
  if (path === 'database') return true;
  const [first, ...rest] = path.split('.');
  const key = rest.join('.');
  if (first !== 'database') return false;
  return PLACES.has(key) || (isPlainObject(value) && Object.keys(value).some((inner) => PLACES.has(`${key}.${inner}`)));
}

/**
 * Returns the dotted names of the options, e.g. `database.pool.max`.
 * @param which `written`: those that a caller may write; `read`: these, and those that only rows of other plugins have
 */
export function optionPaths(which: 'written' | 'read', group = OPTION_TABLE, prefix = ''): string[] {
  return Object.entries(group.keys).flatMap(([key, rule]) => {
    const path = `${prefix}${key}`;
    if (isGroup(rule)) return optionPaths(which, rule, `${path}.`);
    return which === 'read' || !rule.onlyRead ? [path] : [];
  });
}

// ---- what a caller writes ---------------------------------------------------------------------------------------------

export const SECRET_PLACES =
  'the password of a database belongs in options.database.password, the secret of tokens in options.authManager.jwt.secret';

function unknownOption(path: string, group: OptionGroup): AppError {
  const field = quotable(`options.${path}`);
  if (isSecretName(path)) return new AppError('APP_SECRET_MISPLACED', { field, hint: SECRET_PLACES });
  const known = Object.keys(group.keys).filter((key) => isWritable(group.keys[key] as OptionRule));
  return new AppError('APP_FIELD_UNKNOWN', { field, known: known.join(', ') });
}

/** Whether a text in it holds what only a secret's own field may hold. */
function misplacesSecret(value: unknown): boolean {
  if (typeof value === 'string') return holdsSecret(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(misplacesSecret);
}

interface Writing {
  /** In rows that exist, or that begin with the options of another: what may be said again as it stands there. */
  standing?: readonly unknown[];
  /** Whether what is only read may be written, for a copy of an application that has it. */
  inherited?: boolean;
}

/** The same key of several objects. */
const inside = (objects: readonly unknown[], key: string) =>
  objects.map((object) => (isPlainObject(object) && Object.hasOwn(object, key) ? object[key] : undefined));

const alike = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/**
 * Refuses what is not on the list, what is not of its type and range, and a secret in any other field. Null is no value.
 * @throws APP_FIELD_UNKNOWN, APP_SECRET_MISPLACED, APP_OPTIONS_INVALID
 */
export function assertWritableOptions(value: Record<string, unknown>, writing: Writing = {}): void {
  assertGroup(value, OPTION_TABLE, '', writing);
}

function assertGroup(value: unknown, group: OptionGroup, prefix: string, writing: Writing): void {
  if (!isPlainObject(value)) {
    throw new AppError('APP_OPTIONS_INVALID', {
      reason: phrase('{path} must be an object', { path: prefix.slice(0, -1) }),
    });
  }
  const { standing = [], inherited = false } = writing;
  for (const [key, inner] of Object.entries(value)) {
    const path = `${prefix}${key}`;
    const known = inside(standing, key);
    const said = given(inner) && known.some((one) => one !== undefined && alike(one, inner));
    // Taking away what should not be there is always allowed.
    if (said || (inner === null && known.some((one) => one !== undefined))) continue;
    const rule = ruleOf(group, key);
    if (!rule || !(inherited || isWritable(rule))) throw unknownOption(path, group);
    if (!given(inner)) continue;
    if (isGroup(rule)) assertGroup(inner, rule, `${path}.`, { standing: known, inherited });
    else assertValue(path, inner, rule, inherited);
  }
}

function assertValue(path: string, value: unknown, rule: OptionRule, inherited: boolean): void {
  if (!rule.secret && misplacesSecret(value)) {
    throw new AppError('APP_SECRET_MISPLACED', { field: quotable(`options.${path}`), hint: SECRET_PLACES });
  }
  if (!(inherited ? isReadable(rule, value) : rule.accepts(value))) {
    throw new AppError('APP_OPTIONS_INVALID', {
      reason: phrase('{path} must be {expects}', { path, expects: rule.expects }),
    });
  }
}

// ---- what stands in a row ---------------------------------------------------------------------------------------------

export interface AllowedOptions {
  options: Record<string, unknown>;
  /** The dotted names of what is not on the list, or not as the list wants it. */
  ignored: string[];
  /** The first of them that says where the data lies. */
  misplaced?: string;
}

/** What of the options of a row an application is constructed with, whatever its origin. Never throws. */
export function allowedOptions(value: unknown): AllowedOptions {
  const found: Omit<AllowedOptions, 'options'> = { ignored: [] };
  return { options: allowedGroup(value, OPTION_TABLE, '', found), ...found };
}

function allowedGroup(
  value: unknown,
  group: OptionGroup,
  prefix: string,
  found: Omit<AllowedOptions, 'options'>,
): Record<string, unknown> {
  const allowed: Record<string, unknown> = {};
  if (!isPlainObject(value)) return allowed;
  for (const [key, inner] of Object.entries(value)) {
    if (!given(inner)) continue;
    const path = `${prefix}${key}`;
    const rule = ruleOf(group, key);
    if (rule && isGroup(rule) && isPlainObject(inner)) {
      const kept = allowedGroup(inner, rule, `${path}.`, found);
      if (Object.keys(kept).length) allowed[key] = kept;
    } else if (rule && !isGroup(rule) && isReadable(rule, inner)) {
      // An empty secret is none, and yet it would win over the one that is sealed.
      if (!(rule.secret && inner === '')) allowed[key] = structuredClone(inner);
    } else {
      found.ignored.push(path);
      if (decidesPlace(path, inner, rule)) found.misplaced ??= path;
    }
  }
  return allowed;
}
