import { AppSupervisor, isTransient, type Application } from '@nocobase/server';
import type {
  AppDiscoveryAdapter,
  AppModel,
  AppProcessAdapter,
  AppStatus,
  GetAppOptions,
} from '@nocobase/server/lib/app-supervisor/types';
import { isAvailable } from '../app-entries';
import { normalizeHost } from '../../src/host-name';
import { matchHost } from '../../src/policies/host-match';
import { AppService } from '../app-service';
import { adapterFactory, defaultAdapterNames } from '../core';
import { wasEnabled } from '../enabled-mark';
import { trackBelongings } from '../lifecycle/belongings';
import { guardInstall } from '../lifecycle/install-guard';
import { discard } from '../lifecycle/instance-end';
import { watchLogFiles } from '../metrics/log-health';
import { closeDoors, holdMainCommands, openDoors } from '../routing/doors';
import { arrivedBySocket, isUnreadableMessage } from '../routing/socket-context';
import { assertInScope, isInScope, isKnownIn, publicModel } from './scope';

export const LOCAL_ADAPTER = 'local';

type Predecessor = Partial<AppDiscoveryAdapter & AppProcessAdapter> & Record<string, unknown>;

/** The default adapter that ours took the place of; it goes on working while our plugin is not enabled. */
let predecessorName: string | undefined;

/**
 * Registers the adapter and makes it the default, unless the environment names others (then those win anyway).
 * Called once a process, before the core's supervisor exists, whether the plugin is enabled or not.
 */
export function registerLocalAdapter(): void {
  const { discovery } = defaultAdapterNames(AppSupervisor);
  if (discovery !== LOCAL_ADAPTER) predecessorName = discovery;
  const factory = ({ supervisor }: { supervisor: AppSupervisor }) => new LocalAdapter(supervisor);
  AppSupervisor.registerDiscoveryAdapter(LOCAL_ADAPTER, factory);
  AppSupervisor.registerProcessAdapter(LOCAL_ADAPTER, factory);
  AppSupervisor.setDefaultDiscoveryAdapter(LOCAL_ADAPTER);
  AppSupervisor.setDefaultProcessAdapter(LOCAL_ADAPTER);
}

/** Our adapter, when it is the one in force for both seats. */
export function activeLocalAdapter(supervisor: AppSupervisor): LocalAdapter | undefined {
  const adapter: unknown = supervisor.getDiscoveryAdapter();
  const same = adapter === (supervisor.getProcessAdapter() as unknown);
  return same && adapter instanceof LocalAdapter ? adapter : undefined;
}

/**
 * Discovery and process in one process, in terms of the core's contracts: it keeps the instances and statuses that
 * the core reads and writes, and leaves every decision about a sub-application to the service. While the plugin is
 * not enabled, whatever would have been the default adapter answers for sub-applications, on the same tables.
 *
 * `bootstrapApp`, `getApp`, `startApp` and `getAppStatus` never reject: the core calls them without awaiting. The code of
 * one application cannot reach another here: acting on it throws APP_OTHER_APPLICATION, and reading shows no more than
 * `appSupervisor:entries` does.
 */
export class LocalAdapter implements AppDiscoveryAdapter, AppProcessAdapter {
  readonly apps: Record<string, Application> = {};
  readonly appStatus: Record<string, AppStatus> = {};
  readonly appErrors: Record<string, Error> = {};
  readonly lastSeenAt = new Map<string, number>();
  readonly lastMaintainingMessage: Record<string, string> = {};
  readonly statusBeforeCommanding: Record<string, AppStatus> = {};
  readonly service: AppService;
  private readonly predecessor?: Predecessor;

  constructor(private readonly supervisor: AppSupervisor) {
    this.service = new AppService(supervisor);
    watchLogFiles((message) => supervisor.logger.warn(message, { module: 'app-supervisor' }));
    // Before main's plugins open any log file. Sub-applications are tracked when they are constructed.
    supervisor.on('afterAppAdded', (app: Application) => {
      if (app.name !== 'main') return;
      trackBelongings(app);
      holdMainCommands(app);
    });
    // Before the core's own, which hides errors and does not quote. Once: a creator cannot be taken off again.
    supervisor.registerAppDbCreator(
      ({ app, appOptions }) => this.service.createsDatabaseOf(app.name, appOptions?.dbConnType),
      ({ app }) => this.service.createDatabase(app.name),
      1,
    );
    const factory = predecessorName === undefined ? undefined : adapterFactory(AppSupervisor, predecessorName);
    if (predecessorName !== 'main-only') this.predecessor = factory?.({ supervisor }) as Predecessor | undefined;
    // A new process of a NocoBase in which the plugin was at work holds its visitors from the first moment on.
    if (wasEnabled() && !isTransient()) openDoors(this.service);
    if (this.predecessor) {
      const { apps, appStatus, appErrors, lastSeenAt, lastMaintainingMessage, statusBeforeCommanding } = this;
      const shared = { apps, appStatus, appErrors, lastSeenAt, lastMaintainingMessage, statusBeforeCommanding };
      Object.assign(this.predecessor, shared);
    }
  }

  /** Other plugins ask by this name which adapter rules. */
  get name(): string {
    return this.standingAside ? (predecessorName ?? LOCAL_ADAPTER) : LOCAL_ADAPTER;
  }

  private get standingAside(): boolean {
    return this.service.phase === 'off' || this.service.phase === 'inert';
  }

  // ---- discovery ----------------------------------------------------------------------------------------------

  getAppStatus(appName: string, defaultStatus?: AppStatus): AppStatus | null {
    const { current } = this.service.fence;
    if (appName !== 'main' && !isInScope(current, appName)) return this.publicStatus(current, appName);
    const known = this.appStatus[appName];
    // What was unknown while others ruled may be registered by now.
    if (known !== undefined && !(known === 'not_found' && this.service.active)) return known;
    const resting = this.service.active ? this.restingStatus(appName) : undefined;
    return resting ?? defaultStatus ?? null;
  }

  /** Another application's code learns whether a visit leads anywhere, and only of applications that it may know. */
  private publicStatus(current: string | undefined, appName: string): AppStatus | null {
    const record = this.service.active ? this.service.record(appName) : undefined;
    if (!record || !isKnownIn(current, record)) return null;
    return isAvailable(this.service, appName) ? 'running' : 'stopped';
  }

  /** Status of an application that the core has said nothing about. */
  private restingStatus(appName: string): AppStatus | undefined {
    if (appName === 'main') return undefined;
    const condition = this.service.describe(appName);
    if (!condition) return 'not_found';
    return this.service.statusOf(condition.state);
  }

  setAppStatus(appName: string, status: AppStatus, options: Record<string, unknown> = {}): void {
    if (isTransient() || this.appStatus[appName] === status) return;
    assertInScope(this.service.fence, appName);
    this.appStatus[appName] = status;
    if (appName === 'main') this.followMain(status);
    if (!this.isQuiet(appName, status)) this.supervisor.emit('appStatusChanged', { appName, status, options });
  }

  /** The main application came up, with the plugin or without, or failed to: nobody is held for it any longer. */
  private followMain(status: AppStatus): void {
    if (this.service.mainUp) return;
    if (status === 'error') this.service.mainFailed();
    if (status !== 'running') return;
    this.service.mainStarted();
    if (this.service.phase === 'starting') {
      closeDoors();
      this.service.standAside(undefined);
    }
  }

  /** A visitor's wake and a sleep are nobody's business; the end of an instance is not the end of a making. */
  private isQuiet(appName: string, status: AppStatus): boolean {
    const runner = this.service.active && appName !== 'main' ? this.service.runner(appName) : undefined;
    if (!runner) return false;
    const coming = runner.state === 'creating' || runner.state === 'booting';
    if (coming && (status === 'stopped' || status === 'not_found')) return true;
    const resting = coming || runner.state === 'draining' || runner.state === 'asleep';
    return resting && runner.quiet && status !== 'error';
  }

  clearAppStatus(appName: string): void {
    assertInScope(this.service.fence, appName);
    delete this.appStatus[appName];
  }

  getAppsStatuses(appNames?: string[]): Record<string, AppStatus | null> {
    const names = appNames ?? [...this.service.registry.all()].map((record) => record.name);
    return Object.fromEntries(names.map((name) => [name, this.getAppStatus(name)]));
  }

  setAppLastSeenAt(appName: string): void {
    if (this.hasApp(appName)) this.lastSeenAt.set(appName, Math.floor(Date.now() / 1000));
  }

  getAppLastSeenAt(appName: string): number | null {
    return this.lastSeenAt.get(appName) ?? null;
  }

  async getAppModel(appName: string): Promise<AppModel> {
    const model = this.service.active ? this.service.model(appName) : await this.predecessor?.getAppModel?.(appName);
    // The contract says AppModel; the core checks for null.
    return ((model && this.visible([model])[0]) ?? null) as AppModel;
  }

  /** The models as the code that asks may read them. */
  private visible(models: AppModel[]): AppModel[] {
    const { current } = this.service.fence;
    return models.flatMap((model) => {
      if (isInScope(current, model.name)) return [model];
      const record = this.service.record(model.name);
      return record && isKnownIn(current, record) ? [publicModel(model)] : [];
    });
  }

  listAppModels(): Promise<AppModel[]> {
    if (!this.service.active) return this.predecessor?.listAppModels?.() ?? Promise.resolve([]);
    const models = [...this.service.registry.all()].flatMap((record) => this.service.model(record.name) ?? []);
    return Promise.resolve(this.visible(models));
  }

  /** The core asks with the host of a request: every host of an application's own counts. */
  getAppNameByCName(cname: string): Promise<string | null> {
    const host = normalizeHost(cname);
    const { config, registry } = this.service;
    const route = host === undefined ? undefined : matchHost(host, config, registry);
    const record = route?.kind === 'app' ? this.service.record(route.name) : undefined;
    return Promise.resolve(record && isKnownIn(this.service.fence.current, record) ? record.name : null);
  }

  // ---- process ------------------------------------------------------------------------------------------------

  addApp(app: Application): Application {
    assertInScope(this.service.fence, app.name);
    if (this.apps[app.name]) throw new Error(`app ${app.name} already exists`);
    this.apps[app.name] = app;
    if (app.name !== 'main' && this.service.active) guardInstall(app, this.service);
    const status = this.appStatus[app.name];
    if (status === undefined || status === 'not_found' || status === 'error') this.setAppStatus(app.name, 'preparing');
    return app;
  }

  hasApp(appName: string): boolean {
    return Boolean(this.apps[appName]);
  }

  getApps(): Application[] {
    const { current } = this.service.fence;
    return Object.values(this.apps).filter((app) => app && app.name !== 'main' && isInScope(current, app.name));
  }

  /** Wakes the application, unless it is asked for on behalf of a silent socket. */
  getApp(appName: string, options: GetAppOptions = {}): Promise<Application> {
    // The core takes no application for "leave this message alone".
    if (isUnreadableMessage() || !isInScope(this.service.fence.current, appName))
      return Promise.resolve(undefined as never);
    // Asked for each request, twice for those to the main application.
    const isUp = appName === 'main' ? this.isBootstrapped(appName) : this.isRunning(appName);
    return isUp ? Promise.resolve(this.apps[appName] as Application) : this.bringUp(appName, options);
  }

  private async bringUp(appName: string, options: GetAppOptions): Promise<Application> {
    // While the process ends, the core still asks for the main application at each request.
    if (!options.withOutBootStrap && !this.service.ending) {
      if (appName === 'main' || this.standingAside) await this.bootstrapApp(appName, options);
      else if (!arrivedBySocket() && !this.isDraining(appName)) await this.wake(appName);
    }
    return this.apps[appName] as Application;
  }

  /**
   * What the core calls for each request and socket of an application without an instance. Requests were woken for at
   * the front door already, and a socket wakes nobody.
   */
  async bootstrapApp(appName: string, options: GetAppOptions = {}): Promise<void> {
    if (appName !== 'main' && !this.standingAside) return;
    try {
      if (appName !== 'main' && this.predecessor?.bootstrapApp) {
        const bootstrap = this.predecessor.bootstrapApp as AppProcessAdapter['bootstrapApp'] &
          ((name: string, options: GetAppOptions) => Promise<void>);
        await bootstrap.call(this.predecessor, appName, options);
      } else {
        await this.bootstrapByCore(appName, options);
      }
    } catch (error) {
      this.supervisor.logger.error(`bootstrap of "${appName}" failed`, { error: String(error) });
    }
  }

  /** The main application, and the answer to unknown names while nobody manages sub-applications. */
  private async bootstrapByCore(appName: string, options: GetAppOptions): Promise<void> {
    if (this.isBootstrapped(appName)) return;
    const status = this.appStatus[appName];
    // Looked up once: the next visitor is told at once that there is no such application.
    if (status === 'initializing' || (status === 'not_found' && appName !== 'main')) return;
    this.setAppStatus(appName, 'initializing');
    if (!this.hasApp(appName)) await this.supervisor.initApp({ appName, options: options as { upgrading?: boolean } });
    this.setAppStatus(appName, this.hasApp(appName) ? 'initialized' : 'not_found');
  }

  private isBootstrapped(appName: string): boolean {
    const status = this.appStatus[appName];
    return this.hasApp(appName) && status !== undefined && status !== 'preparing';
  }

  private isRunning(appName: string): boolean {
    // One without an instance is not looked up: a runner would be made for it.
    return (
      this.hasApp(appName) &&
      !this.standingAside &&
      this.service.mainUp &&
      this.service.runner(appName)?.state === 'running'
    );
  }

  /** Who was let in before is served by the instance that ends: it ends after him, and he must not wait for its end. */
  private isDraining(appName: string): boolean {
    return this.hasApp(appName) && this.service.runner(appName)?.state === 'draining';
  }

  private async wake(appName: string): Promise<void> {
    await this.service.mainIsUp();
    await this.service
      .runner(appName)
      ?.wake()
      .catch(() => undefined);
  }

  async startApp(appName: string): Promise<void> {
    await this.act(
      appName,
      'startApp',
      async () => {
        await this.apps[appName]?.runCommand('start', '--quickstart');
      },
      async () => (await this.service.start(appName)).done,
    );
  }

  async stopApp(appName: string): Promise<void> {
    await this.act(
      appName,
      'stopApp',
      async () => {
        await this.apps[appName]?.runCommand('stop');
      },
      async () => (await this.service.stop(appName)).done,
    );
  }

  async upgradeApp(appName: string): Promise<void> {
    await this.act(
      appName,
      'upgradeApp',
      async () => {
        await this.apps[appName]?.runCommand('upgrade');
      },
      async () => (await this.service.upgrades.startAfterwards([appName])).done,
    );
  }

  /** Takes the instance out of memory; the application stays registered and may be woken. */
  async removeApp(appName: string): Promise<void> {
    await this.act(
      appName,
      'removeApp',
      () => discard(this.supervisor, this.apps[appName]),
      async () => {
        const runner = this.service.runner(appName);
        await (runner ? runner.stop('sleep') : discard(this.supervisor, this.apps[appName]));
      },
    );
  }

  async removeAllApps(): Promise<void> {
    assertInScope(this.service.fence, 'main');
    // Nothing comes up any more, by itself or for a visitor; what is on its way is given up.
    this.service.beginEnd();
    // Sub-applications first: what they say at their end still finds the main application.
    await this.service.endAll();
    // Of those that somebody else has constructed.
    for (const app of this.getApps()) await this.removeApp(app.name);
    await discard(this.supervisor, this.apps.main);
  }

  private async act(
    appName: string,
    method: 'startApp' | 'stopApp' | 'upgradeApp' | 'removeApp',
    byCore: () => Promise<void>,
    byService: () => Promise<unknown>,
  ): Promise<void> {
    assertInScope(this.service.fence, appName);
    try {
      const other = this.standingAside && appName !== 'main' ? this.predecessor?.[method] : undefined;
      if (other) await other.call(this.predecessor, appName);
      else await (appName === 'main' || this.standingAside ? byCore() : byService());
    } catch (error) {
      this.supervisor.logger.error(`${method} of "${appName}" failed`, { error: String(error) });
    }
  }

  async dispatchAppEvent(appName: string, event: string, payload?: unknown): Promise<void> {
    assertInScope(this.service.fence, appName);
    await this.apps[appName]?.emitAsync(event, payload);
  }

  setAppError(appName: string, error: Error): void {
    assertInScope(this.service.fence, appName);
    this.appErrors[appName] = error;
    this.supervisor.emit('appError', { appName, error });
  }

  hasAppError(appName: string): boolean {
    return Boolean(this.appErrors[appName]);
  }

  clearAppError(appName: string): void {
    assertInScope(this.service.fence, appName);
    delete this.appErrors[appName];
  }

  dispose(): Promise<void> {
    closeDoors();
    this.service.standAside(undefined);
    return Promise.resolve();
  }
}
