import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Application, AppSupervisor } from '@nocobase/server';
import { Gateway, PluginManager } from '@nocobase/server';

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
    handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer, done: (ws: CoreSocket) => void): void;
    emit(event: 'connection', ws: CoreSocket, req: IncomingMessage): boolean;
  };
  webSocketClients: Map<string, SocketClient>;
  emit(event: 'message', payload: { client: SocketClient; message: unknown }): boolean;
}

export interface CoreSocket {
  id?: string;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  close(code: number): void;
}

export function socketServer(): CoreSocketServer | undefined {
  return (Gateway.getInstance() as unknown as { wsServer?: CoreSocketServer }).wsServer;
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
