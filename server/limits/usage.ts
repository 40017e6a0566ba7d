import type { Application } from '@nocobase/server';
import { LIMIT_NAMES, type LimitName } from '../../src/policies/limits';
import type { AppRecord } from '../../src/app-record';
import { socketServer } from '../core';
import { withDeadline } from '../lifecycle/deadline';
import type { AppLimits } from './app-limits';
import { sizeOfFiles } from './storage-meter';

/** One limit of an application. `used` is null if it is not known, or means nothing for this limit. */
export interface LimitUsage {
  value: number;
  /** Whether the value is the application's own. */
  own: boolean;
  used: number | null;
  /** Refusals since the process started. */
  refused: number;
}

const COUNT_DEADLINE_MS = 3_000;
const MB = 2 ** 20;

interface Parts {
  record: AppRecord;
  limits: AppLimits;
  /** The running instance. */
  instance: Application | undefined;
  databaseBytes: number | null;
}

/** The limits of an application and what it uses of them. It wakes nothing, and waits a few seconds at most. */
export async function readLimits(parts: Parts): Promise<Record<LimitName, LimitUsage>> {
  const { record, limits } = parts;
  const limiter = limits.of(record.name);
  const used = await readUse(parts);
  const entries = LIMIT_NAMES.map((name): [LimitName, LimitUsage] => [
    name,
    {
      value: limiter.inForce[name],
      own: record.limits?.[name] !== undefined,
      used: used[name] ?? null,
      refused: limits.refusals(record.name, name),
    },
  ]);
  return Object.fromEntries(entries) as Record<LimitName, LimitUsage>;
}

async function readUse({
  record,
  limits,
  instance,
  databaseBytes,
}: Parts): Promise<Partial<Record<LimitName, number | null>>> {
  const { slots, inForce, requestsLeft } = limits.of(record.name);
  const [users, fileBytes] = await Promise.all([countUsers(instance), sizeOfFiles(record).catch(() => null)]);
  return {
    requestSlots: inForce.requestSlots === 0 ? null : slots.inFlight,
    requestQueue: slots.waiting,
    requestBurst: requestsLeft === null ? null : inForce.requestBurst - requestsLeft,
    websocketConnections: countSockets(record.name),
    users,
    storage: databaseBytes === null || fileBytes === null ? null : Math.ceil((databaseBytes + fileBytes) / MB),
  };
}

async function countUsers(instance: Application | undefined): Promise<number | null> {
  if (!instance) return null;
  try {
    const count = instance.db.getModel('users').count();
    return await withDeadline(count, COUNT_DEADLINE_MS, () => new Error('no answer'));
  } catch {
    return null;
  }
}

function countSockets(name: string): number {
  let count = 0;
  for (const { app } of socketServer()?.webSocketClients.values() ?? []) if (app === name) count += 1;
  return count;
}
