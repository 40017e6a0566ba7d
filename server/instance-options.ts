import type { Application, AppSupervisor } from '@nocobase/server';
import { lodash } from '@nocobase/utils';
import type { PoolOptions } from 'sequelize';
import type { AppOptions } from '../src/app-options';
import type { AppRecord } from '../src/app-record';
import { databaseKind } from '../src/database-dialects';
import { isPlainObject } from '../src/plain-object';
import { withConnectTimeout, withJwtSecret } from './app-options';
import { currentOptionsFactory } from './core';
import type { DatabaseOptions } from './databases/location';
import { tlsOption } from './databases/mysql-connection';
import { serverKey } from './databases/ownership';
import { roleInUse, type AppSecrets } from './databases/secrets';
import { instanceOptionsOf } from './lifecycle/row-options';
import type { ProcessConnections } from './lifecycle/process-connections';
import { outsideStateOptions } from './outside-state';
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
   * @throws APP_OPTION_UNSUPPORTED
   */
  database(record: AppRecord, secrets = this.host.secrets(record)): DatabaseOptions {
    const own = this.own(record, secrets);
    const { database } = this.complete(record, this.host.mainApp(), own, secrets);
    return lodash.merge({}, database, own.database);
  }

  /** What the core passes along counts only for an application that we do not know. */
  private make(name: string, main: Application, given?: Record<string, unknown>): Record<string, unknown> {
    // One that is being removed, too: its instance may be in the making.
    const record = this.host.registry.find(name);
    if (!record) return this.baseOptions(name, main, given);
    const secrets = this.host.secrets(record);
    return this.complete(record, main, this.own(record, secrets), secrets);
  }

  /** The options of a row with its password in clear. */
  private own(record: AppRecord, secrets: AppSecrets): AppOptions {
    const own = instanceOptionsOf(record, secrets);
    if (own.encryptedDbPassword && own.database?.password !== undefined) {
      own.database.password = this.host.supervisor.aesEncryptor?.decryptSync(own.database.password as string);
    }
    return own;
  }

  private baseOptions(name: string, main: Application, given?: Record<string, unknown>): Record<string, unknown> {
    return (this.base ?? currentOptionsFactory(this.host.supervisor))(name, main, given);
  }

  private complete(
    record: AppRecord,
    main: Application,
    own: AppOptions,
    secrets: AppSecrets,
  ): Record<string, unknown> {
    const options = this.baseOptions(record.name, main, own);
    const database = options.database as Record<string, unknown>;
    this.place(database, record, own);
    database.pool = this.host.connections.poolOptions(own.database?.pool as PoolOptions | undefined);
    const dialect = String(database.dialect);
    database.dialectOptions = withConnectTimeout(database.dialectOptions, databaseKind(dialect)?.family);
    if (secrets.databasePassword !== undefined) database.password = secrets.databasePassword;
    const role = roleInUse(secrets);
    if (role) Object.assign(database, { username: role.name, password: role.password });
    if (secrets.jwtSecret) options.authManager = withJwtSecret(options.authManager, secrets.jwtSecret);
    Object.assign(options, outsideStateOptions(options, record));
    return options;
  }

  /** Where its data lies, as its way of connecting says, whatever USE_DB_SCHEMA_IN_SUBAPP says. */
  private place(database: Record<string, unknown>, { name, provisioning }: AppRecord, options: AppOptions): void {
    const { database: own = {}, dbConnType } = options;
    const main = this.host.mainApp().db.options as {
      schema?: string;
      database?: string;
      host?: string;
      port?: unknown;
    };
    if (dbConnType === 'new_database') {
      database.database = own.database ?? name;
      database.schema = main.schema;
    }
    if (namesOtherServer(options, main)) withoutMainsAccess(database, own);
    // Of the main application's own server: there the driver may look for a password as it does for that one.
    else if (database.password === '') delete database.password;
    // Rows of other plugins stay as the core reads them.
    if (!provisioning) return;
    if (dbConnType === 'new_schema') database.database = own.database ?? main.database;
    if (dbConnType === 'new_connection') {
      database.schema = own.schema;
      const ssl = databaseKind(own.dialect)?.family === 'mysql' ? tlsOption(own.ssl) : own.ssl;
      if (ssl !== undefined) database.dialectOptions = { ssl };
      // Both are the main application's, and may be of another kind.
      if (!databaseKind(own.dialect)?.schemas) delete database.schema;
    }
  }
}

/** Whether the options of an application name a server of their own, be it the main application's by another address. */
function namesOtherServer(
  { dbConnType, database: own = {} }: AppOptions,
  main: { host?: string; port?: unknown },
): boolean {
  if (dbConnType === 'new_connection') return true;
  if (own.host === undefined && own.port === undefined && own.dialect === undefined) return false;
  const port = databaseKind(own.dialect)?.port ?? 0;
  return serverKey(own.host ?? main.host, own.port ?? main.port, port) !== serverKey(main.host, main.port, port);
}

/**
 * Nothing of the main application's way to its own server goes to another one: neither its password nor its certificates.
 * Without a password of its own an empty one is sent. The driver would look for one in the environment and in files.
 */
function withoutMainsAccess(database: Record<string, unknown>, own: Record<string, unknown>): void {
  for (const key of ['dialectOptions', 'replication', 'url', 'uri', 'ssl']) delete database[key];
  database.password = own.password ?? '';
  if (isPlainObject(own.dialectOptions)) database.dialectOptions = { ...own.dialectOptions };
  // Said, so that the driver does not ask the environment.
  else if (databaseKind(database.dialect)?.family === 'postgres') database.dialectOptions = { ssl: false };
}
