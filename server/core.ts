import { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type Database from '@nocobase/database';
import type { Application, AppSupervisor } from '@nocobase/server';
import type { PoolOptions } from 'sequelize';
import { Gateway, PluginManager } from '@nocobase/server';
import { getResource } from '@nocobase/server/lib/locale/resource';
import { PackageUrls } from '@nocobase/server/lib/plugin-manager/options/resource';

/**
 * The few things of NocoBase 2.2 that this plugin uses although its published types do not offer them. Kept in one
 * place, so that a new version of NocoBase is checked in one place.
 */

type OptionsFactory = (
  appName: string,
  mainApp: Application,
  options?: Record<string, unknown>,
) => Record<string, unknown>;

/** The options factory in force. The core has a setter and no getter. */
export function currentOptionsFactory(supervisor: AppSupervisor): OptionsFactory {
  return (supervisor as unknown as { appOptionsFactory: OptionsFactory }).appOptionsFactory;
}

/** The adapters that would be the default if nobody set another; read before ours becomes the default. */
export function defaultAdapterNames(supervisorClass: typeof AppSupervisor): { discovery: string; process: string } {
  const statics = supervisorClass as unknown as {
    defaultDiscoveryAdapterName: string;
    defaultProcessAdapterName: string;
  };
  return { discovery: statics.defaultDiscoveryAdapterName, process: statics.defaultProcessAdapterName };
}

export type AdapterFactory = (context: { supervisor: AppSupervisor }) => unknown;

/** The registered factory of a discovery adapter. */
export function adapterFactory(supervisorClass: typeof AppSupervisor, name: string): AdapterFactory | undefined {
  const statics = supervisorClass as unknown as { discoveryAdapterFactories: Map<string, AdapterFactory> };
  return statics.discoveryAdapterFactories.get(name);
}

/** The WebSocket connection as the core's server keeps it. */
export interface SocketClient {
  id: string;
  app?: string;
  tags: Set<string>;
  ws: CoreSocket;
  url: string;
  headers: IncomingHttpHeaders;
}

/** The core's WebSocket server: `wss` of the package `ws`, and the connections by id. */
export interface CoreSocketServer {
  wss: {
    /** Read at each new connection. */
    options?: { maxPayload?: number; allowSynchronousEvents?: boolean };
    handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer, done: (ws: CoreSocket) => void): void;
    emit(event: 'connection', ws: CoreSocket, req: IncomingMessage): boolean;
  };
  webSocketClients: Map<string, SocketClient>;
  emit(event: 'message', payload: { client: SocketClient; message: unknown }): boolean;
}

type CloseListener = (code: number, reason: Uint8Array) => void;

export interface CoreSocket {
  id?: string;
  on(event: 'message', listener: (message: unknown, isBinary?: boolean) => void): unknown;
  on(event: 'ping' | 'pong', listener: (data: Uint8Array) => void): unknown;
  on(event: 'close', listener: CloseListener | (() => void)): unknown;
  on(event: 'error', listener: (error: Error & { code?: string }) => void): unknown;
  listeners(event: 'message'): ((message: unknown, isBinary?: boolean) => void)[];
  listeners(event: 'close'): CloseListener[];
  removeAllListeners(event: 'message'): unknown;
  removeListener(event: 'close', listener: CloseListener): unknown;
  /** Stops reading from the connection. */
  pause(): void;
  close(code: number): void;
  terminate(): void;
}

/** Close code in the registry of RFC 6455: the server restarts. The client comes back by itself. */
export const SERVICE_RESTART = 1012;

export function socketServer(): CoreSocketServer | undefined {
  return (Gateway.getInstance() as unknown as { wsServer?: CoreSocketServer }).wsServer;
}

/** The handlers of WebSocket upgrades, in the order in which NocoBase asks them. */
export function socketHandlers(): readonly unknown[] {
  return (Gateway as unknown as { wsServers?: unknown[] }).wsServers ?? [];
}

/** The emitters that every application of the process reaches: the supervisor, the gateway, its sockets, and main. */
export function sharedEmitters(supervisor: AppSupervisor): object[] {
  const emitters = [supervisor, Gateway.getInstance(), socketServer(), supervisor.apps.main];
  return emitters.filter((emitter) => emitter instanceof EventEmitter);
}

/** Sends a message to the open pages of an application, where there are such; never throws. */
export function tellPages(app: Application | undefined, message: object): void {
  if (!app) return;
  const tag = `app#${app.name}`;
  for (const { tags } of socketServer()?.webSocketClients.values() ?? []) {
    if (!tags.has(tag)) continue;
    try {
      app.emit('ws:sendToCurrentApp', { message });
    } catch (error) {
      app.log.warn(String(error), { module: 'app-supervisor' });
    }
    return;
  }
}

/** A connection as the driver gives it. */
export interface CoreConnection {
  once?(event: 'end', listener: () => void): unknown;
}

/** Sequelize's pool (the package `sequelize-pool`). Where one reads and another one writes, it has neither of the first two. */
export interface CorePool {
  _availableObjects?: { resource: CoreConnection }[];
  _factory?: { max: number };
  _draining?: boolean;
  size: number;
  using: number;
  waiting: number;
  /** Serves who waits, with an idle connection or a new one. */
  _dispense(): void;
}

/** Sequelize's connection manager of one instance. Its pool calls `_connect` and `_disconnect` on the object itself. */
export interface CoreConnectionManager {
  pool: CorePool;
  config: { pool: PoolOptions & { max: number } };
  sequelize: { options: { databaseVersion: string | 0 }; config: { host?: string; port?: string | number } };
  getConnection(options?: object): Promise<CoreConnection>;
  releaseConnection(connection: CoreConnection): void;
  destroyConnection(connection: CoreConnection): Promise<void>;
  close(): Promise<void>;
  /** The driver's part: opens a connection. */
  connect(config: object): Promise<CoreConnection>;
  /** The driver itself: of PostgreSQL the package `pg`. */
  lib?: { types?: { setTypeParser(type: number, parser: (text: string) => unknown): void } };
  disconnect(connection: CoreConnection): Promise<void>;
  /** With Sequelize's hooks around. */
  _connect(config: object): Promise<CoreConnection>;
  _disconnect(connection: CoreConnection): Promise<void>;
}

export function connectionManagerOf(db: Database): CoreConnectionManager {
  return (db.sequelize as unknown as { connectionManager: CoreConnectionManager }).connectionManager;
}

/** PostgreSQL's number of the type int8, in every version. */
const INT8 = 20;

/** What NocoBase's own does: a number, and text where a number would lose digits. */
function parseInt8(text: string): number | string {
  const number = Number(text);
  return number <= Number.MAX_SAFE_INTEGER ? number : text;
}

/**
 * Each database of NocoBase's gives the driver a parser of its own, for the whole process, whose closure keeps that
 * database, and so its application, in memory. Ours does the same and holds nothing.
 */
export function releaseFromDriver(db: Database): void {
  if (db.isPostgresCompatibleDialect()) connectionManagerOf(db).lib?.types?.setTypeParser(INT8, parseInt8);
}

/** Calls the listener with the database of the instance, and with each that it makes when it initializes itself again. */
export function onEachDatabase(app: Application, listener: (db: Database) => void): void {
  const maker = app as unknown as { createDatabase(options: unknown): Database };
  const create = maker.createDatabase.bind(app);
  maker.createDatabase = (options) => {
    const db = create(options);
    listener(db);
    return db;
  };
  listener(app.db);
}

/** The gateway keeps a logger, and so a log file, of every application for which it ever answered with an error. */
export function forgetGatewayLogger(appName: string): void {
  type Loggers = { map?: Map<string, { close(): unknown }> };
  const { loggers } = Gateway.getInstance() as unknown as { loggers?: Loggers };
  loggers?.map?.get(appName)?.close();
  loggers?.map?.delete(appName);
}

/** The gateway's listener of SIGTERM and SIGINT, and the server that it closes. */
export interface CoreTermination {
  onTerminate: (signal: NodeJS.Signals) => unknown;
  readonly server: Server | null;
}

/** Undefined where a version of NocoBase has none. */
export function coreTermination(): CoreTermination | undefined {
  const gateway = Gateway.getInstance() as unknown as CoreTermination;
  return typeof gateway.onTerminate === 'function' ? gateway : undefined;
}

/** The gateway's HTTP server; undefined where it listens to no port. */
export function coreServer(): Server | undefined {
  return (Gateway.getInstance() as unknown as { server?: Server | null }).server ?? undefined;
}

/** What signs the tokens of an instance; undefined if it has none in the expected place. */
export function signingSecret(app: Application | undefined): string | Buffer | undefined {
  const { jwt } = (app?.authManager ?? {}) as { jwt?: { secret?: unknown } };
  const secret: unknown = typeof jwt?.secret === 'function' ? jwt.secret() : undefined;
  return typeof secret === 'string' || Buffer.isBuffer(secret) ? secret : undefined;
}

/** The version of a package as the core reads it when it stamps an upgraded database; undefined when it is not there. */
export async function readPackageVersion(packageName: string): Promise<string | undefined> {
  try {
    const { version } = (await PluginManager.getPackageJson(packageName)) as { version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

/** Where a page loads the client part of a package from; undefined when it has none. The core remembers it. */
export async function clientUrl(packageName: string, lane: 'client' | 'client-v2'): Promise<string | undefined> {
  // NocoBase's command line always sets it; where something else has started the process, the core can name no bundle.
  if (process.env.CDN_BASE_URL === undefined) return undefined;
  return (await PackageUrls.hasClientEntry(packageName, lane)) ? PackageUrls.get(packageName, lane) : undefined;
}

/** The texts that a package brings in one language, as the core reads them; empty when it brings none. */
export async function readTexts(packageName: string, language: string): Promise<Record<string, unknown>> {
  return (await getResource(packageName, language)) as Record<string, unknown>;
}
