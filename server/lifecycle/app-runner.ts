import type { Application, AppSupervisor } from '@nocobase/server';
import type { AppRecord } from '../../src/app-record';
import { isLegalTransition, type AppCondition, type AppState } from '../../src/app-state';
import { AppError } from '../../src/errors';
import { backoffDelay } from '../../src/policies/backoff';
import type { SupervisorConfig } from '../config';
import type { DatabaseProvisioner } from '../databases/provisioner';
import type { AppSecrets } from '../databases/secrets';
import { bootApplication, discard, explainBootError, makeApplication, type BootContext, type BootStep } from './boot';
import type { BootPriority, BootQueue } from './boot-queue';
import { withDeadline } from './deadline';
import { WaitingRoom } from './waiting-room';

/** What a runner needs of the process around it. */
export interface RunnerHost {
  supervisor: AppSupervisor;
  config: SupervisorConfig;
  queue: BootQueue;
  provisioner: DatabaseProvisioner;
  mainApp(): Application;
  record(name: string): AppRecord | undefined;
  secrets(record: AppRecord): AppSecrets;
  /** Called when an application was made and is ready; resolves when that is remembered. */
  markReady(name: string): Promise<void>;
  /** Called after a state change; must not throw. */
  onRunning(name: string): void;
  /** Called with each constructed instance, before anything is loaded into it or connected. */
  prepare(app: Application): void;
}

/** Why we put an application to sleep. */
export type SleepReason = 'idle' | 'running-limit' | 'memory';

export type StopReason = 'operator' | 'restart' | 'sleep' | 'shutdown' | 'manual';

/**
 * The one owner of one application in this process. The states are told in `src/app-state.ts`. Its operations run
 * one after the other and never overlap: a boot is shared by all who wait for it, Stop waits for a boot to end,
 * Start waits for Stop. Nothing else constructs, starts, stops or destroys the application's instance.
 *
 * A wake by a visitor is quiet: nothing about it is pushed to open tabs. A making, an operator's Start and Stop and
 * every failure are announced, in the core's own statuses.
 */
export class AppRunner {
  private condition: AppCondition = { state: 'asleep', since: Date.now() };
  private tail: Promise<unknown> = Promise.resolve();
  private coming?: Promise<void>;
  private promote?: () => void;
  private step: BootStep = 'queue';
  private failures = 0;
  private flight: { requests: number; landed?: () => void } = { requests: 0 };
  private activeAt = 0;
  private stops = 0;
  private starts = 0;
  private stopsSaid = 0;
  private attempt?: object;
  private failure?: AppError;
  private announced = false;
  readonly room: WaitingRoom;

  constructor(
    readonly name: string,
    private readonly host: RunnerHost,
    initial: AppState,
  ) {
    this.condition.state = initial;
    this.room = new WaitingRoom(
      name,
      () => host.config,
      () => {
        this.announced = true;
      },
    );
  }

  /** An instance that ended without us (its own command, the end of the process) leaves its application at rest. */
  get state(): AppState {
    if (this.condition.state === 'running' && !this.instance()) {
      const manual = this.host.record(this.name)?.startMode === 'manual';
      this.enter(manual ? 'stopped' : 'asleep', { reason: 'ended' });
    }
    return this.condition.state;
  }

  /** A copy of what the administrator sees. */
  describe(): AppCondition {
    const { state } = this;
    return { ...this.condition, state };
  }

  /** Whether the core's status changes of this application are pushed to open tabs. */
  get quiet(): boolean {
    return !this.announced;
  }

  /**
   * Resolves when the application runs. One boot serves all callers; a stopped application is not woken, a failed one
   * not before its backoff is over.
   * @throws APP_STOPPED, or the error of the boot
   */
  wake(priority: BootPriority = 'visitor'): Promise<void> {
    switch (this.state) {
      case 'running':
        return Promise.resolve();
      case 'stopped':
        return Promise.reject(new AppError('APP_STOPPED', { name: this.name }));
      case 'draining':
        return this.tail.then(
          () => this.wake(priority),
          () => this.wake(priority),
        );
      case 'failed':
      case 'quarantined':
        if (this.coming === undefined && Date.now() < (this.condition.retryAt ?? 0)) {
          return Promise.reject(this.lastFailure());
        }
    }
    if (priority === 'visitor') this.touch();
    // Never started by a visit; its making is not a start.
    const manual = this.host.record(this.name)?.startMode === 'manual' && this.isMade();
    if (manual && this.coming === undefined) return Promise.reject(new AppError('APP_STOPPED', { name: this.name }));
    if (priority === 'visitor') this.promote?.();
    const coming = this.coming ?? this.comeUp(priority, this.isMade() ? 'booting' : 'creating');
    return coming.then(() => {
      // A manual application was made, and rests.
      if (this.state === 'stopped') throw new AppError('APP_STOPPED', { name: this.name });
    });
  }

  /** An operator's Start: leads out of `stopped` and does not wait for a backoff. */
  start(): Promise<void> {
    this.starts += 1;
    return this.comeUpForOperator();
  }

  private comeUpForOperator(): Promise<void> {
    this.touch();
    if (this.state === 'running') return Promise.resolve();
    if (this.state === 'draining') return this.tail.then(() => this.comeUpForOperator());
    this.announced = true;
    return this.coming ?? this.comeUp('visitor', this.isMade() ? 'booting' : 'creating');
  }

  /** Makes a new application: database, installation, first administrator; then starts it, unless it is manual. */
  make(): Promise<void> {
    this.touch();
    return this.coming ?? this.comeUp('visitor', 'creating');
  }

  /**
   * Takes the application down: no new request is let in, those in flight are waited for, the instance is destroyed.
   * Waits for a boot under way to end first.
   */
  stop(reason: StopReason): Promise<void> {
    if (reason === 'operator') this.stopsSaid += 1;
    const { starts } = this;
    return this.enqueue(async () => {
      // Start is the last word when it was said after this Stop.
      if (reason === 'operator' && this.starts !== starts) return;
      this.stops += 1;
      const asleep = reason !== 'operator' && reason !== 'manual';
      const rest: AppState = asleep ? 'asleep' : 'stopped';
      if (!this.instance()) {
        // A sleep takes nothing back: neither an operator's decision, nor a failure, nor a wake that has come since.
        if (!asleep) this.enter(rest, { reason });
      } else await this.takeDown(rest, reason, asleep);
      if (!asleep) await this.host.supervisor.setAppStatus(this.name, 'stopped');
      this.announced = false;
    });
  }

  /**
   * Puts the application to sleep, unless it is in use after all: that is asked at the last moment, after everything
   * that was said to it before. Who comes from then on waits for the next instance.
   * @returns whether it sleeps now
   */
  sleep(reason: SleepReason, stillIdle: () => boolean): Promise<boolean> {
    return this.enqueue(async () => {
      // No wait between this question and `draining`.
      if (this.state !== 'running' || this.flight.requests > 0 || !stillIdle()) return false;
      await this.takeDown('asleep', reason, true);
      this.announced = false;
      return true;
    });
  }

  private async takeDown(rest: AppState, reason: StopReason | SleepReason, quiet: boolean): Promise<void> {
    this.announced = !quiet;
    this.enter('draining', { reason });
    await this.drain();
    await discard(this.host.supervisor, this.instance(), { quiet });
    this.enter(rest, { reason });
  }

  /**
   * Stop and Start as one operation, whatever the state was; a Stop that is said meanwhile is the last word.
   * @throws APP_STOPPED
   */
  async restart(): Promise<void> {
    this.starts += 1;
    const { stopsSaid } = this;
    await this.stop('restart');
    if (this.stopsSaid !== stopsSaid) throw new AppError('APP_STOPPED', { name: this.name });
    await this.comeUpForOperator();
  }

  /** The core's upgrade command, as for an application whose version is behind. */
  async upgrade(): Promise<void> {
    await this.start();
    await this.enqueue(async () => {
      const app = this.instance();
      if (app) await app.runCommandThrowError('upgrade');
    });
  }

  /** Resolves when what is under way has ended well; rejects with the failure that the application is in. */
  async settled(): Promise<void> {
    await this.coming;
    if (this.state === 'failed' || this.state === 'quarantined') throw this.lastFailure();
  }

  /** How many requests are in the present instance, or held for it. */
  get requestsInFlight(): number {
    return this.flight.requests;
  }

  /** Epoch milliseconds of the last sign of use: a request's begin or end, or `touch()`; 0 for none so far. */
  get lastActiveAt(): number {
    return this.activeAt;
  }

  /** Something that counts as use of the application happened. */
  touch(): void {
    this.activeAt = Date.now();
  }

  /**
   * A place among the requests in flight; the returned function gives it back, once.
   * @param counts whether the request is a use of the application
   */
  lease(counts = true): () => void {
    const { flight } = this;
    const touch = () => counts && this.touch();
    flight.requests += 1;
    touch();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      touch();
      flight.requests -= 1;
      if (flight.requests === 0) flight.landed?.();
    };
  }

  /** The error that a visitor of a failed application gets while its backoff lasts. */
  lastFailure(): AppError {
    return this.failure ?? new AppError('APP_BOOT_FAILED', { name: this.name, step: this.step, reason: 'unknown' });
  }

  private instance(): Application | undefined {
    return this.host.supervisor.apps[this.name];
  }

  /** A row without provisioning was made by another plugin; ours is made when it was ready once. */
  private isMade(): boolean {
    const provisioning = this.host.record(this.name)?.provisioning;
    return provisioning === undefined || provisioning.readyAt !== undefined;
  }

  private comeUp(priority: BootPriority, as: 'booting' | 'creating'): Promise<void> {
    if (as === 'creating') this.announced = true;
    this.enter(as, {});
    const stops = this.stops;
    const work = async () => {
      // A Stop that was asked for earlier has come first meanwhile.
      if (this.stops !== stops && this.condition.state === 'stopped') {
        throw new AppError('APP_STOPPED', { name: this.name });
      }
      await this.host.queue.run(
        priority,
        () => this.boot(as),
        (promote) => {
          this.promote = promote;
        },
      );
    };
    const coming = this.enqueue(work).finally(() => {
      if (this.coming === coming) this.coming = undefined;
      this.promote = undefined;
      this.announced = false;
    });
    this.coming = coming;
    // Whoever waits sees the failure; a boot that nobody waits for must not end the process.
    coming.catch(() => undefined);
    return coming;
  }

  private async boot(as: 'booting' | 'creating'): Promise<void> {
    const { config, supervisor } = this.host;
    try {
      await withDeadline(this.bring(as), config.bootTimeoutMs, () => this.timeout());
    } catch (error) {
      this.failure = explainBootError(error, this.name, this.step);
      this.failures += 1;
      const { code, message } = this.failure;
      supervisor.logger.error(`application "${this.name}" did not start: ${message}`, {
        step: this.step,
        code,
        error: describeForLog(this.failure.origin ?? error),
      });
      await discard(supervisor, this.instance());
      const at = Date.now();
      const retryAt = at + backoffDelay(this.failures, config.backoff, Math.random());
      this.enter('failed', { reason: code, lastError: { code, message, step: this.step, at }, retryAt });
      supervisor.setAppError(this.name, this.failure);
      await supervisor.setAppStatus(this.name, 'error');
      throw this.failure;
    }
  }

  private async bring(as: 'booting' | 'creating'): Promise<void> {
    const { host, name } = this;
    const known = host.record(name);
    if (!known) throw new AppError('APP_NOT_FOUND', { name });
    host.supervisor.clearAppError(name);
    await discard(host.supervisor, this.instance());
    // Set aside: an attempt that was given up at its deadline may still be at work.
    const attempt = {};
    this.attempt = attempt;
    const context = (record: AppRecord): BootContext => ({
      supervisor: host.supervisor,
      mainApp: host.mainApp(),
      provisioner: host.provisioner,
      record,
      secrets: host.secrets(record),
      onStep: (step) => {
        if (this.attempt !== attempt) throw this.givenUp();
        this.step = step;
      },
      prepare: (app) => host.prepare(app),
    });
    if (as === 'creating') {
      await makeApplication(context(known));
      await host.markReady(name);
      if (known.startMode === 'manual') {
        this.enter('stopped', { reason: 'manual' });
        return;
      }
    }
    const app = await bootApplication(context(host.record(name) ?? known));
    if (this.attempt !== attempt) {
      await discard(host.supervisor, app);
      throw this.givenUp();
    }
    this.failures = 0;
    this.failure = undefined;
    this.enter('running', {});
    host.onRunning(name);
  }

  private timeout(): AppError {
    this.attempt = undefined;
    return this.givenUp();
  }

  private givenUp(): AppError {
    const seconds = Math.round(this.host.config.bootTimeoutMs / 1_000);
    return new AppError('APP_BOOT_TIMEOUT', { name: this.name, seconds, step: this.step });
  }

  /** Waits for the requests that are in this instance; who comes from now on waits for the next one. */
  private async drain(): Promise<void> {
    const { flight } = this;
    this.flight = { requests: 0 };
    if (flight.requests === 0) return;
    const empty = new Promise<void>((resolve) => {
      flight.landed = resolve;
    });
    // What is still in flight at the deadline is cut off: Stop was asked for.
    await withDeadline(empty, this.host.config.drainTimeoutMs, () => new Error('not drained')).catch(() => undefined);
  }

  private enqueue<T>(operation: () => Promise<T>): Promise<T> {
    const run = this.tail.then(operation, operation);
    this.tail = run.catch(() => undefined);
    return run;
  }

  private enter(state: AppState, details: Omit<Partial<AppCondition>, 'state' | 'since'>): void {
    const before = this.condition.state;
    if (!isLegalTransition(before, state)) {
      this.host.supervisor.logger.warn(`application "${this.name}" went from ${before} to ${state}`);
    }
    const since = before === state ? this.condition.since : Date.now();
    const lastError = state === 'running' ? undefined : this.condition.lastError;
    this.condition = { lastError, ...details, state, since };
  }
}

function describeForLog(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ''}` : String(error);
}
