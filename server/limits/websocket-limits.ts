import { measureJson } from '../../src/body-meter';
import { exceededBound } from '../../src/policies/body-size';
import { fullBucket, takeAhead, takeAmount, type FlowLimit } from '../../src/policies/flow';
import type { Limits, TokenBucket } from '../../src/policies/limits';
import type { WebSocketSizes } from '../size-config';
import { LoopTurns } from '../lifecycle/loop-turns';

interface Flow {
  messages: TokenBucket;
  bytes: TokenBucket;
}

interface AppFlow extends Flow {
  connections: number;
  openings: TokenBucket;
  /** Its messages, one in a turn of the event loop. They are bounded by the messages that each connection may send. */
  turns: LoopTurns;
}

/** One connection: open, or waiting to be opened. */
export interface ConnectionFlow extends Flow {
  readonly app: string;
  /** Milliseconds after which it may be opened. */
  readonly wait: number;
}

/** An introduction (`auth:token`) costs queries and a log line. */
const INTRODUCTION_COST = 5;
/** How many messages one connection may send at once, as a multiple of those in a second. */
const BURST = 2;
/** New connections of one application. Each costs the core about a millisecond. */
const OPENINGS: FlowLimit = { perSecond: 20, burst: 20 };
/** So many further openings are taken by a connection that is closed for what it sent: its client comes back at once. */
const REFUSAL_COST = 2;
/** Those of the main application: requests to it are not limited either. */
const MAIN_OPENINGS: FlowLimit = { perSecond: 100, burst: 100 };
const openingsOf = (app: string) => (app === 'main' ? MAIN_OPENINGS : OPENINGS);
/**
 * Further new connections of all applications together while the pages come back that were open before the process
 * started: a tenth of the thread.
 */
const RETURNS: FlowLimit = { perSecond: 100, burst: 20 };
/** The time after the start in which `RETURNS` holds. */
const RETURNS_MS = 60_000;
/**
 * Beyond the rate a connection waits for its turn this long at most; browsers give an attempt 20 seconds or more.
 * NocoBase's pages try 30 times, one second apart, and then never again: each refusal takes one of these attempts.
 */
const MAX_WAIT_MS = 10_000;
/** After so many milliseconds without a refusal, the connections that wait may open, however many were refused. */
const MAX_DEBT_MS = 2 * MAX_WAIT_MS;

/**
 * Limits what arrives over WebSockets, before anything is parsed: the connections of each application, and the
 * messages and bytes of each connection and of each application in a second.
 */
export class WebSocketLimits {
  private readonly apps = new Map<string, AppFlow>();
  private readonly startedAt: number;
  private readonly returns: TokenBucket;

  /** @param limitsOf the limits in force for an application */
  constructor(
    private readonly sizes: WebSocketSizes,
    private readonly limitsOf: (app: string) => Pick<Limits, 'websocketConnections' | 'websocketMessages'>,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.startedAt = now();
    this.returns = fullBucket(RETURNS, this.startedAt);
  }

  /**
   * Counts a new connection; `close` gives it back. It may be opened after its `wait`. Undefined if the application has
   * as many as it may have, or if too many wait already.
   */
  open(app: string): ConnectionFlow | undefined {
    const { websocketConnections: max } = this.limitsOf(app);
    const flow = this.flowOf(app);
    const now = this.now();
    if (max > 0 && flow.connections >= max) return undefined;
    const wait = max > 0 ? this.takeOpening(app, flow.openings, now) : 0;
    if (wait === undefined) return undefined;
    flow.connections += 1;
    const [messages, bytes] = [fullBucket(this.messageLimit(app), now), fullBucket(this.sizes.bytes, now)];
    return { app, wait, messages, bytes };
  }

  /** Returns the milliseconds until the connection may be opened; undefined if that is too long. */
  private takeOpening(app: string, openings: TokenBucket, now: number): number | undefined {
    const limit = openingsOf(app);
    if (takeAmount(openings, 1, limit, now)) return 0;
    const returning = now - this.startedAt < RETURNS_MS;
    const wait = returning ? takeAhead(this.returns, RETURNS, MAX_WAIT_MS, now) : undefined;
    return wait ?? takeAhead(openings, limit, MAX_WAIT_MS, now);
  }

  /** A connection is closed for what it sent: the next ones of its application open later. */
  noteRefusal({ app }: ConnectionFlow): void {
    const { openings } = this.flowOf(app);
    for (let index = 0; index < REFUSAL_COST; index += 1) {
      takeAhead(openings, openingsOf(app), MAX_DEBT_MS, this.now());
    }
  }

  close({ app }: ConnectionFlow): void {
    const flow = this.apps.get(app);
    if (flow) flow.connections -= 1;
  }

  /** Where the messages of the application's connections take their turns. */
  turnsOf(app: string): LoopTurns {
    return this.flowOf(app).turns;
  }

  connectionsOf(app: string): number {
    return this.apps.get(app)?.connections ?? 0;
  }

  /** Whether a message may be parsed. */
  accepts(connection: ConnectionFlow, message: Uint8Array): boolean {
    return this.pass(connection, 1, message.length) && !exceededBound(measureJson(message), this.sizes.message);
  }

  /** Whether a control frame (ping, pong) may pass; the connection library has answered it already. */
  acceptsControlFrame(connection: ConnectionFlow, bytes: number): boolean {
    return this.pass(connection, 1, bytes);
  }

  /** Whether an introduction may be passed on; it was counted as a message already. */
  acceptsIntroduction(connection: ConnectionFlow): boolean {
    return this.pass(connection, INTRODUCTION_COST - 1, 0);
  }

  private pass(connection: ConnectionFlow, messages: number, bytes: number): boolean {
    const { sizes } = this;
    const now = this.now();
    const app = this.flowOf(connection.app);
    return (
      takeAmount(connection.messages, messages, this.messageLimit(connection.app), now) &&
      takeAmount(connection.bytes, bytes, sizes.bytes, now) &&
      takeAmount(app.messages, messages, sizes.appMessages, now) &&
      takeAmount(app.bytes, bytes, sizes.appBytes, now)
    );
  }

  private messageLimit(app: string): FlowLimit {
    const { websocketMessages: perSecond } = this.limitsOf(app);
    return perSecond === 0 ? UNLIMITED : { perSecond, burst: Math.max(INTRODUCTION_COST, perSecond * BURST) };
  }

  private flowOf(app: string): AppFlow {
    const known = this.apps.get(app);
    if (known) return known;
    this.forgetIdle();
    const now = this.now();
    const { appMessages, appBytes } = this.sizes;
    const flow = {
      messages: fullBucket(appMessages, now),
      bytes: fullBucket(appBytes, now),
      openings: fullBucket(openingsOf(app), now),
      connections: 0,
      turns: new LoopTurns(),
    };
    this.apps.set(app, flow);
    return flow;
  }

  /** An application without connections is as new once its buckets are full again. */
  private forgetIdle(): void {
    const before = this.now() - REFILLED_MS;
    for (const [app, { connections, messages, openings }] of this.apps) {
      if (connections === 0 && Math.max(messages.at, openings.at) < before) this.apps.delete(app);
    }
  }
}

const UNLIMITED: FlowLimit = { perSecond: Infinity, burst: Infinity };
const REFILLED_MS = 60_000;
