import { AppError } from '../../src/errors';
import { afterLostLock, type LockAttempt } from '../../src/policies/leadership';
import type { OnBroken, SessionLock } from '../databases/session-lock';

/** How often a leader asks the server whether it still holds the lock. */
const CONFIRM_MS = 2_000;
/** How often a standby process tries to get the lock. */
const ATTEMPT_MS = 1_000;
/** Every so many attempts a standby process reads the applications again, so that it routes by what is true. */
const ATTEMPTS_PER_REFRESH = 10;
/**
 * For how long requests to applications are held after this process became a standby. In a rolling update the other
 * process ends within this time. After it, requests are refused at once.
 */
const HOLD_MS = 30_000;

export type LeadershipState = 'none' | 'standby' | 'leading';

/** The work that follows from leading or not. Each step may take its time and may be repeated. */
export interface LeadershipHost {
  /** @returns undefined if the main application's database has no such lock: then this process leads without one */
  openLock(onBroken: OnBroken): SessionLock | undefined;
  /** Begins to manage the applications, or, after a reload of the main application, goes on. */
  activate(): Promise<void>;
  /** Ends everything of the applications in this process, and knows them only for routing. Never rejects. */
  standBy(): Promise<void>;
  /** Reads the applications again. */
  refresh(): Promise<void>;
  warn(message: string): void;
}

/**
 * Decides whether this process manages the applications of the main application. Several NocoBase processes may run on
 * one main database for a time: a rolling update, `pm2` in cluster mode. Exactly one of them leads.
 *
 * States:
 * - `none`: takes no part. The plugin is not enabled, or the process only runs a command. `begin` leaves it.
 * - `leading`: this process holds the lock in the main database. Every two seconds it asks for a confirmation. If the
 *   lock is lost, it tries to get it back. It goes to `standby` if another process holds it, or if the server gave no
 *   confirmation for `LEADER_GRACE_MS`.
 * - `standby`: another process leads, or the server cannot be asked. Every second it tries to get the lock; then it
 *   leads.
 *
 * `end` leads back to `none` from everywhere and releases the lock.
 *
 * Invariants: `activate` is called only while the lock is held. The lock is released only after `standBy`, or by `end`,
 * whose caller has ended the applications before.
 */
export class Leadership {
  /** Called whenever this process begins or ceases to lead; must not throw. */
  onChange: (leads: boolean) => void = () => undefined;
  private current: LeadershipState = 'none';
  private lock?: SessionLock;
  private confirmedAt = 0;
  private standbySince = 0;
  private attempts = 0;
  private stopWatching?: () => void;
  private wakeWatcher?: () => void;
  private readonly holds = new Set<{ resolve(): void; reject(error: AppError): void }>();

  constructor(
    private readonly host: LeadershipHost,
    private readonly now: () => number = Date.now,
  ) {}

  get state(): LeadershipState {
    return this.current;
  }

  /** Called at each start of the main application. Resolves when this process leads or stands by. */
  async begin(): Promise<void> {
    if (this.current === 'leading') return this.host.activate();
    if (this.current === 'standby') return this.host.standBy();
    this.lock = this.host.openLock(() => this.wakeWatcher?.());
    if (!this.lock || (await this.attempt()) === 'held') await this.lead();
    else await this.wait();
    if (this.lock) this.watch();
  }

  /** Takes no part any more; the next process gets the lock at once. Never rejects. */
  async end(): Promise<void> {
    this.current = 'none';
    this.stopWatching?.();
    this.release(new AppError('APP_SUPERVISOR_STANDBY'));
    const { lock } = this;
    this.lock = undefined;
    await lock?.close();
  }

  /**
   * Resolves when this process leads.
   * @throws APP_SUPERVISOR_STANDBY if it does not lead within 30 seconds after it became a standby
   */
  async whenLeading(): Promise<void> {
    if (this.current === 'leading') return;
    const left = this.standbySince + HOLD_MS - this.now();
    if (left <= 0) throw new AppError('APP_SUPERVISOR_STANDBY');
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const hold = { resolve, reject };
        this.holds.add(hold);
        timer = setTimeout(() => {
          this.holds.delete(hold);
          reject(new AppError('APP_SUPERVISOR_STANDBY'));
        }, left);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  private release(error?: AppError): void {
    const holds = [...this.holds];
    this.holds.clear();
    for (const hold of holds) {
      if (error) hold.reject(error);
      else hold.resolve();
    }
  }

  private async lead(): Promise<void> {
    this.confirmedAt = this.now();
    this.current = 'leading';
    await this.host.activate();
    this.onChange(true);
    this.release();
  }

  private async wait(): Promise<void> {
    this.current = 'standby';
    this.standbySince = this.now();
    this.onChange(false);
    this.host.warn(new AppError('APP_SUPERVISOR_STANDBY').message);
    await this.host.standBy();
  }

  private watch(): void {
    let watching = true;
    this.stopWatching = () => {
      watching = false;
      this.wakeWatcher?.();
    };
    const loop = async (): Promise<void> => {
      while (watching) {
        await this.pause(this.current === 'leading' ? CONFIRM_MS : ATTEMPT_MS);
        if (!watching) return;
        await (this.current === 'leading' ? this.confirm() : this.takeOver()).catch((error: unknown) =>
          this.host.warn(`leadership: ${String(error)}`),
        );
      }
    };
    void loop();
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.wakeWatcher = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async confirm(): Promise<void> {
    const held = await this.lock?.isHeld().catch(() => false);
    if (held) {
      this.confirmedAt = this.now();
      return;
    }
    // A connection that gave no answer may still hold the lock: the server must not keep it from us.
    await this.lock?.close();
    const attempt = await this.attempt();
    const decision = afterLostLock(attempt, this.now() - this.confirmedAt);
    // The process may have ended its part while the server was asked.
    if (this.current !== 'leading') return;
    if (decision === 'lead') {
      this.confirmedAt = this.now();
      this.host.warn('The leader lock was lost and obtained again.');
    } else if (decision === 'stand-down') {
      this.host.warn('The leader lock is lost: this process stops managing applications.');
      await this.wait();
    }
  }

  private async takeOver(): Promise<void> {
    this.attempts += 1;
    if ((await this.attempt()) === 'held') {
      if (this.current !== 'standby') return;
      this.host.warn('This process has become the leader and manages the applications now.');
      await this.lead().catch(async (error: unknown) => {
        await this.lock?.close();
        this.current = 'standby';
        throw error;
      });
    } else if (this.attempts % ATTEMPTS_PER_REFRESH === 0) await this.host.refresh();
  }

  private async attempt(): Promise<LockAttempt> {
    try {
      return (await this.lock?.acquire()) ? 'held' : 'taken';
    } catch {
      await this.lock?.close();
      return 'unreachable';
    }
  }
}
