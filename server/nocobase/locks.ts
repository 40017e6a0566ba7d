import type { Application } from '@nocobase/server';

const METHODS = ['acquire', 'runExclusive', 'tryAcquire'] as const;

type Locks = Record<(typeof METHODS)[number], (key: string, ...rest: unknown[]) => unknown>;

const named = new WeakSet<object>();

/**
 * Makes the names of all locks of an instance begin with the prefix. Locks of one process are one map for all
 * applications, those in Redis are shared by all processes, and few of NocoBase's names hold an application. A reload
 * gives the instance a new manager: call it again then. Idempotent.
 */
export function nameLocks(app: Application, prefix: string): void {
  const manager = app.lockManager as unknown as Locks | undefined;
  if (!manager || named.has(manager)) return;
  named.add(manager);
  for (const method of METHODS) {
    const original = manager[method];
    if (typeof original !== 'function') continue;
    manager[method] = (key, ...rest) => original.call(manager, `${prefix}:${key}`, ...rest);
  }
}
