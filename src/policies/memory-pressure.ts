import { byLeastUse, heldBecause, type AppSnapshot, type AwakeReason, type IdleConfig } from './idle';

/**
 * How near V8's heap is to its limit, beyond which the process ends with all applications in it:
 * - `high`: some sleep now, between the regular looks;
 * - `critical`: everything sleeps that no request, work or decision keeps awake; if that is not enough, the application
 *   with the largest growth is taken down although it is in use.
 */
export type HeapPressure = 'none' | 'high' | 'critical';

/** Shares of the heap's limit that are in use after a full collection. */
const HIGH = 0.75;
const CRITICAL = 0.88;
/** The part of the running applications that sleeps in one round under high pressure. */
const HIGH_SHARE = 0.25;
/** Under high pressure, applications that were used within this time stay awake; milliseconds. */
const HIGH_QUIET_MS = 15_000;
/** Growth counts if it is at least this part of all growth that could be told apart. */
const NOTABLE_SHARE = 0.25;

export function pressureOf(heapUsed: number, heapLimit: number): HeapPressure {
  const share = heapLimit > 0 ? heapUsed / heapLimit : 0;
  if (share >= CRITICAL) return 'critical';
  return share >= HIGH ? 'high' : 'none';
}

/** Bytes by which the heap grew while an application was at work. */
export type HeapGrowth = ReadonlyMap<string, number>;

/**
 * Adds the growth of the heap between two full collections to the applications that were at work meanwhile, in proportion
 * to their work: all live in one heap, so the growth of each cannot be measured. Where the heap shrinks, all shares shrink
 * with it.
 * @param before bytes in use after the former collection
 * @param after bytes in use after this one
 * @param work milliseconds that each application was at work since the former collection
 */
export function attributeGrowth(
  growth: HeapGrowth,
  before: number,
  after: number,
  work: ReadonlyMap<string, number>,
): Map<string, number> {
  const next = new Map(growth);
  if (after <= before) {
    const kept = before > 0 ? after / before : 0;
    for (const [name, bytes] of next) {
      if (bytes * kept < 1) next.delete(name);
      else next.set(name, bytes * kept);
    }
    return next;
  }
  const total = [...work.values()].reduce((sum, ms) => sum + ms, 0);
  for (const [name, ms] of work) {
    if (ms > 0) next.set(name, (next.get(name) ?? 0) + ((after - before) * ms) / total);
  }
  return next;
}

/** Why an application stays awake under this pressure; one that has just come up is no exception when it is critical. */
export function heldUnder(pressure: HeapPressure, app: AppSnapshot, config: IdleConfig, now: number): AwakeReason[] {
  const reasons = heldBecause(app, config, now);
  return pressure === 'critical' ? reasons.filter((reason) => reason !== 'just-started') : reasons;
}

/** The bytes by which the heap grew while the application was at work; 0 if that is no notable part of all growth. */
function notableGrowth(growth: HeapGrowth, name: string): number {
  const total = [...growth.values()].reduce((sum, bytes) => sum + bytes, 0);
  const bytes = growth.get(name) ?? 0;
  return total > 0 && bytes >= total * NOTABLE_SHARE ? bytes : 0;
}

/**
 * The running application that is taken down although it is in use, as nothing else can free memory: the one with the
 * largest growth, however small its part is, as the process would end otherwise. Undefined if none has grown.
 */
export function memoryHog(apps: readonly AppSnapshot[], growth: HeapGrowth): string | undefined {
  const growthOf = ({ name }: AppSnapshot) => growth.get(name) ?? 0;
  const [largest] = apps
    .filter((app) => app.state === 'running' && growthOf(app) > 0)
    .sort((a, b) => growthOf(b) - growthOf(a) || byLeastUse(a, b));
  return largest?.name;
}

/** The applications that sleep now, first those whose growth is notable, the largest first; then the least used. */
export function urgentSleepers(
  apps: readonly AppSnapshot[],
  pressure: HeapPressure,
  growth: HeapGrowth,
  config: IdleConfig,
  now: number,
): string[] {
  if (pressure === 'none') return [];
  const running = apps.filter(({ state }) => state === 'running');
  const growthOf = ({ name }: AppSnapshot) => notableGrowth(growth, name);
  const candidates = running
    .filter((app) => heldUnder(pressure, app, config, now).length === 0)
    .filter((app) => pressure === 'critical' || now - app.lastActiveAt >= HIGH_QUIET_MS)
    .sort((a, b) => growthOf(b) - growthOf(a) || byLeastUse(a, b));
  const most = pressure === 'critical' ? candidates.length : Math.max(1, Math.floor(running.length * HIGH_SHARE));
  return candidates.slice(0, most).map(({ name }) => name);
}
