import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { storagePathJoin } from '@nocobase/utils';
import { quotable, suggestAppName } from '../src/app-name';
import { checkCreate, checkUpdate, domainsOf, recordFromRow, type AppOptions, type AppRecord } from '../src/app-record';
import { UPDATABLE_FIELDS } from '../src/application-fields';
import { AppError, isAppError } from '../src/errors';
import type { FirstAdministrator } from '../src/first-administrator';
import { phrase } from '../src/phrase';
import { SYSTEM, type Actor } from '../src/events';
import { pluginNameOf } from '../src/option-table';
import { isPlainObject } from '../src/plain-object';
import { splitOptions } from './app-options';
import type { AppService } from './app-service';
import { changedFields } from './changed-fields';
import { DomainCheck } from './domain-check';
import type { Place } from './databases/place';
import type { Clearance } from './databases/preflight';
import { generateSecret, type AppSecrets } from './databases/secrets';
import type { AppRunner } from './lifecycle/app-runner';
import { hashPassword, readAccount } from './lifecycle/administrator';
import { newUploadsId, removeUploads } from './lifecycle/upload-folders';
import { isInstalledPlugin } from './nocobase/plugin-packages';
import { formerUploadsOf, setAsideFormerState } from './lifecycle/former-state';
import { COLLECTION } from './registry';
import { UsedHosts } from './used-hosts';

/** What a row about to be written looks like to the hooks: a Sequelize model instance. */
export interface RowModel {
  get(key?: string): unknown;
  set(key: string, value: unknown): unknown;
  changed(key: string): boolean;
  previous(key: string): unknown;
}

export interface WriteContext {
  /** The user on whose behalf it is written. */
  currentUser?: { id?: unknown };
  /** The same, as events tell of it. */
  by?: Actor;
  /** The application whose data the new one begins with. */
  cloneOf?: string;
  /** In which the row is written: what is read of the main application meanwhile needs no connection besides. */
  transaction?: unknown;
  /** Of an import, which has made the database: marked with the token of this record, and open to its role. */
  imported?: AppRecord;
}

/** What is no list of names is refused elsewhere. @throws APP_OPTIONS_INVALID for a name that is no installed plugin's */
async function assertPlugins(plugins: unknown): Promise<void> {
  if (!Array.isArray(plugins)) return;
  for (const name of new Set(plugins.map(pluginNameOf))) {
    if (typeof name !== 'string' || (await isInstalledPlugin(name))) continue;
    throw new AppError('APP_OPTIONS_INVALID', {
      reason: phrase('the plugin "{plugin}" is not installed', { plugin: quotable(name) }),
    });
  }
}

/** In characters: options may have any number of fields. */
const MAX_FIELDS_TEXT = 1_000;

/**
 * Checks and completes rows of `applications` on their way into the database, and follows them into memory: the same
 * for REST and for whoever writes through the repository.
 */
export class Registrar {
  /** What an update writes into a row: its columns, and what of it the timeline names. */
  private readonly updates = new WeakMap<object, { columns: string[]; fields: string[] }>();

  private readonly domains: DomainCheck;
  readonly usedHosts: UsedHosts;

  constructor(private readonly service: AppService) {
    const hostsFile = storagePathJoin('apps', 'main', 'app_supervisor_hosts.json');
    this.usedHosts = new UsedHosts(hostsFile, (error) => {
      service.supervisor.logger.warn('hosts of main not written', { module: 'app-supervisor', error: String(error) });
    });
    this.domains = new DomainCheck({
      config: service.config,
      records: () => [...service.registry.everyone(), ...service.claims.all()],
      usedHosts: () => this.usedHosts.recent(),
    });
  }

  /** The host by which an operator called the main application; no application may take it for its own. */
  noteOperatorHost(host: string | undefined): void {
    this.domains.noteOperatorHost(host);
  }

  /**
   * Checks a row about to be created and completes it: options without secrets, the secrets sealed.
   * @returns gives back the name, the domains and the place; for when the row is registered, or was not written
   */
  async prepareCreate(row: RowModel, context: WriteContext): Promise<() => void> {
    const values = row.get() as Record<string, unknown>;
    if (!values.name) row.set('name', this.freeName(values.displayName));
    const { cloneOf, imported } = context;
    const importToken = imported?.provisioning?.ownershipToken;
    const { input, options, secrets } = await this.examine(
      { ...values, name: row.get('name'), admin: row.get('admin'), adopt: row.get('adopt') },
      { importToken, inherited: cloneOf !== undefined },
    );
    const releaseDomains = this.domains.hold(domainsOf(input), input.name);
    try {
      const releaseClaim = await this.prepareRow(row, { input, options, secrets }, importToken, context);
      return () => {
        releaseDomains();
        releaseClaim();
      };
    } catch (error) {
      releaseDomains();
      throw error;
    }
  }

  /** @returns gives back the name and the place */
  private async prepareRow(
    row: RowModel,
    { input, options, secrets }: Awaited<ReturnType<Registrar['examine']>>,
    importToken: string | undefined,
    context: WriteContext,
  ): Promise<() => void> {
    const { cloneOf, imported } = context;
    secrets.jwtSecret ??= generateSecret();
    // A clone keeps the users of its original.
    if (imported) secrets.role = this.service.secrets(imported).role;
    if (!cloneOf || input.admin) secrets.admin = await this.firstAdministrator(input.admin, context);
    const record: AppRecord = { name: input.name, startMode: input.startMode, options, provisioning: {} };
    // An import has claimed both for itself.
    const claim = { ...record, secrets: this.service.secretBox.seal(input.name, secrets) };
    const { by = SYSTEM } = context;
    const operation = { kind: cloneOf === undefined ? ('creation' as const) : ('clone' as const), by };
    const release = imported === undefined ? this.service.claims.take(claim, operation) : () => undefined;
    try {
      const clearance = await this.service.places.clear(record, secrets, input.adopt === true);
      if (clearance.exists && cloneOf) {
        throw new AppError('APP_DATABASE_EXISTS', { database: this.service.provisioner.databaseOf(record) });
      }
      const place = this.service.places.place(record, secrets);
      const markers = clearance.adopted ? await this.service.provisioner.markersOf(place) : undefined;
      // An import has placed the files of the archive already.
      if (importToken === undefined) await setAsideFormerState(input.name, markers);
      const contentToken = await this.contentToken(record, place, clearance);
      const formerUploads = markers && importToken === undefined ? await formerUploadsOf(markers) : undefined;
      this.complete(row, { input, options, secrets }, { ...clearance, contentToken, formerUploads }, context);
    } catch (error) {
      release();
      throw error;
    }
    return release;
  }

  private complete(
    row: RowModel,
    { input, options, secrets }: Awaited<ReturnType<Registrar['examine']>>,
    { exists, adopted, contentToken, formerUploads }: Clearance & { contentToken?: string; formerUploads?: string },
    { cloneOf, imported }: WriteContext,
  ): void {
    // What is taken in is made already, and has its administrator.
    if (adopted) delete secrets.admin;
    const readyAt = new Date().toISOString();
    const own = { contentToken, identity: randomUUID(), administrator: this.administratorOf(secrets, cloneOf) };
    const made = { ...own, ownershipToken: randomUUID(), ...(cloneOf && { cloneOf }) };
    // One that did not come out of a creation has a folder of uploads that no former application of its ID had.
    const found = imported?.provisioning ?? { uploads: newUploadsId(), formerUploads: formerUploads ?? '' };
    const taken = { ...own, ...found, readyAt };
    const provisioning = adopted ? taken : exists ? { ...own, uploads: newUploadsId() } : made;
    const complete = {
      ...input,
      admin: undefined,
      adopt: undefined,
      ...(adopted && input.startMode === 'manual' ? { stoppedAt: readyAt } : {}),
      options,
      provisioning,
      secrets: this.service.secretBox.seal(input.name, secrets),
    };
    for (const [field, value] of Object.entries(complete)) if (value !== undefined) row.set(field, value);
    row.set('admin', null);
    row.set('adopt', null);
  }

  /**
   * The token of the marker inside. An existing installation carries it from now on; where its role may not write it,
   * there is none, and the first boot tries again.
   */
  private async contentToken(record: AppRecord, place: Place, { adopted }: Clearance): Promise<string | undefined> {
    const token = randomUUID();
    if (!adopted) return token;
    try {
      await this.service.provisioner.markInside(record, token, place);
      return token;
    } catch (error) {
      if (isAppError(error) && error.code === 'APP_DATABASE_DENIED') return undefined;
      throw error;
    }
  }

  /**
   * What a caller gives at create, checked, with names that are free.
   * @param inherited whether the options are those of another application
   * @throws what is wrong with it
   */
  async examine(
    values: Record<string, unknown>,
    { importToken, inherited }: { importToken?: string; inherited?: boolean } = {},
  ) {
    const input = checkCreate(values, { inherited });
    await assertPlugins(input.options.plugins);
    const claim = this.service.claims.find(input.name);
    if (claim && claim.provisioning?.ownershipToken !== importToken) this.service.claims.assertFree(input.name);
    this.assertNameFree(input.name);
    this.domains.assertFree(domainsOf(input), input.name);
    return { input, ...splitOptions(input.options, input.name) };
  }

  /** The row is written: the application exists for routing, and its making begins. */
  register(row: RowModel, context: WriteContext): Promise<void> {
    const record = recordFromRow(row.get() as Record<string, unknown>);
    this.service.registry.put(record);
    this.service.icons.forget(record.name);
    const runner = this.service.runner(record.name);
    if (!runner) return Promise.resolve();
    const { cloneOf, by = SYSTEM } = context;
    if (cloneOf !== undefined) {
      this.service.tell({ application: cloneOf, type: 'cloned', at: Date.now(), by, message: record.name });
    }
    if (record.provisioning?.readyAt !== undefined) return this.takeIn(record, runner, context);
    return runner.make(by);
  }

  /** An application that was made before: it rests, until somebody visits it. */
  private async takeIn({ name, startMode }: AppRecord, runner: AppRunner, context: WriteContext): Promise<void> {
    const { by = SYSTEM } = context;
    // An import tells of itself, and has its role.
    if (context.imported === undefined) {
      this.service.tell({ application: name, type: 'created', at: Date.now(), by, reason: 'adopted' });
      if (!(await this.isolate(name))) return (await this.service.stop(name, by)).done;
    }
    if (startMode === 'eager') await runner.wake('background', by);
  }

  /**
   * Before anything of an adopted database runs: its functions and triggers would run as the main application's role. Where
   * it cannot have a role of its own, the row says why.
   * @returns false if that failed, and may succeed later. The application must not start before.
   */
  private async isolate(name: string): Promise<boolean> {
    const { roles, supervisor } = this.service;
    try {
      await this.service.whileDown(name, (record) => roles.isolate(record), 'isolated');
      return true;
    } catch (error) {
      const reason = isAppError(error) ? error.message : 'unknown error';
      const text = 'adopted application stopped: it has no database role yet. Isolate it, then start it';
      supervisor.logger.warn(text, { module: 'app-supervisor', application: name, error: reason });
      return false;
    }
  }

  /** A creation that came to nothing: the row is rolled back by its transaction, the rest here. */
  async unregister(name: string): Promise<void> {
    const record = this.service.registry.get(name);
    await this.service.forget(name);
    if (!record?.provisioning?.ownershipToken) return;
    const dropped = this.service.provisioner.drop(record);
    await dropped.then(() => removeUploads(record)).catch(() => undefined);
  }

  /** Refuses a change of options that names plugins which are not installed. @throws APP_OPTIONS_INVALID */
  async checkPlugins(row: RowModel): Promise<void> {
    if (!row.changed('options')) return;
    const [given, before] = [row.get('options'), row.previous('options')].map((value) =>
      isPlainObject(value) ? value.plugins : undefined,
    );
    if (!isDeepStrictEqual(given, before)) await assertPlugins(given);
  }

  /**
   * Keeps the domains that an update asks for until it is written.
   * @returns gives them back
   * @throws APP_DOMAIN_TAKEN, APP_DOMAIN_MAIN, and what `checkUpdate` throws
   */
  holdDomains(name: string, values: Record<string, unknown>): () => void {
    const before = this.service.registry.find(name);
    if (!before || !('cname' in values || 'domains' in values)) return () => undefined;
    return this.domains.hold(domainsOf(checkUpdate(values, before)), name);
  }

  /** See `DomainCheck.examine`. */
  examineDomain(given: string, self?: string): string {
    return this.domains.examine(given, self);
  }

  /** Checks a row about to be updated and puts the cleaned values into it. */
  prepareUpdate(row: RowModel, givenName: unknown): void {
    const before = this.service.registry.find(String(row.previous('name') ?? row.get('name')));
    if (!before) return;
    // What only the service writes, past these hooks.
    for (const field of [
      'provisioning',
      'secrets',
      'stoppedAt',
      'nextDueAt',
      'lastVisitedAt',
      'removedAt',
      'removal',
      'status',
    ]) {
      if (row.changed(field)) row.set(field, row.previous(field));
    }
    const given: Record<string, unknown> = { name: givenName };
    const secret: string[] = [];
    for (const field of UPDATABLE_FIELDS) {
      if (row.changed(field)) given[field] = row.get(field);
    }
    const changes = checkUpdate(given, before);
    this.domains.assertFree(domainsOf(changes), before.name);
    const { autoStart } = (changes.options ?? {}) as AppOptions;
    if (changes.options && !('startMode' in changes) && autoStart !== before.options.autoStart) {
      // Older callers say it this way.
      changes.startMode = autoStart === true ? 'eager' : 'lazy';
    }
    if (changes.options) {
      const { options, secrets } = splitOptions(changes.options as AppOptions, before.name, before.options);
      changes.options = options;
      if (Object.keys(secrets).length) {
        row.set('secrets', this.service.secretBox.seal(before.name, { ...this.service.secrets(before), ...secrets }));
        if (secrets.databasePassword !== undefined) secret.push('options.database.password');
        if (secrets.jwtSecret !== undefined) secret.push('options.authManager.jwt.secret');
      }
    }
    const previous = Object.fromEntries(Object.keys(changes).map((field) => [field, row.previous(field)]));
    const fields = [...new Set([...changedFields(previous, changes), ...secret])];
    const columns = [...Object.keys(changes), ...(secret.length ? ['secrets'] : [])];
    this.updates.set(row, { columns, fields });
    for (const [field, value] of Object.entries(changes)) row.set(field, value);
  }

  /**
   * The row was changed and committed. Taken over is what this update wrote: the rest was read before it, and the service
   * or another update may have written it since.
   */
  refresh(row: RowModel, { by = SYSTEM }: WriteContext = {}): void {
    const values = row.get() as Record<string, unknown>;
    const known = this.service.registry.find(String(values.name));
    if (!known) return;
    const update = this.updates.get(row);
    this.updates.delete(row);
    const changed = Object.fromEntries((update?.columns ?? []).map((column) => [column, values[column]]));
    if ('iconImage' in changed) this.service.icons.forget(known.name);
    // Columns carry the names of a record's fields.
    this.service.registry.put(recordFromRow({ ...known, ...changed }));
    if (!update?.fields.length) return;
    const message = update.fields.join(', ').slice(0, MAX_FIELDS_TEXT);
    this.service.tell({ application: known.name, type: 'updated', at: Date.now(), by, message });
  }

  /** Moves the secrets of rows that another plugin wrote out of their options, and fills in their start mode. */
  async adoptRows(): Promise<number> {
    const model = this.service.mainApp().db.getModel(COLLECTION);
    let adopted = 0;
    for (const row of await model.findAll()) {
      const values = row.get() as Record<string, unknown>;
      const record = recordFromRow(values);
      const { options, secrets } = splitOptions(record.options, record.name, record.options);
      const sealed = Object.keys(secrets).length
        ? this.service.secretBox.seal(record.name, { ...this.service.secrets(record), ...secrets })
        : undefined;
      // An empty secret is none, and yet it would win over one that the application is given later.
      const cleaned = JSON.stringify(options) !== JSON.stringify(record.options);
      if (values.startMode && !cleaned) continue;
      const patch = {
        startMode: record.startMode,
        ...(cleaned ? { options } : {}),
        ...(sealed ? { secrets: sealed } : {}),
      };
      await model.update(patch, { where: { name: record.name }, hooks: false });
      adopted += 1;
    }
    return adopted;
  }

  /** A name made of what a person typed, with a random ending when that is taken or empty. */
  freeName(displayName: unknown): string {
    const base = suggestAppName(typeof displayName === 'string' ? displayName : '') || 'app';
    const random = () => randomUUID().slice(0, 6);
    let name = base === 'app' ? `app-${random()}` : base;
    while (this.service.registry.find(name)) name = `${base}-${random()}`;
    return name;
  }

  private assertNameFree(name: string): void {
    const namesake = this.service.registry.find(name);
    if (!namesake) return;
    throw new AppError(namesake.removedAt ? 'APP_NAME_REMOVED' : 'APP_NAME_TAKEN', { name: namesake.name });
  }

  /** A clone without an administrator of its own has that of its original. */
  private administratorOf({ admin }: AppSecrets, cloneOf: string | undefined): FirstAdministrator | undefined {
    if (!admin)
      return cloneOf === undefined ? undefined : this.service.registry.find(cloneOf)?.provisioning?.administrator;
    const { nickname, username, email } = admin;
    return { nickname, username, email };
  }

  private async firstAdministrator(
    admin: ReturnType<typeof checkCreate>['admin'],
    context: WriteContext,
  ): Promise<AppSecrets['admin']> {
    if (!admin) return readAccount(this.service.mainApp(), context.currentUser?.id, context.transaction);
    return {
      email: admin.email ?? null,
      username: admin.username ?? null,
      nickname: admin.nickname ?? admin.username ?? 'Administrator',
      passwordHash: await hashPassword(this.service.mainApp(), admin.password),
    };
  }
}
