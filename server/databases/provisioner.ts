import type { AppRecord } from '../../src/app-record';
import { AppError } from '../../src/errors';
import type { SchemaKeeper } from './dialect';
import { marker, tokenOf } from './mark';
import type { OwnerSearch } from './owner-search';
import type { DatabaseTarget } from './ownership';
import { placeName, type Place } from './place';
import type { AppRole } from './secrets';

/** The connection limit of a role without a limit in its row. The next start of the application sets the limit anew. */
const CONNECTIONS = 20;

interface ProvisionerHost {
  /** @throws APP_DATABASE_UNSUPPORTED */
  place(record: AppRecord): Place;
  /** The application's own role, also while its data is still to be moved. */
  role(record: AppRecord): AppRole | undefined;
  target(record: AppRecord): DatabaseTarget;
  owners: OwnerSearch;
}

/**
 * Makes and removes the databases of applications, or their schemas: drops only what it made, and touches nothing
 * that others use.
 */
export class DatabaseProvisioner {
  constructor(private readonly host: ProvisionerHost) {}

  /** Creates the application's database, or schema, when it is absent. May be repeated. @throws APP_DATABASE_EXISTS */
  async create(record: AppRecord): Promise<void> {
    const token = record.provisioning?.ownershipToken;
    const role = this.host.role(record)?.name;
    const place = this.host.place(record);
    this.host.owners.assertFreeByAddress(record, place);
    // It was there, and empty; whoever else was told so meanwhile, by another address, is registered by now.
    if (!token) return this.assertFree(record);
    if (place.schema === undefined) {
      await place.dialect.create(place.server, place.database, token, role);
    } else await schemasOf(place).create(place.owner, place.schema, token, role);
  }

  /** Whether nobody else is in the database, or schema, which exists. @throws APP_DATABASE_IN_USE */
  async assertFree(record: AppRecord): Promise<void> {
    const place = this.host.place(record);
    this.host.owners.assertFreeByAddress(record, place);
    await this.host.owners.assertFreeByIdentity(record, place, await place.dialect.identify(place.owner));
  }

  /**
   * Whether the database, or schema, may be dropped: created here for this application, and used by nobody else.
   * @returns the token it is marked with
   * @throws APP_DATABASE_NOT_OWNED, APP_DATABASE_IN_USE
   */
  async assertDroppable(record: AppRecord): Promise<string> {
    const token = record.provisioning?.ownershipToken;
    if (!token) throw new AppError('APP_DATABASE_NOT_OWNED', { database: nameOf(record) });
    const place = this.host.place(record);
    const { dialect, server, owner, database, schema } = place;
    this.host.owners.assertFreeByAddress(record, place);
    if (await isAbsent(place)) return token;
    const owned =
      schema === undefined
        ? await dialect.isOwned(server, database, token)
        : await schemasOf(place).isOwned(owner, schema, token);
    if (!owned) throw new AppError('APP_DATABASE_NOT_OWNED', { database: placeName(place) });
    await this.host.owners.assertFreeByIdentity(record, place, await dialect.identify(owner));
    return token;
  }

  /** Whether there is nothing any more of the database, or schema, that was made for this application. */
  async isGone(record: AppRecord): Promise<boolean> {
    return record.provisioning?.ownershipToken !== undefined && (await isAbsent(this.host.place(record)));
  }

  /**
   * Drops the application's database, or schema, after checking once more that it may be dropped.
   * @param begin runs before anything is dropped, if the server drops a database in steps
   * @throws APP_DATABASE_SESSIONS if a session of the application cannot be ended
   */
  async drop(record: AppRecord, begin?: () => Promise<void>): Promise<void> {
    const token = await this.assertDroppable(record);
    const place = this.host.place(record);
    const { roles } = place.dialect;
    const address = place.schema === undefined ? place.server : place.owner;
    const role = this.host.role(record);
    await this.endSessions(record);
    if (role) await roles.lock?.(address, role);
    try {
      if (place.dialect.dropsInSteps) await begin?.();
      if (place.schema === undefined) await place.dialect.drop(place.server, place.database, token);
      else await schemasOf(place).drop(place.owner, place.schema, token);
    } catch (error) {
      // The application can still be restored, unless the data goes in steps.
      if (role) await roles.unlock?.(address, role).catch(() => undefined);
      throw error;
    }
    if (!role) return;
    // Until the drop, an event of the database may have begun another session.
    await roles.endSessions?.(address, role);
    // After what it owns: a role that something belongs to cannot be dropped.
    await roles.drop(address, role);
  }

  /** The application goes, and its data stays, in the hands of the main application's role: its own signs in no more. */
  async leave(record: AppRecord): Promise<void> {
    const role = this.host.role(record);
    const { dialect, server } = this.host.place(record);
    if (role) await dialect.roles.release(server, role);
  }

  /**
   * Ends what the application has left running at its server: the next application there shall not meet it. The sessions
   * of a connection that was given are not ended, since others may use it.
   * @throws APP_DATABASE_SESSIONS if a session is left; the role may sign in as before then
   */
  async endSessions(record: AppRecord): Promise<void> {
    const known = this.whereabouts(record);
    if (!known || known.place.elsewhere) return;
    const { dialect, server, database } = known.place;
    const { roles } = dialect;
    const { role } = known;
    if (!role || role.pending) await roles.endOwnSessions?.(server, database);
    if (!role) return;
    try {
      await roles.endSessions?.(server, role);
    } catch (error) {
      await roles.ensure(server, role, role.connections ?? CONNECTIONS).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Takes back the tables of an installation that was cut off, where NocoBase's own way of beginning anew would drop
   * those of other schemas, or our mark. False where it would drop nothing but the application's own.
   */
  async clear(record: AppRecord): Promise<boolean> {
    const token = record.provisioning?.ownershipToken;
    const place = this.host.place(record);
    const { dialect, server, database } = place;
    if (place.schema === undefined && !dialect.clear) return false;
    if (!token) throw new AppError('APP_DATABASE_NOT_OWNED', { database: placeName(place) });
    if (place.schema === undefined) await dialect.clear?.(server, database, token);
    else {
      await schemasOf(place).drop(place.owner, place.schema, token);
      await schemasOf(place).create(place.owner, place.schema, token, this.host.role(record)?.name);
    }
    return true;
  }

  /** Whether the application has a schema of its own in a database that others may use. */
  hasOwnSchema(record: AppRecord): boolean {
    return this.host.target(record).schema !== undefined;
  }

  /** Writes the marker that a dump has lost; nothing to do for a database that was not created here. */
  async markOutside(record: AppRecord): Promise<void> {
    const token = record.provisioning?.ownershipToken;
    const place = this.host.place(record);
    if (token) await place.dialect.ownership.writeOutside(place, token);
  }

  /** The token of the marker inside an existing database, whatever application it is of. */
  async contentTokenOf({ dialect, inside, layout }: Place): Promise<string | undefined> {
    return tokenOf(await dialect.ownership.readInside(inside, layout));
  }

  /** The tokens of both markers of an existing place, whatever application they are of. */
  async markersOf(place: Place): Promise<{ contentToken?: string; outsideToken?: string; inSchema: boolean }> {
    const { dialect, schema } = place;
    const outside = await dialect.ownership.readOutside(place);
    return {
      contentToken: await this.contentTokenOf(place),
      outsideToken: tokenOf(outside),
      inSchema: schema !== undefined,
    };
  }

  /** Writes the marker inside. @throws APP_DATABASE_DENIED when the role does not own the tables */
  async markInside(record: AppRecord, token: string, place = this.host.place(record)): Promise<void> {
    await place.dialect.ownership.writeInside(place.inside, place.layout, token);
  }

  /**
   * Whether the database, as it is, may be declared to be the application's.
   * @throws APP_DATABASE_MISSING, APP_DATABASE_EMPTY, APP_DATABASE_IN_USE when it, or its contents, carry another
   * application's marker
   */
  async assertAcceptable(record: AppRecord, others: Iterable<AppRecord>): Promise<void> {
    const place = this.host.place(record);
    const { dialect, inside, layout } = place;
    const database = placeName(place);
    this.host.owners.assertFreeByAddress(record, place);
    const outside = await dialect.ownership.readOutside(place);
    if (outside === undefined) throw new AppError('APP_DATABASE_MISSING', { database });
    await this.host.owners.assertFreeByIdentity(record, place, await dialect.identify(place.owner));
    const contentToken = await this.contentTokenOf(place);
    for (const { name, provisioning } of others) {
      if (name === record.name || !provisioning) continue;
      const isOutside = provisioning.ownershipToken !== undefined && outside === marker(provisioning.ownershipToken);
      const isInside = contentToken !== undefined && contentToken === provisioning.contentToken;
      if (isOutside || isInside) throw new AppError('APP_DATABASE_IN_USE', { database, owner: name });
    }
    const stored = await dialect.readVersions(inside, layout);
    if (!stored?.core) throw new AppError('APP_DATABASE_EMPTY', { database });
  }

  /** Undefined for a server of an unknown kind, and where the secrets cannot be read any more. */
  private whereabouts(record: AppRecord): { place: Place; role?: AppRole } | undefined {
    try {
      return { place: this.host.place(record), role: this.host.role(record) };
    } catch {
      return undefined;
    }
  }

  /** As a person calls it; also where the place itself cannot be told any more, as on a server of an unknown kind. */
  databaseOf(record: AppRecord): string {
    try {
      return placeName(this.host.place(record));
    } catch {
      return nameOf(record);
    }
  }

  /** An error of the database driver as one of ours. */
  explain(error: unknown, record: AppRecord): AppError | undefined {
    try {
      const { dialect, database } = this.host.place(record);
      return dialect.explain(error, database);
    } catch {
      return undefined;
    }
  }
}

async function isAbsent(place: Place): Promise<boolean> {
  const { dialect, server, owner, database, schema } = place;
  const found = schema === undefined ? dialect.inspect(server, database) : schemasOf(place).inspect(owner, schema);
  return (await found) === 'absent';
}

function nameOf({ name, options }: AppRecord): string {
  const { database } = options.database ?? {};
  return typeof database === 'string' ? database : name;
}

function schemasOf({ dialect }: Place): SchemaKeeper {
  if (dialect.schemas) return dialect.schemas;
  throw new AppError('APP_DATABASE_UNSUPPORTED', { reason: 'this kind of database has no schemas' });
}
