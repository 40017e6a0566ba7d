import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { AppError } from '../../src/errors';
import { isUploadAction, type BodyBounds, type BodyKind } from '../../src/policies/body-size';
import type { SizeConfig } from '../size-config';
import { BodyArrival, type ArrivalRules } from './body-arrival';
import { isSignedForUser, readToken } from './token-signature';

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

/**
 * Bounds the bodies of all requests to this process: in bytes, in values and in nesting before anything is parsed, and
 * in the time that they take. Tightly without a validly signed token. It listens to the HTTP server before NocoBase
 * does, since NocoBase looks at a request only after its first piece has arrived.
 */
export class BodyGuard {
  private server?: Server;
  private timer?: NodeJS.Timeout;
  /** The bodies that are not complete. */
  private readonly arrivals = new Map<BodyArrival, IncomingMessage>();

  constructor(
    private readonly host: BodyGuardHost,
    private readonly checkMs = CHECK_MS,
  ) {}

  get unfinished(): number {
    return this.arrivals.size;
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
    const rules = this.rulesFor(req, res);
    const arrival = new BodyArrival(req, res, { ...rules, onEnd: () => this.arrivals.delete(arrival) });
    this.arrivals.set(arrival, req);
    arrival.begin();
  };

  private rulesFor(req: IncomingMessage, res: ServerResponse): Omit<ArrivalRules, 'onEnd'> {
    const { host } = this;
    let bounds: BodyBounds | undefined;
    let signed: boolean | undefined;
    const full = (kind: BodyKind) => (bounds ??= this.boundsOf(req, kind));
    return {
      bounds: full,
      tightBounds: (kind) => (kind === 'json' || kind === 'form' ? host.sizes.anonymousBody : full(kind)),
      isSigned: () => (signed ??= this.isSigned(req)),
      tooLarge: (exceeded) => {
        if (!host.ready) return new AppError('APP_WAIT_TIMEOUT', MAIN);
        host.noteTooLarge(host.appOf(req));
        return new AppError('APP_BODY_TOO_LARGE', { ...exceeded });
      },
      refuse: (error) => host.refuse(req, res, error),
    };
  }

  private boundsOf(req: IncomingMessage, kind: BodyKind): BodyBounds {
    const { host } = this;
    const bytes = host.maxBodyBytes(host.ready ? host.appOf(req) : MAIN.name);
    if (kind === 'multipart' || kind === 'other') return { bytes, values: Infinity, depth: Infinity };
    const { body } = host.sizes;
    return { ...body, bytes: Math.min(body.bytes, bytes) };
  }

  private isSigned(req: IncomingMessage): boolean {
    const { host } = this;
    return host.ready && isSignedForUser(readToken(req), host.secretOf(host.appOf(req)));
  }

  /** Ends what takes too long. An upload with a valid token has the time of the HTTP server. */
  private checkTimes(): void {
    if (this.arrivals.size === 0) return;
    const ms = this.host.bodyTimeMs();
    const now = Date.now();
    for (const [arrival, req] of this.arrivals) {
      // Node tells a request that was answered nothing of the end of its connection.
      if (req.socket.destroyed) arrival.end();
      if (ms === 0 || now - arrival.startedAt < ms || this.mayTakeLong(arrival, req)) continue;
      arrival.refuse(new AppError('APP_BODY_TIMEOUT', { seconds: Math.round(ms / 1_000) }));
    }
  }

  private mayTakeLong({ kind }: BodyArrival, req: IncomingMessage): boolean {
    const [path = ''] = (req.url ?? '').split('?');
    return kind === 'multipart' && isUploadAction(req.method, path) && this.isSigned(req);
  }
}

const MAIN = { name: 'main' };
