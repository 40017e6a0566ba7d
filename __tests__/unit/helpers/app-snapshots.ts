import fc from 'fast-check';
import type { AppSnapshot } from '../../../src/policies/idle';

export const NOW = 1_800_000_000_000;

/** A running application that nobody uses, and that has nothing to do. */
export function appSnapshot(given: Partial<AppSnapshot> = {}): AppSnapshot {
  return {
    name: 'crm',
    state: 'running',
    startMode: 'lazy',
    keepAwake: false,
    onSchedule: 'stay-awake',
    upSince: NOW - 10_000_000,
    lastActiveAt: NOW - 5_000_000,
    requestsInFlight: 0,
    busy: [],
    scheduled: [],
    ...given,
  };
}

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const past = fc.constantFrom(0, 1, 1_000, 59_999, 60_000, 300_000, 900_000, 5_000_000).map((ago) => NOW - ago);

/** Any fleet, each application under a name of its own. */
export const snapshots: fc.Arbitrary<AppSnapshot[]> = fc
  .array(
    fc.record({
      state: fc.constantFrom('running', 'running', 'running', 'booting', 'creating', 'asleep', 'draining', 'failed'),
      startMode: fc.constantFrom('lazy', 'lazy', 'lazy', 'eager', 'manual'),
      keepAwake: fc.constantFrom(false, false, false, true),
      idleTimeoutMs: optional(fc.constantFrom(0, 1_000, 600_000)),
      onSchedule: fc.constantFrom('stay-awake', 'wake-when-due'),
      upSince: past,
      lastActiveAt: fc.oneof(past, fc.constant(0)),
      requestsInFlight: fc.constantFrom(0, 0, 0, 1),
      busy: fc.constantFrom([], [], ['queue' as const], ['unreadable' as const]),
      scheduled: fc.constantFrom([], [], ['cron' as const]),
      nextDueAt: optional(fc.constantFrom(NOW - 1, NOW + 1, NOW + 300_000)),
    }),
    { maxLength: 30 },
  )
  .map((apps) => apps.map((app, index) => ({ ...app, name: `app${index}` })));
