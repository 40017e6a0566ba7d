import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { Application, AppSupervisor } from '@nocobase/server';
import type { AppModel, AppStatus } from '@nocobase/server/lib/app-supervisor/types';
import { storagePathJoin } from '@nocobase/utils';
import { checkCreate, checkUpdate, isPlainObject, recordFromRow, type AppOptions, type AppRecord } from '../src/app-record';
import { suggestAppName } from '../src/app-name';
import { APP_STATES, type AppCondition, type AppState } from '../src/app-state';
import { AppError } from '../src/errors';
import { readConfig, type SupervisorConfig } from './config';
import { currentOptionsFactory } from './core';
import { postgresDialect } from './databases/postgres';
import { DatabaseProvisioner } from './databases/provisioner';
import { generateSecret, SecretBox, type AppSecrets } from './databases/secrets';
import type { ServerAddress } from './databases/dialect';
import { hashPassword, readAccount } from './lifecycle/administrator';
import { AppRunner, type RunnerHost } from './lifecycle/app-runner';
import { BootQueue } from './lifecycle/boot-queue';
import { COLLECTION, Registry } from './registry';

/**
 * - `off`: the plugin is not enabled; other adapters rule.
 * - `starting`: enabled, and the main application is not up yet: requests are held.
 * - `active`: sub-applications are managed.
 * - `inert`: enabled, but unable to manage (see `obstacle`): it keeps out of the way.
 */
export type ServicePhase = 'off' | 'starting' | 'active' | 'inert';

/** What a row about to be written looks like to the hooks: a Sequelize model instance. */
export interface RowModel {
  get(key?: string): unknown;
  set(key: string, value: unknown): unknown;
  changed(key: string): boolean;
  previous(key: string): unknown;
  toJSON(): Record<string, unknown>;
}

export interface WriteContext {
  /** The user on whose behalf it is written. */
  currentUser?: { id?: unknown };
  transaction?: unknown;
}

/** An application as callers see it: the row without its secrets, and what is computed. */
export interface AppView extends AppCondition {
  name: string;
  status: string;
  /** False for an old application that still signs its tokens with the main application's secret. */
  ownSecret: boolean;
  [field: string]: unknown;
}

/**
 * The one service behind UI, REST, command line and the core's adapters. One object a process; it outlives the reload
 * of the main application, whose instance and database it always asks for anew.
 */
export class AppService implements RunnerHost {
  readonly registry = new Registry();
  readonly config: SupervisorConfig;
  readonly queue: BootQueue;
  readonly provisioner: DatabaseProvisioner;
  private readonly runners = new Map<string, AppRunner>();
  private readonly secretBox: SecretBox;
  private readonly runningListeners = new Set<(name: string) => void>();
  private currentPhase: ServicePhase = 'off';
  private whenUp?: { promise: Promise<void>; resolve: () => void };
  private baseFactory?: ReturnType<typeof currentOptionsFactory>;
  obstacle?: AppError;

  constructor(readonly supervisor: AppSupervisor) {
    this.config = readConfig(process.env, (message) => supervisor.logger.warn(message, { module: 'app-supervisor' }));
    this.queue = new BootQueue(() => this.config.bootConcurrency);
    this.secretBox = new SecretBox(storagePathJoin('apps', 'main', 'app_supervisor_key.dat'));
    this.provisioner = new DatabaseProvisioner(
      () => (this.mainApp().db.isPostgresCompatibleDialect?.() ? postgresDialect : undefined),
      () => this.mainServer(),
      () => this.registry.all(),
    );
  }

  // ---- phases -------------------------------------------------------------------------------------------------

  get phase(): ServicePhase {
    return this.currentPhase;
  }

  get active(): boolean {
    return this.currentPhase === 'active';
  }

  /** The plugin is enabled and its main application begins to load. */
  beginStart(): void {
    if (this.currentPhase === 'active' || this.currentPhase === 'starting') return;
    this.currentPhase = 'starting';
    let resolve: () => void = () => undefined;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    this.whenUp = { promise, resolve };
  }

  /** Resolves when the main application is up (or the plugin turned out to be unable to work). */
  mainIsUp(): Promise<void> {
    return this.currentPhase === 'starting' && this.whenUp ? this.whenUp.promise : Promise.resolve();
  }

  /** The main application is up, for the first time or after a reload: learn the applications, start the eager ones. */
  async activate(): Promise<void> {
    const mainApp = this.mainApp();
    await this.registry.load(mainApp);
    const first = this.currentPhase !== 'active';
    this.obstacle = undefined;
    this.currentPhase = 'active';
    this.baseFactory ??= currentOptionsFactory(this.supervisor);
    this.supervisor.setAppOptionsFactory((name, main, options) => this.appOptions(name, main, options));
    this.whenUp?.resolve();
    mainApp.log.info(`App Supervisor manages ${this.registry.size} applications`, { module: 'app-supervisor' });
    if (first) this.resume();
    else for (const name of [...this.runners.keys()]) if (!this.registry.has(name)) this.runners.delete(name);
    // One turn of the event loop: the first eager applications are registered when the main application says it is up.
    await new Promise<void>((done) => setImmediate(done));
  }

  /** Keeps out of the way, and says why. */
  standAside(obstacle: AppError | undefined): void {
    this.obstacle = obstacle;
    this.currentPhase = obstacle ? 'inert' : 'off';
    if (this.baseFactory) this.supervisor.setAppOptionsFactory(undefined as never);
    this.baseFactory = undefined;
    this.runners.clear();
    this.registry.clear();
    this.whenUp?.resolve();
  }

  /** Takes up what a former process left half made, and starts what starts by itself; nobody waits for it. */
  private resume(): void {
    for (const record of this.registry.all()) {
      if (record.stoppedAt) continue;
      const unfinished = record.provisioning !== undefined && record.provisioning.readyAt === undefined;
      if (!unfinished && record.startMode !== 'eager') continue;
      this.runner(record.name)?.wake('background').catch(() => undefined);
    }
  }

  // ---- what runners need (RunnerHost) -------------------------------------------------------------------------

  mainApp(): Application {
    const app = this.supervisor.apps.main as Application | undefined;
    if (!app) throw new Error('the main application is gone');
    return app;
  }

  record(name: string): AppRecord | undefined {
    return this.registry.get(name);
  }

  secrets(record: AppRecord): AppSecrets {
    return this.secretBox.open(record.name, record.secrets);
  }

  async markReady(name: string): Promise<void> {
    const record = this.registry.get(name);
    if (!record) return;
    const { admin: _done, ...secrets } = this.secrets(record);
    await this.writeRow(name, {
      provisioning: { ...record.provisioning, readyAt: new Date().toISOString() },
      secrets: this.secretBox.seal(name, secrets),
      ...(record.startMode === 'manual' ? { stoppedAt: new Date() } : {}),
    });
  }

  onRunning(name: string): void {
    for (const listener of this.runningListeners) listener(name);
  }

  /** The listener is told the name of each application that has come up; the returned function takes it off. */
  whenRunning(listener: (name: string) => void): () => void {
    this.runningListeners.add(listener);
    return () => this.runningListeners.delete(listener);
  }

  // ---- looking ------------------------------------------------------------------------------------------------

  /** The owner of a registered application; undefined for an unknown name. */
  runner(name: string): AppRunner | undefined {
    const record = this.registry.get(name);
    if (!record) return undefined;
    let runner = this.runners.get(name);
    if (!runner) {
      runner = new AppRunner(name, this, this.restingState(record));
      this.runners.set(name, runner);
    }
    return runner;
  }

  /** What an application is while nothing of it is in memory. */
  private restingState(record: AppRecord): AppState {
    return record.stoppedAt || (record.startMode === 'manual' && record.provisioning?.readyAt) ? 'stopped' : 'asleep';
  }

  /** A record without a runner is not given one just for being looked at. */
  describe(name: string): AppCondition | undefined {
    const record = this.registry.get(name);
    if (!record) return undefined;
    return this.runners.get(name)?.describe() ?? { state: this.restingState(record), since: 0 };
  }

  statusOf(state: AppState): AppStatus {
    return APP_STATES[state].status;
  }

  /** A row as callers see it. */
  view(row: Record<string, unknown>): AppView {
    const name = String(row.name);
    const { secrets: _sealed, provisioning: _made, admin: _admin, ...visible } = row;
    const record = this.registry.get(name);
    const condition = this.describe(name) ?? { state: 'asleep' as const, since: 0 };
    return {
      ...visible,
      ...condition,
      name,
      options: redactOptions(row.options),
      startMode: record?.startMode ?? row.startMode ?? 'lazy',
      status: this.statusOf(condition.state),
      ownSecret: Boolean(record?.secrets) || Boolean(record?.options.authManager?.jwt?.secret),
    };
  }

  // ---- the operator's actions ---------------------------------------------------------------------------------

  /** Resolves when the application runs; rejects with its boot error. */
  async start(name: string): Promise<void> {
    const runner = this.mustFind(name);
    if (this.registry.get(name)?.stoppedAt) await this.writeRow(name, { stoppedAt: null });
    await runner.start();
  }

  /** Remembered across restarts; resolves when nothing of the application is left in memory. */
  async stop(name: string): Promise<void> {
    const runner = this.mustFind(name);
    await this.writeRow(name, { stoppedAt: new Date() });
    await runner.stop('operator');
  }

  /** Resolves when what is under way of making or starting it has ended; rejects when it failed. */
  async settled(name: string): Promise<void> {
    await this.runner(name)?.settled();
  }

  /** After the main application was upgraded, the applications that are kept awake follow; one failure stops no other. */
  async upgradeEager(): Promise<void> {
    if (!this.active) return;
    const eager = [...this.registry.all()].filter((record) => record.startMode === 'eager' && !record.stoppedAt);
    for (const { name } of eager) {
      this.mainApp().setMaintainingMessage(`upgrading application ${name}...`);
      await this.runner(name)
        ?.upgrade()
        .catch((error: unknown) => this.supervisor.logger.error(`upgrade of "${name}" failed`, { error: String(error) }));
    }
  }

  /** The plugin is disabled: everything that it runs ends; what an operator decided stays as it is. */
  async shutDown(): Promise<void> {
    await Promise.all([...this.runners.values()].map((runner) => runner.stop('shutdown')));
    this.standAside(undefined);
  }

  async restart(name: string): Promise<void> {
    const runner = this.mustFind(name);
    await runner.stop('operator');
    await this.start(name);
  }

  /**
   * Removes the application, and its database only when asked to. The database goes first and the row last: whoever
   * is interrupted in between repeats the same call.
   */
  async remove(name: string, { dropDatabase = false }: { dropDatabase?: boolean } = {}): Promise<void> {
    const runner = this.mustFind(name);
    const record = this.registry.get(name) as AppRecord;
    if (dropDatabase) await this.provisioner.assertDroppable(record);
    await this.writeRow(name, { stoppedAt: new Date() });
    await runner.stop('operator');
    if (dropDatabase) {
      await this.provisioner.drop(record);
      // Keys of an application whose data is kept stay with the data: they decrypt it.
      await rm(storagePathJoin('apps', path.basename(name)), { recursive: true, force: true });
    }
    await this.mainApp().db.getRepository(COLLECTION).destroy({ filterByTk: name });
  }

  // ---- what the hooks of the collection call: REST and repository alike ----------------------------------------

  /** Checks a row about to be created and completes it: options without secrets, the secrets sealed. */
  async prepareCreate(row: RowModel, context: WriteContext): Promise<void> {
    const values = row.get() as Record<string, unknown>;
    if (!values.name) row.set('name', this.freeName(String(values.displayName ?? '')));
    const input = checkCreate({ ...values, name: row.get('name'), admin: row.get('admin') });
    this.assertFree(input.name, input.cname);
    const { options, secrets } = splitOptions(input.options, input.name);
    secrets.jwtSecret ??= generateSecret();
    secrets.admin = await this.firstAdministrator(input.admin, context);
    const record: AppRecord = { name: input.name, startMode: input.startMode, options };
    const ownDialect = options.dbConnType === 'new_database';
    const provisioning = {
      ...(ownDialect && !(await this.provisioner.preflight(record)).exists ? { ownershipToken: randomUUID() } : {}),
    };
    const complete = { ...input, admin: undefined, options, provisioning, secrets: this.secretBox.seal(input.name, secrets) };
    for (const [field, value] of Object.entries(complete)) if (value !== undefined) row.set(field, value);
  }

  /** The row is written: the application exists for routing, and its making begins. */
  register(row: RowModel): Promise<void> {
    const record = recordFromRow(row.get() as Record<string, unknown>);
    this.registry.put(record);
    const runner = this.runner(record.name);
    if (!runner) return Promise.resolve();
    return runner.make();
  }

  /** A creation that came to nothing: the row is rolled back by its transaction, the rest here. */
  async unregister(name: string): Promise<void> {
    const record = this.registry.get(name);
    if (record?.provisioning?.ownershipToken) await this.provisioner.drop(record).catch(() => undefined);
    await this.forget(name);
  }

  /** Checks a row about to be updated and puts the cleaned values into it. */
  prepareUpdate(row: RowModel, givenName: unknown): void {
    const before = this.registry.get(String(row.previous('name') ?? row.get('name')));
    if (!before) return;
    const given: Record<string, unknown> = { name: givenName };
    for (const field of ['displayName', 'cname', 'icon', 'pinned', 'sort', 'startMode', 'options']) {
      if (row.changed(field)) given[field] = row.get(field);
    }
    const changes = checkUpdate(given, before);
    if (typeof changes.cname === 'string') this.assertFree(undefined, changes.cname, before.name);
    const { autoStart } = (changes.options ?? {}) as AppOptions;
    if (changes.options && !('startMode' in changes) && autoStart !== before.options.autoStart) {
      // Older callers say it this way.
      changes.startMode = autoStart === true ? 'eager' : 'lazy';
    }
    if (changes.options) {
      const { options, secrets } = splitOptions(changes.options as AppOptions, before.name, before.options);
      changes.options = options;
      if (Object.keys(secrets).length) {
        row.set('secrets', this.secretBox.seal(before.name, { ...this.secrets(before), ...secrets }));
      }
    }
    for (const [field, value] of Object.entries(changes)) row.set(field, value);
  }

  /** The row was changed and committed. */
  refresh(row: RowModel): void {
    const record = recordFromRow(row.get() as Record<string, unknown>);
    const known = this.registry.get(record.name);
    if (known) this.registry.put({ ...known, ...record });
  }

  /** The row is gone: so are instance, runner and routes. */
  async forget(name: string): Promise<void> {
    const runner = this.runners.get(name);
    this.registry.delete(name);
    await runner?.stop('shutdown');
    this.runners.delete(name);
    await this.supervisor.clearAppStatus(name);
  }

  /** Moves the secrets of rows that another plugin wrote out of their options, and fills in their start mode. */
  async adoptRows(): Promise<number> {
    const model = this.mainApp().db.getModel(COLLECTION);
    let adopted = 0;
    for (const row of await model.findAll()) {
      const values = row.get() as Record<string, unknown>;
      const record = recordFromRow(values);
      const { options, secrets } = splitOptions(record.options, record.name, record.options);
      const sealed = Object.keys(secrets).length
        ? this.secretBox.seal(record.name, { ...this.secrets(record), ...secrets })
        : undefined;
      if (values.startMode && !sealed) continue;
      const patch = { startMode: record.startMode, ...(sealed ? { secrets: sealed, options } : {}) };
      await model.update(patch as never, { where: { name: record.name }, hooks: false });
      adopted += 1;
    }
    return adopted;
  }

  // ---- pieces -------------------------------------------------------------------------------------------------

  /** A name made of what a person typed, with a random ending when that is taken or empty. */
  freeName(displayName: string): string {
    const base = suggestAppName(displayName) || 'app';
    const random = () => randomUUID().slice(0, 6);
    let name = base === 'app' ? `app-${random()}` : base;
    while (this.registry.has(name)) name = `${base}-${random()}`;
    return name;
  }

  private mustFind(name: string): AppRunner {
    const runner = this.runner(name);
    if (!runner) throw new AppError('APP_NOT_FOUND', { name });
    return runner;
  }

  private assertFree(name: string | undefined, domain: string | undefined, self?: string): void {
    if (name !== undefined && this.registry.has(name)) throw new AppError('APP_NAME_TAKEN', { name });
    const owner = domain === undefined ? undefined : this.registry.byDomain(domain);
    if (domain !== undefined && owner !== undefined && owner !== self) {
      throw new AppError('APP_DOMAIN_TAKEN', { domain, owner });
    }
  }

  private async firstAdministrator(
    admin: ReturnType<typeof checkCreate>['admin'],
    context: WriteContext,
  ): Promise<AppSecrets['admin']> {
    if (!admin) return readAccount(this.mainApp(), context.currentUser?.id);
    return {
      email: admin.email ?? null,
      username: admin.username ?? null,
      nickname: admin.nickname ?? admin.username ?? 'Administrator',
      passwordHash: await hashPassword(this.mainApp(), admin.password),
    };
  }

  /** Writes columns of one row past the hooks, and the same into memory. */
  private async writeRow(name: string, patch: Record<string, unknown>): Promise<void> {
    const record = this.registry.get(name);
    if (!record) return;
    const transaction = this.creations.get(name);
    await this.mainApp()
      .db.getModel(COLLECTION)
      .update(patch as never, { where: { name }, hooks: false, transaction: transaction as never });
    const { stoppedAt } = patch;
    const dates = 'stoppedAt' in patch ? { stoppedAt: stoppedAt ? (stoppedAt as Date).toISOString() : undefined } : {};
    this.registry.put({ ...record, ...(patch as Partial<AppRecord>), ...dates });
  }

  /** Transactions in which rows are being created whose making is waited for: their rows are not visible outside. */
  readonly creations = new Map<string, unknown>();

  private mainServer(): ServerAddress {
    const options = this.mainApp().db.options as unknown as Record<string, unknown> & { dialectOptions?: { ssl?: unknown } };
    return {
      host: options.host as string | undefined,
      port: options.port === undefined ? undefined : Number(options.port),
      username: (options.username ?? options.user) as string | undefined,
      password: options.password as string | undefined,
      database: String(options.database),
      ssl: options.dialectOptions?.ssl ?? options.ssl,
    };
  }

  /** The options of a sub-application's instance: the core's, the application's own database, and its secrets. */
  private appOptions(name: string, main: Application, given?: Record<string, unknown>): Record<string, unknown> {
    const base = (this.baseFactory as NonNullable<typeof this.baseFactory>)(name, main, given);
    const record = this.registry.get(name);
    if (!record) return base;
    const secrets = this.secrets(record);
    const database = base.database as Record<string, unknown>;
    if (record.options.dbConnType === 'new_database') {
      // Whatever USE_DB_SCHEMA_IN_SUBAPP says: a database of its own is what was asked for.
      database.database = record.options.database?.database ?? name;
      database.schema = (main.db.options as { schema?: string }).schema;
    }
    if (secrets.databasePassword !== undefined) database.password = secrets.databasePassword;
    if (secrets.jwtSecret) base.authManager = mergeSecret(base.authManager, secrets.jwtSecret);
    return base;
  }

  /** An application as the core knows it; an empty secret in an old row's options must not win over ours. */
  model(name: string): AppModel | null {
    const record = this.registry.get(name);
    if (!record) return null;
    return {
      name,
      title: record.displayName,
      icon: record.icon,
      cname: record.cname,
      sort: record.sort,
      pinned: record.pinned,
      options: record.options as AppModel['options'],
    };
  }
}

function mergeSecret(authManager: unknown, secret: string): Record<string, unknown> {
  const given = isPlainObject(authManager) ? authManager : {};
  const jwt = isPlainObject(given.jwt) ? given.jwt : {};
  return { ...given, jwt: { ...jwt, secret } };
}

/**
 * Options without what must not stand in them, and that. The connection type and the name of the database are
 * written out, so that a record says where its data lies even when the environment changes.
 * @param before the options of an existing row, whose database stays as it is written there
 */
function splitOptions(given: AppOptions, name: string, before?: AppOptions): { options: AppOptions; secrets: AppSecrets } {
  const options = structuredClone(given);
  const secrets: AppSecrets = {};
  const jwt = options.authManager?.jwt;
  if (isPlainObject(jwt) && 'secret' in jwt) {
    if (typeof jwt.secret === 'string' && jwt.secret !== '') secrets.jwtSecret = jwt.secret;
    delete jwt.secret;
  }
  if (isPlainObject(options.database) && 'password' in options.database) {
    const { password } = options.database;
    if (typeof password === 'string' && password !== '' && !options.encryptedDbPassword) {
      secrets.databasePassword = password;
      delete options.database.password;
    }
  }
  if (!before) {
    options.dbConnType ??= 'new_database';
    if (options.dbConnType === 'new_database') options.database = { database: name, ...options.database };
  }
  return { options, secrets };
}

const SECRET_KEY = /secret|password|passwd|token|private.?key|credential/i;

/** Options for callers: nothing that looks like a secret, however deep, also in rows that other plugins wrote. */
function redactOptions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redactOptions);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (SECRET_KEY.test(key) ? [] : [[key, redactOptions(inner)]])),
  );
}
