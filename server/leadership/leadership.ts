import { AppError } from '../../src/errors';
import { afterLostLock, questionTime, type LockAttempt } from '../../src/policies/leadership';
import type { OnBroken, SessionLock } from '../databases/session-lock';
import { withDeadline } from '../lifecycle/deadline';

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
  /** Ends everything of the applications in this process at once, and knows them only for routing. Never rejects. */
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
 * - `none`: takes no part. The plugin is not enabled. `begin` leaves it.
 * - `leading`: this process holds the lock in the main database. Every two seconds it asks for a confirmation.
 *   - No answer: the connection, and with it the lock, is kept, and the question repeated. `LEADER_GRACE_MS` after the
 *     last confirmation it stands down.
 *   - The connection is broken: the server has released the lock. The process tries to get it back. If the server cannot
 *     be reached, that is no answer. If another process holds the lock, it stands down at once.
 * - `standby`: another process leads, or the server cannot be asked. Every second it tries to get the lock; then it
 *   leads. If `activate` fails, it stands down.
 *
 * To stand down is to enter `standby`, to wait for `standBy`, and only then to release the lock, if it is still ours.
 *
 * `end` leads back to `none` from everywhere and releases the lock. A question to the server that was under way may be
 * answered after that; a lock that arrives so late is released at once, and nothing else follows.
 *
 * Invariants: `activate` and `standBy` never run at the same time. `activate` is called only while the lock is held. The
 * lock is released only after `standBy`, or by `end`; the caller of `end` has ended the applications before. Another
 * process can lead while this one still ends its applications only if the connection of the lock broke.
 */
export class Leadership {
  /** Called whenever this process begins or ceases to lead; must not throw. */
  onChange: (leads: boolean) => void = () => undefined;
  private current: LeadershipState = 'none';
  private lock?: SessionLock;
  private confirmedAt = 0;
  /** A question since the last confirmation has got no answer. */
  private unanswered = false;
  private standbySince = 0;
  private attempts = 0;
  private stopWatching?: () => void;
  private wakeWatcher?: () => void;
  /** The connection of the lock broke, and the server was not asked since. */
  private broken = false;
  /** The work of the host that was asked for last. */
  private work: Promise<void> = Promise.resolve();
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
    if (this.current !== 'none') return this.follow();
    const lock = this.openLock();
    const leads = !lock || (await this.attempt(lock)) === 'held';
    if (this.lock !== lock) return;
    try {
      await (leads ? this.lead() : this.wait());
    } catch (error) {
      if (this.lock === lock) await this.end();
      throw error;
    }
    if (lock && this.lock === lock) this.watch();
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

  private openLock(): SessionLock | undefined {
    const lock = this.host.openLock(() => {
      if (this.lock !== lock) return;
      this.broken = true;
      this.wakeWatcher?.();
    });
    this.lock = lock;
    return lock;
  }

  /** Lets the host do what the state asks for when its turn comes: a later change of the state wins. */
  private follow(): Promise<void> {
    const turn = this.work.then(async () => {
      if (this.current === 'leading') await this.host.activate();
      else if (this.current === 'standby') await this.host.standBy();
    });
    this.work = turn.catch(() => undefined);
    return turn;
  }

  private async lead(): Promise<void> {
    this.confirmed();
    this.current = 'leading';
    await this.follow();
    // The process may have ended its part meanwhile.
    if (this.state !== 'leading') return;
    this.onChange(true);
    this.release();
  }

  private confirmed(): void {
    this.confirmedAt = this.now();
    this.unanswered = false;
  }

  private async wait(): Promise<void> {
    this.current = 'standby';
    this.standbySince = this.now();
    this.onChange(false);
    this.host.warn(new AppError('APP_SUPERVISOR_STANDBY').message);
    await this.follow();
  }

  private watch(): void {
    let watching = true;
    this.stopWatching = () => {
      watching = false;
      this.wakeWatcher?.();
    };
    const loop = async (): Promise<void> => {
      while (watching) {
        await this.pause(this.current === 'leading' ? Math.min(CONFIRM_MS, this.timeToAsk()) : ATTEMPT_MS);
        const { lock } = this;
        if (!watching || !lock) return;
        await (this.current === 'leading' ? this.confirm(lock) : this.takeOver(lock)).catch((error: unknown) =>
          this.host.warn(`leadership: ${String(error)}`),
        );
      }
    };
    void loop();
  }

  /** Ends early when the connection of the lock breaks; at once if it broke during the last question. */
  private pause(ms: number): Promise<void> {
    if (this.broken) {
      this.broken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.wakeWatcher = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private timeToAsk(): number {
    return questionTime(this.now() - this.confirmedAt, this.unanswered);
  }

  private async confirm(lock: SessionLock): Promise<void> {
    let graceOver = false;
    const late = () => {
      graceOver = true;
      return new AppError('APP_DATABASE_UNREACHABLE', { reason: 'no answer' });
    };
    const asked = withDeadline(this.ask(lock), this.timeToAsk(), late);
    const attempt = await asked.catch((): LockAttempt => 'unreachable');
    // The process may have ended its part while the server was asked.
    if (this.lock !== lock) return;
    const silentMs = graceOver ? Infinity : this.now() - this.confirmedAt;
    const decision = afterLostLock(attempt, silentMs);
    if (decision === 'lead') this.confirmed();
    else if (decision === 'retry') this.unanswered = true;
    else await this.standDown(lock);
  }

  /** Asks for the confirmation; if the server has released the lock, tries to get it back. */
  private async ask(lock: SessionLock): Promise<LockAttempt> {
    if (await lock.isHeld()) return 'held';
    const attempt = await this.attempt(lock);
    if (attempt === 'held') this.host.warn('The leader lock was lost and obtained again.');
    return attempt;
  }

  private async standDown(lock: SessionLock): Promise<void> {
    this.host.warn('The leader lock is lost: this process stops managing applications.');
    await this.wait();
    try {
      // An answer that is still under way belongs to the old lock, and closes it once more.
      if (this.lock === lock) this.openLock();
    } finally {
      await lock.close();
    }
  }

  private async takeOver(lock: SessionLock): Promise<void> {
    this.attempts += 1;
    const attempt = await this.attempt(lock);
    if (this.lock !== lock) return;
    if (attempt !== 'held') {
      if (this.attempts % ATTEMPTS_PER_REFRESH === 0) await this.host.refresh();
      return;
    }
    this.host.warn('This process has become the leader and manages the applications now.');
    try {
      await this.lead();
    } catch (error) {
      if (this.lock !== lock) return;
      this.current = 'standby';
      await this.follow();
      await lock.close();
      throw error;
    }
  }

  private async attempt(lock: SessionLock): Promise<LockAttempt> {
    let attempt: LockAttempt;
    try {
      attempt = (await lock.acquire()) ? 'held' : 'taken';
    } catch {
      attempt = 'unreachable';
    }
    const late = this.lock !== lock;
    // A standby dials anew. A leader keeps its connection: the server may have given it the lock, and only the answer is lost.
    if (late || (attempt === 'unreachable' && this.state !== 'leading')) await lock.close();
    return late ? 'taken' : attempt;
  }
}
