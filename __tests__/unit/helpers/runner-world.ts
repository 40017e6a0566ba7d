import { setImmediate } from 'node:timers/promises';
import type { RunnerHost } from '../../../server/lifecycle/runner-host';
import { AppRunner } from '../../../server/lifecycle/app-runner';
import { BootQueue } from '../../../server/lifecycle/boot-queue';
import { FaultFence } from '../../../server/lifecycle/fault-fence';
import { AppVersions } from '../../../server/lifecycle/versions';
import { readConfig, type SupervisorConfig } from '../../../server/config';
import type { AppRecord } from '../../../src/app-record';
import type { AppState } from '../../../src/app-state';
import type { AppEvent } from '../../../src/events';

type Stage = 'auth' | 'install' | 'upgrade' | 'load' | 'start' | 'destroy' | 'stop';

export const INSTALLED = '2.2.15';

/** As much of NocoBase's Application as a runner touches. `world.at` decides what happens at each stage. */
class FakeApplication {
  readonly name = 'crm';
  alive = true;
  /** It was started, and answers requests. */
  answers = false;
  /** As the core keeps it: a late start takes it back. */
  stopped = false;
  /** Connections in use, which the pool waits for. */
  busy = 0;
  private draining = false;
  private readonly listeners = new Map<string, () => unknown>();
  readonly log = { info: () => undefined, warn: () => undefined };
  readonly version = { get: () => Promise.resolve(this.world.stored) };
  readonly db = {
    auth: () => this.stage('auth'),
    closed: () => this.draining,
    close: () => {
      this.draining = true;
      return this.busy ? new Promise<void>(() => undefined) : Promise.resolve();
    },
    inDialect: () => true,
    prepare: () => Promise.resolve(),
    getCollection: () => ({
      model: { findAll: () => Promise.resolve([{ packageName: 'preset', version: null }]) },
    }),
    collectionExistsInDb: () => Promise.resolve(true),
    options: { dialect: 'postgres' },
    sequelize: {
      query: (sql: string) => {
        if (sql.startsWith('COMMENT')) this.world.journal.push(`mark ${this.id}`);
        return Promise.resolve([this.world.markers]);
      },
      getQueryInterface: () => ({ tableExists: () => Promise.resolve(false) }),
      connectionManager: {
        pool: {
          _inUseObjects: [{ resource: 'busy' }],
          _availableObjects: [],
          destroy: () => {
            this.busy = 0;
            return Promise.resolve();
          },
        },
      },
    },
  };

  constructor(
    private readonly world: RunnerWorld,
    readonly id: number,
  ) {}

  private async stage(stage: Stage): Promise<void> {
    this.world.journal.push(`${stage} ${this.id}`);
    await this.world.at[stage]?.(this.id);
  }

  isInstalled = () => Promise.resolve(true);
  getPackageVersion = () => INSTALLED;
  setMaxListeners = () => this;
  on = (event: string, listener: () => unknown) => {
    this.listeners.set(event, listener);
  };
  emit = (event: string) => void this.listeners.get(event)?.();
  removeAllListeners = (event: string) => {
    this.listeners.delete(event);
    return this;
  };
  authenticate = () => this.db.auth();
  load = () => this.stage('load');
  start = async () => {
    await this.stage('start');
    this.answers = true;
    this.stopped = false;
    this.emit('__started');
  };
  stop = async () => {
    await this.stage('stop');
    this.stopped = true;
    this.answers = false;
  };
  runCommandThrowError = async (command: 'install' | 'upgrade') => {
    await this.stage(command);
    if (command === 'upgrade' && this.world.stamps) this.world.stored = INSTALLED;
  };

  async destroy(): Promise<void> {
    await this.stage('destroy');
    this.stopped = true;
    this.alive = false;
    this.draining = true;
    this.emit('__stopped');
    this.emit('afterDestroy');
  }
}

/** A process with one application in it, whose every stage the test decides. */
export class RunnerWorld {
  readonly apps: Record<string, FakeApplication | undefined> = {};
  readonly journal: string[] = [];
  readonly statuses: string[] = [];
  readonly warnings: string[] = [];
  /** What the core was told by instances, in the application's name. */
  readonly told: string[] = [];
  readonly running: string[] = [];
  readonly events: AppEvent[] = [];
  /** What the database carries; no marker, so that the first boot decides. */
  markers = { outside: null as string | null, inside: null as string | null, present: true };
  /** NocoBase's version in the application's database, and whether an upgrade writes it. */
  stored = INSTALLED;
  stamps = true;
  at: Partial<Record<Stage, (id: number) => Promise<void> | void>> = {};
  record: AppRecord;
  config: SupervisorConfig;
  /** How often an instance was constructed while another one was alive. */
  overlaps = 0;
  private readonly instances: FakeApplication[] = [];
  readonly fence = new FaultFence({ onFault: () => undefined, onObstacle: () => undefined });
  readonly queue = new BootQueue(() => this.config.bootConcurrency);
  readonly runner: AppRunner;

  constructor(record: Partial<AppRecord> = {}, initial: AppState = 'asleep', env: Record<string, string> = {}) {
    this.record = { name: 'crm', startMode: 'lazy', options: {}, ...record };
    this.config = readConfig(env, () => undefined);
    this.runner = new AppRunner('crm', this.host(), initial);
  }

  private host(): RunnerHost {
    const log = (message: string) => void this.warnings.push(message);
    const supervisor = {
      apps: this.apps,
      logger: { warn: log, error: () => undefined, info: () => undefined },
      registerApp: () => {
        if (this.alive.length) this.overlaps += 1;
        const app = new FakeApplication(this, this.instances.length + 1);
        this.instances.push(app);
        this.apps.crm = app;
        // As the core does, all of it by name.
        app.on('afterDestroy', () => delete this.apps.crm);
        app.on('__started', () => this.told.push(`started ${app.id}`));
        app.on('__stopped', () => this.told.push(`stopped ${app.id}`));
        this.journal.push(`construct ${app.id}`);
        return app;
      },
      createDatabase: () => Promise.resolve(),
      setAppError: () => undefined,
      clearAppError: () => undefined,
      clearAppStatus: () => Promise.resolve(),
      setAppStatus: (_name: string, status: string) => {
        this.statuses.push(status);
        return Promise.resolve();
      },
    };
    const markReady = () => {
      this.record = { ...this.record, provisioning: { readyAt: 'now' } };
      return Promise.resolve();
    };
    return {
      supervisor,
      config: this.config,
      queue: this.queue,
      provisioner: {
        explain: () => undefined,
        databaseOf: () => 'crm',
        hasOwnSchema: () => false,
        markOutside: () => {
          this.journal.push('mark outside');
          return Promise.resolve();
        },
      },
      copies: { usesTemplates: () => false },
      roles: { assign: (record: AppRecord) => Promise.resolve(record), fit: () => Promise.resolve() },
      noteProgress: () => Promise.resolve(),
      versions: new AppVersions(
        () => INSTALLED,
        () => Promise.resolve(undefined),
      ),
      mainApp: () => ({ db: { getCollection: () => undefined }, log: { info: () => undefined } }),
      record: () => this.record,
      secrets: () => ({}),
      markReady,
      ownersAccount: () => Promise.resolve(undefined),
      onRunning: (name: string) => void this.running.push(name),
      prepare: () => undefined,
      onChange: () => undefined,
      tell: (event: AppEvent) => void this.events.push(event),
      fence: this.fence,
    } as unknown as RunnerHost;
  }

  get constructed(): number {
    return this.instances.length;
  }

  get alive(): FakeApplication[] {
    return this.instances.filter((app) => app.alive);
  }

  /** The instance is gone without the runner: its own command, or the core. */
  lose(): void {
    for (const app of this.alive) app.alive = false;
    delete this.apps.crm;
  }
}

/** A gate that holds a stage until it is opened, or broken. */
export function gate() {
  let open!: () => void;
  let fail!: (error: Error) => void;
  const promise = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

/** A boot yields to the event loop twice; a restart and a copy boot after something else. */
const TURNS = 5;

/**
 * Everything that is due within this time has happened. A boot yields to the real event loop, and its next timers begin
 * after that: therefore the time passes once in each turn.
 */
export async function pass(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
  for (let turn = 0; turn < TURNS; turn += 1) {
    await setImmediate();
    await jest.advanceTimersByTimeAsync(ms);
  }
}

/** Everything that is due at this moment has happened. */
export const flush = () => pass(0);

/** How a promise ends: `ok`, or the code of its error. */
export const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    (error: Error & { code?: string }) => error.code ?? error.message,
  );

/** Whatever happens, one instance at a time, and every change of state a legal one. */
export function expectOrder(world: RunnerWorld): void {
  expect(world.overlaps).toBe(0);
  expect(world.warnings.filter((text) => text.includes(' went from '))).toEqual([]);
}
