import { checkAppName, quotable } from './app-name';
import { checkOptions, checkOptionsUpdate, withoutNulls, type AppOptions } from './app-options';
import { AppError } from './errors';
import type { FirstAdministrator } from './first-administrator';
import { normalizeDomain } from './host-name';
import { checkIconImage } from './icon-image';
import type { RoleObstacle } from './isolation';
import { checkLanguage } from './language';
import { SECRET_PLACES } from './option-table';
import { phrase, type Reason } from './phrase';
import { isPlainObject } from './plain-object';
import { checkLimits, limitsFromRow, type OwnLimits } from './policies/limits';
import { holdsSecret } from './redaction';

export { checkOptions, type AppOptions };

/** When an application's instance is in memory (DESIGN, "Start modes"). */
export const START_MODES = ['lazy', 'eager', 'manual'] as const;
export type StartMode = (typeof START_MODES)[number];

/**
 * What becomes of an idle application that has work of its own ahead (cron jobs, scheduled workflows, delays): it is
 * not put to sleep, or it is, and woken in time.
 */
export const ON_SCHEDULE = ['stay-awake', 'wake-when-due'] as const;
export type OnSchedule = (typeof ON_SCHEDULE)[number];

/** Longest idle time in seconds; the same bound as that of the environment's numbers. */
export const MAX_IDLE_TIMEOUT = 2_000_000;

/** How far the making of an application has come; absent on rows that another plugin made. */
export interface Provisioning {
  /** ISO time at which the application was first ready; absent while it is being made. */
  readyAt?: string;
  /** We created the database, and its comment carries this token. */
  ownershipToken?: string;
  /** The end of the name of its folder of uploads, for one whose database carries no token: 16 hexadecimal digits. */
  uploads?: string;
  /**
   * The end of the name of the folder that a former application left with the data which this one adopted: the files in it
   * that its rows name are its own. Empty if there is none; absent on applications of older versions.
   */
  formerUploads?: string;
  /** The comment of a table in the database carries this token, which a dump keeps; absent until it was written. */
  contentToken?: string;
  /**
   * A random text of this application alone, by which its state outside the database is named. Never written into the
   * database, nor shown. Absent on applications of older versions: theirs is named by the ID.
   */
  identity?: string;
  /** The application whose data it begins with. */
  cloneOf?: string;
  /** Where its tables come from, or came from: its present attempt's word. */
  from?: 'install' | 'template' | 'application';
  /** What was under way when it was last written down; a killed attempt is taken up from there. */
  step?: 'tables' | 'administrator';
  /** Why it has no database role of its own. */
  isolation?: RoleObstacle;
  /** Absent for applications of older versions, and for data that was there before. */
  administrator?: FirstAdministrator;
}

/** A row without provisioning was made by another plugin; ours is made when it was ready once. */
export function isMade(record: AppRecord | undefined): boolean {
  return record?.provisioning === undefined || record.provisioning.readyAt !== undefined;
}

/** One registered application as the supervisor keeps it in memory: a row of `applications`, checked and typed. */
export interface AppRecord {
  name: string;
  displayName?: string;
  cname?: string;
  /** Further custom domains; absent where there are none. */
  domains?: string[];
  icon?: string;
  /** Shown in the application switcher. */
  pinned?: boolean;
  /** Not shown in the block of applications. */
  hidden?: boolean;
  sort?: number;
  startMode: StartMode;
  /** ISO time of the operator's Stop; absent when the application may run. */
  stoppedAt?: string;
  /** Seconds without use after which it is put to sleep; 0 means never; absent where the default holds. */
  idleTimeout?: number;
  /** Never put to sleep, whatever the limits. */
  keepAwake?: boolean;
  /** Absent means `stay-awake`. */
  onSchedule?: OnSchedule;
  /** Its own limits; absent where the defaults hold. */
  limits?: OwnLimits;
  /** ISO time at which the first of its own work is due, as far as it is known; it is woken in time for it. */
  nextDueAt?: string;
  /** ISO time of the last visitor's request that is written down. */
  lastVisitedAt?: string;
  /** ISO time of its removal; from then on it is out of reach, until it is restored. */
  removedAt?: string;
  /** What was said at its removal. */
  removal?: {
    dropDatabase?: boolean;
    purge?: boolean;
    /** The purge has begun to drop the database: there is nothing whole that could be restored. */
    begun?: boolean;
  };
  options: AppOptions;
  provisioning?: Provisioning;
  /** Encrypted, as it stands in the row. */
  secrets?: string;
}

/** The administrator that a new application is given. */
export interface AdminInput {
  email?: string;
  username?: string;
  nickname?: string;
  password: string;
}

/** What a caller may give at create, checked. */
export interface CreateInput {
  name: string;
  displayName?: string;
  cname?: string;
  domains?: string[];
  icon?: string;
  /** A data URI. It stays in the row: records in memory are without. */
  iconImage?: string;
  pinned?: boolean;
  hidden?: boolean;
  startMode: StartMode;
  idleTimeout?: number;
  keepAwake?: boolean;
  onSchedule?: OnSchedule;
  limits?: OwnLimits;
  options: AppOptions;
  admin?: AdminInput;
  /** Whether an existing NocoBase in the database may be taken in as it is. */
  adopt?: boolean;
}

const MAX_TEXT = 255;

function optionalText(values: Record<string, unknown>, field: string): string | undefined {
  const value = values[field];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw new AppError('APP_VALUE_INVALID', { field, reason: 'it must be text' });
  if (value.length > MAX_TEXT) {
    throw new AppError('APP_VALUE_INVALID', {
      field,
      reason: phrase('it is longer than {max} characters', { max: MAX_TEXT }),
    });
  }
  if (/\p{Cc}/u.test(value)) {
    throw new AppError('APP_VALUE_INVALID', { field, reason: 'it contains control characters' });
  }
  if (holdsSecret(value)) throw new AppError('APP_SECRET_MISPLACED', { field, hint: SECRET_PLACES });
  return value;
}

export function checkStartMode(value: unknown): StartMode {
  const mode = START_MODES.find((known) => known === value);
  if (!mode) throw new AppError('APP_START_MODE_INVALID');
  return mode;
}

/** Seconds; empty means the default, 0 never. Throws `APP_VALUE_INVALID`. */
export function checkIdleTimeout(value: unknown): number | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MAX_IDLE_TIMEOUT) return value;
  const reason = phrase('it must be a whole number of seconds from 0 to {max}, or null', { max: MAX_IDLE_TIMEOUT });
  throw new AppError('APP_VALUE_INVALID', { field: 'idleTimeout', reason });
}

/** Throws `APP_VALUE_INVALID`. */
export function checkOnSchedule(value: unknown): OnSchedule | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const choice = ON_SCHEDULE.find((known) => known === value);
  if (choice) return choice;
  throw new AppError('APP_VALUE_INVALID', {
    field: 'onSchedule',
    reason: phrase('it must be one of: {values}', { values: ON_SCHEDULE.join(', ') }),
  });
}

function optionalFlag(values: Record<string, unknown>, field: string): boolean | undefined {
  const value = values[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  throw new AppError('APP_VALUE_INVALID', { field, reason: 'it must be true or false' });
}

/** Empty means none. Throws `APP_DOMAIN_INVALID`. */
export function checkDomain(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const domain = typeof value === 'string' ? normalizeDomain(value) : undefined;
  if (!domain) throw new AppError('APP_DOMAIN_INVALID', { domain: quotable(value) });
  return domain;
}

/** How many custom domains an application may have besides its first one. */
const MAX_FURTHER_DOMAINS = 20;

/**
 * Checks the custom domains beside `cname`: each in its stored form, without repetitions.
 * @throws APP_VALUE_INVALID, APP_DOMAIN_INVALID
 */
function checkDomains(value: unknown, cname: unknown): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || value.length > MAX_FURTHER_DOMAINS) {
    const reason = phrase('it must be a list of at most {max} host names', { max: MAX_FURTHER_DOMAINS });
    throw new AppError('APP_VALUE_INVALID', { field: 'domains', reason });
  }
  const first = checkDomain(cname);
  const domains = new Set(value.map(checkDomain).filter((domain) => domain !== undefined && domain !== first));
  return domains.size > 0 ? ([...domains] as string[]) : undefined;
}

/** The further domains of a row, which may hold anything. */
function domainsFromRow(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const domains = value.filter((item): item is string => typeof item === 'string' && item !== '');
  return domains.length > 0 ? domains : undefined;
}

/** All custom domains of an application, in lower case, the first one first. */
export function domainsOf({ cname, domains }: { cname?: string | null; domains?: readonly string[] | null }): string[] {
  return [...(cname ? [cname] : []), ...(domains ?? [])].map((domain) => domain.toLowerCase());
}

/** Throws `APP_ADMIN_INVALID`. */
export function checkAdmin(value: unknown): AdminInput | undefined {
  if (value === undefined || value === null) return undefined;
  const invalid = (reason: Reason) => new AppError('APP_ADMIN_INVALID', { reason });
  if (!isPlainObject(value)) throw invalid('it must be an object with email, username and password');
  const text = (field: string, max: number) => {
    const given = value[field];
    if (given === undefined || given === null || given === '') return undefined;
    if (typeof given !== 'string' || given.length > max || /\p{Cc}/u.test(given))
      throw invalid(phrase('{what} is not valid', { what: field }));
    return given;
  };
  const email = text('email', MAX_TEXT);
  const username = text('username', 50);
  const password = text('password', MAX_TEXT);
  if (email && !/^[^\s@]+@[^\s@]+$/.test(email)) throw invalid('email is not an e-mail address');
  // The same rule as NocoBase's own user form.
  if (username && !/^[^@.<>"'/]{1,50}$/.test(username)) throw invalid('username must not contain @ . < > " \' /');
  if (!email && !username) throw invalid('give an email or a username');
  if (!password) throw invalid('give a password');
  return { email, username, nickname: text('nickname', MAX_TEXT), password };
}

/**
 * Checks everything of a create call that needs no look-up; throws an `AppError` with status 400.
 * `options.autoStart` of older callers stands for the start mode `eager`.
 * @param inherited whether the options are those of another application, which another plugin may have made
 */
export function checkCreate(values: Record<string, unknown>, { inherited = false } = {}): CreateInput {
  const options = withoutNulls(checkOptions(values.options, { inherited }));
  const fallback = options.autoStart === true ? 'eager' : 'lazy';
  const { startMode } = values;
  const lang = checkLanguage(options.lang);
  return {
    name: checkAppName(values.name),
    displayName: optionalText(values, 'displayName'),
    cname: checkDomain(values.cname),
    domains: checkDomains(values.domains, values.cname),
    icon: optionalText(values, 'icon'),
    iconImage: checkIconImage(values.iconImage),
    pinned: optionalFlag(values, 'pinned'),
    hidden: optionalFlag(values, 'hidden'),
    startMode: startMode === undefined || startMode === null ? fallback : checkStartMode(startMode),
    idleTimeout: checkIdleTimeout(values.idleTimeout),
    keepAwake: optionalFlag(values, 'keepAwake'),
    onSchedule: checkOnSchedule(values.onSchedule),
    limits: checkLimits(values.limits),
    options: lang ? { ...options, lang } : options,
    admin: checkAdmin(values.admin),
    adopt: optionalFlag(values, 'adopt'),
  };
}

/**
 * Checks an update that needs no look-up and returns only the fields it may change; a value that stays away stays as
 * it is. Throws an `AppError` with status 400, e.g. for another name or another database than the record's.
 */
export function checkUpdate(values: Record<string, unknown>, current: AppRecord): Record<string, unknown> {
  if (values.name !== undefined && values.name !== current.name) throw new AppError('APP_NAME_IMMUTABLE');
  const changes: Record<string, unknown> = {};
  if ('displayName' in values) changes.displayName = optionalText(values, 'displayName') ?? null;
  if ('icon' in values) changes.icon = optionalText(values, 'icon') ?? null;
  if ('cname' in values) changes.cname = checkDomain(values.cname) ?? null;
  if ('domains' in values) changes.domains = checkDomains(values.domains, changes.cname ?? current.cname) ?? null;
  if ('iconImage' in values) changes.iconImage = checkIconImage(values.iconImage) ?? null;
  if ('pinned' in values) changes.pinned = optionalFlag(values, 'pinned') ?? false;
  if ('hidden' in values) changes.hidden = optionalFlag(values, 'hidden') ?? false;
  if ('sort' in values) {
    if (typeof values.sort !== 'number' || !Number.isSafeInteger(values.sort)) {
      throw new AppError('APP_VALUE_INVALID', { field: 'sort', reason: 'it must be a whole number' });
    }
    changes.sort = values.sort;
  }
  if ('startMode' in values) changes.startMode = checkStartMode(values.startMode);
  if ('idleTimeout' in values) changes.idleTimeout = checkIdleTimeout(values.idleTimeout) ?? null;
  if ('keepAwake' in values) changes.keepAwake = optionalFlag(values, 'keepAwake') ?? null;
  if ('onSchedule' in values) changes.onSchedule = checkOnSchedule(values.onSchedule) ?? null;
  if ('limits' in values) changes.limits = checkLimits(values.limits, current.limits) ?? null;
  if ('options' in values) changes.options = checkOptionsUpdate(values.options, current.options);
  return changes;
}

/**
 * A row as a record. Tolerates what older plugins wrote: `options` that are null, a start mode that only
 * `options.autoStart` tells, names that ours would not create.
 */
export function recordFromRow(row: Record<string, unknown>): AppRecord {
  const options = (isPlainObject(row.options) ? row.options : {}) as AppOptions;
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  const primitive = (value: unknown) => typeof value === 'string' || typeof value === 'number';
  const startMode = START_MODES.find((mode) => mode === row.startMode);
  const iso = (value: unknown) => (value ? new Date(value as string | Date).toISOString() : undefined);
  return {
    name: primitive(row.name) ? String(row.name) : '',
    displayName: text(row.displayName),
    cname: text(row.cname),
    domains: domainsFromRow(row.domains),
    icon: text(row.icon),
    pinned: row.pinned === true || row.pinned === 1,
    hidden: row.hidden === true || row.hidden === 1,
    sort: primitive(row.sort) ? Number(row.sort) : undefined,
    startMode: startMode ?? (options.autoStart === true ? 'eager' : 'lazy'),
    stoppedAt: iso(row.stoppedAt),
    idleTimeout: primitive(row.idleTimeout) && Number(row.idleTimeout) >= 0 ? Number(row.idleTimeout) : undefined,
    keepAwake: row.keepAwake === true || row.keepAwake === 1,
    onSchedule: ON_SCHEDULE.find((choice) => choice === row.onSchedule),
    limits: limitsFromRow(row.limits),
    nextDueAt: iso(row.nextDueAt),
    lastVisitedAt: iso(row.lastVisitedAt),
    removedAt: iso(row.removedAt),
    removal: isPlainObject(row.removal) ? row.removal : undefined,
    options,
    provisioning: isPlainObject(row.provisioning) ? row.provisioning : undefined,
    secrets: text(row.secrets),
  };
}
