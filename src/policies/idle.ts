import type { OnSchedule, StartMode } from '../app-record';
import type { AppState } from '../app-state';

/** What an application is doing at this moment; any of it keeps the application awake. */
export const BUSY_KINDS = [
  /** Jobs that wait in its event queue, or are being worked on. */
  'queue',
  /** Workflows that are being run, or events that wait to become one. */
  'workflow',
  /** Asynchronous tasks: imports, exports, commands. */
  'task',
  /** A statement or a transaction is open on its database. */
  'database',
  /** A backup or a restore. */
  'backup',
  /** A command of the application, e.g. an upgrade. */
  'command',
  /** Something of it could not be read; that is never taken for nothing. */
  'unreadable',
] as const;
export type BusyKind = (typeof BUSY_KINDS)[number];

/** What an application is going to do by itself, as long as it is in memory. */
export const SCHEDULED_KINDS = ['cron', 'schedule', 'delay', 'execution-timeout', 'backup'] as const;
export type ScheduledKind = (typeof SCHEDULED_KINDS)[number];

export interface Workload {
  busy: readonly BusyKind[];
  scheduled: readonly ScheduledKind[];
  /** Epoch milliseconds at which the first of the scheduled work is due; absent while that is not known. */
  nextDueAt?: number;
}

/** One application as the policies of sleep see it. Times are epoch milliseconds. */
export interface AppSnapshot extends Workload {
  name: string;
  state: AppState;
  startMode: StartMode;
  keepAwake: boolean;
  /** Its own idle time in milliseconds, 0 for "never"; absent where the default holds. */
  idleTimeoutMs?: number;
  onSchedule: OnSchedule;
  /** Since when it is running. */
  upSince: number;
  /** 0 when nobody has used it since the process started. */
  lastActiveAt: number;
  requestsInFlight: number;
}

export interface IdleConfig {
  /** 0 means never. */
  idleTimeoutMs: number;
  /** For this long after it came up no application is put to sleep, whatever the limits. */
  minUptimeMs: number;
  /** An application is not put to sleep for less than this before its next work. */
  minNapMs: number;
}

export const AWAKE_REASONS = [
  'eager',
  'manual',
  'keep-awake',
  'idle-timeout-off',
  'request',
  'recently-used',
  'just-started',
  'busy',
  'scheduled-work',
  'due-soon',
] as const;
export type AwakeReason = (typeof AWAKE_REASONS)[number];

function idleTimeoutOf(app: AppSnapshot, config: IdleConfig): number {
  return app.idleTimeoutMs ?? config.idleTimeoutMs;
}

/** Why neither idleness nor a limit may put a running application to sleep; nothing when a limit may. */
export function heldBecause(app: AppSnapshot, config: IdleConfig, now: number): AwakeReason[] {
  const reasons: AwakeReason[] = [];
  if (app.startMode === 'eager') reasons.push('eager');
  if (app.startMode === 'manual') reasons.push('manual');
  if (app.keepAwake) reasons.push('keep-awake');
  if (app.requestsInFlight > 0) reasons.push('request');
  if (app.busy.length > 0) reasons.push('busy');
  if (app.scheduled.length > 0) {
    if (app.onSchedule === 'stay-awake') reasons.push('scheduled-work');
    // An unknown time is taken for "at any moment".
    else if ((app.nextDueAt ?? now) - now < config.minNapMs) reasons.push('due-soon');
  }
  // A short idle time means what it says.
  const minUptimeMs = Math.min(config.minUptimeMs, idleTimeoutOf(app, config) || config.minUptimeMs);
  if (now - app.upSince < minUptimeMs) reasons.push('just-started');
  return reasons;
}

/** Why a running application is not put to sleep; nothing when it may be, because it is idle. */
export function awakeBecause(app: AppSnapshot, config: IdleConfig, now: number): AwakeReason[] {
  const reasons = heldBecause(app, config, now);
  const timeout = idleTimeoutOf(app, config);
  if (timeout === 0) reasons.push('idle-timeout-off');
  else if (now - app.lastActiveAt < timeout) reasons.push('recently-used');
  return reasons;
}

/** The names of the applications that may be put to sleep because they are idle, the longest idle first. */
export function idleApps(apps: readonly AppSnapshot[], config: IdleConfig, now: number): string[] {
  return apps
    .filter((app) => app.state === 'running' && awakeBecause(app, config, now).length === 0)
    .sort(byLeastUse)
    .map((app) => app.name);
}

/** The least recently used first; among those that nobody used, the one that is up for the longest time. */
export function byLeastUse(a: AppSnapshot, b: AppSnapshot): number {
  const difference = a.lastActiveAt - b.lastActiveAt || a.upSince - b.upSince;
  return difference || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}
