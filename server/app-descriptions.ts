import { appAddress } from '../src/app-address';
import { isMade, recordFromRow, type AppRecord } from '../src/app-record';
import type { Isolation } from '../src/isolation';
import { APP_STATES, type AppCondition, type AppState } from '../src/app-state';
import type { AwakeReason } from '../src/policies/idle';
import type { AppPlaces } from './app-places';
import { viewOf, type AppView } from './app-view';
import type { SupervisorConfig } from './config';
import type { AppRoles } from './databases/app-roles';
import type { AppSecrets } from './databases/secrets';
import type { AppRunner } from './lifecycle/app-runner';
import type { RecycleBin } from './recycle-bin';
import type { Registry } from './registry';
import type { Visits } from './visits';

/** What looking at applications needs of the process around it. */
export interface DescriptionsHost {
  config: SupervisorConfig;
  registry: Registry;
  runners: ReadonlyMap<string, AppRunner>;
  bin: RecycleBin;
  places: AppPlaces;
  roles: AppRoles;
  visits: Visits;
  sleeper: { awakeBecause(name: string): AwakeReason[] | undefined };
  faultsOf(name: string): AppCondition['faults'];
  secrets(record: AppRecord): AppSecrets;
}

export type StateCounts = Partial<Record<AppState, number>>;

/** Looking at applications: what is told of them, put together from everything that the process knows. */
export class AppDescriptions {
  constructor(private readonly host: DescriptionsHost) {}

  /** What an application is while nothing of it is in memory. */
  restingState(record: AppRecord): AppState {
    return record.stoppedAt || (record.startMode === 'manual' && isMade(record)) ? 'stopped' : 'asleep';
  }

  /** A record without a runner is not given one just for being looked at. */
  condition(name: string): AppCondition | undefined {
    const record = this.host.registry.get(name);
    if (!record) return undefined;
    const condition = this.host.runners.get(name)?.describe() ?? { state: this.restingState(record), since: 0 };
    return { ...condition, faults: this.host.faultsOf(name) };
  }

  /** A row as callers see it. */
  view(row: Record<string, unknown>): AppView {
    const { host } = this;
    const name = String(row.name);
    const registered = host.registry.find(name);
    const record = registered ?? recordFromRow(row);
    const secrets = this.secretsOf(record);
    return viewOf(row, {
      record,
      condition: this.condition(name),
      // What cannot be read is there.
      ownSecret: registered !== undefined && (!secrets || secrets.jwtSecret !== undefined),
      isolation: host.roles.describe(record, secrets),
      awakeBecause: host.sleeper.awakeBecause(name),
      lastActiveAt: host.runners.get(name)?.lastActiveAt,
      lastVisitedAt: this.lastVisitedAt(record),
      purgeAt: registered && host.bin.purgeTime(registered),
      address: appAddress(record, host.config),
      databasePlace: host.places.summary(record),
    });
  }

  isolation(record: AppRecord): Isolation {
    return this.host.roles.describe(record, this.secretsOf(record));
  }

  /** In ISO form; null when it was never visited. */
  lastVisitedAt(record: AppRecord): string | null {
    const at = this.host.visits.lastOf(record.name);
    return at === undefined ? (record.lastVisitedAt ?? null) : new Date(at).toISOString();
  }

  /** The IDs of those that are in one of these states; the removed ones do not count. */
  namesIn(states: readonly AppState[]): string[] {
    const names = [...this.host.registry.all()].map(({ name }) => name);
    return names.filter((name) => states.includes(this.stateOf(name)));
  }

  /** How many are in which state, of all, or of those that are named. */
  countStates(names?: Iterable<string>): StateCounts {
    const counts: StateCounts = {};
    for (const state of Object.keys(APP_STATES) as AppState[]) counts[state] = 0;
    for (const name of names ?? [...this.host.registry.all()].map((record) => record.name)) {
      if (!this.host.registry.has(name)) continue;
      const state = this.stateOf(name);
      counts[state] = (counts[state] ?? 0) + 1;
    }
    return counts;
  }

  private stateOf(name: string): AppState {
    const record = this.host.registry.get(name);
    return this.host.runners.get(name)?.state ?? (record ? this.restingState(record) : 'stopped');
  }

  /** Undefined where they cannot be read here. */
  private secretsOf(record: AppRecord): AppSecrets | undefined {
    try {
      return this.host.secrets(record);
    } catch {
      return undefined;
    }
  }
}
