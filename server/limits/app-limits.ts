import { AppError } from '../../src/errors';
import { SYSTEM, type AppEvent } from '../../src/events';
import { maxExtractedBytes, type LimitName, type Limits } from '../../src/policies/limits';
import { AppLimiter } from './app-limiter';
import { DelayedResponses } from './delayed-responses';
import { RecentUse } from './recent-use';
import type { OtherUse } from './request-slots';
import { StorageMeter, type StorageHost } from './storage-meter';

/** At most one event for each limit of an application in this time. */
const EVENT_EVERY_MS = 60_000;

export interface LimitsHost extends StorageHost {
  readonly config: { limits: Limits };
  tell(event: AppEvent): void;
}

interface Reached {
  at: number;
  /** Refusals since the last event. */
  since: number;
  total: number;
}

/** The limits of all applications in this process. */
export class AppLimits {
  readonly delayed = new DelayedResponses();
  readonly use = new RecentUse();
  readonly storage: StorageMeter;
  private readonly limiters = new Map<string, AppLimiter>();
  private readonly reached = new Map<string, Partial<Record<LimitName, Reached>>>();
  /** Requests that name no application of ours share one limiter, by which only their refusals are delayed. */
  private strangers?: AppLimiter;
  private main?: AppLimiter;

  constructor(private readonly host: LimitsHost) {
    this.storage = new StorageMeter(host, (name) => this.of(name).inForce);
  }

  /** The turns of the main application: it has as many slots as there are requests. */
  get ofMain(): AppLimiter {
    if (this.main) return this.main;
    const { limits } = this.host.config;
    const endless = limits.requestSlots === 0 ? limits : { ...limits, requestSlots: Infinity };
    return (this.main = new AppLimiter(endless, undefined, this.othersThan('main')));
  }

  /** The limiter of an application, with its limits as they are now. */
  of(name: string): AppLimiter {
    const record = this.host.registry.get(name);
    if (!record) {
      this.strangers ??= new AppLimiter(this.host.config.limits, undefined);
      return this.limiters.get(name) ?? this.strangers;
    }
    let limiter = this.limiters.get(name);
    if (limiter) limiter.update(record.limits);
    else {
      limiter = new AppLimiter(this.host.config.limits, record.limits, this.othersThan(name));
      this.limiters.set(name, limiter);
    }
    return limiter;
  }

  private othersThan(name: string): OtherUse {
    return {
      msSinceOthers: () => this.use.msSinceOthers(name),
      isOtherAtWork: () => this.use.isOtherAtWork(name),
    };
  }

  /**
   * Counts a refusal. Tells the timeline once a minute for each limit, so that a flood writes no flood of events. The
   * main application, and a name that no application has, have no timeline.
   */
  note(name: string, limit: LimitName): void {
    if (!this.host.registry.get(name)) return;
    let known = this.reached.get(name);
    if (!known) this.reached.set(name, (known = {}));
    const now = Date.now();
    const reached = (known[limit] ??= { at: 0, since: 0, total: 0 });
    reached.total += 1;
    if (now - reached.at < EVENT_EVERY_MS) {
      reached.since += 1;
      return;
    }
    const message = reached.since > 0 ? String(reached.since) : undefined;
    known[limit] = { at: now, since: 0, total: reached.total };
    this.host.tell({ application: name, type: 'limited', at: now, by: SYSTEM, reason: limit, message });
  }

  /**
   * Refuses to extract a backup if its files would take more than `maxExtractedBytes`.
   * @throws APP_STORAGE_LIMIT, APP_BODY_TOO_LARGE
   */
  assertBackupFits(name: string, bytes: number, archiveBytes: number): void {
    const { inForce } = this.of(name);
    const max = maxExtractedBytes(inForce, archiveBytes);
    if (bytes <= max) return;
    const { storage } = inForce;
    this.note(name, storage > 0 ? 'storage' : 'body');
    if (storage > 0) throw new AppError('APP_STORAGE_LIMIT', { name, limit: storage });
    throw new AppError('APP_BODY_TOO_LARGE', { limit: Math.floor(max / 2 ** 20), unit: 'MB' });
  }

  /** Refusals since the process started. */
  refusals(name: string, limit: LimitName): number {
    return this.reached.get(name)?.[limit]?.total ?? 0;
  }

  /** The application is gone. */
  forget(name: string): void {
    this.limiters.delete(name);
    this.reached.delete(name);
    this.use.forget(name);
    this.storage.forget(name);
  }

  /** The process ends: no response is delayed any more. */
  close(): void {
    this.delayed.close();
    this.storage.stop();
  }
}
