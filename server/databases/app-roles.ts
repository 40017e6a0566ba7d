import { randomBytes } from 'node:crypto';
import type { PoolOptions } from 'sequelize';
import type { AppRecord } from '../../src/app-record';
import { isAppError } from '../../src/errors';
import type { RoleObstacle } from '../../src/isolation';
import type { DatabaseRole, RoleKeeper } from './dialect';
import type { Place } from './place';
import { generateRolePassword, type AppSecrets, type SecretBox } from './secrets';

/** What the roles of applications need of the process around them. */
export interface AppRolesHost {
  secretBox: Pick<SecretBox, 'seal'>;
  places: { place(record: AppRecord): Place };
  connections: { poolOptions(given: PoolOptions | undefined): { stretch: number } };
  supervisor: { logger: { warn(message: string, details: object): unknown } };
  fence: { outside<T>(work: () => T): T };
  secrets(record: AppRecord): AppSecrets;
  writeRow(name: string, patch: Record<string, unknown>): Promise<void>;
}

/** Beside an application's pool: a dump, its restoring, short looks at versions and schedules, a former instance. */
const CONNECTIONS_BESIDE_POOL = 10;

/** Whether the plugin decides with which role the application signs in. */
function isOurs({ options, provisioning }: AppRecord, place: Place): boolean {
  return provisioning !== undefined && !place.elsewhere && options.database?.username === undefined;
}

/**
 * Gives applications roles of their own at the database server. A role is sealed in the row before it is created, and
 * goes when its database goes, so that no interruption leaves one that no row knows.
 */
export class AppRoles {
  private outline?: { of: string; found: ReturnType<RoleKeeper['outline']> };
  /** Servers that have let a role of ours sign in, since the process started. */
  private readonly welcoming = new Set<string>();

  constructor(private readonly host: AppRolesHost) {}

  /**
   * The first step of a creation: a role of its own, where the server allows it, else the reason in the row. Idempotent.
   * @returns the record as its row is now
   */
  async assign(record: AppRecord): Promise<AppRecord> {
    const proposed = await this.propose(record);
    if (proposed === record && !this.host.secrets(record).role) return record;
    if (proposed !== record) await this.write(proposed);
    const obstacle = await this.establish(proposed);
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
  async propose(record: AppRecord): Promise<AppRecord> {
    const place = this.host.places.place(record);
    const secrets = this.host.secrets(record);
    if (secrets.role || !isOurs(record, place)) return record;
    return this.sealed(record, { ...secrets, role: await this.draft(place) });
  }

  /**
   * Creates the role that the record names, and lets it into the application's database where that is there already.
   * @returns what stands against it; nothing of the role is left then
   */
  async establish(record: AppRecord): Promise<RoleObstacle | undefined> {
    const { role } = this.host.secrets(record);
    if (!role) return undefined;
    const place = this.host.places.place(record);
    const { dialect, server, database, schema } = place;
    const { roles } = dialect;
    const scope = schema === undefined ? { database } : { database, schema };
    try {
      const open = schema === undefined ? undefined : await roles.obstacle(server, scope);
      if (open) return open;
      await roles.ensure(server, role, this.maxConnections(record));
      if (!(await this.maySignIn(place, role, record))) {
        await roles.drop(server, role);
        return { reason: 'login-refused' };
      }
      // An attempt that was cut off, or one of an older version, may have created it.
      if (roles.grantsAhead || record.provisioning?.step !== undefined) await roles.give(server, scope, role);
      return undefined;
    } catch (error) {
      if (!isAppError(error) || error.code !== 'APP_DATABASE_DENIED') throw error;
      await roles.drop(server, role).catch(() => undefined);
      return (await roles.obstacle(server, scope)) ?? { reason: 'right-missing' };
    }
  }

  /** The record without its role, and with the reason. Writes nothing. */
  withoutRole(record: AppRecord, isolation: RoleObstacle): AppRecord {
    const { role: _role, ...secrets } = this.host.secrets(record);
    return this.sealed({ ...record, provisioning: { ...record.provisioning, isolation } }, secrets);
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
    return { name, password: generateRolePassword(), ...(host !== undefined && { host }) };
  }

  /** A server that has let one in is not asked again, unless a former attempt at this application failed. */
  private async maySignIn(place: Place, role: DatabaseRole, { provisioning }: AppRecord): Promise<boolean> {
    const { dialect, server, database } = place;
    const key = JSON.stringify([dialect.family, server.host, server.port]);
    if (this.welcoming.has(key) && provisioning?.step === undefined) return true;
    const allowed = await dialect.roles.maySignIn(server, role, database);
    if (allowed) this.welcoming.add(key);
    else this.welcoming.delete(key);
    return allowed;
  }
}
