import type { Application } from '@nocobase/server';
import { isMade } from '../../src/app-record';
import { isLegalTransition, type AppCondition, type AppState } from '../../src/app-state';
import { AppError, forVisitors } from '../../src/errors';
import { SYSTEM, type Actor, type AppEvent } from '../../src/events';
import type { UpgradeVerdict } from '../../src/policies/upgrade-plan';
import { upgradeApplication } from './boot';
import { BootAttempts, isShutdown, type Attempt } from './boot-attempts';
import type { BootPriority } from './boot-queue';
import { Failures } from './failures';
import { Flight, type Cut } from './flight';
import { discard } from './instance-end';
import { didUpgrade, JourneyLog } from './journey';
import { copyApplication, makeApplication } from './making';
import type { DownReason, RunnerHost, SleepReason, StopReason } from './runner-host';
import { WaitingRoom } from './waiting-room';

/** The events of a coming up that an operator has asked for. */
type OperatorStart = 'started' | 'restarted';

/**
 * The one owner of one application in this process. The states, and which may follow which, are told in
 * `src/app-state.ts`; who may ask for what in which state, and how long each wait lasts, in `docs/lifecycle.md`.
 *
 * Its operations run one after the other (`enqueue`) and never overlap: a boot is shared by all who wait for it, Stop
 * waits for a boot to end, Start waits for Stop. Nothing else constructs, starts, stops or destroys the application's
 * instance, and the core's `runCommand`, which drops what it cannot do at the moment, is not used.
 *
 * A wake by a visitor is quiet: nothing about it is pushed to open tabs. A making, an operator's Start and Stop and
 * every failure are announced, in the core's own statuses. All of them are told to the timeline.
 */
export class AppRunner {
  private condition: AppCondition = { state: 'asleep', since: Date.now() };
  private tail: Promise<unknown> = Promise.resolve();
  private coming?: Promise<void>;
  private underWay?: JourneyLog;
  private promote?: (priority: BootPriority) => void;
  private readonly failures: Failures;
  readonly flight = new Flight();
  private readonly attempts: BootAttempts;
  private stops = 0;
  private starts = 0;
  private stopsSaid = 0;
  private announced = false;
  readonly room: WaitingRoom;

  constructor(
    readonly name: string,
    private readonly host: RunnerHost,
    initial: AppState,
  ) {
    this.condition.state = initial;
    this.attempts = new BootAttempts(name, host);
    this.failures = new Failures(name, () => host.config.quarantine);
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
      this.tell('ended', SYSTEM);
    }
    return this.condition.state;
  }

  /** A copy of what the administrator sees. */
  describe(): AppCondition {
    const { state, underWay } = this;
    return { ...this.condition, state, ...(underWay && { journey: underWay.soFar() }) };
  }

  /** Whether the core's status changes of this application are pushed to open tabs. */
  get quiet(): boolean {
    return !this.announced;
  }

  /**
   * Resolves when the application runs. One boot serves all callers; a stopped application is not woken, a failed one
   * not before its backoff is over, one in quarantine not at all.
   * @throws APP_STOPPED, APP_QUARANTINED, or the error of the boot
   */
  wake(priority: BootPriority = 'visitor', by: Actor = SYSTEM): Promise<void> {
    // It was removed while somebody waited.
    if (!this.host.record(this.name)) return Promise.reject(new AppError('APP_NOT_FOUND', { name: this.name }));
    switch (this.state) {
      case 'running':
        return Promise.resolve();
      case 'stopped':
        return Promise.reject(new AppError('APP_STOPPED', { name: this.name }));
      case 'draining':
        return this.tail.then(() => this.wake(priority, by));
      case 'failed':
      case 'quarantined':
        if (this.coming === undefined && !this.mayTryAgain) return Promise.reject(this.lastFailure());
    }
    if (priority === 'visitor') this.touch();
    // Never started by a visit; its making is not a start.
    const manual = this.host.record(this.name)?.startMode === 'manual' && this.way === 'booting';
    if (manual && this.coming === undefined) return Promise.reject(new AppError('APP_STOPPED', { name: this.name }));
    if (priority === 'visitor') this.promote?.('visitor');
    const coming = this.coming ?? this.comeUp(priority, this.way, by, 'woken');
    return coming.then(() => {
      // A manual application was made, and rests.
      if (this.state === 'stopped') throw new AppError('APP_STOPPED', { name: this.name });
    });
  }

  /** An operator's Start: leads out of `stopped` and of quarantine, and does not wait for a backoff. */
  start(by: Actor = SYSTEM): Promise<void> {
    this.starts += 1;
    return this.comeUpForOperator(by);
  }

  /** @param said how many Stops had been said when this was asked for */
  private comeUpForOperator(by: Actor, said = this.stopsSaid, event: OperatorStart = 'started'): Promise<void> {
    this.touch();
    if (this.state === 'running') return Promise.resolve();
    if (this.state === 'draining') return this.tail.then(() => this.comeUpForOperator(by, said, event));
    this.announced = true;
    return (this.coming ?? this.comeUp('visitor', this.way, by, event)).catch((error: unknown) => {
      if (this.state !== 'stopped' || this.stopsSaid !== said) throw error;
      // It was a visitor's, whom an earlier Stop has turned away; this Start was said after that.
      return this.comeUpForOperator(by, said, event);
    });
  }

  /** Makes a new application: database, installation, first administrator; then starts it, unless it is manual. */
  make(by: Actor = SYSTEM): Promise<void> {
    this.touch();
    return this.coming ?? this.comeUp('visitor', 'creating', by, 'created');
  }

  /**
   * Takes the application down: no new request is let in, those in flight are waited for, the instance is destroyed.
   * Waits for a boot under way to end first.
   */
  stop(reason: StopReason, by: Actor = SYSTEM, drainMs = this.host.config.drainTimeoutMs): Promise<void> {
    if (reason === 'operator') this.stopsSaid += 1;
    const { starts } = this;
    return this.enqueue(async () => {
      // Start is the last word when it was said after this Stop.
      if (reason === 'operator' && this.starts !== starts) return;
      this.stops += 1;
      const asleep = reason !== 'operator' && reason !== 'manual';
      const wasStopped = this.state === 'stopped';
      const rest = asleep ? 'asleep' : 'stopped';
      if (!this.instance()) {
        // A sleep takes nothing back: neither an operator's decision, nor a failure, nor a wake that has come since.
        if (!asleep) this.enter(rest, { reason });
      } else await this.goDown(rest, reason, by, drainMs);
      if (!asleep) await this.host.supervisor.setAppStatus(this.name, 'stopped');
      if (reason === 'operator' && !wasStopped) this.tell('stopped', by, { reason });
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
      await this.goDown('asleep', reason, SYSTEM);
      this.announced = false;
      return true;
    });
  }

  private async goDown(rest: 'asleep' | 'stopped', reason: StopReason | SleepReason, by: Actor, drainMs?: number) {
    const quiet = rest === 'asleep';
    this.announced = !quiet;
    this.enter('draining', { reason });
    const code = rest === 'stopped' ? 'APP_STOPPED' : 'APP_WAIT_TIMEOUT';
    await this.drain(new AppError(code, { name: this.name }), drainMs);
    await discard(this.host.supervisor, this.instance(), { quiet });
    this.enter(rest, { reason });
    if (quiet && reason !== 'restart' && reason !== 'shutdown') this.tell('slept', by, { reason });
  }

  /** Waits for the requests in flight; whoever has no answer at the deadline gets this one. */
  private async drain(error: AppError, ms = this.host.config.drainTimeoutMs): Promise<void> {
    await this.flight.drain(ms, error);
  }

  /**
   * Stop and Start as one operation, whatever the state was; a Stop that is said meanwhile is the last word.
   * @throws APP_STOPPED
   */
  async restart(by: Actor = SYSTEM): Promise<void> {
    this.starts += 1;
    const { stopsSaid } = this;
    await this.stop('restart');
    if (this.stopsSaid !== stopsSaid) throw new AppError('APP_STOPPED', { name: this.name });
    await this.comeUpForOperator(by, stopsSaid, 'restarted');
  }

  /** Ends an instance that cannot go on: too many faults, a lost database, exhausted memory. That counts as a failure. */
  takeDown(error: AppError, drainMs = this.host.config.drainTimeoutMs): Promise<void> {
    return this.enqueue(async () => {
      if (!this.instance()) return;
      this.announced = true;
      this.enter('draining', { reason: error.code });
      await this.drain(error, drainMs);
      await discard(this.host.supervisor, this.instance());
      this.attempts.step = 'run';
      await this.failed(error);
      this.announced = false;
    });
  }

  /** The process ends: a boot under way is given up, and its pieces are released. */
  giveUpBoot(): void {
    this.attempts.giveUp(new AppError('APP_SHUTTING_DOWN'));
  }

  /**
   * Brings the database up to date, and leaves the application in the rest that it was in: what ran runs again, what
   * slept or was stopped stays so. Visitors who come meanwhile are held, and boot it afterwards.
   * @param force also when nothing is behind
   * @returns what was found before
   */
  async upgrade(force = false, by: Actor = SYSTEM): Promise<UpgradeVerdict> {
    const { stopsSaid, host } = this;
    const journey = new JourneyLog('upgrade', by);
    const work = this.enqueue(async () => {
      const running = this.state === 'running' ? this.instance() : undefined;
      if (running) {
        const found = await host.versions.compareInstance(running);
        if (found.state === 'newer' || (found.state !== 'behind' && !force)) return { verdict: found, ran: false };
        this.announced = true;
        await this.goAside(running, 'upgrade');
      }
      const renewal = host.queue.run(
        { priority: 'background', long: true },
        () => this.renew(force, by, journey),
        (promote) => {
          this.promote = promote;
        },
      );
      return { verdict: await renewal, ran: running !== undefined };
    });
    const { verdict, ran } = await work.finally(() => {
      if (!this.coming) this.announced = false;
    });
    const resting = this.state === 'running' || this.state === 'stopped' || this.stopsSaid !== stopsSaid;
    if (!resting && (ran || host.record(this.name)?.startMode === 'eager')) {
      this.announced ||= ran;
      await (this.coming ?? this.comeUp('background', 'booting', by, ran ? 'started' : 'woken'));
    }
    return verdict;
  }

  /** Visitors who come from now on wait. The instance may have ended by itself meanwhile. */
  private async goAside(running: Application, reason: 'upgrade' | DownReason): Promise<void> {
    if (this.state !== 'running') return;
    this.enter('draining', { reason });
    await this.drain(new AppError('APP_WAIT_TIMEOUT', { name: this.name }));
    await discard(this.host.supervisor, running, { quiet: this.quiet });
    this.enter('asleep', { reason });
  }

  /**
   * Does the work while nobody is connected to the database, and leaves the application in the rest that it was in.
   * Visitors who come meanwhile are held. Its coming back is quiet, and not waited for.
   */
  whileDown<T>(work: () => Promise<T>, reason: DownReason = 'cloned'): Promise<T> {
    const { stopsSaid } = this;
    let running: Application | undefined;
    const down = this.enqueue(async () => {
      running = this.state === 'running' ? this.instance() : undefined;
      if (running) await this.goAside(running, reason);
      return await work();
    });
    return down.finally(() => {
      if (!running || this.state !== 'asleep' || this.coming || this.stopsSaid !== stopsSaid) return;
      void this.comeUp('background', 'booting', SYSTEM, 'woken');
    });
  }

  /** The upgrade itself. A stopped application stays stopped, whatever comes of it. */
  private async renew(force: boolean, by: Actor, journey: JourneyLog): Promise<UpgradeVerdict> {
    const stopped = this.condition.state === 'stopped';
    if (!stopped) this.enter('booting', { reason: 'upgrade' });
    try {
      const verdict = await this.undertake(journey, ({ context, known }) => upgradeApplication(context(known), force));
      this.condition.journey = journey.end('stopped');
      if (!stopped) this.enter('asleep', { reason: 'upgrade' });
      if (didUpgrade(this.condition.journey)) this.tell('upgraded', by, { journey: this.condition.journey });
      return verdict;
    } finally {
      if (stopped) await this.host.supervisor.setAppStatus(this.name, 'stopped');
    }
  }

  /** Resolves when what is under way has ended well; rejects with the failure that the application is in. */
  async settled(): Promise<void> {
    await this.coming;
    if (this.hasFailed) throw this.lastFailure();
  }

  /** Epoch milliseconds of the last sign of use: a request's begin or end, or `touch()`; 0 for none so far. */
  get lastActiveAt(): number {
    return this.flight.lastActiveAt;
  }

  /** Something that counts as use of the application happened. */
  touch(): void {
    this.flight.touch();
  }

  /**
   * A place among the requests in flight; the returned function gives it back, once.
   * @param counts whether the request is a use of the application
   * @param cut called when it is not waited for any longer
   */
  lease(counts = true, cut?: Cut): () => void {
    return this.flight.lease(counts, cut);
  }

  private get hasFailed(): boolean {
    return this.condition.state === 'failed' || this.condition.state === 'quarantined';
  }

  /** Whether a failed application is tried again for the next visitor. */
  get mayTryAgain(): boolean {
    return this.condition.state !== 'quarantined' && Date.now() >= (this.condition.retryAt ?? 0);
  }

  /** The error that visitors get of an application that failed, until it may be tried again. */
  lastFailure(): AppError {
    return this.failures.tell(this.condition.state === 'quarantined', this.attempts.step);
  }

  private instance(): Application | undefined {
    return this.host.supervisor.apps[this.name];
  }

  private get way(): 'booting' | 'creating' {
    return isMade(this.host.record(this.name)) ? 'booting' : 'creating';
  }

  private comeUp(
    priority: BootPriority,
    as: 'booting' | 'creating',
    by: Actor,
    event: 'woken' | 'created' | OperatorStart,
  ): Promise<void> {
    if (as === 'creating') this.announced = true;
    this.enter(as, {});
    const journey = new JourneyLog(as === 'creating' ? 'making' : 'wake', by);
    const { stops } = this;
    this.underWay = journey;
    const work = async () => {
      // A Stop that was asked for earlier has come first meanwhile.
      if (this.stops !== stops && this.condition.state === 'stopped') {
        throw new AppError('APP_STOPPED', { name: this.name });
      }
      // An upgrade that was asked for earlier has failed meanwhile: its backoff holds for a visitor too.
      if (event === 'woken' && this.hasFailed && !this.mayTryAgain) throw this.lastFailure();
      if (as === 'creating' && this.host.record(this.name)?.provisioning?.cloneOf !== undefined) {
        await this.undertake(journey, ({ context, known }) => copyApplication(context, known));
        journey.enter('queue');
      }
      const queued = this.host.queue.run(
        { priority, long: as === 'creating' },
        async () => {
          // An upgrade has come first meanwhile.
          if (this.condition.state !== as) this.enter(as, {});
          await this.undertake(journey, (attempt) => this.bring(as, attempt));
          const outcome = this.condition.state === 'running' ? 'running' : 'stopped';
          this.condition.journey = journey.end(outcome);
          if (didUpgrade(this.condition.journey)) this.tell('upgraded', by, { journey: this.condition.journey });
          this.tell(as === 'creating' ? 'created' : event, by, { journey: this.condition.journey });
        },
        (promote) => {
          this.promote = promote;
        },
      );
      await queued.catch((error: unknown) => {
        // The process ends before its turn has come.
        if (isShutdown(error) && !this.instance()) this.enter('asleep', { reason: 'shutdown' });
        throw error;
      });
    };
    const coming = this.enqueue(work).finally(() => {
      if (this.coming === coming) [this.coming, this.underWay] = [undefined, undefined];
      this.promote = undefined;
      this.announced = false;
    });
    this.coming = coming;
    // Whoever waits sees the failure; a boot that nobody waits for must not end the process.
    coming.catch(() => undefined);
    return coming;
  }

  /** One attempt at a boot, a making or an upgrade: bounded in time, and its failure is the application's. */
  private async undertake<T>(journey: JourneyLog, work: (attempt: Attempt) => Promise<T>): Promise<T> {
    const { supervisor } = this.host;
    try {
      return await this.attempts.run(journey, work);
    } catch (error) {
      if (isShutdown(error)) {
        await discard(supervisor, this.instance());
        if (this.condition.state !== 'stopped') this.enter('asleep', { reason: 'shutdown' });
        throw error;
      }
      const failure = this.attempts.explain(error);
      await discard(supervisor, this.instance());
      await this.failed(failure, journey);
      throw failure;
    }
  }

  /** Backoff, or quarantine when it was one failure too many; nobody else's application is concerned. */
  private async failed(failure: AppError, journey?: JourneyLog): Promise<void> {
    const { supervisor } = this.host;
    const { code, message } = failure;
    if (this.condition.state === 'stopped') return this.failedAtRest(failure, journey);
    const at = Date.now();
    const verdict = this.failures.add(failure, at);
    const lastError = { code, message, step: this.attempts.step, at };
    const ended = journey?.end('failed', code);
    const details = { reason: code, lastError, ...(ended && { journey: ended }) };
    if (verdict.kind === 'retry') this.enter('failed', { ...details, retryAt: verdict.retryAt });
    else this.enter('quarantined', details);
    this.tell(verdict.kind === 'retry' ? 'failed' : 'quarantined', ended?.by ?? SYSTEM, { ...details, message });
    supervisor.setAppError(this.name, forVisitors(this.lastFailure()));
    await supervisor.setAppStatus(this.name, 'error');
  }

  /** An upgrade of a stopped application: nobody visits it, and nothing is tried again by itself. */
  private failedAtRest({ code, message }: AppError, journey?: JourneyLog): void {
    const lastError = { code, message, step: this.attempts.step, at: Date.now() };
    const ended = journey?.end('failed', code);
    const details = { reason: code, ...(ended && { journey: ended }) };
    this.enter('stopped', { ...details, lastError });
    this.tell('failed', ended?.by ?? SYSTEM, { ...details, message });
  }

  private async bring(as: 'booting' | 'creating', { context, known, assertCurrent, boot }: Attempt): Promise<void> {
    const { host, name } = this;
    let made: Application | undefined;
    if (as === 'creating') {
      made = await makeApplication(context, known);
      assertCurrent();
      await host.markReady(name);
      assertCurrent();
      if (known.startMode === 'manual') {
        await discard(host.supervisor, made, { quiet: true });
        this.enter('stopped', { reason: 'manual' });
        return;
      }
    }
    await boot(host.record(name) ?? known, made);
    this.failures.cameUp();
    this.enter('running', {});
    host.onRunning(name);
  }

  private enqueue<T>(operation: () => Promise<T>): Promise<T> {
    const within = () => this.host.fence.within(this.name, operation);
    const run = this.tail.then(within, within);
    this.tail = run.catch(() => undefined);
    return run;
  }

  private enter(state: AppState, details: Omit<Partial<AppCondition>, 'state' | 'since'>): void {
    const before = this.condition.state;
    if (!isLegalTransition(before, state)) {
      this.host.supervisor.logger.warn(`application "${this.name}" went from ${before} to ${state}`);
    }
    const { since, journey } = this.condition;
    const now = Date.now();
    if (before === 'running') this.failures.ran(since, now);
    const lastError = state === 'running' ? undefined : this.condition.lastError;
    this.condition = { lastError, journey, ...details, state, since: before === state ? since : now };
    this.host.onChange(this.name, state);
  }

  private tell(
    type: AppEvent['type'],
    by: Actor,
    details: Pick<AppEvent, 'reason' | 'journey' | 'message'> = {},
  ): void {
    const { reason, journey, message } = details;
    this.host.tell({ application: this.name, type, at: Date.now(), by, reason, journey, message });
  }
}
