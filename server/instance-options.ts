import type { Application, AppSupervisor } from '@nocobase/server';
import { lodash } from '@nocobase/utils';
import type { PoolOptions } from 'sequelize';
import type { AppRecord } from '../src/app-record';
import { databaseKind } from '../src/database-dialects';
import { withConnectTimeout, withJwtSecret } from './app-options';
import { currentOptionsFactory } from './core';
import type { DatabaseOptions } from './databases/location';
import { tlsOption } from './databases/mysql-connection';
import { roleInUse, type AppSecrets } from './databases/secrets';
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

  /**
   * The database options of an instance, without one: the application's own win, as where the core constructs it.
   * @param secrets of an application that is not registered yet
   */
  database(record: AppRecord, secrets = this.host.secrets(record)): DatabaseOptions {
    const own = lodash.cloneDeep(record.options);
    if (own.encryptedDbPassword && own.database) {
      own.database.password = this.host.supervisor.aesEncryptor?.decryptSync(String(own.database.password));
    }
    const options = this.baseOptions(record.name, this.host.mainApp(), own);
    const { database } = this.complete(options, record, secrets);
    return lodash.merge({}, database, own.database);
  }

  private make(name: string, main: Application, given?: Record<string, unknown>): Record<string, unknown> {
    const options = this.baseOptions(name, main, given);
    // One that is being removed, too: its instance may be in the making.
    const record = this.host.registry.find(name);
    return record ? this.complete(options, record, this.host.secrets(record)) : options;
  }

  private baseOptions(name: string, main: Application, given?: Record<string, unknown>): Record<string, unknown> {
    return (this.base ?? currentOptionsFactory(this.host.supervisor))(name, main, given);
  }

  private complete(options: Record<string, unknown>, record: AppRecord, secrets: AppSecrets): Record<string, unknown> {
    const database = options.database as Record<string, unknown>;
    this.place(database, record);
    database.pool = this.host.connections.poolOptions(record.options.database?.pool as PoolOptions | undefined);
    const dialect = String(database.dialect);
    database.dialectOptions = withConnectTimeout(database.dialectOptions, databaseKind(dialect)?.family);
    if (secrets.databasePassword !== undefined) database.password = secrets.databasePassword;
    const role = roleInUse(secrets);
    if (role) Object.assign(database, { username: role.name, password: role.password });
    if (secrets.jwtSecret) options.authManager = withJwtSecret(options.authManager, secrets.jwtSecret);
    return options;
  }

  /** Where its data lies, as its way of connecting says, whatever USE_DB_SCHEMA_IN_SUBAPP says. */
  private place(database: Record<string, unknown>, { name, options, provisioning }: AppRecord): void {
    const { database: own = {}, dbConnType } = options;
    const main = this.host.mainApp().db.options as { schema?: string; database?: string };
    if (dbConnType === 'new_database') {
      database.database = own.database ?? name;
      database.schema = main.schema;
    }
    // Rows of other plugins stay as the core reads them.
    if (!provisioning) return;
    if (dbConnType === 'new_schema') database.database = own.database ?? main.database;
    if (dbConnType === 'new_connection') {
      // Nothing of the main application's way to its own server: neither its password nor its certificates go there.
      for (const key of ['password', 'dialectOptions', 'replication', 'url', 'uri', 'ssl']) delete database[key];
      database.schema = own.schema;
      const ssl = databaseKind(own.dialect)?.family === 'mysql' ? tlsOption(own.ssl) : own.ssl;
      if (ssl !== undefined) database.dialectOptions = { ssl };
      // Both are the main application's, and may be of another kind.
      if (!databaseKind(own.dialect)?.schemas) delete database.schema;
    }
  }
}
