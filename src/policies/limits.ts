import { AppError } from '../errors';
import { phrase } from '../phrase';
import { isPlainObject } from '../plain-object';

/**
 * The limits that hold for each application: which there are, their labels with the unit, defaults and ranges. Everything else (the
 * environment variables, REST, the command line and the screens) is derived from this table. 0 means "no limit"; in
 * `requestQueue` it means that no request waits.
 */
export const LIMITS = {
  requestSlots: { label: 'Requests handled at the same time', fallback: 4, min: 0, max: 10_000 },
  requestQueue: { label: 'Requests that wait in the queue', fallback: 100, min: 0, max: 10_000 },
  queueTimeout: { label: 'Longest wait in the queue, in seconds', fallback: 10, min: 1, max: 300 },
  requestRate: { label: 'Requests per second', fallback: 100, min: 0, max: 100_000 },
  requestBurst: { label: 'Requests in one burst', fallback: 300, min: 1, max: 1_000_000 },
  body: { label: 'Largest request body, in MB', fallback: 1_024, min: 0, max: 100_000 },
  websocketConnections: { label: 'WebSocket connections', fallback: 1_000, min: 0, max: 100_000 },
  websocketMessages: { label: 'WebSocket messages per second and connection', fallback: 50, min: 0, max: 100_000 },
  users: { label: 'Users of the application', fallback: 0, min: 0, max: 2_000_000 },
  storage: { label: 'Database, uploaded files and backups, in MB', fallback: 0, min: 0, max: 2_000_000 },
} as const satisfies Record<string, { label: string; fallback: number; min: number; max: number }>;

export type LimitName = keyof typeof LIMITS;

export const LIMIT_NAMES = Object.keys(LIMITS) as LimitName[];

/** A value for every limit. */
export type Limits = Readonly<Record<LimitName, number>>;

/** The values that one application has of its own; an absent one is the default. */
export type OwnLimits = Partial<Limits>;

export const isLimitName = (name: string): name is LimitName => Object.hasOwn(LIMITS, name);

/** The environment variable with the default of a limit, such as `APP_SUPERVISOR_LIMIT_REQUEST_RATE`. */
export function limitVariable(name: LimitName): string {
  return `APP_SUPERVISOR_LIMIT_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

export function isLimitValue(name: LimitName, value: unknown): value is number {
  return (
    typeof value === 'number' && Number.isSafeInteger(value) && value >= LIMITS[name].min && value <= LIMITS[name].max
  );
}

/** Whether a value means "no limit". */
export function isUnlimited(name: LimitName, value: number): boolean {
  return value === 0 && name !== 'requestQueue';
}

/** The limits in force: the application's own values over the defaults. */
export function effectiveLimits(defaults: Limits, own: OwnLimits | undefined): Limits {
  return own ? { ...defaults, ...own } : defaults;
}

/** The largest body in bytes; Infinity without a limit. */
export function maxBodyBytes({ body }: Pick<Limits, 'body'>): number {
  return body === 0 ? Infinity : body * 2 ** 20;
}

/** The most storage in bytes; Infinity without a limit. */
export function maxStorageBytes({ storage }: Pick<Limits, 'storage'>): number {
  return storage === 0 ? Infinity : storage * 2 ** 20;
}

/** Real files rarely shrink to less than this part of their size. */
const MAX_COMPRESSION = 20;
/** Where a body may have any size: small backups may hold files that shrink to little. */
const MIN_EXTRACTED_BYTES = 2 ** 30;

/**
 * The most bytes that a backup may have when it is extracted: the storage of the application. Without that limit, the size of
 * the largest body, or what a backup of this size can hold if its files are real. Never without a bound.
 */
export function maxExtractedBytes(limits: Pick<Limits, 'body' | 'storage'>, archiveBytes: number): number {
  if (limits.storage > 0) return maxStorageBytes(limits);
  const bodyBytes = limits.body > 0 ? maxBodyBytes(limits) : MIN_EXTRACTED_BYTES;
  return Math.max(bodyBytes, MAX_COMPRESSION * archiveBytes);
}

/**
 * The limits that a caller gives: an object of whole numbers, null for "as by default". Returns undefined for null or
 * nothing at all.
 * @param before the own values so far; a name that the caller does not give keeps its value
 * @throws APP_VALUE_INVALID with the name of the field
 */
export function checkLimits(given: unknown, before: OwnLimits = {}): OwnLimits | undefined {
  if (given === undefined || given === null) return undefined;
  if (!isPlainObject(given)) {
    throw new AppError('APP_VALUE_INVALID', { field: 'limits', reason: 'it must be an object of numbers' });
  }
  const limits: Partial<Record<LimitName, number>> = { ...before };
  for (const [name, value] of Object.entries(given)) {
    if (!isLimitName(name)) {
      const reason = phrase('there is no limit of this name; the limits are {known}', {
        known: LIMIT_NAMES.join(', '),
      });
      throw new AppError('APP_VALUE_INVALID', { field: `limits.${name.slice(0, 50)}`, reason });
    }
    if (value === null) delete limits[name];
    else if (isLimitValue(name, value)) limits[name] = value;
    else {
      const { min, max } = LIMITS[name];
      const reason = phrase('it must be a whole number from {min} to {max}, or null', { min, max });
      throw new AppError('APP_VALUE_INVALID', { field: `limits.${name}`, reason });
    }
  }
  return Object.keys(limits).length > 0 ? limits : undefined;
}

/** The own limits of a row; what is not valid there counts as absent. */
export function limitsFromRow(value: unknown): OwnLimits | undefined {
  if (!isPlainObject(value)) return undefined;
  const valid = LIMIT_NAMES.filter((name) => isLimitValue(name, value[name]));
  return valid.length > 0 ? Object.fromEntries(valid.map((name) => [name, value[name]])) : undefined;
}

/** A token bucket: how many tokens there were at a time (milliseconds of any monotonic clock). */
export interface TokenBucket {
  tokens: number;
  at: number;
}

/**
 * Takes one token, in place: a request allocates nothing.
 * @param rate tokens per second
 * @param burst the size of the bucket, at least 1
 * @returns 0 if a token was taken, else the milliseconds until there is one
 */
export function takeToken(bucket: TokenBucket, rate: number, burst: number, now: number): number {
  const size = Math.max(1, burst);
  const elapsed = Math.max(0, now - bucket.at);
  bucket.tokens = Math.min(size, bucket.tokens + (elapsed * rate) / 1_000);
  bucket.at = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return 0;
  }
  return Math.max(1, Math.ceil(((1 - bucket.tokens) * 1_000) / rate));
}

/** What happens to a request that needs a slot: it is admitted, it waits, or it is refused. */
export type SlotDecision = 'admit' | 'wait' | 'refuse';

/**
 * @param inFlight the requests with a slot
 * @param waiting the requests in the queue
 * @param mayBegin whether a request of the application may begin now; otherwise it waits for a later turn of the event
 * loop, so that many that arrive together do not delay the neighbours by the sum of their work
 */
export function decideSlot(
  { requestSlots, requestQueue }: Pick<Limits, 'requestSlots' | 'requestQueue'>,
  inFlight: number,
  waiting: number,
  mayBegin: boolean,
): SlotDecision {
  if (requestSlots === 0) return 'admit';
  // Requests that wait already come first.
  if (inFlight < requestSlots && waiting === 0 && mayBegin) return 'admit';
  // A request that waits for its turn only has a slot already; it takes no place of the queue.
  return inFlight + waiting < requestSlots + requestQueue ? 'wait' : 'refuse';
}
