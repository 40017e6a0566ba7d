import type { Isolation } from '../src/isolation';
import type { AppAddress } from '../src/app-address';
import type { OnSchedule, StartMode } from '../src/app-record';
import type { AppState } from '../src/app-state';
import type { DatabasePlace, DbConnType } from '../src/database-options';
import type { AppEvent, Journey } from '../src/events';
import type { FirstAdministrator } from '../src/first-administrator';
import type { LogLine } from '../src/log-lines';
import type { LimitName, Limits } from '../src/policies/limits';
import type { AwakeReason } from '../src/policies/idle';
import type { PreflightCheck } from '../src/preflight';

/** A request as both clients take it. */
export interface ClientRequest {
  url: string;
  method?: 'get' | 'post';
  params?: Record<string, unknown>;
  data?: unknown;
  skipNotify?: boolean;
}

export type Request = (request: ClientRequest) => Promise<{ data: unknown }>;

export interface LastError {
  code?: string;
  message: string;
  step?: string;
  at?: string;
}

/** An application as `applications:list` and `applications:get` tell of it, as far as the screens show it. */
export interface ApplicationRow {
  name: string;
  displayName?: string | null;
  cname?: string | null;
  /** Further custom domains. */
  domains?: string[] | null;
  icon?: string | null;
  /** The address of its picture, which goes before the named icon. */
  iconUrl?: string | null;
  pinned?: boolean | null;
  hidden?: boolean | null;
  status: string;
  state: AppState;
  stateSince?: string | null;
  stateReason?: string | null;
  lastError?: LastError | null;
  retryAt?: string | null;
  journey?: Journey | null;
  startMode: StartMode;
  idleTimeout?: number | null;
  keepAwake?: boolean | null;
  onSchedule?: OnSchedule | null;
  /** Its own limits; an absent one is the default. */
  limits?: Partial<Record<LimitName, number>> | null;
  lastVisitedAt?: string | null;
  nextDueAt?: string | null;
  awakeBecause?: AwakeReason[] | null;
  faults?: { count: number; last: { error: string; at: string } } | null;
  address?: AppAddress;
  databasePlace?: DatabasePlace;
  isolation?: Isolation;
  options?: Record<string, unknown> | null;
  createdAt?: string;
  removedAt?: string | null;
  purgeAt?: string | null;
}

/** What `applications:list` is asked for. */
export interface ListQuery {
  page: number;
  pageSize: number;
  search?: string;
  states?: readonly AppState[];
  /** A column, with `-` before it for the other direction. */
  sort?: string;
  removed?: boolean;
}

export type StateCounts = Partial<Record<AppState, number>>;

export interface ApplicationPage {
  rows: ApplicationRow[];
  total: number;
  states: StateCounts;
}

export interface SupervisorInfo {
  version: string;
  /** Another one than `version` runs after a restart of NocoBase. */
  installedVersion?: string | null;
  state: 'active' | 'standby' | 'restart_required' | 'inert';
  reasonCode?: string;
  message?: string;
  /** Several processes share the port of this NocoBase. */
  clusterMode?: boolean;
  baseDomains?: string[];
  /** Whether applications are served below the main application's address. */
  pathAccess?: boolean;
  /** The limits of every application that has no values of its own. */
  limits?: Limits | null;
  /** How long a removed application can be restored; 0 if it is deleted for good at once. */
  removalRetentionDays?: number | null;
}

export interface NewAdministrator {
  email?: string;
  username?: string;
  nickname?: string;
  password: string;
}

/** What may be said of an application at any time. */
export interface ApplicationSettings {
  displayName?: string;
  cname?: string | null;
  domains?: string[] | null;
  startMode?: StartMode;
  idleTimeout?: number | null;
  keepAwake?: boolean;
  onSchedule?: OnSchedule;
  /** What changes; null means the default. */
  limits?: Partial<Record<LimitName, number | null>>;
  icon?: string | null;
  iconImage?: string | null;
  hidden?: boolean;
  pinned?: boolean;
}

export interface NewApplication extends ApplicationSettings {
  /** Where it is left away, the server makes one of the display name that is free. */
  name?: string;
  admin?: NewAdministrator;
  adopt?: boolean;
  options?: { dbConnType?: DbConnType; database?: Record<string, unknown>; lang?: string };
}

export type ApplicationAction = 'start' | 'stop' | 'restart' | 'destroy';

export interface BulkResult {
  name: string;
  ok: boolean;
  code?: string;
  message?: string;
}

export interface DatabaseCheck {
  check: PreflightCheck;
  ok: boolean;
  code?: string;
  message?: string;
  advice?: string;
}

/** The account of an administrator, and its new password if that was generated. */
export interface ChangedPassword {
  id: string | number;
  username: string | null;
  email: string | null;
  password: string | null;
}

export interface DatabaseAnswer {
  ok: boolean;
  checks: DatabaseCheck[];
  /** Null where a check did not pass. */
  isolation: (Isolation & { openDatabases: string[] }) | null;
}

/** Whether an application could have a custom domain; a sentence says why not. */
export interface DomainAnswer {
  ok: boolean;
  /** As it is stored. */
  domain?: string;
  code?: string;
  message?: string;
}

export interface ApplicationDetails {
  version: { core: string | null; installedCore: string };
  database: DatabasePlace & { bytes: number | null };
  memory: { estimateBytes: number | null };
  traffic: { requests: number; since: string };
  administrator: FirstAdministrator | null;
  limits: Record<LimitName, LimitUsage>;
}

/** One limit of an application: its value, whether that is its own, how much is in use, and the refusals. */
export interface LimitUsage {
  value: number;
  own: boolean;
  used: number | null;
  refused: number;
}

/** What has become of one application in an upgrade. */
export interface UpgradeEnd {
  name: string;
  outcome: string;
  to: string;
}

export interface EventPage {
  rows: AppEvent[];
  total: number;
}

export interface LogTail {
  available: boolean;
  rows: LogLine[];
}

export interface Boot {
  at: string;
  application: string;
  kind: 'wake' | 'making';
  ms: number;
  outcome: 'running' | 'stopped' | 'failed';
}

/** The log files of the process that could not be written. */
export interface LogFiles {
  failing: number;
  failures: number;
  lostLines: number;
  last: { code: string; at: string } | null;
}

export interface Metrics {
  at: string;
  applications: { total: number; states: StateCounts };
  running: { count: number; limit: number | null };
  memory: { heapUsed: number; rss: number; limit: number | null };
  /** None where the main application's database is a file. */
  connections: { used: number; limit: number | null } | null;
  queue: { waiting: number; booting: number; concurrency: number };
  logFiles: LogFiles;
  boots: Boot[];
}

export interface ArchiveJob {
  id: string;
  kind: 'export' | 'import';
  application: string;
  archive: string | null;
  outcome: 'running' | 'done' | 'failed';
  step: string;
  bytes: number;
  total: number | null;
  startedAt: string;
  finishedAt: string | null;
  error?: { code?: string; message: string } | null;
  warnings?: unknown[];
}

export interface StoredArchive {
  name: string;
  size: number;
  storedAt: string;
  deletedAt: string;
}
