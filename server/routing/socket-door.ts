import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { parse } from 'node:url';
import { quotable } from '../../src/app-name';
import { effectiveLimits } from '../../src/policies/limits';
import { exceededQuery } from '../../src/policies/query-size';
import type { AppService } from '../app-service';
import { SERVICE_RESTART, socketServer, type CoreSocket, type CoreSocketServer } from '../core';
import { withDeadline } from '../lifecycle/deadline';
import { WebSocketLimits, type ConnectionFlow } from '../limits/websocket-limits';
import { endAtInvalidFrame } from '../nocobase/websocket-receiver';
import { rateHeaders } from './rate-headers';
import { NO_APPLICATION } from './request-gate';
import type { Router } from './router';
import { beginDelivery, endDelivery, openedBySocket } from './socket-context';
import { refuseUpgrade, refuseUpgradeSlowly } from './upgrade-refusal';

/** Messages of one socket that are kept while its application comes up. */
const MAX_KEPT = 20;
const MAX_KEPT_BYTES = 64 * 1024;

/** Close code of RFC 6455: the message is against the policy of the server. */
const POLICY_VIOLATION = 1008;
/** A connection that sent too much is closed after this time, so that a client in a closed loop is slowed down. */
const REFUSAL_DELAY_MS = 1_000;
/** How long a client has to read why its connection is closed. */
const CLOSING_MS = 500;
/** A place among the connections of an application becomes free when a page closes, at an unknown time. */
const RETRY_SECONDS = 5;
/** The code by which the package `ws` reports a message above its `maxPayload`. */
const MESSAGE_TOO_LARGE = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';

/** What every open tab says by itself, again and again, and after each interruption. */
const INTRODUCTION = 'auth:token';
const SILENT: ReadonlySet<string> = new Set([INTRODUCTION, 'ping']);

/** What is remembered of one socket. */
interface Tab {
  id: string;
  app: string;
  /** The last introduction (`auth:token`); said again each time the application has come up. */
  introduction?: unknown;
  kept: unknown[];
  flow: ConnectionFlow;
  /** It was closed for what it sent. */
  refused?: true;
}

/** A message as the package `ws` delivers it by default: the bytes of the text. */
function bytesOf(message: unknown): Uint8Array {
  return message instanceof Uint8Array ? message : Buffer.from(String(message));
}

/**
 * The path of a request target as NocoBase reads it, which lets in what is not refused here: an origin before it and a
 * fragment behind it are no part of it. Undefined for a target that cannot be parsed; NocoBase would never answer it.
 */
function pathOf(target: string): string | undefined {
  try {
    return parse(target).pathname ?? undefined;
  } catch {
    return undefined;
  }
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
  private readonly limits: WebSocketLimits;
  /** Ends the wait of each connection that waits for its turn to be opened, before that turn. */
  private readonly waits = new Set<() => void>();
  /** How the core's server took messages before. */
  private former?: { server: CoreSocketServer; maxPayload?: number; allowSynchronousEvents?: boolean };

  constructor(
    private readonly service: AppService,
    private readonly router: Router,
    /** Whether no handler of another plugin comes after this one. */
    private readonly isLast: () => boolean,
  ) {
    this.limits = new WebSocketLimits(service.config.sizes.webSocket, (app) =>
      effectiveLimits(service.config.limits, service.record(app)?.limits),
    );
  }

  open(): void {
    this.unsubscribe ??= this.service.watch({
      running: (name) => this.welcomeBack(name),
      gone: (name) => this.closeTabs(name),
    });
  }

  close(): void {
    this.unsubscribe?.();
    this.unsubscribe = undefined;
    this.endWaits();
    this.tabs.clear();
    const { server, maxPayload, allowSynchronousEvents } = this.former ?? {};
    if (server?.wss.options) Object.assign(server.wss.options, { maxPayload, allowSynchronousEvents });
    this.former = undefined;
  }

  /**
   * Sockets that were opened before the applications were known belong to the wrong one: they are closed, and the
   * clients come back by themselves a second later.
   */
  closeEarlySockets(): void {
    for (const client of socketServer()?.webSocketClients.values() ?? []) {
      if (this.tabs.has(client.id) || this.router.route(client).kind === 'main') continue;
      client.ws.close(SERVICE_RESTART);
    }
  }

  /** The process ends: connections that wait for their turn are refused. */
  endWaits(): void {
    for (const end of [...this.waits]) end();
  }

  /** `false` lets the core go on; anything else means that the upgrade was dealt with. Never rejects. */
  async handle(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<boolean> {
    // Node has taken its own listener off: a line that breaks from here on would end the process.
    socket.on('error', () => undefined);
    try {
      return await this.admit(req, socket, head);
    } catch (error) {
      this.service.supervisor.logger.error('socket door', { error: String(error) });
      socket.destroy();
      return true;
    }
  }

  private async admit(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<boolean> {
    const { service } = this;
    const { url = '' } = req;
    const { urlBytes } = service.config.sizes;
    if (url.length > urlBytes) {
      return refuseUpgrade(socket, { code: 'APP_URL_TOO_LONG', params: { limit: urlBytes / 1_024 } });
    }
    const exceeded = exceededQuery(url, service.config.sizes.query);
    if (exceeded) return refuseUpgrade(socket, { code: 'APP_QUERY_TOO_LARGE', params: { ...exceeded } });
    const path = pathOf(url);
    if (path === undefined || !this.router.isAllowed(req))
      return refuseUpgrade(socket, { code: 'APP_REQUEST_INVALID' });
    if (path !== service.config.wsPath)
      return this.isLast() ? refuseUpgrade(socket, { code: 'APP_SOCKET_NOT_FOUND' }) : false;
    if (service.ending) return refuseUpgrade(socket, { code: 'APP_SHUTTING_DOWN' });
    if (!service.mainUp) await this.awaitMain();
    const server = socketServer();
    if (!service.routes || !server) return false;
    if (socket.destroyed) return true;
    const route = this.router.route(req);
    if (route.kind === 'malformed') return refuseUpgrade(socket, { code: 'APP_REQUEST_INVALID' });
    if (route.kind === 'unknown') {
      const shown = quotable(route.name);
      const refusal = { code: 'APP_NOT_FOUND', params: { name: shown } } as const;
      // Callers choose such names: all of them share the places of one application.
      return refuseUpgradeSlowly(socket, refusal, { limits: service.limits, app: NO_APPLICATION });
    }
    const app = route.kind === 'main' ? 'main' : route.name;
    if (app !== 'main' && service.phase === 'standby') {
      return refuseUpgrade(socket, { code: 'APP_SUPERVISOR_STANDBY' });
    }
    const flow = this.limits.open(app);
    if (!flow) return this.refuseConnection(socket, app);
    socket.once('close', () => this.limits.close(flow));
    if (flow.wait > 0 && !(await this.awaitTurn(socket, flow.wait))) {
      // The page comes again by itself.
      return refuseUpgrade(socket, { code: 'APP_SHUTTING_DOWN' });
    }
    if (socket.destroyed) return true;
    this.boundMessages(server);
    openedBySocket(() => server.wss.handleUpgrade(req, socket, head, (ws) => this.connect(server, ws, req, flow)));
    return true;
  }

  private refuseConnection(socket: Duplex, app: string): true {
    const { limits, config } = this.service;
    limits.note(app, 'websocketConnections');
    const { websocketConnections: max } = effectiveLimits(config.limits, this.service.record(app)?.limits);
    const extra = rateHeaders(max, RETRY_SECONDS);
    const refusal = { code: 'APP_TOO_MANY_CONNECTIONS', params: { name: app }, extra } as const;
    return refuseUpgradeSlowly(socket, refusal, { limits, app });
  }

  /** Resolves to whether the turn has come, or the connection has closed before. */
  private awaitTurn(socket: Duplex, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (mayOpen: boolean) => {
        clearTimeout(timer);
        this.waits.delete(end);
        socket.off('close', onTurn);
        resolve(mayOpen);
      };
      const end = () => settle(false);
      const onTurn = () => settle(true);
      const timer = setTimeout(onTurn, ms).unref();
      this.waits.add(end);
      socket.once('close', onTurn);
    });
  }

  private async awaitMain(): Promise<void> {
    const ignore = () => undefined;
    const { config } = this.service;
    await withDeadline(this.service.mainIsUp(), config.waitTimeoutMs, () => new Error('late')).catch(ignore);
  }

  /**
   * Larger messages close their connection (1009) before they have arrived as a whole. Small ones that arrive together
   * are read one in each turn of the event loop.
   */
  private boundMessages(server: CoreSocketServer): void {
    const { options } = server.wss;
    const { bytes } = this.service.config.sizes.webSocket.message;
    if (!options || this.former?.server === server) return;
    const { maxPayload, allowSynchronousEvents } = options;
    this.former = { server, maxPayload, allowSynchronousEvents };
    // 0 means any size to the package `ws`.
    options.maxPayload = bytes === Infinity ? 0 : bytes;
    options.allowSynchronousEvents = false;
  }

  /** Without the guard against invalid frames, messages that arrive together are read together, as NocoBase has it. */
  private readAtOnce({ wss: { options } }: CoreSocketServer): void {
    if (!options || options.allowSynchronousEvents !== false) return;
    options.allowSynchronousEvents = this.former?.allowSynchronousEvents ?? true;
    const notice = 'messages are not read one in each turn: this version of the package ws reads frames in another way';
    this.service.supervisor.logger.warn(notice, { module: 'app-supervisor' });
  }

  /**
   * The core's own listeners are called from ours. A message that is refused never reaches them, and they ask for the
   * application between our two steps. The end of a connection takes its turn behind the messages that came before it.
   */
  private connect(server: CoreSocketServer, ws: CoreSocket, req: IncomingMessage, flow: ConnectionFlow): void {
    if (!endAtInvalidFrame(ws)) this.readAtOnce(server);
    const tab: Tab = { id: '', app: flow.app, kept: [], flow };
    const earlier = new Set(ws.listeners('close'));
    server.wss.emit('connection', ws, req);
    const onMessage = ws.listeners('message');
    const onClose = ws.listeners('close').filter((listener) => !earlier.has(listener));
    const turns = this.limits.turnsOf(flow.app);
    ws.removeAllListeners('message');
    for (const listener of onClose) ws.removeListener('close', listener);
    ws.on('message', (message, isBinary) => {
      if (tab.refused) return;
      if (!this.limits.accepts(flow, bytesOf(message))) return this.refuse(tab, ws);
      const type = messageType(message);
      if (type === INTRODUCTION && !this.limits.acceptsIntroduction(flow)) return this.refuse(tab, ws);
      turns.run(() => {
        if (tab.refused) return;
        try {
          this.before(tab, message, type);
          for (const listener of onMessage) listener.call(ws, message, isBinary);
        } finally {
          this.after();
        }
      });
    });
    const onControlFrame = (data: Uint8Array) => {
      if (!tab.refused && !this.limits.acceptsControlFrame(flow, data.length)) this.refuse(tab, ws);
    };
    ws.on('error', ({ code }) => {
      if (code === MESSAGE_TOO_LARGE) this.refuseLarge(tab, ws);
    });
    ws.on('ping', onControlFrame);
    ws.on('pong', onControlFrame);
    tab.id = ws.id ?? '';
    this.tabs.set(tab.id, tab);
    ws.on('close', (code, reason) => {
      turns.run(() => {
        this.tabs.delete(tab.id);
        for (const listener of onClose) listener.call(ws, code, reason);
      });
    });
  }

  private refuse(tab: Tab, ws: CoreSocket): void {
    tab.refused = true;
    tab.kept = [];
    this.noteRefusal(tab);
    // Not resumed before the end: what the client has sent meanwhile would be read.
    ws.pause();
    setTimeout(() => {
      ws.close(POLICY_VIOLATION);
      setTimeout(() => ws.terminate(), CLOSING_MS).unref();
    }, REFUSAL_DELAY_MS).unref();
  }

  /**
   * The package `ws` has sent the close (1009), and would read the rest of the message for nothing. It starts to do so
   * in the next tick.
   */
  private refuseLarge(tab: Tab, ws: CoreSocket): void {
    tab.refused = true;
    this.noteRefusal(tab);
    process.nextTick(() => ws.pause());
    setTimeout(() => ws.terminate(), REFUSAL_DELAY_MS).unref();
  }

  private noteRefusal({ app, flow }: Tab): void {
    this.limits.noteRefusal(flow);
    this.service.limits.note(app, 'websocketMessages');
  }

  private before(tab: Tab, message: unknown, type: string | undefined): void {
    beginDelivery(type !== undefined);
    if (type === undefined || tab.app === 'main') return;
    this.service.fence.enter(tab.app);
    const introduces = type === INTRODUCTION;
    const size = bytesOf(message).length;
    if (introduces && size <= MAX_KEPT_BYTES) tab.introduction = message;
    const runner = this.service.runner(tab.app);
    if (!runner || SILENT.has(type)) return;
    // A message of the application's own is a use of it.
    runner.touch();
    this.service.visits.note(tab.app, 0);
    if (runner.state === 'running') return;
    if (tab.kept.length < MAX_KEPT && size <= MAX_KEPT_BYTES) tab.kept.push(message);
    runner.wake('visitor', { kind: 'visitor', via: 'socket' }).catch(() => {
      // What was said to an application that does not come up is lost, as it is on a broken line.
      tab.kept = [];
    });
  }

  private after(): void {
    endDelivery();
    if (this.service.fence.current !== undefined) this.service.fence.enter(undefined);
  }

  /** The pages of a removed application hear nothing of the next one with its ID: they have to come again. */
  private closeTabs(name: string): void {
    for (const tab of [...this.tabs.values()]) {
      if (tab.app === name) socketServer()?.webSocketClients.get(tab.id)?.ws.close(SERVICE_RESTART);
    }
  }

  private welcomeBack(name: string): void {
    const server = socketServer();
    if (!server) return;
    const turns = this.limits.turnsOf(name);
    for (const tab of this.tabs.values()) {
      if (tab.app !== name) continue;
      const { introduction, kept } = tab;
      tab.kept = [];
      for (const message of introduction === undefined ? kept : [introduction, ...kept]) {
        turns.run(() => {
          const client = server.webSocketClients.get(tab.id);
          if (client && !tab.refused) server.emit('message', { client, message });
        });
      }
    }
  }
}
