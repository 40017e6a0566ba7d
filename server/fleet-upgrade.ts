import type { AppSupervisor } from '@nocobase/server';
import { isMade, type AppRecord } from '../src/app-record';
import { AppError, isAppError } from '../src/errors';
import { SYSTEM, type Actor, type Operation } from '../src/events';
import { upgradeOrder, type UpgradeState, type UpgradeVerdict, type VersionChange } from '../src/policies/upgrade-plan';
import type { SupervisorConfig } from './config';
import { locationOf, type DatabaseOptions } from './databases/location';
import type { AppRunner } from './lifecycle/app-runner';
import { inParallel } from './lifecycle/parallel';
import type { LentServer } from './lifecycle/process-connections';
import { assertNotNewer, type AppVersions } from './lifecycle/versions';

/** What the upgrade of many needs of the service around it. */
export interface FleetHost {
  readonly supervisor: Pick<AppSupervisor, 'logger'>;
  readonly config: SupervisorConfig;
  readonly versions: AppVersions;
  readonly registry: { all(): Iterable<AppRecord>; get(name: string): AppRecord | undefined };
  runner(name: string): AppRunner | undefined;
  /** The database options that an instance would be constructed with. */
  databaseOptions(record: AppRecord): DatabaseOptions;
  /** Counts one database connection for as long as the work takes. */
  lend<T>(work: () => Promise<T>, server: LentServer): Promise<T>;
  /** Told of each application before its upgrade begins; must not throw. */
  onUpgrading(name: string): void;
}

interface PublicError {
  code: string;
  message: string;
}

/** What one read of an application's database says, without an instance. */
export interface PlannedUpgrade {
  name: string;
  /** `unreadable`: the database could not be asked, and `error` says why. */
  state: UpgradeState | 'unreadable';
  from: string | null;
  to: string;
  plugins: VersionChange[];
  ahead: VersionChange[];
  error: PublicError | null;
}

/**
 * - `waiting`, `upgrading`: it has its turn yet, or now.
 * - `upgraded`, `failed`: how it ended; a failure stops no other application.
 * - `current`, `not_installed`: there was nothing to do, and it was not booted.
 * - `cancelled`: the run was ended before its turn.
 */
export type UpgradeOutcome =
  'waiting' | 'upgrading' | 'upgraded' | 'current' | 'not_installed' | 'failed' | 'cancelled';

export interface UpgradeItem extends Omit<PlannedUpgrade, 'state'> {
  outcome: UpgradeOutcome;
  /** How long its upgrade took, in milliseconds. */
  ms: number | null;
}

export interface UpgradeReport {
  /** ISO times; null while it runs. */
  startedAt: string;
  finishedAt: string | null;
  force: boolean;
  total: number;
  counts: Partial<Record<UpgradeOutcome, number>>;
  applications: UpgradeItem[];
}

export interface UpgradeOrder {
  /** Also what is up to date. */
  force?: boolean;
  by?: Actor;
}

/** How many databases are asked for their versions at a time. */
const READS = 4;

/** One call to upgrade some applications: the plan, and how far it has come. */
export class UpgradeRun {
  readonly startedAt = Date.now();
  finishedAt?: number;
  private readonly items = new Map<string, UpgradeItem>();
  private readonly failures = new Map<string, AppError>();
  private cancelled = false;
  /** Resolves when every application had its turn; never rejects. */
  readonly done: Promise<void>;

  constructor(
    private readonly host: FleetHost,
    names: readonly string[],
    private readonly order: UpgradeOrder,
  ) {
    const to = host.versions.installedCore;
    for (const name of names) {
      this.items.set(name, { name, outcome: 'waiting', from: null, to, plugins: [], ahead: [], error: null, ms: null });
    }
    this.done = this.carryOut().finally(() => {
      this.finishedAt = Date.now();
      if (this.total) host.supervisor.logger.info('upgrade of applications has ended', this.report().counts);
    });
  }

  get force(): boolean {
    return this.order.force ?? false;
  }

  get operation(): Operation {
    const [application = null, ...more] = this.items.keys();
    const since = new Date(this.startedAt).toISOString();
    return { kind: 'upgrade', application: more.length ? null : application, since, by: this.order.by ?? SYSTEM };
  }

  covers(names: readonly string[], force: boolean): boolean {
    return (this.force || !force) && names.every((name) => this.items.has(name));
  }

  /** What has not begun is left alone; what is under way ends. */
  cancel(): Promise<void> {
    this.cancelled = true;
    return this.done;
  }

  /** The error of an application that failed. */
  failureOf(name: string): AppError | undefined {
    return this.failures.get(name);
  }

  get total(): number {
    return this.items.size;
  }

  get ended(): number {
    return [...this.items.values()].filter(({ outcome }) => outcome !== 'waiting' && outcome !== 'upgrading').length;
  }

  report(): UpgradeReport {
    const applications = [...this.items.values()].map((item) => ({ ...item }));
    const counts: UpgradeReport['counts'] = {};
    for (const { outcome } of applications) counts[outcome] = (counts[outcome] ?? 0) + 1;
    return {
      startedAt: new Date(this.startedAt).toISOString(),
      finishedAt: this.finishedAt === undefined ? null : new Date(this.finishedAt).toISOString(),
      force: this.force,
      total: this.total,
      counts,
      applications,
    };
  }

  private async carryOut(): Promise<void> {
    const due: string[] = [];
    await inParallel([...this.items.keys()], READS, async (name) => {
      if (this.cancelled) return;
      if (await this.isDue(name)) due.push(name);
    });
    await inParallel(this.inOrder(due), this.host.config.upgradeConcurrency, async (name) => {
      if (!this.cancelled) await this.upgrade(name);
    });
    for (const [name, { outcome }] of this.items) if (outcome === 'waiting') this.note(name, { outcome: 'cancelled' });
  }

  /** One read tells most of them apart; only where there is no reading from outside, the instance itself has to look. */
  private async isDue(name: string): Promise<boolean> {
    const record = this.host.registry.get(name);
    if (!record) return this.fail(name, new AppError('APP_NOT_FOUND', { name }));
    try {
      const verdict = await readVerdict(this.host, record);
      this.noteVerdict(name, verdict);
      assertNotNewer(name, verdict);
      if (verdict.state === 'behind' || (this.force && verdict.state === 'current')) return true;
      this.note(name, { outcome: verdict.state });
      return false;
    } catch (error) {
      if (isAppError(error) && error.code === 'APP_DATABASE_UNSUPPORTED') return true;
      return this.fail(name, error);
    }
  }

  private inOrder(names: string[]): string[] {
    const candidates = names.map((name) => {
      const runner = this.host.runner(name);
      return {
        name,
        eager: this.host.registry.get(name)?.startMode === 'eager',
        running: runner?.state === 'running',
        stopped: runner?.state === 'stopped',
        lastActiveAt: runner?.lastActiveAt ?? 0,
      };
    });
    return upgradeOrder(candidates);
  }

  private async upgrade(name: string): Promise<void> {
    const startedAt = Date.now();
    try {
      const runner = this.host.runner(name);
      // It was removed since the plan was made.
      if (!runner) throw new AppError('APP_NOT_FOUND', { name });
      this.note(name, { outcome: 'upgrading' });
      this.host.onUpgrading(name);
      const verdict = await runner.upgrade(this.force, this.order.by);
      this.noteVerdict(name, verdict);
      assertNotNewer(name, verdict);
      const { state } = verdict;
      const upgraded = state === 'behind' || (state === 'current' && this.force);
      this.note(name, { outcome: upgraded ? 'upgraded' : state, ms: Date.now() - startedAt });
    } catch (error) {
      this.fail(name, error);
      this.note(name, { ms: Date.now() - startedAt });
    }
  }

  private noteVerdict(name: string, { from, to, plugins, ahead }: UpgradeVerdict): void {
    this.note(name, { from, to, plugins, ahead });
  }

  private note(name: string, patch: Partial<UpgradeItem>): void {
    const item = this.items.get(name);
    if (item) this.items.set(name, { ...item, ...patch });
  }

  private fail(name: string, error: unknown): false {
    const failure = publicError(name, error);
    const { code, message, origin } = failure;
    this.failures.set(name, failure);
    this.host.supervisor.logger.warn(`upgrade of "${name}" failed: ${message}`, {
      code,
      error: origin instanceof Error ? origin.message : undefined,
    });
    this.note(name, { outcome: 'failed', error: { code, message } });
    return false;
  }
}

/**
 * Upgrades many applications after NocoBase, or a plugin, was updated; one run at a time. Nothing is remembered but in
 * the applications' databases: whoever is cut off asks again, and what is up to date is told by one read.
 */
export class FleetUpgrade {
  private latest?: UpgradeRun;

  constructor(private readonly host: FleetHost) {}

  /** The run under way, or the last one that ended in this process. */
  get run(): UpgradeRun | undefined {
    return this.latest;
  }

  /** What an upgrade of these applications would do; nothing is booted. */
  async plan(names: readonly string[]): Promise<PlannedUpgrade[]> {
    const planned = new Map<string, PlannedUpgrade>();
    await inParallel(names, READS, async (name) => {
      const record = this.host.registry.get(name);
      if (record) planned.set(name, await this.planOne(record));
    });
    return names.flatMap((name) => planned.get(name) ?? []);
  }

  private async planOne(record: AppRecord): Promise<PlannedUpgrade> {
    const { name } = record;
    try {
      const { state, from, to, plugins, ahead } = await readVerdict(this.host, record);
      return { name, state, from, to, plugins, ahead, error: null };
    } catch (error) {
      const { code, message } = publicError(name, error);
      const to = this.host.versions.installedCore;
      return { name, state: 'unreadable', from: null, to, plugins: [], ahead: [], error: { code, message } };
    }
  }

  /**
   * Begins, or joins the run under way when that does what is asked for.
   * @throws APP_UPGRADE_RUNNING, APP_NOT_FOUND
   */
  start(names: readonly string[], order: UpgradeOrder = {}): UpgradeRun {
    for (const name of names) if (!this.host.registry.get(name)) throw new AppError('APP_NOT_FOUND', { name });
    const current = this.latest;
    if (current && current.finishedAt === undefined) {
      if (current.covers(names, order.force ?? false)) return current;
      throw new AppError(
        'APP_UPGRADE_RUNNING',
        { count: current.total, done: current.ended },
        undefined,
        current.operation,
      );
    }
    this.latest = new UpgradeRun(this.host, names, order);
    return this.latest;
  }

  /** The same after what is under way has ended. */
  async startAfterwards(names: readonly string[], order: UpgradeOrder = {}): Promise<UpgradeRun> {
    while (this.latest && this.latest.finishedAt === undefined) await this.latest.done;
    // Some may have been removed meanwhile.
    return this.start(
      names.filter((name) => this.host.registry.get(name)),
      order,
    );
  }

  /**
   * Upgrades the applications that are kept awake, also when no version changed: the caller had a reason. One failure
   * stops no other. Never rejects.
   */
  async upgradeEager(): Promise<void> {
    const eager = [...this.host.registry.all()].filter((record) => record.startMode === 'eager' && !record.stoppedAt);
    try {
      const run = await this.startAfterwards(
        eager.map(({ name }) => name),
        { force: true },
      );
      await run.done;
    } catch (error) {
      this.host.supervisor.logger.error('the upgrade of the eager applications failed', { error: String(error) });
    }
  }

  /** Resolves when nothing more is begun, and what was under way has ended. */
  async end(): Promise<void> {
    await this.latest?.cancel();
  }
}

async function readVerdict(host: FleetHost, record: AppRecord): Promise<UpgradeVerdict> {
  const { versions } = host;
  if (!isMade(record)) return versions.compare(record.name, undefined);
  const { dialect, server, layout } = locationOf(host.databaseOptions(record));
  const { host: name, port } = server;
  const lent = { dialect: dialect.name, host: name, port };
  const counted = { ...server, lend: <T>(work: () => Promise<T>) => host.lend(work, lent) };
  const stored = await dialect.readVersions(counted, layout);
  // Rows of other plugins may name databases in which nothing was ever installed.
  if (!stored && record.provisioning) throw new AppError('APP_DATABASE_EMPTY', { database: server.database });
  return versions.compare(record.name, stored);
}

function publicError(name: string, error: unknown): AppError {
  return isAppError(error)
    ? error
    : new AppError('APP_BOOT_FAILED', { name, step: 'check', reason: 'see the log' }, error);
}
