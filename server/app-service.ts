import { isTransient, type Application, type AppSupervisor } from '@nocobase/server';
import type { AppModel, AppStatus } from '@nocobase/server/lib/app-supervisor/types';
import { storagePathJoin } from '@nocobase/utils';
import { isMade, type AppRecord, type Provisioning } from '../src/app-record';
import { APP_STATES, type AppCondition, type AppState } from '../src/app-state';
import { DB_CONN_TYPES } from '../src/database-options';
import { AppError } from '../src/errors';
import { SYSTEM, type Actor, type AppEvent } from '../src/events';
import { absence } from './absence';
import { AppDescriptions } from './app-descriptions';
import { AppRows } from './app-rows';
import type { AppView } from './app-view';
import { CHANGED, ChangeNudge } from './change-nudge';
import { readConfig, type SupervisorConfig } from './config';
import { AppPlaces } from './app-places';
import { Archives } from './archives/archives';
import { Claims } from './claims';
import { readPackageVersion, tellPages } from './core';
import { AppRoles } from './databases/app-roles';
import { DatabaseCopies } from './databases/copies';
import type { DatabaseOptions } from './databases/location';
import type { DatabaseProvisioner } from './databases/provisioner';
import { SecretBox, type AppSecrets } from './databases/secrets';
import { FaultDesk } from './fault-desk';
import type { NamedFilesHost } from './files/named-files';
import { tightenPrivateFiles } from './files/private-files';
import { FleetUpgrade } from './fleet-upgrade';
import { prepareInstance } from './instance-hooks';
import { InstanceOptions } from './instance-options';
import { Leadership } from './leadership/leadership';
import { leadershipHost } from './leadership/leadership-host';
import { readAccount } from './lifecycle/administrator';
import { AppRunner } from './lifecycle/app-runner';
import { BootQueue } from './lifecycle/boot-queue';
import { ProcessConnections, type LentServer } from './lifecycle/process-connections';
import { DatabaseWatch } from './lifecycle/database-watch';
import { deferred, type Deferred } from './lifecycle/deferred';
import { Sleeper } from './lifecycle/sleeper';
import { Waker } from './lifecycle/waker';
import type { FaultFence } from './lifecycle/fault-fence';
import { HeapWatch } from './metrics/heap-watch';
import { AppIcons } from './app-icons';
import { AppLimits } from './limits/app-limits';
import { RecentBoots } from './metrics/recent-boots';
import { FastStart } from './lifecycle/fast-start/fast-start';
import type { AppWatcher, DownReason, RunnerHost } from './lifecycle/runner-host';
import { rowOptions } from './lifecycle/row-options';
import { AppVersions } from './lifecycle/versions';
import { RecycleBin } from './recycle-bin';
import { Registry } from './registry';
import { Timeline } from './timeline';
import { Visits } from './visits';

/**
 * - `off`: the plugin is not enabled; other adapters rule.
 * - `starting`: enabled, and the main application is not up yet: requests are held.
 * - `active`: sub-applications are managed.
 * - `standby`: another process on the same main database manages them; requests to them are held or refused.
 * - `inert`: enabled, but unable to manage (see `obstacle`): it keeps out of the way.
 */
export type ServicePhase = 'off' | 'starting' | 'active' | 'standby' | 'inert';

/** An operator's decision is written down; what follows from it is under way. */
export interface Accepted {
  done: Promise<void>;
}

/**
 * The one service behind UI, REST, command line and the core's adapters. One object a process; it outlives the reload
 * of the main application, whose instance and database it always asks for anew.
 */
export class AppService implements RunnerHost {
  readonly registry = new Registry(() => this.changed());
  readonly claims = new Claims();
  private readonly nudge = new ChangeNudge(() => tellPages(this.supervisor.apps.main, CHANGED));
  readonly rows = new AppRows(this);
  readonly config: SupervisorConfig;
  readonly queue: BootQueue;
  readonly timeline = new Timeline(() => this.mainApp());
  readonly visits = new Visits(() => this.mainApp());
  readonly boots = new RecentBoots();
  readonly icons = new AppIcons(this);
  readonly places: AppPlaces;
  readonly provisioner: DatabaseProvisioner;
  readonly copies: DatabaseCopies;
  readonly roles: AppRoles;
  readonly namedFiles: NamedFilesHost;
  readonly connections: ProcessConnections;
  readonly limits = new AppLimits(this);
  readonly runners = new Map<string, AppRunner>();
  readonly heap: HeapWatch;
  readonly sleeper: Sleeper;
  private readonly waker: Waker;
  readonly databaseWatch = new DatabaseWatch(this);
  readonly fastStart: FastStart;
  readonly versions = new AppVersions(() => this.mainApp().getPackageVersion(), readPackageVersion);
  readonly upgrades = new FleetUpgrade(this);
  readonly bin = new RecycleBin(this);
  readonly descriptions = new AppDescriptions(this);
  readonly archives: Archives;
  readonly leadership: Leadership;
  readonly secretBox: SecretBox;
  private readonly watchers = new Set<AppWatcher>();
  readonly faults: FaultDesk;
  private readonly instanceOptions: InstanceOptions;
  private currentPhase: ServicePhase = 'off';
  /** False from the beginning of a start until the main application runs for the first time. */
  mainUp = true;
  private whenUp?: Deferred;
  obstacle?: AppError;
  /** The process was asked to end: nobody is let in any more, and nothing boots. */
  ending = false;

  constructor(readonly supervisor: AppSupervisor) {
    this.config = readConfig(process.env, (message) => supervisor.logger.warn(message, { module: 'app-supervisor' }));
    this.fastStart = new FastStart(this.config.fastStart);
    this.queue = new BootQueue(() => this.config.bootConcurrency);
    this.connections = new ProcessConnections(this.config, this);
    this.sleeper = new Sleeper(this);
    this.heap = new HeapWatch(this.runners, this.sleeper);
    this.waker = new Waker(this);
    this.faults = new FaultDesk(this);
    this.instanceOptions = new InstanceOptions(this);
    this.secretBox = new SecretBox(storagePathJoin('apps', 'main', 'app_supervisor_key.dat'));
    this.places = new AppPlaces({
      connections: this.connections,
      versions: this.versions,
      options: this.instanceOptions,
      secretBox: this.secretBox,
      mainApp: () => this.mainApp(),
      records: () => [...this.registry.everyone(), ...this.claims.all()],
    });
    this.provisioner = this.places.provisioner;
    this.namedFiles = {
      mainApp: () => this.mainApp(),
      records: () => this.registry.everyone(),
      place: (record) => this.places.place(record),
    };
    this.copies = new DatabaseCopies(this);
    this.roles = new AppRoles(this);
    this.archives = new Archives(this);
    this.leadership = new Leadership(leadershipHost(this));
  }

  get fence(): FaultFence {
    return this.faults.fence;
  }

  get phase(): ServicePhase {
    return this.currentPhase;
  }

  get active(): boolean {
    return this.currentPhase === 'active';
  }

  /** Requests are routed by our registry: the applications are managed here, or by another process. */
  get routes(): boolean {
    return this.currentPhase === 'active' || this.currentPhase === 'standby';
  }

  /** The plugin is enabled and its main application begins to load. */
  beginStart(): void {
    if (this.routes || this.currentPhase === 'starting') return;
    this.currentPhase = 'starting';
    this.mainUp = false;
    this.whenUp = deferred();
  }

  /** Resolves when the main application is up, or when there is nothing to wait for any longer. */
  mainIsUp(): Promise<void> {
    return this.mainUp || !this.whenUp ? Promise.resolve() : this.whenUp.promise;
  }

  /** The main application runs. From here on its requests wait only while it executes a command of its own. */
  mainStarted(): void {
    this.mainUp = true;
    this.whenUp?.resolve();
  }

  /** The main application did not come up: NocoBase says why; nobody waits any longer. */
  mainFailed(): void {
    this.whenUp?.resolve();
  }

  async loadRows(): Promise<void> {
    await this.registry.load(this.mainApp());
    this.icons.clear();
  }

  /** The main application has started, for the first time or after a reload: learn the applications, start the eager ones. */
  async activate(): Promise<void> {
    const mainApp = this.mainApp();
    await Promise.all([this.loadRows(), this.connections.measure()]);
    if (this.leadership.state !== 'leading') return; // The plugin or the process has ended meanwhile.
    this.obstacle = undefined;
    this.currentPhase = 'active';
    this.fence.install();
    this.instanceOptions.install();
    if ((await this.supervisor.getAppStatus('main')) === 'running') this.mainStarted();
    this.fastStart.install(mainApp);
    mainApp.log.info(`App Supervisor manages ${this.registry.size} applications`, { module: 'app-supervisor' });
    for (const name of [...this.runners.keys()]) {
      // A removal under way goes on by itself.
      if (this.registry.has(name) || this.bin.isBusy(name)) continue;
      await (this.registry.find(name) ? this.release(name) : this.forget(name));
    }
    if (this.active && !isTransient()) {
      this.resume();
      void tightenPrivateFiles();
      this.timeline
        .forgetOld()
        .catch((error: unknown) => mainApp.log.warn(String(error), { module: 'app-supervisor' }));
      void this.copies.sweepTemplates().then(() => this.roles.sweep());
      this.sleeper.start();
      this.visits.start();
      this.heap.start();
      this.nudge.open();
      this.waker.start();
      this.bin.start();
      this.archives.start();
    }
    // One turn of the event loop: the first eager applications are registered when the main application says it is up.
    await new Promise<void>((done) => setImmediate(done));
  }

  /** Another process manages the applications, or may soon: they end here, without waiting for their requests. */
  async standBy(): Promise<void> {
    this.currentPhase = 'standby';
    await Promise.all([this.upgrades.end(), this.endAll(0)]);
    this.suspend();
    await this.loadRows();
    if ((await this.supervisor.getAppStatus('main')) === 'running') this.mainStarted();
  }

  /** Keeps out of the way, and says why. */
  standAside(obstacle: AppError | undefined): void {
    this.obstacle = obstacle;
    this.currentPhase = obstacle ? 'inert' : 'off';
    void this.leadership.end();
    this.suspend();
    this.registry.clear();
    this.mainStarted();
  }

  /** Takes back everything that `activate` has started. */
  private suspend(): void {
    this.sleeper.stop();
    this.visits.stop();
    this.heap.stop();
    this.nudge.close();
    this.waker.stop();
    this.bin.stop();
    this.archives.stop();
    this.instanceOptions.uninstall();
    this.fence.uninstall();
    this.fastStart.uninstall();
    this.runners.clear();
  }

  /** Takes up what a former process left half made, and starts what starts by itself; nobody waits for it. */
  private resume(): void {
    for (const record of this.registry.all()) this.takeUp(record);
  }

  /** Goes on with a making that was cut short, and starts what starts by itself. */
  takeUp(record: AppRecord): void {
    if (record.stoppedAt) return;
    if (isMade(record) && record.startMode !== 'eager') return;
    this.runner(record.name)
      ?.wake('background')
      .catch(() => undefined);
  }

  mainApp(): Application {
    const app = this.supervisor.apps.main;
    if (!app) throw new Error('the main application is gone');
    return app;
  }

  record(name: string): AppRecord | undefined {
    return this.registry.get(name);
  }

  secrets(record: AppRecord): AppSecrets {
    return this.secretBox.open(record.name, record.secrets);
  }

  ownersAccount(name: string): Promise<AppSecrets['admin']> {
    return this.fence.outside(() => readAccount(this.mainApp(), undefined, this.rows.creations.get(name)));
  }

  markReady(name: string): Promise<void> {
    return this.rows.markReady(name);
  }

  noteProgress(name: string, progress: Partial<Provisioning>): Promise<void> {
    return this.rows.noteProgress(name, progress);
  }

  noteDue(name: string, at: number | undefined): Promise<void> {
    return this.rows.noteDue(name, at);
  }

  writeRow(name: string, patch: Record<string, unknown>): Promise<void> {
    return this.rows.write(name, patch);
  }

  async whileDown<T>(name: string, work: (record: AppRecord) => Promise<T>, reason: DownReason = 'cloned'): Promise<T> {
    const runner = this.mustFind(name);
    return runner.whileDown(() => work(this.registry.get(name) as AppRecord), reason);
  }

  /** Whether the database of an application is ours to create; other plugins' kinds of connection are theirs. */
  createsDatabaseOf(name: string, dbConnType: string | undefined): boolean {
    return this.active && this.registry.has(name) && (!dbConnType || DB_CONN_TYPES.some((ours) => ours === dbConnType));
  }

  async createDatabase(name: string): Promise<void> {
    const record = this.registry.get(name);
    if (record) await this.provisioner.create(record);
  }

  tell(event: AppEvent): void {
    this.boots.note(event);
    this.changed();
    this.fence.outside(() => this.timeline.tell(event));
  }

  prepare(app: Application): void {
    prepareInstance(app, this);
  }

  /** Whoever looks at the applications may want to look again. */
  private changed(): void {
    this.fence.outside(() => this.nudge.changed());
  }

  onChange(name: string, state?: AppState): void {
    this.changed();
    // What is not on its way up or at work rests, and is written down.
    if (state === 'asleep' || state === 'stopped') this.fence.outside(() => void this.visits.flush(name));
  }

  onRunning(name: string): void {
    this.fence.outside(() => this.sleeper.limitsMayBePassed());
    for (const watcher of this.watchers) watcher.running(name);
  }

  /** @returns a function that ends the watch */
  watch(watcher: AppWatcher): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** The owner of a registered application; undefined for an unknown name. */
  runner(name: string): AppRunner | undefined {
    const record = this.registry.get(name);
    if (!record || this.currentPhase === 'standby') return undefined;
    let runner = this.runners.get(name);
    if (!runner) {
      runner = new AppRunner(name, this, this.descriptions.restingState(record));
      this.runners.set(name, runner);
    }
    return runner;
  }

  describe(name: string): AppCondition | undefined {
    return this.descriptions.condition(name);
  }

  statusOf(state: AppState): AppStatus {
    return APP_STATES[state].status;
  }

  /** A row as callers see it. */
  view(row: Record<string, unknown>): AppView {
    return this.descriptions.view(row);
  }

  faultsOf(name: string): AppCondition['faults'] {
    return this.faults.summary(name);
  }

  /** `done` resolves when the application runs, and rejects with its boot error. */
  async start(name: string, by: Actor = SYSTEM): Promise<Accepted> {
    const runner = this.mustFind(name);
    if (this.registry.get(name)?.stoppedAt) await this.writeRow(name, { stoppedAt: null });
    return { done: runner.start(by) };
  }

  /** Remembered across restarts, with the time of the first Stop; `done` resolves when nothing of the application is left in memory. */
  async stop(name: string, by: Actor = SYSTEM): Promise<Accepted> {
    const runner = this.mustFind(name);
    if (!this.registry.get(name)?.stoppedAt) await this.writeRow(name, { stoppedAt: new Date() });
    return { done: runner.stop('operator', by) };
  }

  /** Resolves when what is under way of making or starting it has ended; rejects when it failed. */
  async settled(name: string): Promise<void> {
    await this.runner(name)?.settled();
  }

  /** After the main application was upgraded. */
  async upgradeEager(): Promise<void> {
    if (this.active) await this.upgrades.upgradeEager();
  }

  lend<T>(work: () => Promise<T>, server: LentServer): Promise<T> {
    return this.connections.lend(work, server);
  }

  /** Writes down what is kept in memory for a moment. */
  async flush(): Promise<void> {
    await Promise.all([this.timeline.flush(), this.visits.flush()]);
  }

  onUpgrading(name: string): void {
    this.mainApp().setMaintainingMessage(`upgrading application ${name}...`);
  }

  /** The plugin is disabled: everything that it runs ends; what an operator decided stays as it is. */
  async shutDown(): Promise<void> {
    await Promise.all([this.upgrades.end(), this.archives.end()]);
    this.sleeper.stop();
    this.waker.stop();
    this.bin.stop();
    // From here on there is nobody who could be woken.
    this.registry.clear();
    await Promise.all([...this.runners.values()].map((runner) => runner.stop('shutdown')));
    await this.flush();
    this.standAside(undefined);
  }

  /** The process ends: what waits for its boot does so in vain, what has begun may come to its end. */
  beginEnd(): void {
    this.ending = true;
    this.nudge.close();
    this.queue.close(new AppError('APP_SHUTTING_DOWN'));
  }

  /** Ends every sub-application; a boot under way is given up. @param drainMs the wait for requests, if not as configured */
  async endAll(drainMs?: number): Promise<void> {
    const runners = [...this.runners.values()];
    for (const runner of runners) runner.giveUpBoot();
    await Promise.all([...runners.map((runner) => runner.stop('shutdown', SYSTEM, drainMs)), this.archives.end()]);
  }

  /** Stop and Start as one operation. */
  async restart(name: string, by: Actor = SYSTEM): Promise<Accepted> {
    const runner = this.mustFind(name);
    if (this.registry.get(name)?.stoppedAt) await this.writeRow(name, { stoppedAt: null });
    return { done: runner.restart(by) };
  }

  /**
   * The row is gone: so are instance, runner and routes. Where an application of the same name was registered while the
   * old instance ended, the runner goes on as its owner.
   */
  async forget(name: string): Promise<void> {
    this.registry.delete(name);
    this.icons.forget(name);
    await this.release(name);
    if (!this.registry.find(name)) this.visits.forget(name);
  }

  /** What the process holds of an application that is no longer in the registry. */
  async release(name: string): Promise<void> {
    await this.runners.get(name)?.stop('shutdown');
    if (this.registry.has(name)) return;
    this.runners.delete(name);
    this.faults.forget(name);
    this.versions.forget(name);
    this.limits.forget(name);
    for (const watcher of this.watchers) watcher.gone(name);
    this.supervisor.clearAppError(name);
    await this.supervisor.clearAppStatus(name);
  }

  private mustFind(name: string): AppRunner {
    const runner = this.runner(name);
    if (!runner || this.bin.isBusy(name)) throw absence(this, name);
    return runner;
  }

  databaseOptions(record: AppRecord): DatabaseOptions {
    return this.instanceOptions.database(record);
  }

  /** An application as the core knows it, with those of its options that count. */
  model(name: string): AppModel | null {
    const record = this.registry.get(name);
    if (!record) return null;
    const { displayName: title, icon, cname, sort, pinned } = record;
    return { name, title, icon, cname, sort, pinned, options: rowOptions(record).options };
  }
}
