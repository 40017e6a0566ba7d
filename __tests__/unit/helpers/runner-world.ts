import type { RunnerHost } from '../../../server/lifecycle/app-runner';
import { AppRunner } from '../../../server/lifecycle/app-runner';
import { BootQueue } from '../../../server/lifecycle/boot-queue';
import { AppVersions } from '../../../server/lifecycle/versions';
import { readConfig, type SupervisorConfig } from '../../../server/config';
import type { AppRecord } from '../../../src/app-record';
import type { AppState } from '../../../src/app-state';
import type { AppEvent } from '../../../src/events';

type Stage = 'auth' | 'install' | 'upgrade' | 'load' | 'start' | 'destroy';

export const INSTALLED = '2.2.15';

/** As much of NocoBase's Application as a runner touches. `world.at` decides what happens at each stage. */
class FakeApplication {
  readonly name = 'crm';
  alive = true;
  /** It was started, and answers requests. */
  answers = false;
  readonly log = { info: () => undefined, warn: () => undefined };
  readonly version = { get: () => Promise.resolve(this.world.stored) };
  readonly db = {
    auth: () => this.stage('auth'),
    closed: () => !this.alive,
    close: () => Promise.resolve(),
    getCollection: () => undefined,
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
  removeAllListeners = () => this;
  authenticate = () => Promise.resolve();
  load = () => this.stage('load');
  start = async () => {
    await this.stage('start');
    this.answers = true;
  };
  runCommandThrowError = async (command: 'install' | 'upgrade') => {
    await this.stage(command);
    if (command === 'upgrade' && this.world.stamps) this.world.stored = INSTALLED;
  };

  async destroy(): Promise<void> {
    await this.stage('destroy');
    this.alive = false;
    if (this.world.apps.crm === this) delete this.world.apps.crm;
  }
}

/** A process with one application in it, whose every stage the test decides. */
export class RunnerWorld {
  readonly apps: Record<string, FakeApplication | undefined> = {};
  readonly journal: string[] = [];
  readonly statuses: string[] = [];
  readonly warnings: string[] = [];
  readonly running: string[] = [];
  readonly events: AppEvent[] = [];
  /** NocoBase's version in the application's database, and whether an upgrade writes it. */
  stored = INSTALLED;
  stamps = true;
  at: Partial<Record<Stage, (id: number) => Promise<void> | void>> = {};
  record: AppRecord;
  config: SupervisorConfig;
  /** How often an instance was constructed while another one was alive. */
  overlaps = 0;
  private readonly instances: FakeApplication[] = [];
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
        this.journal.push(`construct ${app.id}`);
        return app;
      },
      createDatabase: () => Promise.resolve(),
      setAppError: () => undefined,
      clearAppError: () => undefined,
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
      provisioner: { explain: () => undefined },
      versions: new AppVersions(
        () => INSTALLED,
        () => Promise.resolve(undefined),
      ),
      mainApp: () => ({ db: { getCollection: () => undefined }, log: { info: () => undefined } }),
      record: () => this.record,
      secrets: () => ({}),
      markReady,
      onRunning: (name: string) => void this.running.push(name),
      prepare: () => undefined,
      tell: (event: AppEvent) => void this.events.push(event),
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
