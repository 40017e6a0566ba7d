import { temporaryFolder } from './in-process-environment';
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import {
  Application,
  AppSupervisor,
  Gateway,
  PluginManager,
  type ApplicationOptions,
  type Plugin,
} from '@nocobase/server';
import { Client } from 'pg';
import request from 'supertest';
import packageJson from '../../package.json';
import { activeLocalAdapter } from '../../server/adapters/local';
import type { AppService } from '../../server/app-service';
import PluginAppSupervisor from '../../server/plugin';
import { environmentOf, postgresServer } from './server-environment';
import { databasesOf, quotedName, runSql, type KnownServer } from './database-servers';
import type { Answer } from './test-host';

const ROOT = path.resolve(__dirname, '..', '..');

export { describeWithPostgres } from './server-environment';

export const OURS = 'nocobase-plugin-app-supervisor';
export const PEER = 'multi-app-manager';

/** A package that lies on the disk of NocoBase, enabled or not: its `staticImport` runs when the process starts. */
export type OnDisk = typeof OURS | typeof PEER;

// ---- the pieces of host/ that are used ------------------------------------------------------------------------------

interface OpenedDatabase {
  address: { dialect: string; host: string; port: number; user?: string; password?: string; database: string };
  env: Record<string, string>;
}

interface HostDatabaseModule {
  openDatabase(data: object, options: object): Promise<OpenedDatabase>;
}

interface HostDataModule {
  DataDirectory: {
    open(folder: string, report: object): Promise<{ close(): void; file(...names: string[]): string; path: string }>;
  };
}

interface HostReleasesModule {
  Releases: new () => { add(release: () => unknown): void; run(): Promise<void> };
}

interface HostEnvironmentModule {
  nocobaseEnvironment(options: object): Record<string, string>;
}

// ---- the package under test, from its sources -----------------------------------------------------------------------

type Resolve = (name: unknown, ...rest: unknown[]) => Promise<unknown>;
type PluginClass = new (app: Application, options: never) => Plugin;

const provided = new Map<unknown, { plugin: PluginClass; packageName: string | null; packageJson: unknown }>();

/** NocoBase finds a plugin under this name that is in no package. */
export function providePlugin(name: string, plugin: PluginClass): void {
  provided.set(name, { plugin, packageName: null, packageJson: { name, version: '0.0.0' } });
}

/** NocoBase finds our plugin by its package's name, and gets the class of `server/plugin.ts`. */
function resolveFromSources(): void {
  provided.set(OURS, { plugin: PluginAppSupervisor, packageName: OURS, packageJson });
  const manager = PluginManager as unknown as Record<'resolvePlugin' | 'getPackageJson' | 'getPackageName', Resolve> & {
    parsedNames: Record<string, unknown>;
    fromSources?: boolean;
  };
  if (manager.fromSources) return;
  manager.fromSources = true;
  manager.parsedNames[OURS] = { name: OURS, packageName: OURS };
  const ways = [
    ['resolvePlugin', 'plugin'],
    ['getPackageJson', 'packageJson'],
    ['getPackageName', 'packageName'],
  ] as const;
  for (const [method, field] of ways) {
    const original = manager[method].bind(manager);
    manager[method] = (name, ...rest) => {
      const known = provided.get(name);
      return known ? Promise.resolve(known[field]) : original(name, ...rest);
    };
  }
  // Where collections are read from: `<here>/server/collections`.
  Object.assign(PluginAppSupervisor.prototype, { getPluginBasePath: () => Promise.resolve(ROOT) });
}

interface StaticImporter {
  staticImport(): void | Promise<void>;
}

/** What NocoBase does before it constructs its supervisor: every package on disk, in the order of their names. */
export async function runStaticImports(onDisk: readonly OnDisk[]): Promise<void> {
  AppSupervisor.setDefaultDiscoveryAdapter('main-only');
  AppSupervisor.setDefaultProcessAdapter('main-only');
  if (onDisk.includes(PEER)) {
    const peer = (await import('@nocobase/plugin-multi-app-manager')) as unknown as {
      default: StaticImporter;
    };
    await peer.default.staticImport();
  }
  if (onDisk.includes(OURS)) await PluginAppSupervisor.staticImport();
}

// ---- what must not be left ------------------------------------------------------------------------------------------

/** Sockets and watchers that keep a process alive, counted by kind. */
function openHandles(): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (!/^(TCP|Pipe|FSEvent|StatWatcher|UDP)/.test(kind)) continue;
    counted[kind] = (counted[kind] ?? 0) + 1;
  }
  return counted;
}

function requestHandlers(): unknown[] {
  const { requestHandlers: requests, wsServers } = Gateway as unknown as {
    requestHandlers: unknown[];
    wsServers: unknown[];
  };
  return [...requests, ...wsServers];
}

// ---- NocoBase -------------------------------------------------------------------------------------------------------

export interface StartOptions {
  /** The main application's own plugins; small by default. */
  plugins?: ApplicationOptions['plugins'];
  onDisk?: readonly OnDisk[];
  /** Whether actions ask who may do them. */
  acl?: boolean;
  env?: Record<string, string | undefined>;
  /** The main application's database server, instead of the PostgreSQL that is looked for. */
  server?: KnownServer;
  /** A PostgreSQL 18 of its own, whatever server there is. */
  embedded?: boolean;
  /** Called when the main application is constructed, and not installed yet. */
  beforeStart?: (main: Application) => void;
}

type Row = Record<string, unknown>;

/** Plugins without which `applications` cannot be stored, or our errors not be told. */
export const SMALL = ['field-sort', 'error-handler'];

/**
 * A real NocoBase in the test's own process, on a database and in a storage folder of its own. It has no users and
 * asks nobody who he is, unless its plugins say otherwise. Everything whose name begins with `prefix` on the database
 * server is its own, and goes with it.
 */
export class InProcessApp {
  readonly prefix = `sv${randomBytes(4).toString('hex')}`;
  url = '';
  private options: StartOptions = {};
  private readonly handlesBefore = openHandles();
  private readonly handlersBefore = requestHandlers().length;
  private database!: OpenedDatabase;
  private readonly folder = path.join(temporaryFolder, this.prefix);
  private releases!: InstanceType<HostReleasesModule['Releases']>;

  static async start(options: StartOptions = {}): Promise<InProcessApp> {
    const started = await InProcessApp.prepare(options);
    try {
      await started.boot(options);
    } catch (error) {
      await started.end().catch(() => undefined);
      throw error;
    }
    return started;
  }

  /** A process in which no application was constructed yet. */
  static async prepare(options: StartOptions = {}): Promise<InProcessApp> {
    const prepared = new InProcessApp();
    prepared.options = options;
    try {
      await prepared.takePlace(options);
    } catch (error) {
      await prepared.releases?.run();
      throw error;
    }
    return prepared;
  }

  get supervisor(): AppSupervisor {
    return AppSupervisor.getInstance();
  }

  get main(): Application {
    return this.supervisor.apps.main as Application;
  }

  /** The service of our plugin. Only where its adapter is in force. */
  get service(): AppService {
    const service = activeLocalAdapter(this.supervisor)?.service;
    if (!service) throw new Error('our adapter is not in force');
    return service;
  }

  /** Where the main application is on another kind of server than PostgreSQL. */
  private get known(): KnownServer | undefined {
    return this.options.server?.dialect.family === 'postgres' ? undefined : this.options.server;
  }

  get storage(): string {
    return path.join(this.folder, 'storage');
  }

  /** A name for an application, and so for its database, that is unique on the server. */
  name(end: string): string {
    return `${this.prefix}_${end}`;
  }

  private async takePlace(options: StartOptions): Promise<void> {
    resolveFromSources();
    const { DataDirectory } = (await importHost('data-directory.mjs')) as HostDataModule;
    const { openDatabase } = (await importHost('database.mjs')) as HostDatabaseModule;
    const { Releases } = (await importHost('releases.mjs')) as HostReleasesModule;
    const { silent } = (await importHost('report.mjs')) as { silent: object };
    const { nocobaseEnvironment } = (await importHost('nocobase-environment.mjs')) as HostEnvironmentModule;
    this.releases = new Releases();
    const data = await DataDirectory.open(this.folder, silent);
    this.releases.add(() => data.close());
    const { env: named, missing } = options.server ? environmentOf(options.server) : postgresServer();
    const env: Record<string, string | undefined> = options.embedded ? {} : { ...process.env, ...named };
    if (missing && !options.embedded) throw new Error(missing);
    const release = options.embedded ? 18 : undefined;
    const where = { env, database: this.name('nocobase'), release, report: silent, releases: this.releases };
    this.database = await openDatabase(data, where);
    this.releases.add(() => this.dropDatabases());

    const set = nocobaseEnvironment({
      data,
      listenHost: '127.0.0.1',
      port: 0,
      database: this.database,
      appKey: randomBytes(32).toString('hex'),
      admin: { email: 'admin@example.test', username: 'nocobase', password: randomBytes(9).toString('base64url') },
      pluginAvailable: options.onDisk?.includes(OURS) ?? true,
      env: {},
    });
    delete set.NODE_OPTIONS;
    // Of another server that the file has used before.
    if (set.DB_PASSWORD === undefined) delete process.env.DB_PASSWORD;
    // Jest gives every test file a `process.env` of its own.
    Object.assign(process.env, set, {
      API_BASE_PATH: '/api/',
      APP_PUBLIC_PATH: '/',
      WS_PATH: '/ws',
      PLUGIN_STATICS_PATH: '/static/plugins/',
      PLUGIN_PACKAGE_PREFIX: '@nocobase/plugin-,@nocobase/plugin-sample-,@nocobase/preset-',
      LOGGER_LEVEL: 'warn',
      LOCAL_STORAGE_DEST: path.join(this.storage, 'uploads'),
      DB_TIMEZONE: '+00:00',
      APP_SUPERVISOR_BASE_DOMAIN: 'localhost',
      // Where they are not what is tested, every application is installed.
      APP_SUPERVISOR_TEMPLATES: 'off',
    });
  }

  /** What the start of a NocoBase process does: static imports, supervisor, main application, gateway. */
  async boot(options: StartOptions = {}): Promise<void> {
    this.options = options;
    const { plugins = [...SMALL, OURS], onDisk = [OURS], acl = false, env = {}, beforeStart } = options;
    for (const [key, value] of Object.entries(env)) {
      if (value === undefined) delete process.env[key];
      else process.env[key] = value;
    }
    await runStaticImports(onDisk);
    const { getConfig } = (await import('@nocobase/app/lib/config')) as {
      getConfig(): Promise<ApplicationOptions>;
    };
    const main = this.supervisor.bootMainApp({ ...(await getConfig()), plugins, acl });
    main.setMaxListeners(50);
    beforeStart?.(main);
    if (!(await main.isInstalled())) await main.runCommandThrowError('install');
    await main.runCommandThrowError('start');
  }

  /** The process ends in order, and another one begins on the same database and files. */
  async restart(options: StartOptions = this.options): Promise<void> {
    await this.shutDown();
    await this.boot(options);
  }

  private async shutDown(): Promise<void> {
    await new Promise<void>((done) => {
      const { server } = Gateway.getInstance() as unknown as { server: Server | null };
      if (!server) return done();
      server.close(() => done());
      server.closeAllConnections();
    });
    this.url = '';
    await AppSupervisor.getInstance().destroy();
    Gateway.getInstance().destroy();
  }

  /** The template databases of this NocoBase, as they are called. */
  async templates(): Promise<string[]> {
    const rows = await this.sql<{ datname: string }>(
      `SELECT datname FROM pg_database WHERE starts_with(datname, 'app_supervisor_template_' ||
        (SELECT oid FROM pg_database WHERE datname = $1) || '_') ORDER BY 1`,
      [this.database.address.database],
      'postgres',
    );
    return rows.map((row) => row.datname);
  }

  /** The database roles of this NocoBase's applications, as they are called. */
  async roles(): Promise<string[]> {
    if (this.known) {
      const prefix = (await this.known.dialect.roles.outline({ ...this.known.address, ...this.address })).prefix;
      const sql = `SELECT User AS name FROM mysql.user WHERE LEFT(User, ${prefix.length}) = '${prefix}' ORDER BY 1`;
      return (await runSql<{ name: string }>(this.known, sql)).map(({ name }) => name);
    }
    const rows = await this.sql<{ name: string }>(
      `SELECT rolname AS name FROM pg_roles WHERE starts_with(rolname, 'as_' ||
        (SELECT oid FROM pg_database WHERE datname = $1) || '_') ORDER BY 1`,
      [this.database.address.database],
      'postgres',
    );
    return rows.map((row) => row.name);
  }

  private async dropDatabases(): Promise<void> {
    const templates = this.known ? [] : await this.templates();
    const roles = await this.roles();
    await this.dropNamed(templates);
    if (this.known)
      for (const name of roles) await runSql(this.known, `DROP USER IF EXISTS ${quotedName(this.known, name)}`);
    else for (const name of roles) await this.sql(`DROP ROLE IF EXISTS "${name}"`, [], 'postgres');
  }

  private async dropNamed(templates: string[]): Promise<void> {
    for (const name of [...templates, ...(await this.databases())]) {
      if (this.known) await runSql(this.known, `DROP DATABASE IF EXISTS ${quotedName(this.known, name)}`);
      else await this.sql(`DROP DATABASE IF EXISTS "${name.replaceAll('"', '""')}" WITH (FORCE)`, [], 'postgres');
    }
  }

  /** Ends everything and removes what was made. @throws when something is left open */
  async end(): Promise<void> {
    const left: string[] = [];
    try {
      const { supervisor } = this;
      await this.shutDown();
      const apps = Object.keys(supervisor.apps).filter((name) => supervisor.apps[name]);
      if (apps.length) left.push(`instances: ${apps.join(', ')}`);
      const handlers = requestHandlers().length - this.handlersBefore;
      if (handlers > 0) left.push(`${handlers} gateway handlers`);
      await this.until('no connection is left', async () => (await this.connections()).length === 0, 10_000).catch(
        async () => left.push(`connections to ${(await this.connections()).join(', ')}`),
      );
    } finally {
      await this.releases?.run();
    }
    const more = () => Object.entries(openHandles()).filter(([kind, count]) => count > (this.handlesBefore[kind] ?? 0));
    await this.until('nothing is open', () => Promise.resolve(more().length === 0), 15_000).catch(() =>
      left.push(`open handles: ${JSON.stringify(more())}`),
    );
    expect(left).toEqual([]);
  }

  // ---- HTTP ---------------------------------------------------------------------------------------------------------

  /** Opens the gateway's own server, with which alone our front door stands before the requests. */
  async listen(): Promise<string> {
    if (this.url) return this.url;
    const server = await new Promise<Server>((resolve) =>
      Gateway.getInstance().startHttpServer({ port: 0, host: '127.0.0.1', callback: resolve }),
    );
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return this.url;
  }

  async get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
    return await request(await this.listen())
      .get(url)
      .set(headers)
      .ok(() => true);
  }

  async post(url: string, body: object = {}, headers: Record<string, string> = {}): Promise<Answer> {
    return await request(await this.listen())
      .post(url)
      .set(headers)
      .send(body)
      .ok(() => true);
  }

  // ---- applications -------------------------------------------------------------------------------------------------

  get repository() {
    return this.main.db.getRepository('applications');
  }

  /** Writes a row through the repository; with `wait`, its application is ready afterwards. */
  async create(values: Row, wait = true): Promise<Row> {
    const row = (await this.repository.create({ values, context: { waitSubAppInstall: wait } })) as {
      toJSON(): Row;
    };
    return row.toJSON();
  }

  /**
   * An application as multi-app-manager has left it, asleep: installed by the core alone in a database that carries no
   * mark, with a row that passed none of our hooks. Its options may be such as no caller may write.
   */
  async createAsPeer(name: string, options: Pick<ApplicationOptions, 'plugins'> & { database?: Row }): Promise<void> {
    await this.sql(`CREATE DATABASE "${name}"`, [], 'postgres');
    const database = { ...this.main.db.options, ...options.database, database: name } as never;
    const instance = new Application({ ...this.main.options, name, database, plugins: options.plugins });
    try {
      await instance.runCommandThrowError('install');
    } finally {
      await instance.destroy();
    }
    await this.main.db.getModel('applications').create({ name, options }, { hooks: false });
    await this.service.registry.load(this.main);
  }

  plugin(name: string): Plugin | undefined {
    return this.main.pm.get(name) as Plugin | undefined;
  }

  // ---- what lies behind ---------------------------------------------------------------------------------------------

  async sql<T = Row>(text: string, values: unknown[] = [], database = this.database.address.database): Promise<T[]> {
    if (this.known) return runSql<T>(this.known, text, database);
    const { host, port, user, password } = this.database.address;
    const client = new Client({ host, port, user, password, database, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return (await client.query(text, values)).rows as T[];
        } catch (error) {
          // Of rights and roles, which all databases of a server have in common, one statement at a time wins.
          if (attempt === 5 || !/^tuple concurrently/.test((error as Error).message)) throw error;
        }
      }
    } finally {
      await client.end();
    }
  }

  /** The database server, and the main application's database on it. */
  get address(): OpenedDatabase['address'] {
    return this.database.address;
  }

  /** Databases of this NocoBase and of its applications. */
  async databases(): Promise<string[]> {
    if (this.known) return databasesOf(this.known, this.prefix);
    const rows = await this.sql<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1) ORDER BY 1',
      [this.prefix],
      'postgres',
    );
    return rows.map((row) => row.datname);
  }

  /** The databases to which there is a connection, one entry each. */
  async connections(): Promise<string[]> {
    if (this.known) {
      const sql = 'SELECT DB AS datname FROM information_schema.PROCESSLIST WHERE DB IS NOT NULL';
      const found = await runSql<{ datname: string }>(this.known, sql);
      return found.map(({ datname }) => datname).filter((name) => name.startsWith(this.prefix));
    }
    const rows = await this.sql<{ datname: string }>(
      'SELECT datname FROM pg_stat_activity WHERE starts_with(datname, $1)',
      [this.prefix],
      'postgres',
    );
    return rows.map((row) => row.datname);
  }

  async until(what: string, check: () => Promise<boolean>, ms = 30_000): Promise<void> {
    const end = Date.now() + ms;
    while (!(await check())) {
      if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}
