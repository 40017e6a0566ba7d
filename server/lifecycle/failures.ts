import { AppError } from '../../src/errors';
import {
  afterFailure,
  afterRunning,
  NO_FAILURES,
  type QuarantineConfig,
  type Verdict,
} from '../../src/policies/quarantine';
import type { BootStep } from './boot';

/** The failures of one application since it was last well, and what they lead to. */
export class Failures {
  private history = NO_FAILURES;
  private last?: AppError;

  constructor(
    private readonly name: string,
    private readonly config: () => QuarantineConfig,
  ) {}

  /** One more; a backoff follows from it, or quarantine when it was one too many. */
  add(failure: AppError, now: number): Verdict {
    const { history, verdict } = afterFailure(this.history, failure.code, this.config(), now, Math.random());
    this.history = history;
    this.last = failure;
    return verdict;
  }

  /** It came up: what failed before is told no more, and counts until it has run for a while. */
  cameUp(): void {
    this.last = undefined;
  }

  /** It has run from `since` until now; epoch milliseconds. */
  ran(since: number, now: number): void {
    this.history = afterRunning(this.history, since, this.config(), now);
  }

  /** What visitors are told. @param step the one in which it failed */
  tell(quarantined: boolean, step: BootStep): AppError {
    const { name, history } = this;
    const last = this.last ?? new AppError('APP_BOOT_FAILED', { name, step, reason: 'unknown' });
    if (!quarantined) return last;
    return new AppError('APP_QUARANTINED', { name, failures: history.counted, step, code: last.code });
  }
}
