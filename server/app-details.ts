import type { Application } from '@nocobase/server';
import { appAddress, type AppAddress } from '../src/app-address';
import type { AppRecord } from '../src/app-record';
import type { DatabasePlace } from '../src/database-options';
import { AppError } from '../src/errors';
import type { FirstAdministrator } from '../src/first-administrator';
import type { Isolation } from '../src/isolation';
import type { Journey } from '../src/events';
import type { LimitName } from '../src/policies/limits';
import type { AppDescriptions } from './app-descriptions';
import type { AppPlaces } from './app-places';
import type { SupervisorConfig } from './config';
import type { FleetUpgrade } from './fleet-upgrade';
import { withDeadline } from './lifecycle/deadline';
import type { AppLimits } from './limits/app-limits';
import { readLimits, type LimitUsage } from './limits/usage';
import type { AppVersions } from './lifecycle/versions';
import type { HeapWatch } from './metrics/heap-watch';
import type { Registry } from './registry';
import type { Visits } from './visits';

/** What looking closely at one application needs of the process around it. */
export interface DetailsHost {
  config: SupervisorConfig;
  registry: Registry;
  descriptions: AppDescriptions;
  places: AppPlaces;
  visits: Visits;
  heap: HeapWatch;
  versions: AppVersions;
  upgrades: FleetUpgrade;
  limits: AppLimits;
  supervisor: { apps: Record<string, Application | undefined> };
}

/** One application, looked at closely. Null stands for what cannot be known. */
export interface AppDetails {
  name: string;
  /** NocoBase's, in its database and in this process. */
  version: { core: string | null; installedCore: string };
  database: DatabasePlace & { bytes: number | null };
  isolation: Isolation;
  memory: { estimateBytes: number | null };
  /** Requests that it was asked to answer, counted in this process since this ISO time. */
  traffic: { requests: number; since: string };
  lastVisitedAt: string | null;
  address: AppAddress;
  journey: Journey | null;
  /** As it was when the application was created. */
  administrator: FirstAdministrator | null;
  /** Its limits, and what it uses of them. */
  limits: Record<LimitName, LimitUsage>;
}

const READ_DEADLINE_MS = 5_000;

/** Asks its database server, over short connections, and wakes nobody. @throws APP_NOT_FOUND */
export async function readDetails(host: DetailsHost, name: string): Promise<AppDetails> {
  const record = host.registry.get(name);
  if (!record) throw new AppError('APP_NOT_FOUND', { name });
  const [core, bytes] = await Promise.all([readCore(host, record), host.places.size(record)]);
  const condition = host.descriptions.condition(name);
  const instance = condition?.state === 'running' ? host.supervisor.apps[name] : undefined;
  return {
    name,
    version: { core, installedCore: host.versions.installedCore },
    database: { ...host.places.summary(record), bytes },
    isolation: host.descriptions.isolation(record),
    memory: { estimateBytes: condition?.state === 'running' ? host.heap.share : null },
    traffic: { requests: host.visits.requestsOf(name), since: new Date(host.visits.since).toISOString() },
    lastVisitedAt: host.descriptions.lastVisitedAt(record),
    address: appAddress(record, host.config),
    journey: condition?.journey ?? null,
    administrator: record.provisioning?.administrator ?? null,
    limits: await readLimits({ record, limits: host.limits, instance, databaseBytes: bytes }),
  };
}

async function readCore({ upgrades }: DetailsHost, { name }: AppRecord): Promise<string | null> {
  const plan = upgrades.plan([name]).then(([found]) => found?.from ?? null);
  return withDeadline(plan, READ_DEADLINE_MS, () => new Error('late')).catch(() => null);
}
