import { effectiveLimits, takeToken, type Limits, type OwnLimits, type TokenBucket } from '../../src/policies/limits';
import { FilePlaces } from './file-places';
import { RequestSlots, type OtherUse } from './request-slots';
import { UploadPlaces } from './upload-places';

/** Refusals of one application that are answered at once; further ones wait. */
const IMMEDIATE_BURST = 3;
const IMMEDIATE_RATE = 1;

const UNUSED: OtherUse = { msSinceOthers: () => Infinity, isOtherAtWork: () => false };

/** The limits of one application in this process, and what it uses of them. */
export class AppLimiter {
  readonly slots: RequestSlots;
  readonly uploads = new UploadPlaces();
  readonly files = new FilePlaces();
  private limits: Limits;
  private readonly tokens: TokenBucket;
  private readonly immediate: TokenBucket = { tokens: IMMEDIATE_BURST, at: 0 };

  constructor(
    private readonly defaults: Limits,
    private own: OwnLimits | undefined,
    others: OtherUse = UNUSED,
  ) {
    this.slots = new RequestSlots(() => this.limits, others);
    this.limits = effectiveLimits(defaults, own);
    this.tokens = { tokens: this.limits.requestBurst, at: 0 };
  }

  get inForce(): Limits {
    return this.limits;
  }

  /** The application's own limits have changed, or may have. */
  update(own: OwnLimits | undefined): void {
    if (own === this.own) return;
    this.own = own;
    this.limits = effectiveLimits(this.defaults, own);
    this.slots.refresh();
  }

  /**
   * Counts one request against the rate.
   * @returns 0 if it may pass, else the milliseconds until the next one may
   */
  takeRequest(now = performance.now()): number {
    const { requestRate, requestBurst } = this.limits;
    return requestRate === 0 ? 0 : takeToken(this.tokens, requestRate, requestBurst, now);
  }

  /** Requests that may still come at once; null without a limit. */
  get requestsLeft(): number | null {
    const { requestRate, requestBurst } = this.limits;
    if (requestRate === 0) return null;
    const elapsed = performance.now() - this.tokens.at;
    return Math.floor(Math.min(requestBurst, this.tokens.tokens + (elapsed * requestRate) / 1_000));
  }

  /** Whether a refusal is answered at once: the first one always is. */
  refusesAtOnce(now = performance.now()): boolean {
    return takeToken(this.immediate, IMMEDIATE_RATE, IMMEDIATE_BURST, now) === 0;
  }
}
