import type { Application, AppSupervisor } from '@nocobase/server';
import { lodash } from '@nocobase/utils';
import type { PoolOptions } from 'sequelize';
import type { AppRecord } from '../src/app-record';
import { withConnectTimeout, withJwtSecret } from './app-options';
import { currentOptionsFactory } from './core';
import type { DatabaseOptions } from './databases/location';
import type { AppSecrets } from './databases/secrets';
import type { ProcessConnections } from './lifecycle/process-connections';
import type { Registry } from './registry';

/** What the options of instances are made of. */
interface OptionsHost {
  supervisor: AppSupervisor;
  connections: ProcessConnections;
  mainApp(): Application;
  registry: Registry;
  secrets(record: AppRecord): AppSecrets;
}

/**
 * The options that instances of sub-applications are constructed with: the core's own, the application's own database
 * with its share of the connections, and its secrets. In force while the plugin manages applications.
 */
export class InstanceOptions {
  private base?: ReturnType<typeof currentOptionsFactory>;

  constructor(private readonly host: OptionsHost) {}

  install(): void {
    this.base ??= currentOptionsFactory(this.host.supervisor);
    this.host.supervisor.setAppOptionsFactory((name, main, options) => this.make(name, main, options));
  }

  uninstall(): void {
    // The core takes none for its own.
    if (this.base) this.host.supervisor.setAppOptionsFactory(undefined as never);
    this.base = undefined;
  }

  /** The database options of an instance, without one: the application's own win, as where the core constructs it. */
  database(record: AppRecord): DatabaseOptions {
    const own = lodash.cloneDeep(record.options);
    if (own.encryptedDbPassword && own.database) {
      own.database.password = this.host.supervisor.aesEncryptor?.decryptSync(String(own.database.password));
    }
    const { database } = this.make(record.name, this.host.mainApp(), own);
    return lodash.merge({}, database, own.database);
  }

  private make(name: string, main: Application, given?: Record<string, unknown>): Record<string, unknown> {
    const { host } = this;
    const options = (this.base as NonNullable<typeof this.base>)(name, main, given);
    // One that is being removed, too: its instance may be in the making.
    const record = host.registry.find(name);
    if (!record) return options;
    const secrets = host.secrets(record);
    const database = options.database as Record<string, unknown>;
    if (record.options.dbConnType === 'new_database') {
      // Whatever USE_DB_SCHEMA_IN_SUBAPP says: a database of its own is what was asked for.
      database.database = record.options.database?.database ?? name;
      database.schema = (main.db.options as { schema?: string }).schema;
    }
    database.pool = host.connections.poolOptions(record.options.database?.pool as PoolOptions | undefined);
    if (database.dialect === 'postgres') database.dialectOptions = withConnectTimeout(database.dialectOptions);
    if (secrets.databasePassword !== undefined) database.password = secrets.databasePassword;
    if (secrets.jwtSecret) options.authManager = withJwtSecret(options.authManager, secrets.jwtSecret);
    return options;
  }
}
