import type { AppStatus } from '@nocobase/server/lib/app-supervisor/types';
import type { AppRecord } from '../src/app-record';
import type { AwakeReason } from '../src/policies/idle';
import { APP_STATES, type AppCondition, type AppState } from '../src/app-state';
import type { Isolation } from '../src/isolation';
import type { Journey } from '../src/events';
import type { AppAddress } from '../src/app-address';
import type { DatabasePlace } from '../src/database-options';
import { redact } from './app-options';
import { rowOptions } from './lifecycle/row-options';

/** An application as callers see it: the row without its secrets, and what is computed. */
export interface AppView {
  name: string;
  status: AppStatus;
  state: AppState;
  /** ISO times; null when nothing is known, e.g. of an application that was not touched since the process started. */
  stateSince: string | null;
  stateReason: string | null;
  lastError: { code: string; message: string; step?: string; at: string } | null;
  retryAt: string | null;
  /** How it last came up since the process started, step by step. */
  journey: Journey | null;
  /** Why a running application is not put to sleep (`AWAKE_REASONS`); empty when it will be, null when it does not run. */
  awakeBecause: readonly AwakeReason[] | null;
  /** ISO time at which it was last used; null when it was not since the process started. */
  lastActiveAt: string | null;
  /** ISO time of the last visitor's request, across restarts; null when it was never visited. */
  lastVisitedAt: string | null;
  address: AppAddress;
  databasePlace: DatabasePlace;
  /** ISO time at which the first of its own work is due, as far as it is known; it is woken in time for it. */
  nextDueAt: string | null;
  /** Uncaught exceptions and rejections of the application since the process started; null if there were none. */
  faults: { count: number; last: { kind: string; error: string; at: string } } | null;
  /** ISO times of its removal and of its purge; null while it is not removed. */
  removedAt: string | null;
  purgeAt: string | null;
  /** The dotted names of options that stand in its row and are ignored. */
  ignoredOptions: readonly string[];
  /** False for an old application that still signs its tokens with the main application's secret. */
  ownSecret: boolean;
  /** Whether it has a database role of its own, and why not. */
  isolation: Isolation;
  [field: string]: unknown;
}

/** What is known of an application besides its row. */
export interface AppKnowledge {
  record?: AppRecord;
  condition?: AppCondition;
  ownSecret: boolean;
  isolation: Isolation;
  awakeBecause?: readonly AwakeReason[];
  /** Epoch milliseconds; 0 for never. */
  lastActiveAt?: number;
  lastVisitedAt: string | null;
  address: AppAddress;
  databasePlace: DatabasePlace;
  purgeAt?: string | null;
}

/** A row as callers see it, with what is known of the application at this moment. */
export function viewOf(row: Record<string, unknown>, known: AppKnowledge): AppView {
  const { record, condition, ownSecret, awakeBecause, lastActiveAt, lastVisitedAt, purgeAt } = known;
  const { secrets: _sealed, provisioning: _made, removal: _said, admin: _admin, adopt: _adopt, ...visible } = row;
  const { state, since, reason, lastError, retryAt, journey, faults }: AppCondition = condition ?? {
    state: record?.removedAt ? 'stopped' : 'asleep',
    since: 0,
  };
  return {
    ...visible,
    name: String(row.name),
    state,
    stateSince: since ? iso(since) : null,
    stateReason: reason ?? null,
    lastError: lastError ? { ...lastError, at: iso(lastError.at) } : null,
    retryAt: retryAt ? iso(retryAt) : null,
    journey: journey ?? null,
    awakeBecause: awakeBecause ?? null,
    lastActiveAt: lastActiveAt ? iso(lastActiveAt) : null,
    lastVisitedAt,
    address: known.address,
    databasePlace: known.databasePlace,
    nextDueAt: record?.nextDueAt ?? null,
    removedAt: record?.removedAt ?? null,
    purgeAt: purgeAt ?? null,
    faults: faults ? { count: faults.count, last: { ...faults.last, at: iso(faults.last.at) } } : null,
    options: redact(row.options),
    ignoredOptions: record ? rowOptions(record).ignored : [],
    startMode: record?.startMode ?? row.startMode ?? 'lazy',
    status: APP_STATES[state].status,
    ownSecret,
    isolation: known.isolation,
  };
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
