import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AppService } from '../app-service';
import { socketServer, type CoreSocket, type CoreSocketServer } from '../core';
import type { Router } from './router';
import { deliverBySocket, openedBySocket } from './socket-context';

/** Messages of one socket that are kept while its application comes up. */
const MAX_KEPT = 20;
const MAX_KEPT_BYTES = 64 * 1024;

/** What is remembered of one socket. */
interface Tab {
  id: string;
  app: string;
  /** The last introduction (`auth:token`); said again each time the application has come up. */
  introduction?: unknown;
  kept: unknown[];
}

/** The type of a client's message; undefined for what is none. */
function messageType(message: unknown): string | undefined {
  try {
    const parsed = JSON.parse(String(message)) as { type?: unknown } | null;
    return typeof parsed?.type === 'string' ? parsed.type : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Lets WebSocket connections in (`Gateway.registerWsHandler`). An open tab wakes no application: neither by
 * connecting nor by introducing itself. What it says besides wakes the application and is delivered when it is up;
 * its introduction is repeated then, so that it goes on getting its messages.
 */
export class SocketDoor {
  private readonly tabs = new Map<string, Tab>();
  private unsubscribe?: () => void;

  constructor(
    private readonly service: AppService,
    private readonly router: Router,
  ) {}

  open(): void {
    this.unsubscribe ??= this.service.whenRunning((name) => this.welcomeBack(name));
  }

  close(): void {
    this.unsubscribe?.();
    this.unsubscribe = undefined;
    this.tabs.clear();
  }

  /** `false` lets the core go on; anything else means that the upgrade was dealt with. */
  handle(req: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (!this.service.active) return false;
    const path = (req.url ?? '').split('?')[0];
    const server = socketServer();
    if (path !== this.service.config.wsPath || !server) return false;
    const route = this.router.route(req);
    if (route.kind === 'unknown' || route.kind === 'malformed') {
      const status = route.kind === 'unknown' ? '404 Not Found' : '400 Bad Request';
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return true;
    }
    const app = route.kind === 'main' ? 'main' : route.name;
    openedBySocket(() => server.wss.handleUpgrade(req, socket, head, (ws) => this.connect(server, ws, req, app)));
    return true;
  }

  /** Our listeners stand before and behind the core's own, so that it asks for the application between the two. */
  private connect(server: CoreSocketServer, ws: CoreSocket, req: IncomingMessage, app: string): void {
    let tab: Tab | undefined;
    ws.on('message', (message) => {
      if (tab) this.before(tab, message);
    });
    server.wss.emit('connection', ws, req);
    ws.on('message', () => deliverBySocket(undefined));
    const { id } = ws;
    if (!id || app === 'main') return;
    tab = { id, app, kept: [] };
    this.tabs.set(id, tab);
    ws.on('close', () => this.tabs.delete(id));
  }

  private before(tab: Tab, message: unknown): void {
    deliverBySocket(tab.id);
    const type = messageType(message);
    if (type === undefined) return;
    const introduces = type === 'auth:token';
    if (introduces) tab.introduction = message;
    const runner = this.service.runner(tab.app);
    if (!runner || runner.state === 'running' || introduces) return;
    const size = Buffer.byteLength(String(message));
    if (tab.kept.length < MAX_KEPT && size <= MAX_KEPT_BYTES) tab.kept.push(message);
    runner.wake().catch(() => {
      // What was said to an application that does not come up is lost, as it is on a broken line.
      tab.kept = [];
    });
  }

  private welcomeBack(name: string): void {
    const server = socketServer();
    if (!server) return;
    for (const tab of this.tabs.values()) {
      if (tab.app !== name) continue;
      const client = server.webSocketClients.get(tab.id);
      if (!client) continue;
      const { kept } = tab;
      tab.kept = [];
      if (tab.introduction !== undefined) server.emit('message', { client, message: tab.introduction });
      for (const message of kept) server.emit('message', { client, message });
    }
  }
}
