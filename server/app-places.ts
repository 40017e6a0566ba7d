import type { Application } from '@nocobase/server';
import { checkCreate, type AppRecord } from '../src/app-record';
import type { DatabasePlace } from '../src/database-options';
import { AppError, isAppError } from '../src/errors';
import { RESTORE_ADVICE } from '../src/preflight';
import { splitOptions } from './app-options';
import type { DatabaseDialect, ServerAddress } from './databases/dialect';
import { addressOf, layoutOf, locationOf, realmOf, type DatabaseOptions } from './databases/location';
import { OwnerSearch } from './databases/owner-search';
import { mainTarget, recordTarget, type MainPlace } from './databases/ownership';
import { placeOf, type Place } from './databases/place';
import { postgresDialect } from './databases/postgres';
import { Preflight, type CheckResult, type Clearance } from './databases/preflight';
import { DatabaseProvisioner } from './databases/provisioner';
import type { AppSecrets, SecretBox } from './databases/secrets';
import { missingForExports } from './databases/tools-of';
import { withDeadline } from './lifecycle/deadline';
import type { InstanceOptions } from './instance-options';
import type { ProcessConnections } from './lifecycle/process-connections';
import type { AppVersions } from './lifecycle/versions';

const MEASURE_DEADLINE_MS = 5_000;

/** What was found about an application that does not exist yet; without a record where its values are not valid. */
export interface Examination {
  record?: AppRecord;
  results: CheckResult[];
}

interface PlacesHost {
  connections: ProcessConnections;
  versions: AppVersions;
  mainApp(): Application;
  records(): Iterable<AppRecord>;
  options: InstanceOptions;
  secretBox: Pick<SecretBox, 'open' | 'deriveName'>;
}

/** Where applications keep their data, as their instances will find it, and what may be done there. */
export class AppPlaces {
  readonly provisioner: DatabaseProvisioner;
  private readonly owners: OwnerSearch;
  private readonly preflight: Preflight;

  constructor(private readonly host: PlacesHost) {
    this.owners = new OwnerSearch({
      main: () => this.server(),
      records: () => host.records(),
      reach: (record) => {
        const { dialect, server } = locationOf(host.options.database(record));
        return this.counted(server, dialect.name);
      },
    });
    this.preflight = new Preflight({
      owners: this.owners,
      compare: (name, stored) => host.versions.compare(name, stored),
    });
    this.provisioner = new DatabaseProvisioner({
      place: (record) => this.place(record),
      role: (record) => host.secretBox.open(record.name, record.secrets).role,
      target: (record) => recordTarget(record, this.server()),
      owners: this.owners,
    });
  }

  /** Everything that can be told before anything is written. @throws the first thing that stands against it */
  clear(record: AppRecord, secrets: AppSecrets, adopt: boolean): Promise<Clearance> {
    return this.preflight.pass(record, this.place(record, secrets), adopt);
  }

  /** The same for an application that somebody thinks of creating; what is wrong with a value is an answer too. */
  async examine(values: Record<string, unknown>): Promise<Examination> {
    try {
      const { name, options: given, adopt } = checkCreate({ ...values, displayName: undefined });
      for (const record of this.host.records()) {
        if (record.name === name) throw new AppError('APP_NAME_TAKEN', { name });
      }
      const { options, secrets } = splitOptions(given, name);
      const record: AppRecord = { name, startMode: 'lazy', options, provisioning: {} };
      const place = this.place(record, secrets);
      const { results, serverVersion } = await this.preflight.examine(record, place, adopt === true);
      const advice = this.isReplacedWithMain(record) ? RESTORE_ADVICE : undefined;
      const foreseen = serverVersion === undefined ? undefined : await missingForExports(place.dialect, serverVersion);
      const found = results.map((result) => {
        if (result.check === 'database') return { ...result, advice };
        return result.check === 'version' && !result.error ? { ...result, foreseen } : result;
      });
      return { record, results: [{ check: 'options' }, ...found] };
    } catch (error) {
      if (isAppError(error)) return { results: [{ check: 'options', error }] };
      throw error;
    }
  }

  /** Applications whose data a restore of the main application's backup replaces, by ID. */
  inMainDatabase(): string[] {
    return [...this.host.records()].filter((record) => this.isReplacedWithMain(record)).map(({ name }) => name);
  }

  /** A restore spares other schemas only if the main application has a schema of its own. */
  private isReplacedWithMain(record: AppRecord): boolean {
    const main = this.server();
    if (main.schema !== undefined) return false;
    const [own, place] = [mainTarget(main), recordTarget(record, main)];
    return place.schema !== undefined && place.server === own.server && place.database === own.database;
  }

  /** @throws APP_DATABASE_UNSUPPORTED */
  place(record: AppRecord, secrets?: AppSecrets): Place {
    const place = placeOf(record, this.host.options.database(record, secrets), this.server());
    if (!place.elsewhere) return place;
    const counted = (address: ServerAddress) => this.counted(address, place.dialect.name);
    const { server, inside, owner } = place;
    return { ...place, server: counted(server), inside: counted(inside), owner: counted(owner) };
  }

  /** What may be shown of it, told without asking a server or opening a secret. */
  summary(record: AppRecord): DatabasePlace {
    const main = this.server();
    const { database, schema } = recordTarget(record, main);
    const { dbConnType, database: own = {} } = record.options;
    const { host, dialect } = own;
    return {
      dialect: typeof dialect === 'string' ? dialect : String(main.dialect),
      type: dbConnType ?? (main.appsInSchemas ? 'new_schema' : 'new_database'),
      ...(dbConnType === 'new_connection' && typeof host === 'string' && { host }),
      database,
      ...(schema !== undefined && { schema }),
    };
  }

  /**
   * Reads from the application's database, over a connection of its own.
   * @throws what keeps the application from it, e.g. APP_DATABASE_UNREACHABLE, APP_DATABASE_MISSING
   */
  async verify(record: AppRecord): Promise<void> {
    const { dialect, inside, layout, database } = this.place(record);
    if (!(await dialect.readVersions(inside, layout))) throw new AppError('APP_DATABASE_MISSING', { database });
  }

  /**
   * How many bytes its data takes, asked of the server without waking anybody; null where that cannot be known within
   * a few seconds.
   */
  async size(record: AppRecord): Promise<number | null> {
    try {
      const { dialect, server, database, schema } = this.place(record);
      const bytes = await withDeadline(
        dialect.measure(server, database, schema),
        MEASURE_DEADLINE_MS,
        () => new AppError('APP_DATABASE_UNREACHABLE', { reason: 'no answer' }),
      );
      return bytes ?? null;
    } catch {
      return null;
    }
  }

  /** Of the main application's own database, where whole databases can be copied. */
  dialect(): DatabaseDialect | undefined {
    return this.host.mainApp().db.options.dialect === postgresDialect.name ? postgresDialect : undefined;
  }

  /** The main application's own server, over its own database. */
  server(): MainPlace {
    const options = this.host.mainApp().db.options as unknown as DatabaseOptions;
    const { schema } = options;
    const dialect = String(options.dialect);
    const address = addressOf(options);
    return {
      // Without a password the driver looks for one, as it does for NocoBase itself.
      ...this.counted({ ...address, password: address.password || undefined }, dialect),
      realm: realmOf(layoutOf(options)),
      lockName: (database) => this.host.secretBox.deriveName(`database lock ${database}`),
      dialect,
      schema: typeof schema === 'string' && schema !== '' ? schema : undefined,
      appsInSchemas: process.env.USE_DB_SCHEMA_IN_SUBAPP === 'true',
    };
  }

  /** An address whose connections are counted with those of its server. */
  private counted(address: ServerAddress, dialect: string): ServerAddress {
    const { host, port } = address;
    return { ...address, lend: (work) => this.host.connections.lend(work, { host, port, dialect }) };
  }
}
