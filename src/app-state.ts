import type { Journey } from './events';

/**
 * The states of an application in one process, and what the core's status vocabulary calls them.
 *
 * - `creating`: registered; its database is being made and installed. Ends in `running`, in `stopped` (a manual
 *   application) or in `failed`. After a process was killed meanwhile, the next start of the main application
 *   takes the making up again.
 * - `asleep`: installed, no instance in memory. A visit wakes it: `booting`.
 * - `booting`: its instance is being constructed, loaded and started, after its database was upgraded where it was
 *   behind. Ends in `running` or in `failed`; after an upgrade alone in `asleep`.
 * - `running`: answers requests. When its instance ends without us, it is `asleep` (a manual one `stopped`).
 * - `draining`: no new request is let in, those in flight are waited for (bounded), then the instance is
 *   destroyed. Ends in `stopped` or `asleep`.
 * - `stopped`: by an operator's decision (or `manual` and not started since the process is up). Only Start leads
 *   out of it.
 * - `failed`: the last boot or the making failed. The next visit after the backoff, or Start, tries again.
 * - `quarantined`: it failed too often in a row. No visit tries again; only Start ("retry now") leads out of it.
 *
 * The status is what gateway, WebSocket server and clients of NocoBase understand; they know no other words.
 */
export const APP_STATES = {
  creating: { label: 'Creating', color: 'processing', status: 'initializing' },
  asleep: { label: 'Asleep', color: 'default', status: 'stopped' },
  booting: { label: 'Booting', color: 'processing', status: 'initializing' },
  running: { label: 'Running', color: 'success', status: 'running' },
  draining: { label: 'Stopping', color: 'warning', status: 'commanding' },
  stopped: { label: 'Stopped', color: 'default', status: 'stopped' },
  failed: { label: 'Failed', color: 'error', status: 'error' },
  quarantined: { label: 'Quarantined', color: 'error', status: 'error' },
} as const satisfies Record<string, { label: string; color: string; status: CoreStatus }>;

export type AppState = keyof typeof APP_STATES;

/** The core's vocabulary (`AppStatus` in `@nocobase/server`). */
export type CoreStatus =
  'preparing' | 'initializing' | 'initialized' | 'running' | 'commanding' | 'stopped' | 'error' | 'not_found';

/** Which state may follow which. Leaving a state in any other way is a fault of ours. */
export const APP_TRANSITIONS: Readonly<Record<AppState, readonly AppState[]>> = {
  creating: ['running', 'stopped', 'failed', 'quarantined', 'asleep', 'draining'],
  asleep: ['booting', 'stopped', 'creating'],
  booting: ['running', 'failed', 'quarantined', 'draining', 'stopped', 'asleep'],
  running: ['draining', 'booting', 'asleep', 'stopped'],
  draining: ['stopped', 'asleep', 'failed', 'quarantined'],
  stopped: ['booting', 'creating', 'asleep'],
  failed: ['booting', 'creating', 'stopped', 'asleep'],
  quarantined: ['booting', 'creating', 'stopped'],
};

export function isLegalTransition(from: AppState, to: AppState): boolean {
  return from === to || APP_TRANSITIONS[from].includes(to);
}

/** States that soon become another one by themselves. */
export const MOVING_STATES: ReadonlySet<AppState> = new Set<AppState>(['creating', 'booting', 'draining']);

export function hasFailed(state: AppState): boolean {
  return state === 'failed' || state === 'quarantined';
}

const USEFUL_IN = {
  start: new Set<AppState>(['asleep', 'stopped', 'failed', 'quarantined']),
  stop: new Set<AppState>(['asleep', 'booting', 'running', 'failed', 'quarantined']),
  restart: new Set<AppState>(['running']),
};

/** Whether a command would change anything in this state. It decides nothing; it only spares a useless click. */
export function isUseful(command: keyof typeof USEFUL_IN, state: AppState): boolean {
  return USEFUL_IN[command].has(state);
}

/** What the administrator sees of an application's state. `since` and `retryAt` are epoch milliseconds. */
export interface AppCondition {
  state: AppState;
  since: number;
  reason?: string;
  lastError?: { code: string; message: string; step?: string; at: number };
  retryAt?: number;
  /** How it last came up, or how far it came. */
  journey?: Journey;
  faults?: FaultSummary;
}

/** Uncaught exceptions and rejections of an application since the process started. `at` is epoch milliseconds. */
export interface FaultSummary {
  count: number;
  last: { kind: 'exception' | 'rejection'; error: string; at: number };
}
