import type { AppRecord } from '../src/app-record';
import { AppError } from '../src/errors';
import { phrase, type Reason } from '../src/phrase';
import { ISOLATION_SENTENCES, type RoleObstacle } from '../src/isolation';
import type { Actor, AppEvent } from '../src/events';
import type { AppRoles } from './databases/app-roles';
import type { AppRunner } from './lifecycle/app-runner';
import type { Registry } from './registry';

/** What moving an application to a role of its own needs of the process around it. */
export interface IsolationHost {
  registry: Registry;
  roles: AppRoles;
  runner(name: string): AppRunner | undefined;
  whileDown<T>(name: string, work: (record: AppRecord) => Promise<T>, reason: 'isolated'): Promise<T>;
  tell(event: AppEvent): void;
}

/**
 * Gives an existing application a database role of its own, or repairs the one that it has, after a restore. It is down
 * meanwhile and comes back by itself; one that failed is tried again at once. Idempotent.
 * @throws APP_ISOLATION_REFUSED if the server does not allow it; the application goes on as it was
 */
export async function isolateApplication(host: IsolationHost, name: string, by: Actor): Promise<void> {
  const hadRole = host.roles.isIsolated(host.registry.get(name));
  // Found before the application is taken down for nothing.
  const known = await host.roles.knownObstacle(host.registry.get(name));
  if (known) throw refusalOf(name, known);
  const obstacle = await host.whileDown(name, (record) => host.roles.isolate(record), 'isolated');
  if (obstacle) throw refusalOf(name, obstacle);
  host.tell({ application: name, type: 'isolated', at: Date.now(), by, reason: hadRole ? 'repaired' : undefined });
  const runner = host.runner(name);
  if (runner?.state !== 'failed' && runner?.state !== 'quarantined') return;
  // Its boot may fail for another reason, which its state says then.
  runner.start(by).catch(() => undefined);
}

function refusalOf(name: string, { reason, detail, sql }: RoleObstacle): AppError {
  const sentence = ISOLATION_SENTENCES[reason];
  const detailed: Reason = detail ? phrase('{reason} ({detail})', { reason: sentence, detail }) : sentence;
  const advised = phrase('{reason}; an administrator of the database server can run: {sql}', {
    reason: detailed,
    sql: sql?.replace(/;$/, '') ?? '',
  });
  return new AppError('APP_ISOLATION_REFUSED', { name, reason: sql ? advised : detailed });
}

/** The applications that `isolate` of all is for: of ours, those without a role of their own. */
export function namesToIsolate({ registry, roles }: Pick<IsolationHost, 'registry' | 'roles'>): string[] {
  const records = [...registry.all()].filter((record) => roles.mayIsolate(record) && !roles.isIsolated(record));
  return records.map(({ name }) => name).sort();
}
