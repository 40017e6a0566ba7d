import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import type { AppLimits } from './app-limits';
import { holdSlot, releaseSlot } from './held-slots';
import { addResourceMiddleware } from '../nocobase/resource-middlewares';

/** Calls of tools in one request of the Model Context Protocol. Its clients send one at a time. */
const MAX_CALLS = 20;

type Handle = (req: IncomingMessage, res: ServerResponse) => Promise<unknown>;

interface CallbackSource {
  callback?: () => Handle;
}

interface ActionContext {
  action?: { resourceName?: string };
  request: { body?: unknown };
  res: ServerResponse;
}

/** Instances whose injected requests are limited already: one is prepared once, and loaded more than once. */
const limited = new WeakSet<object>();

/**
 * Limits the requests that plugins of NocoBase make to their own instance without a connection (`light-my-request` on
 * `app.callback()`): each tool call of `mcp` is one. They do not pass the front door, so they take a token of the rate, a
 * slot and a turn here, and get the same refusals.
 */
export function limitInjectedRequests(app: Application, limits: AppLimits): void {
  const source = app as unknown as CallbackSource;
  const make = source.callback;
  if (limited.has(app)) return;
  limited.add(app);
  if (typeof make !== 'function') {
    app.log.warn('requests that plugins make to their own application are not limited: there is no app.callback');
    return;
  }
  source.callback = () => {
    const handle = make.call(app);
    return (req, res) =>
      req.socket instanceof Socket ? handle(req, res) : handleLimited(app.name, limits, handle, req, res);
  };
}

async function handleLimited(
  name: string,
  limits: AppLimits,
  handle: Handle,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<unknown> {
  const limiter = limits.of(name);
  const ms = limiter.takeRequest();
  if (ms > 0) {
    limits.note(name, 'requestRate');
    return refuse(res, new AppError('APP_TOO_MANY_REQUESTS', { name }), Math.ceil(ms / 1_000));
  }
  if (limiter.inForce.requestSlots === 0) return handle(req, res);
  const { slots, inForce } = limiter;
  const outcome = await slots.take((left) => res.once('close', left));
  if (outcome !== 'admitted') {
    limits.note(name, 'requestSlots');
    return refuse(res, new AppError('APP_BUSY', { name }), inForce.queueTimeout);
  }
  let used = true;
  const leave = () => {
    if (used) slots.leave();
    used = false;
  };
  holdSlot(res, leave);
  const progress = { headersSent: false };
  limits.use.note(name, progress);
  try {
    return await handle(req, res);
  } finally {
    progress.headersSent = true;
    leave();
  }
}

/** There is no connection that could be closed, and no body that is still on its way. */
function refuse(res: ServerResponse, error: AppError, seconds: number): void {
  const { status, code, message } = error;
  res.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Retry-After': String(seconds) });
  res.end(JSON.stringify({ error: { status, code, message, maintaining: true } }));
}

/**
 * Bounds the calls in one request of the Model Context Protocol. Such a request gives its slot back: its calls take one
 * each, and would wait in vain for those that requests like it hold. Call it at each load.
 */
export function limitToolCalls(app: Application, limits: AppLimits): void {
  const bound = (ctx: ActionContext, next: () => Promise<void>): Promise<void> => {
    if (ctx.action?.resourceName !== 'mcp') return next();
    const { body } = ctx.request;
    if (Array.isArray(body) && body.length > MAX_CALLS) {
      limits.note(app.name, 'body');
      throw new AppError('APP_BODY_TOO_LARGE', { limit: MAX_CALLS, unit: 'calls' });
    }
    releaseSlot(ctx.res);
    return next();
  };
  addResourceMiddleware(app, 'admitted', bound);
}
