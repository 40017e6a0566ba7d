import { MAX_IDLE_TIMEOUT, type OnSchedule, type StartMode } from '../../../src/app-record';
import { LIMIT_NAMES, type LimitName } from '../../../src/policies/limits';
import { databaseKind } from '../../../src/database-dialects';
import type { DbConnType } from '../../../src/database-options';
import type { ApplicationRow, ApplicationSettings, NewApplication } from '../../api-types';

/** How long an application may be idle: as by default, without end, or a time of its own. */
export type IdleChoice = 'default' | 'never' | 'own';

/** What the fields hold that creating and editing have in common. */
export interface SettingsValues {
  displayName: string;
  startMode: StartMode;
  cname?: string;
  domains?: string[];
  idle: IdleChoice;
  idleSeconds?: number | null;
  keepAwake: boolean;
  onSchedule: OnSchedule;
  icon?: string | null;
  /** A data URI, or the address of the picture that the application has. */
  iconImage?: string | null;
  hidden: boolean;
  pinned: boolean;
  /** Its own limits; an empty field is the default. */
  limits?: Partial<Record<LimitName, number | null>>;
}

export interface DatabaseValues {
  dbConnType: DbConnType;
  database?: string;
  schema?: string;
  dialect?: string;
  host?: string;
  port?: number | null;
  username?: string;
  password?: string;
  ssl?: boolean;
  adopt?: boolean;
}

export interface AdminValues {
  who: 'me' | 'other';
  email?: string;
  username?: string;
  nickname?: string;
  password?: string;
}

export interface CreateValues extends SettingsValues {
  /** Only where somebody typed one: of what is made from the display name, the server makes sure that it is free. */
  name?: string;
  lang?: string;
  db: DatabaseValues;
  admin: AdminValues;
}

export const DEFAULT_SETTINGS: SettingsValues = {
  displayName: '',
  startMode: 'lazy',
  idle: 'default',
  keepAwake: false,
  onSchedule: 'stay-awake',
  icon: null,
  iconImage: null,
  hidden: false,
  pinned: false,
};

export const DEFAULT_CREATION: Partial<CreateValues> = {
  ...DEFAULT_SETTINGS,
  db: { dbConnType: 'new_database', dialect: 'postgres' },
  admin: { who: 'me' },
};

export const IDLE_LIMITS = { min: 1, max: MAX_IDLE_TIMEOUT };

const clean = (text: string | undefined) => text?.trim() || undefined;

function idleTimeout({ idle, idleSeconds }: SettingsValues): number | null {
  if (idle === 'never') return 0;
  return idle === 'own' ? (idleSeconds ?? null) : null;
}

/** The fields of an application as they are now. */
export function settingsOf(row: ApplicationRow): SettingsValues {
  const { idleTimeout: seconds } = row;
  return {
    displayName: row.displayName ?? '',
    startMode: row.startMode,
    cname: row.cname ?? undefined,
    domains: row.domains ?? undefined,
    idle: seconds === 0 ? 'never' : seconds ? 'own' : 'default',
    idleSeconds: seconds || undefined,
    keepAwake: row.keepAwake === true,
    onSchedule: row.onSchedule ?? 'stay-awake',
    icon: row.icon ?? null,
    iconImage: row.iconUrl ?? null,
    hidden: row.hidden === true,
    pinned: row.pinned === true,
    limits: { ...row.limits },
  };
}

function toSettings(values: SettingsValues): Required<Omit<ApplicationSettings, 'limits'>> {
  const { startMode, keepAwake, onSchedule, icon, iconImage, hidden, pinned } = values;
  return {
    displayName: values.displayName.trim(),
    cname: clean(values.cname) ?? null,
    domains: values.domains?.length ? values.domains : null,
    startMode,
    idleTimeout: idleTimeout(values),
    keepAwake,
    onSchedule,
    icon: icon ?? null,
    iconImage: iconImage ?? null,
    hidden,
    pinned,
  };
}

/** What differs; what stays is not said again, so that nothing that somebody else changed meanwhile is taken back. */
export function changesOf(before: SettingsValues, after: SettingsValues): ApplicationSettings {
  const [old, now] = [toSettings(before), toSettings(after)];
  const changed = (Object.keys(now) as (keyof typeof now)[]).filter(
    (field) => JSON.stringify(now[field]) !== JSON.stringify(old[field]),
  );
  const limits = changedLimits(before.limits, after.limits);
  return { ...Object.fromEntries(changed.map((field) => [field, now[field]])), ...(limits && { limits }) };
}

/** The limits that differ; null for those that return to the default. */
function changedLimits(before: SettingsValues['limits'] = {}, after: SettingsValues['limits'] = {}) {
  const changed = LIMIT_NAMES.filter((name) => (after[name] ?? null) !== (before[name] ?? null));
  return changed.length > 0 ? Object.fromEntries(changed.map((name) => [name, after[name] ?? null])) : undefined;
}

/** What the server takes as `options.database`: only what the chosen way has, and only what was filled in. */
export function databaseOptions(db: DatabaseValues): { dbConnType: DbConnType; database?: Record<string, unknown> } {
  const { dbConnType, dialect, port, password, ssl } = db;
  const named: Record<string, unknown> = { database: clean(db.database) };
  if (dbConnType === 'new_schema') named.schema = clean(db.schema);
  if (dbConnType === 'new_connection') {
    const server = { dialect, host: clean(db.host), port: port ?? undefined, username: clean(db.username) };
    // A password is taken as it is.
    Object.assign(named, server, { password: password || undefined, ssl: ssl || undefined });
    if (databaseKind(dialect)?.schemas) named.schema = clean(db.schema);
  }
  const given = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
  return Object.keys(given).length ? { dbConnType, database: given } : { dbConnType };
}

/** What is left at its default is not said: it is the server's to decide. */
export function toCreation(values: CreateValues): NewApplication {
  const { name, lang, db, admin, startMode } = values;
  const { who, password = '', email, username, nickname } = admin;
  const person = { email: clean(email), username: clean(username), nickname: clean(nickname), password };
  return {
    ...changesOf(DEFAULT_SETTINGS, values),
    ...(name && { name }),
    startMode,
    options: { ...databaseOptions(db), ...(lang && { lang }) },
    ...(db.adopt && { adopt: true }),
    ...(who === 'other' && { admin: person }),
  };
}
