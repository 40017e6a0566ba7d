import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Agent, type ClientRequest, type IncomingMessage } from 'node:http';
import { LookupTurns, lookupInTurn, trackLookups } from './lookup-turns';
import type { OutgoingRequest, RequestAccount } from './outgoing-requests';

/** Where requests to other servers begin: agents of Node's `http` and `https`, and `fetch`. */

/** Returns the account of the application that runs code now; undefined for the main application. */
type Current = () => RequestAccount | undefined;

// ---- http and https -------------------------------------------------------------------------------------------------

/** A check once a minute ends a request if its connection has sent and received no byte during ten checks. */
const LOOK_MS = 60_000;
const QUIET_LOOKS = 10;

/** As much of a request as Node's types leave out. */
type AgentRequest = ClientRequest & {
  onSocket(socket: null, error?: Error): void;
  res?: IncomingMessage & { upgrade?: boolean };
};

type AddRequest = (this: unknown, request: AgentRequest, ...rest: unknown[]) => void;

class HttpRequest implements OutgoingRequest {
  private begun = false;
  private bytes = 0;
  private quiet = 0;
  private watch?: NodeJS.Timeout;

  constructor(
    private readonly request: AgentRequest,
    private readonly account: RequestAccount,
  ) {}

  take(begin: () => void): void {
    this.account.take(this, () => {
      this.begun = true;
      this.request.once('close', () => this.closed());
      // Its caller has given it up while it waited.
      if (this.request.destroyed) return this.request.onSocket(null);
      this.watch = setInterval(() => this.look(), LOOK_MS).unref();
      begin();
    });
  }

  end(error: Error): void {
    if (!this.begun) return this.request.onSocket(null, error);
    this.request.destroy(error);
    // The request does not own the connection any more.
    if (this.request.res?.upgrade) this.request.socket?.destroy();
  }

  private closed(): void {
    const { socket, res } = this.request;
    if (res?.upgrade && socket && !socket.destroyed) socket.once('close', () => this.release());
    else this.release();
  }

  private release(): void {
    clearInterval(this.watch);
    this.account.release(this);
  }

  private look(): void {
    const { socket, res } = this.request;
    if (res?.upgrade) return;
    const bytes = (socket?.bytesRead ?? 0) + (socket?.bytesWritten ?? 0);
    this.quiet = bytes === this.bytes ? this.quiet + 1 : 0;
    this.bytes = bytes;
    if (this.quiet < QUIET_LOOKS) return;
    const error = new Error(`nothing was received for ${QUIET_LOOKS} minutes`);
    this.end(Object.assign(error, { code: 'ETIMEDOUT' }));
  }
}

const isObject = (value: unknown): value is { lookup?: unknown } => typeof value === 'object' && value !== null;

/** Of all applications of this process. */
const turns = new LookupTurns();

/** Counts the requests that applications make by agents of Node. */
function trackAgents(current: Current): () => void {
  const agents = Agent.prototype as unknown as { addRequest?: AddRequest };
  const add = agents.addRequest;
  if (typeof add !== 'function') throw new TypeError('agents of Node take requests in another way');
  // An agent may hand a request to another one.
  const known = new WeakSet<object>();
  const tracked: AddRequest = function (request, ...rest) {
    const account = known.has(request) ? undefined : current();
    if (!account) return add.call(this, request, ...rest);
    known.add(request);
    const [options] = rest;
    if (isObject(options)) options.lookup ??= lookupInTurn(turns, account.name);
    new HttpRequest(request, account).take(() => add.call(this, request, ...rest));
  };
  agents.addRequest = tracked;
  return () => {
    if (agents.addRequest === tracked) agents.addRequest = add;
  };
}

// ---- fetch ----------------------------------------------------------------------------------------------------------

type Fetch = typeof fetch;

/** What `fetch` publishes of its requests: one, and one more for each redirect. */
const [CREATE, ...OVER] = ['undici:request:create', 'undici:request:trailers', 'undici:request:error'] as const;

class FetchRequest implements OutgoingRequest {
  private readonly controller = new AbortController();
  private last?: object;
  private isOver = false;
  private isAnswered = false;

  constructor(private readonly account: RequestAccount) {}

  /** @param given the signal of the caller */
  async run(given: AbortSignal | undefined, send: (signal: AbortSignal) => Promise<Response>): Promise<Response> {
    const own = this.controller.signal;
    const signal = given ? AbortSignal.any([given, own]) : own;
    try {
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        this.account.take(this, resolve);
      });
      const response = await send(signal);
      this.answered(response);
      return response;
    } catch (error) {
      this.account.release(this);
      throw error;
    }
  }

  end(error: Error): void {
    this.controller.abort(error);
  }

  created(request: object): void {
    this.last = request;
    this.isOver = false;
  }

  /** The body of an answer has come to its end, or a request has failed. */
  over(request: object): void {
    if (request !== this.last) return;
    this.isOver = true;
    if (this.isAnswered) this.account.release(this);
  }

  /** The connection is held until the body has been read. */
  private answered({ body }: Response): void {
    this.isAnswered = true;
    if (this.isOver || !this.last || !body) this.account.release(this);
  }
}

/** Counts the requests that applications make by `fetch`, which NocoBase's language models use. */
function trackFetch(current: Current): () => void {
  const original = globalThis.fetch;
  if (typeof original !== 'function') return () => undefined;
  const underWay = new AsyncLocalStorage<FetchRequest>();
  const owners = new WeakMap<object, FetchRequest>();
  const onCreate = (message: unknown) => {
    const { request } = message as { request: object };
    const owner = underWay.getStore();
    if (!owner) return;
    owners.set(request, owner);
    owner.created(request);
  };
  const onOver = (message: unknown) => {
    const { request } = message as { request: object };
    owners.get(request)?.over(request);
  };
  const tracked: Fetch = (input, init) => {
    const account = current();
    if (!account) return original(input, init);
    const made = new FetchRequest(account);
    // A request as options has getters only.
    const [target, options] = init instanceof Request ? [new Request(input, init)] : [input, init];
    const given = options?.signal ?? (target instanceof Request ? target.signal : undefined);
    return made.run(given, (signal) => underWay.run(made, () => original(target, { ...options, signal })));
  };
  subscribe(CREATE, onCreate);
  for (const channel of OVER) subscribe(channel, onOver);
  globalThis.fetch = tracked;
  return () => {
    if (globalThis.fetch === tracked) globalThis.fetch = original;
    unsubscribe(CREATE, onCreate);
    for (const channel of OVER) unsubscribe(channel, onOver);
  };
}

/**
 * Counts the requests that applications make to other servers.
 * @param onObstacle told what keeps them from being counted
 * @returns takes it back
 */
export function trackOutgoing(current: Current, onObstacle: (message: string) => void): () => void {
  const undo: (() => void)[] = [];
  const trackNames = () => trackLookups(turns, () => current()?.name);
  for (const track of [trackAgents, trackFetch, trackNames]) {
    try {
      undo.push(track(current));
    } catch (error) {
      onObstacle(`requests to other servers are not bounded: ${String(error)}`);
    }
  }
  return () => {
    for (const one of undo.reverse()) one();
  };
}
