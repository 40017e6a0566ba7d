import { chmodSync } from 'node:fs';
import { lstat, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Context } from '@nocobase/actions';
import type { Application } from '@nocobase/server';
import { Operator } from '../actor';
import { commandSocket, OPERATOR_HEADER, SOCKET_PATH_BYTES } from '../command-socket';
import { COLLECTION } from '../registry';
import { addResourceMiddleware } from '../nocobase/resource-middlewares';

const SUPERVISOR = 'appSupervisor';
const PATHS = new RegExp(`^/(${COLLECTION}|${SUPERVISOR}):\\w+(\\?|$)`);
const NAME_LENGTH = 64;
const PROBE_MS = 2_000;

/** For whom a request on the socket speaks. Nothing that comes over the network is ever in here. */
const operators = new WeakMap<IncomingMessage, string>();

/**
 * The way in for `nocobase app`: a Unix socket that only the user of NocoBase may open, and so whoever opens it may do
 * what a signed-in operator may. What comes in is handed to the REST actions of the main application: the command line
 * and REST are one service.
 */
export class CommandDoor {
  private server?: Server;
  private wanted = false;
  private opening?: Promise<void>;

  /** @param apiBasePath where the main application has its actions, e.g. `/api` */
  constructor(
    private readonly app: Application,
    private readonly apiBasePath: string,
    private readonly socket = commandSocket(process.env),
  ) {}

  /** Never rejects: without it NocoBase works all the same. May be repeated, also while it is under way. */
  open(): Promise<void> {
    this.wanted = true;
    this.opening ??= this.tryOpen().finally(() => {
      this.opening = undefined;
    });
    return this.opening;
  }

  /** Accepts no further connections and removes the socket. Requests that have arrived are answered. */
  close(): void {
    this.wanted = false;
    this.server?.close();
    this.server = undefined;
  }

  private async tryOpen(): Promise<void> {
    if (this.server) return;
    try {
      if (Buffer.byteLength(this.socket) > SOCKET_PATH_BYTES) {
        throw new Error(`its path is longer than ${SOCKET_PATH_BYTES} bytes; name a shorter one in SOCKET_PATH`);
      }
      if (await answers(this.socket)) throw new Error('another process listens there');
      await removeStale(this.socket);
      const server = await this.listen();
      // It may have been closed meanwhile.
      if (this.wanted) this.server = server;
      else server.close();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.app.log.warn(`No commands are taken at ${this.socket}: ${reason}`, { module: 'app-supervisor' });
    }
  }

  private listen(): Promise<Server> {
    const server = createServer((req, res) => this.receive(req, res));
    // A command that waits, or sends an archive, takes its time.
    server.requestTimeout = 0;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      // By this process itself, also where it is a worker of a cluster: then the name is bound at once, and nobody is let in
      // before the mode is right.
      server.listen({ path: this.socket, exclusive: true }, () => {
        server.on('error', (error) => this.app.log.warn(String(error), { module: 'app-supervisor' }));
        resolve(server);
      });
      if (!server.listening) return;
      try {
        chmodSync(this.socket, 0o600);
      } catch (error) {
        server.close();
        reject(new Error('its mode could not be set', { cause: error }));
      }
    });
  }

  private receive(req: IncomingMessage, res: ServerResponse): void {
    if (!PATHS.test(req.url ?? '')) {
      res.writeHead(404, { Connection: 'close' }).end();
      return;
    }
    operators.set(req, nameIn(req.headers[OPERATOR_HEADER]));
    // Only the main application is spoken to here, and only its own actions.
    for (const header of ['x-data-source', 'x-app', 'authorization', 'x-role']) delete req.headers[header];
    req.url = `${this.apiBasePath}${req.url}`;
    void Promise.resolve(this.app.callback()(req, res)).catch((error: unknown) => {
      this.app.log.error(String(error), { module: 'app-supervisor' });
      if (!res.headersSent) res.writeHead(500);
      res.end();
    });
  }
}

/** Carries out what an operator asks for, before anybody asks for a token. */
export function admitOperators(app: Application): void {
  const admit = (ctx: Context, next: () => Promise<void>) => {
    const name = operators.get(ctx.req);
    return name === undefined ? next() : carryOut(ctx, name);
  };
  const carryOut = async (ctx: Context, name: string) => {
    const { action } = ctx;
    const { resourceName, actionName } = action as { resourceName: string; actionName: string };
    // NocoBase's general actions of a collection are not ours to offer.
    const handlers = app.resourceManager.getRegisteredHandlers();
    const ours =
      resourceName === SUPERVISOR
        ? !handlers.has(actionName)
        : resourceName === COLLECTION && handlers.has(`${COLLECTION}:${actionName}`);
    if (!ours) ctx.throw(404);
    ctx.state.currentUser = new Operator(name);
    await (action.getHandler() as (ctx: Context, next: () => Promise<void>) => Promise<void>)(
      ctx,
      async () => undefined,
    );
  };
  addResourceMiddleware(app, 'first', admit);
}

/** Kept short and on one line, as it goes into events. */
function nameIn(header: string | string[] | undefined): string {
  let name = String(header ?? '');
  try {
    name = decodeURIComponent(name);
  } catch {
    // As it is.
  }
  // eslint-disable-next-line no-control-regex
  return name.replace(/[\u0000-\u001f\u007f]/g, '').slice(0, NAME_LENGTH) || 'unknown';
}

/** What a killed process has left. Anything else there is somebody's. */
async function removeStale(socket: string): Promise<void> {
  const found = await lstat(socket).catch(() => undefined);
  if (found && !found.isSocket()) throw new Error('there lies something else than a socket');
  if (found) await rm(socket, { force: true });
}

/** Whether somebody listens at this socket. */
function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    const end = (heard: boolean) => {
      probe.destroy();
      resolve(heard);
    };
    probe.setTimeout(PROBE_MS, () => end(true));
    probe.once('connect', () => end(true)).once('error', () => end(false));
  });
}
