import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { AppError } from '../../src/errors';
import { isUploadAction, type BodyBounds, type BodyKind } from '../../src/policies/body-size';
import type { SizeConfig } from '../size-config';
import { BodyArrival, type ArrivalRules } from './body-arrival';
import { isSignedForUser, readToken } from './token-signature';
import { UnfinishedBodies, type UnfinishedBody } from './unfinished-bodies';

/** What the guard needs to know of the applications. */
export interface BodyGuardHost {
  readonly sizes: SizeConfig;
  /** Whether the applications are known, and so the secrets that sign their tokens. */
  readonly ready: boolean;
  /** The application that a request is for; asked only while `ready`. */
  appOf(req: IncomingMessage): string;
  /** What signs the tokens of an application, awake or asleep. */
  secretOf(app: string): string | Buffer | undefined;
  /** The largest body of any kind that an application takes, in bytes. */
  maxBodyBytes(app: string): number;
  /** How long a body may take that is no upload, in milliseconds; 0 means any time. */
  bodyTimeMs(): number;
  refuse(req: IncomingMessage, res: ServerResponse, error: AppError): void;
  /** A body for an application was refused for its size. */
  noteTooLarge(app: string): void;
}

const CHECK_MS = 5_000;
/** How long a client without a validly signed token may be slow. */
const SLOW_MS = 10_000;

/** A body that is not complete. */
class Arriving implements UnfinishedBody {
  /** Set before anything else is called: the arrival asks for this object in turn. */
  arrival!: BodyArrival;
  private knownApp?: string;
  private signed?: boolean;
  private isHeld = false;

  constructor(
    private readonly host: BodyGuardHost,
    readonly req: IncomingMessage,
    private readonly res: ServerResponse,
  ) {}

  app(): string {
    return (this.knownApp ??= this.host.ready ? this.host.appOf(this.req) : undefined) ?? MAIN.name;
  }

  isSigned(): boolean {
    const { host, req } = this;
    return (this.signed ??= host.ready && isSignedForUser(readToken(req), host.secretOf(host.appOf(req))));
  }

  refuse(error: AppError): void {
    this.arrival.refuse(error);
  }

  /**
   * Frees what is kept in memory once the body was read, or is not needed any more. A request that was answered before its
   * body ended is told nothing of the end of its connection.
   */
  hold(bodies: UnfinishedBodies<Arriving>): true {
    if (this.isHeld) return true;
    this.isHeld = true;
    const sources = [this.req, this.res, this.req.socket];
    const free = () => {
      for (const source of sources) source.off('close', free);
      this.req.off('end', free);
      bodies.free(this);
    };
    for (const source of sources) source.once('close', free);
    this.req.once('end', free);
    return true;
  }
}

/**
 * Bounds the bodies of all requests to this process: in bytes, in values and in nesting before anything is parsed, and
 * in the time that they take. Tightly without a validly signed token. It listens to the HTTP server before NocoBase
 * does, since NocoBase looks at a request only after its first piece has arrived.
 */
export class BodyGuard {
  private server?: Server;
  private timer?: NodeJS.Timeout;
  /** The bodies that are not complete. */
  private readonly unfinishedBodies = new UnfinishedBodies<Arriving>();

  /** @param slowMs how long a client without a validly signed token may be slow */
  constructor(
    private readonly host: BodyGuardHost,
    private readonly checkMs = CHECK_MS,
    private readonly slowMs = SLOW_MS,
  ) {}

  get unfinished(): number {
    return this.unfinishedBodies.size;
  }

  /** Bytes that are in memory for bodies of an application that nothing has read yet. */
  keptOf(app: string): number {
    return this.unfinishedBodies.keptOf(app);
  }

  /** May be repeated, where the server comes later. */
  install(server: Server | undefined): void {
    if (!server || this.server === server) return;
    this.uninstall();
    this.server = server;
    server.prependListener('request', this.onRequest);
    this.timer = setInterval(() => this.checkTimes(), this.checkMs);
    this.timer.unref();
  }

  uninstall(): void {
    this.server?.off('request', this.onRequest);
    this.server = undefined;
    clearInterval(this.timer);
  }

  private readonly onRequest = (req: IncomingMessage, res: ServerResponse): void => {
    const length = req.headers['content-length'];
    if ((length === undefined || length === '0') && req.headers['transfer-encoding'] === undefined) return;
    const arriving = new Arriving(this.host, req, res);
    arriving.arrival = new BodyArrival(req, res, this.rulesFor(req, res, arriving));
    this.unfinishedBodies.add(arriving);
    arriving.arrival.begin();
  };

  private rulesFor(req: IncomingMessage, res: ServerResponse, arriving: Arriving): ArrivalRules {
    const { host, unfinishedBodies } = this;
    let bounds: BodyBounds | undefined;
    const full = (kind: BodyKind) => (bounds ??= this.boundsOf(req, kind));
    return {
      bounds: full,
      tightBounds: (kind) => (kind === 'json' || kind === 'form' ? host.sizes.anonymousBody : full(kind)),
      isSigned: () => arriving.isSigned(),
      tooLarge: (exceeded) => {
        if (!host.ready) return new AppError('APP_WAIT_TIMEOUT', MAIN);
        host.noteTooLarge(host.appOf(req));
        return new AppError('APP_BODY_TOO_LARGE', { ...exceeded });
      },
      refuse: (error) => host.refuse(req, res, error),
      keep: (bytes) => unfinishedBodies.keep(arriving, bytes) && arriving.hold(unfinishedBodies),
      onEnd: () => unfinishedBodies.delete(arriving),
    };
  }

  private boundsOf(req: IncomingMessage, kind: BodyKind): BodyBounds {
    const { host } = this;
    const bytes = host.maxBodyBytes(host.ready ? host.appOf(req) : MAIN.name);
    if (kind === 'multipart' || kind === 'other') return { bytes, values: Infinity, depth: Infinity };
    const { body } = host.sizes;
    return { ...body, bytes: Math.min(body.bytes, bytes) };
  }

  /** Ends what takes too long. An upload with a valid token has the time of the HTTP server. */
  private checkTimes(): void {
    if (this.unfinishedBodies.size === 0) return;
    const ms = this.host.bodyTimeMs();
    const now = Date.now();
    for (const body of this.unfinishedBodies) {
      const { arrival, req } = body;
      // Node tells a request that was answered nothing of the end of its connection.
      if (req.socket.destroyed) arrival.end();
      if (this.isTooSlow(body, now)) arrival.refuse(tookLongerThan(this.slowMs));
      else if (ms > 0 && now - arrival.startedAt >= ms && !mayTakeLong(body)) arrival.refuse(tookLongerThan(ms));
    }
  }

  /** In an application, a client without a token must be fast, and so must one for whose body a request slot waits. */
  private isTooSlow(body: Arriving, now: number): boolean {
    if (!body.arrival.isSlow(this.slowMs, now) || body.app() === MAIN.name) return false;
    return !body.isSigned() || (body.arrival.isRead && !mayTakeLong(body));
  }
}

const tookLongerThan = (ms: number) => new AppError('APP_BODY_TIMEOUT', { seconds: Math.round(ms / 1_000) });

function mayTakeLong(body: Arriving): boolean {
  const { arrival, req } = body;
  const [path = ''] = (req.url ?? '').split('?');
  return arrival.kind === 'multipart' && isUploadAction(req.method, path) && body.isSigned();
}

const MAIN = { name: 'main' };
