import { randomBytes } from 'node:crypto';
import type { PoolOptions } from 'sequelize';
import { isMade, type AppRecord } from '../../src/app-record';
import { databaseKind } from '../../src/database-dialects';
import { isAppError } from '../../src/errors';
import { ISOLATED, notIsolated, type Isolation, type RoleObstacle } from '../../src/isolation';
import type { DatabaseRole, RoleKeeper, RoleScope } from './dialect';
import { dialectOf, locationOf, type DatabaseOptions } from './location';
import { serverKey, type MainPlace } from './ownership';
import type { Place } from './place';
import type { DatabaseProvisioner } from './provisioner';
import { generateRolePassword, roleInUse, type AppRole, type AppSecrets, type SecretBox } from './secrets';

/** What the roles of applications need of the process around them. */
export interface AppRolesHost {
  secretBox: Pick<SecretBox, 'seal'>;
  places: { place(record: AppRecord): Place; server(): MainPlace };
  provisioner: Pick<DatabaseProvisioner, 'assertFree'>;
  connections: { poolOptions(given: PoolOptions | undefined): { stretch: number } };
  /** Whether this process manages the applications. */
  readonly active: boolean;
  registry: { everyone(): Iterable<AppRecord>; find(name: string): AppRecord | undefined };
  supervisor: { logger: Record<'info' | 'warn', (message: string, details: object) => unknown> };
  fence: { outside<T>(work: () => T): T };
  secrets(record: AppRecord): AppSecrets;
  writeRow(name: string, patch: Record<string, unknown>): Promise<void>;
}

/** Beside an application's pool: a dump, its restoring, short looks at versions and schedules, a former instance. */
const CONNECTIONS_BESIDE_POOL = 10;

/**
 * Gives applications roles of their own at the database server. A role is sealed in the row before it is created, and
 * goes when its database goes, so that no interruption leaves one that no row knows.
 */
export class AppRoles {
  private outline?: { of: string; found: ReturnType<RoleKeeper['outline']> };
  /** Servers that have let a role of ours sign in, since the process started. */
  private readonly welcoming = new Set<string>();
  private readonly unwelcome = new Set<string>();
  /** The main application's database that was closed to new roles. */
  private closed?: string;
  /** Names that this process chose: of a role that is not in its row yet. */
  private readonly chosen = new Set<string>();

  constructor(private readonly host: AppRolesHost) {}

  /**
   * The first step of a creation: a role of its own, where the server allows it, else the reason in the row. Idempotent.
   * @returns the record as its row is now
   */
  async assign(record: AppRecord): Promise<AppRecord> {
    const proposed = await this.propose(record);
    if (proposed === record && !this.host.secrets(record).role) return record;
    if (proposed !== record) await this.write(proposed);
    const obstacle = await this.establish(proposed, await this.mayBeThere(proposed));
    if (!obstacle) return proposed;
    const shared = this.withoutRole(proposed, obstacle);
    await this.write(shared);
    this.host.supervisor.logger.warn(
      `application "${record.name}" uses the database role of the main application: ${obstacle.reason}`,
      { module: 'app-supervisor' },
    );
    return shared;
  }

  /** The record with a role that is not created yet; as it is where it has one, or must not get one. Writes nothing. */
  async propose(record: AppRecord, pending = false): Promise<AppRecord> {
    const place = this.host.places.place(record);
    const secrets = this.host.secrets(record);
    if (secrets.role || refusalOf(record, place)) return record;
    const connections = this.maxConnections(record);
    const role: AppRole = { ...(await this.draft(place)), connections, ...(pending && { pending }) };
    return this.sealed(record, { ...secrets, role });
  }

  /**
   * Creates the role that the record names, and lets it into the application's database if that is there already.
   * @returns what stands against it; nothing of a role that is not in use is left then
   */
  async establish(record: AppRecord, existing = false): Promise<RoleObstacle | undefined> {
    const { role } = this.host.secrets(record);
    if (!role) return undefined;
    const place = this.host.places.place(record);
    const { server, dialect } = place;
    const { roles } = dialect;
    const scope = scopeOf(place);
    const obstacle = await this.attempt(record, place, role, existing).catch(
      async (error: unknown): Promise<RoleObstacle> => {
        if (!isAppError(error) || error.code !== 'APP_DATABASE_DENIED') throw error;
        const { reason, sql } = error.params;
        const detail = typeof reason === 'number' ? String(reason) : reason;
        const found: RoleObstacle = { reason: 'not-owner', detail, ...(sql && { sql: String(sql) }) };
        return (await roles.obstacle(server, scope)) ?? found;
      },
    );
    // The role of an application that was in use may own what is in the database.
    const mayGo = obstacle && (role.pending || !isMade(record));
    if (mayGo) await roles.drop(server, role).catch(() => undefined);
    if (!obstacle) await this.closeMain(place);
    return obstacle;
  }

  /** Whether the database of an application that is being made may exist, by a former attempt or by another's hand. */
  private async mayBeThere(record: AppRecord): Promise<boolean> {
    const { step, ownershipToken } = record.provisioning ?? {};
    if (ownershipToken !== undefined) return step !== undefined;
    // Given to nobody before it is known once more that nobody else has it.
    await this.host.provisioner.assertFree(record);
    return true;
  }

  private async attempt(
    record: AppRecord,
    place: Place,
    role: DatabaseRole,
    existing: boolean,
  ): Promise<RoleObstacle | undefined> {
    const { server, schema, dialect } = place;
    const { roles } = dialect;
    const unfit = roles.nameObstacle?.(place.database);
    if (unfit) return unfit;
    const open = schema === undefined ? undefined : await roles.obstacle(server, scopeOf(place));
    if (open) return open;
    await roles.ensure(server, role, this.maxConnections(record));
    if (!(await this.maySignIn(place, role, existing))) return { reason: 'login-refused' };
    if (existing || roles.grantsAhead) await roles.give(server, scopeOf(place), role);
    return undefined;
  }

  /**
   * What stands against a role of its own for an existing application, as far as it can be told while the application runs.
   * The row says it from then on.
   */
  async knownObstacle(record: AppRecord | undefined): Promise<RoleObstacle | undefined> {
    if (!record) return undefined;
    const place = this.host.places.place(record);
    if (!this.mayIsolate(record)) return refusalOf(record, place);
    const { roles } = place.dialect;
    if (this.isIsolated(record)) return roles.obstacle(place.server, scopeOf(place));
    const obstacle = (await roles.obstacle(place.server, scopeOf(place))) ?? (await this.tryToSignIn(place));
    if (obstacle) await this.noteObstacle(record.name, obstacle);
    return obstacle;
  }

  /** The row may have been written while the server was asked: only the reason is changed. */
  private async noteObstacle(name: string, isolation: RoleObstacle): Promise<void> {
    const now = this.host.registry.find(name);
    if (!now?.provisioning || this.isIsolated(now)) return;
    const provisioning = { ...now.provisioning, isolation };
    await this.host.fence.outside(() => this.host.writeRow(name, { provisioning }));
  }

  /** Creates a role that is dropped at once: the server may let none of ours sign in. */
  private async tryToSignIn(place: Place): Promise<RoleObstacle | undefined> {
    const { dialect, server } = place;
    const role = await this.draft(place);
    try {
      await dialect.roles.ensure(server, role, 1);
      return (await this.maySignIn(place, role, true)) ? undefined : { reason: 'login-refused' };
    } finally {
      await dialect.roles.drop(server, role).catch((error: unknown) => this.warn(`"${role.name}" is left`, error));
    }
  }

  /**
   * Moves an existing application to a role of its own, or repairs the one that it has. It must be down. Idempotent.
   * @returns what stands against it; the application is as it was then
   */
  async isolate(record: AppRecord): Promise<RoleObstacle | undefined> {
    if (!this.mayIsolate(record)) return refusalOf(record, this.host.places.place(record));
    const place = this.host.places.place(record);
    // They would go on with the rights of the main application's role.
    if (!this.isIsolated(record)) await place.dialect.roles.endOwnSessions?.(place.server, place.database);
    const proposed = await this.propose(record, true);
    if (proposed !== record) await this.write(proposed);
    const { role, ...secrets } = this.host.secrets(proposed);
    const obstacle = await this.establish(proposed, true);
    if (obstacle && role?.pending) await this.write(this.withoutRole(proposed, obstacle));
    if (obstacle) return obstacle;
    const { pending: _moved, ...own } = role as AppRole;
    const { isolation: _shared, ...provisioning } = proposed.provisioning ?? {};
    const connections = this.maxConnections(proposed);
    const isolated = this.sealed(proposed, { ...secrets, role: { ...own, connections } });
    await this.write(record.provisioning ? { ...isolated, provisioning } : isolated);
    return undefined;
  }

  /**
   * Before an application connects: its role may have as many connections as its pool is large now. Never rejects: with
   * the former number it works as well, if more slowly.
   */
  async fit(record: AppRecord): Promise<void> {
    const { role } = this.host.secrets(record);
    if (!role || role.pending) return;
    const connections = this.maxConnections(record);
    if (role.connections === connections) return;
    try {
      const { dialect, server } = this.host.places.place(record);
      await dialect.roles.ensure(server, role, connections);
      // The row may have been written meanwhile.
      const now = this.host.registry.find(record.name);
      const secrets = now && this.host.secrets(now);
      if (!secrets || secrets.role?.name !== role.name) return;
      await this.write(this.sealed(now, { ...secrets, role: { ...secrets.role, connections } }));
    } catch (error) {
      this.warn(`the connection limit of the database role of "${record.name}" was not changed`, error);
    }
  }

  /**
   * Ends a session of an application's pool if its statement goes on after a cancellation. Never rejects: the application
   * goes down anyway.
   * @param options with which the pool's connections were opened
   */
  async endSession(name: string, options: DatabaseOptions, thread: number): Promise<void> {
    try {
      await this.host.fence.outside(() => this.end(name, options, thread));
    } catch (error) {
      this.warn(`a statement of "${name}" may go on at the database server`, error);
    }
  }

  private async end(name: string, options: DatabaseOptions, thread: number): Promise<void> {
    const { dialect, server } = locationOf(options);
    const { roles } = dialect;
    const record = this.host.registry.find(name);
    const role = record && roleInUse(this.host.secrets(record));
    if (!record || !role || role.name !== server.username) return roles.endSession?.(server, thread);
    try {
      await roles.endSession?.(server, thread);
    } catch {
      // SQL in the application may have changed the password, or have opened as many sessions as are allowed.
      const main = this.host.places.place(record).server;
      try {
        await roles.endSessions?.(main, role, thread);
      } finally {
        await roles.ensure(main, role, this.maxConnections(record));
      }
    }
  }

  /**
   * Drops the roles of this main application that belong to no application and are used for nothing: a process was killed
   * after it had created them. Does nothing unless this process manages the applications. Never rejects.
   */
  async sweep(): Promise<void> {
    try {
      const server = this.host.places.server();
      const { dialect = 'postgres' } = server;
      if (!databaseKind(dialect)) return;
      const { roles } = dialectOf({ dialect });
      for (const role of await roles.list(server)) {
        if (!this.host.active) return;
        if (this.chosen.has(role.name) || this.isKnown(role.name) || !(await roles.dropUnused(server, role))) continue;
        const details = { module: 'app-supervisor' };
        this.host.supervisor.logger.info(`the database role "${role.name}" of no application was dropped`, details);
      }
    } catch (error) {
      this.warn('database roles of no application were not dropped', error);
    }
  }

  /** @throws if the secrets of an application cannot be read: any role may be its own */
  private isKnown(role: string): boolean {
    return [...this.host.registry.everyone()].some((record) => this.host.secrets(record).role?.name === role);
  }

  private warn(message: string, error: unknown): void {
    const reason = isAppError(error) ? error.message : 'unknown error';
    this.host.supervisor.logger.warn(message, { module: 'app-supervisor', error: reason });
  }

  /** Whether the plugin decides as which role the application signs in. */
  mayIsolate(record: AppRecord): boolean {
    return refusalOf(record, this.host.places.place(record)) === undefined;
  }

  isIsolated(record: AppRecord | undefined): boolean {
    return record !== undefined && roleInUse(this.host.secrets(record)) !== undefined;
  }

  /** What callers see of it. @param secrets of the record, where they can be read */
  describe(record: AppRecord, secrets: AppSecrets | undefined): Isolation {
    if (secrets && roleInUse(secrets)) return ISOLATED;
    const known = record.provisioning?.isolation;
    if (known) return notIsolated(known);
    if (record.options.dbConnType === 'new_connection') return this.describeConnection(record);
    return notIsolated({ reason: isOfOtherPlugin(record) ? 'other-plugin' : 'not-moved' });
  }

  /** What would be, for an application that does not exist yet. Creates nothing. */
  async foresee(record: AppRecord): Promise<Isolation & { openDatabases: string[] }> {
    const place = this.host.places.place(record);
    const { server, dialect } = place;
    if (refusalOf(record, place)) return { ...this.describeConnection(record), openDatabases: [] };
    const obstacle = await dialect.roles.obstacle(server, scopeOf(place));
    if (obstacle) return { ...notIsolated(obstacle), openDatabases: [] };
    const refused = this.unwelcome.has(serverKeyOf(place));
    const isolation = refused ? notIsolated({ reason: 'login-refused' }) : ISOLATED;
    return { ...isolation, openDatabases: await dialect.roles.openDatabases(server) };
  }

  /** An application with a connection of its own is apart from the main application, if not from others with the same. */
  private describeConnection(record: AppRecord): Isolation {
    const { host, port, username } = record.options.database ?? {};
    const main = this.host.places.server();
    const own = serverKey(host ?? main.host, port ?? main.port, 0);
    const isMain = username === undefined || (username === main.username && own === serverKey(main.host, main.port, 0));
    return isMain ? notIsolated({ reason: 'own-connection' }) : ISOLATED;
  }

  /** The record without its role, and with the reason. Writes nothing. */
  withoutRole(record: AppRecord, isolation: RoleObstacle): AppRecord {
    const { role: _role, ...secrets } = this.host.secrets(record);
    // Of another plugin's row there is nothing to say how far its creation has come.
    const provisioning = record.provisioning && { ...record.provisioning, isolation };
    return this.sealed({ ...record, provisioning }, secrets);
  }

  private sealed(record: AppRecord, secrets: AppSecrets): AppRecord {
    return { ...record, secrets: this.host.secretBox.seal(record.name, secrets) };
  }

  /** The main application's connections are no work of the application's. */
  private write({ name, secrets, provisioning }: AppRecord): Promise<void> {
    return this.host.fence.outside(() => this.host.writeRow(name, { secrets, provisioning }));
  }

  private maxConnections({ options }: AppRecord): number {
    return (
      this.host.connections.poolOptions(options.database?.pool as PoolOptions | undefined).stretch +
      CONNECTIONS_BESIDE_POOL
    );
  }

  private async draft({ dialect, server }: Place): Promise<DatabaseRole> {
    const of = JSON.stringify([server.host, server.port, server.database]);
    if (this.outline?.of !== of) this.outline = { of, found: dialect.roles.outline(server) };
    const { prefix, host } = await this.outline.found.catch((error: unknown) => {
      this.outline = undefined;
      throw error;
    });
    const name = `${prefix}${randomBytes(8).toString('hex')}`;
    this.chosen.add(name);
    return { name, password: generateRolePassword(), ...(host !== undefined && { host }) };
  }

  /** A server that has let one in is not asked again, unless a former attempt at this application failed. */
  private async maySignIn(place: Place, role: DatabaseRole, again: boolean): Promise<boolean> {
    const { dialect, server, database } = place;
    const key = serverKeyOf(place);
    if (this.welcoming.has(key) && !again) return true;
    const allowed = await dialect.roles.maySignIn(server, role, database);
    const [known, other] = allowed ? [this.welcoming, this.unwelcome] : [this.unwelcome, this.welcoming];
    known.add(key);
    other.delete(key);
    return allowed;
  }

  /** The main application's own database is closed to new roles, once a process. */
  private async closeMain({ dialect, server }: Place): Promise<void> {
    const of = JSON.stringify([server.host, server.port, server.database]);
    if (this.closed === of) return;
    this.closed = of;
    await dialect.roles.closeMain(server).catch((error: unknown) => {
      this.warn("the main application's database stays open to new roles", error);
    });
  }
}

/** Whether another plugin created it, in a way that this one has no say in. */
function isOfOtherPlugin({ options, provisioning }: AppRecord): boolean {
  return provisioning === undefined && options.dbConnType !== undefined && options.dbConnType !== 'new_database';
}

/** Why the application signs in as the role that its options name; undefined where the plugin decides that. */
function refusalOf(record: AppRecord, place: Place): RoleObstacle | undefined {
  const { options, provisioning } = record;
  if (place.elsewhere || options.database?.username !== undefined) return { reason: 'own-connection' };
  const isForeign = isOfOtherPlugin(record) || (provisioning === undefined && place.schema !== undefined);
  return isForeign ? { reason: 'other-plugin' } : undefined;
}

function scopeOf({ database, schema }: Place): RoleScope {
  return schema === undefined ? { database } : { database, schema };
}

function serverKeyOf({ dialect, server }: Place): string {
  return `${dialect.family}://${serverKey(server.host, server.port, dialect.defaultPort)}`;
}
