import type { Application } from '@nocobase/server';
import path from 'node:path';
import Koa from 'koa';
import { LIMIT_NAMES, LIMITS, type LimitName, type Limits } from '../../../src/policies/limits';
import { AppLimits } from '../../../server/limits/app-limits';
import { limitInjectedRequests, limitToolCalls } from '../../../server/limits/injected-requests';
import { holdSlot } from '../../../server/limits/held-slots';

interface Tool {
  name: string;
  call(args: object, context: object): Promise<unknown>;
}

// The plugin as it is delivered, with its own `light-my-request`; it brings no types for this.
const { createCrudTools } = jest.requireActual<{ createCrudTools(options: object): Tool[] }>(
  '@nocobase/plugin-mcp-server/dist/server/crud-tool.js',
);

type Middleware = (ctx: object, next: () => Promise<void>) => Promise<void>;

/** As much of an application as the plugin and the limits use; its handler takes a while. */
function world(own: Partial<Limits>) {
  const defaults = Object.fromEntries(LIMIT_NAMES.map((name) => [name, LIMITS[name].fallback])) as Limits;
  const limits = new AppLimits({
    config: { limits: defaults },
    registry: {
      get: (name) => ({ name, startMode: 'lazy', options: {}, limits: own }),
      all: () => [],
    },
    tell: () => undefined,
    places: { size: () => Promise.resolve(null) },
    runners: new Map(),
  });
  const koa = new Koa();
  const at = { work: 0, most: 0, handled: 0 };
  koa.use(async (ctx) => {
    at.work += 1;
    at.most = Math.max(at.most, at.work);
    await new Promise((resolve) => setTimeout(resolve, 5));
    at.work -= 1;
    at.handled += 1;
    ctx.body = { data: [] };
  });
  let middleware: Middleware | undefined;
  const app = Object.assign(koa, {
    name: 'crm',
    log: { warn: jest.fn() },
    resourcer: { options: { prefix: '/api' } },
    resourceManager: { use: (given: Middleware) => (middleware = given) },
  });
  limitInjectedRequests(app as unknown as Application, limits);
  limitToolCalls(app as unknown as Application, limits);
  const [list] = createCrudTools({
    app,
    mcpToolsManager: { postProcessToolResult: (_: unknown, body: unknown) => body },
  });
  const call = (): Promise<unknown> => {
    if (!list) throw new Error('no tool');
    return list.call({ resource: 'users' }, { headers: {} });
  };
  const refusals = (name: LimitName) => limits.refusals('crm', name);
  return { app, limits, at, call, refusals, middleware: middleware as unknown as Middleware };
}

describe('requests that the MCP server injects into its application', () => {
  it('injected requests: each takes a slot, and gives it back', async () => {
    const { limits, at, call } = world({ requestSlots: 2 });
    await Promise.all(Array.from({ length: 12 }, call));
    expect(at).toEqual({ work: 0, most: 2, handled: 12 });
    expect(limits.of('crm').slots.inFlight).toBe(0);
  });

  it('injected requests: beyond the queue the call gets 429 APP_BUSY', async () => {
    const { at, call, refusals } = world({ requestSlots: 1, requestQueue: 2 });
    const results = await Promise.allSettled(Array.from({ length: 10 }, call));
    const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect([at.handled, refused.length, refusals('requestSlots')]).toEqual([3, 7, 7]);
    expect(JSON.parse((refused[0]?.reason as Error).message)).toMatchObject({
      statusCode: 429,
      body: { error: { code: 'APP_BUSY' } },
    });
  });

  it('injected requests: the refusal of a large one needs no connection', async () => {
    const { app } = world({ requestRate: 1, requestBurst: 1, requestSlots: 0 });
    const { inject } = jest.requireActual<{
      inject(handle: unknown, options: object): Promise<{ statusCode: number }>;
    }>(
      path.join(
        path.dirname(require.resolve('@nocobase/plugin-mcp-server/package.json')),
        'dist/node_modules/light-my-request',
      ),
    );
    const ask = () => inject(app.callback(), { method: 'POST', url: '/', payload: 'x'.repeat(100_000) });
    expect((await ask()).statusCode).toBe(200);
    const faults: unknown[] = [];
    const note = (error: unknown) => faults.push(error);
    process.on('uncaughtException', note);
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
    try {
      expect((await ask()).statusCode).toBe(429);
      expect(() => jest.advanceTimersByTime(5_000)).not.toThrow();
    } finally {
      jest.useRealTimers();
      process.off('uncaughtException', note);
    }
    expect(faults).toEqual([]);
  });

  it('injected requests: each takes a token of the rate', async () => {
    const { at, call, refusals } = world({ requestRate: 1, requestBurst: 3, requestSlots: 0 });
    const results = await Promise.allSettled(Array.from({ length: 5 }, call));
    const codes = results.map((result) => (result.status === 'rejected' ? (result.reason as Error).message : ''));
    expect(codes.filter((text) => text.includes('APP_TOO_MANY_REQUESTS'))).toHaveLength(2);
    expect([at.handled, refusals('requestRate')]).toEqual([3, 2]);
  });

  it('injected requests: a reload of the application does not wrap them again', async () => {
    const { app, limits, call, at } = world({ requestRate: 1, requestBurst: 2, requestSlots: 1 });
    limitInjectedRequests(app as unknown as Application, limits);
    await Promise.all([call(), call()]);
    expect(at.handled).toBe(2);
  });

  it('injected requests: without `callback`, there is one warning and no error', () => {
    const log = { warn: jest.fn() };
    const app = { name: 'crm', log } as unknown as Application;
    for (let load = 0; load < 2; load += 1) limitInjectedRequests(app, world({}).limits);
    expect(log.warn).toHaveBeenCalledTimes(1);
  });

  it('MCP: a request gives its slot back before its calls take theirs', async () => {
    const { middleware } = world({});
    const leave = jest.fn();
    const res = {} as never;
    holdSlot(res, leave);
    const next = jest.fn(() => Promise.resolve());
    await middleware({ action: { resourceName: 'users' }, request: {}, res }, next);
    expect(leave).not.toHaveBeenCalled();
    await middleware({ action: { resourceName: 'mcp' }, request: { body: Array(20).fill({}) }, res }, next);
    expect([leave.mock.calls.length, next.mock.calls.length]).toEqual([1, 2]);
  });

  it('MCP: more than 20 calls in one request are 413', () => {
    const { middleware, refusals } = world({});
    const ctx = { action: { resourceName: 'mcp' }, request: { body: Array(21).fill({}) }, res: {} };
    expect(() => middleware(ctx, () => Promise.resolve())).toThrow(
      expect.objectContaining({ code: 'APP_BODY_TOO_LARGE', message: expect.stringContaining('20 calls') as string }),
    );
    expect(refusals('body')).toBe(1);
  });
});
