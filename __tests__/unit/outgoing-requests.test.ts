import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { createServer, get, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import {
  endOutgoing,
  MAX_OPEN,
  MAX_WAITING,
  OutgoingRequests,
  type Owner,
  RequestAccount,
  WAIT_MS,
} from '../../server/lifecycle/outgoing-requests';
import { trackOutgoing } from '../../server/lifecycle/outgoing-sources';

/** The client of NocoBase. */
const host = createRequire(path.resolve('host/node_modules/x.js'));
const axios = host('axios') as { get(url: string, config?: object): Promise<{ data: unknown }> };

const crm: Owner = { app: 'crm' };
const inside = new AsyncLocalStorage<Owner>();
const within = <T>(work: () => T) => inside.run(crm, work);

let server: Server;
let base: string;
const sockets = new Set<Socket>();
/** Responses that wait until the test sends them. */
const held = new Set<ServerResponse>();
let outgoing: OutgoingRequests;
let untrack: () => void;

const answers: Record<string, (res: ServerResponse) => unknown> = {
  '/now': (res) => res.end('{"a":1}'),
  '/empty': (res) => res.writeHead(204).end(),
  '/moved': (res) => res.writeHead(302, { Location: '/now' }).end(),
  '/held': (res) => held.add(res),
  '/stream': (res) => held.add(res) && res.write('begin'),
};

beforeAll(async () => {
  server = createServer((req: IncomingMessage, res) => answers[req.url ?? '']?.(res));
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (_req, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    socket.resume().on('end', () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

beforeEach(() => {
  outgoing = new OutgoingRequests(() => inside.getStore());
  untrack = trackOutgoing(outgoing.current, (message) => {
    throw new Error(message);
  });
});
afterEach(async () => {
  untrack();
  for (const socket of sockets) socket.destroy();
  held.clear();
  await until(() => sockets.size === 0);
  // Clients hear of it a moment later.
  await later(30);
});

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const until = async (isTrue: () => boolean) => {
  const end = Date.now() + 5_000;
  while (!isTrue()) {
    if (Date.now() > end) throw new Error('it does not come about');
    await later(5);
  }
};
const account = () => within(() => outgoing.current()) as RequestAccount;
const codeOf = (error: unknown) => (error as { code?: string }).code ?? String(error);

const byHttp = (url: string) =>
  new Promise<string>((resolve, reject) => {
    const sent = get(base + url, (res) => {
      let text = '';
      res.on('data', (part: Buffer) => (text += part.toString()));
      res.on('end', () => resolve(text));
      res.on('error', reject);
    });
    sent.on('error', reject);
  });
const byFetch = async (url: string) => (await fetch(base + url)).text();
const byAxios = async (url: string) => JSON.stringify((await axios.get(base + url)).data);

const WAYS = [
  ['http', byHttp],
  ['fetch', byFetch],
  ['axios', byAxios],
] as const;

describe.each(WAYS)('requests of applications by %s', (_name, send) => {
  const outcome = (url: string) => send(url).catch(codeOf);

  it('are open in a limited number; further ones wait for their turn', async () => {
    const all = Array.from({ length: MAX_OPEN + 6 }, () => within(() => outcome('/held')));
    await until(() => held.size === MAX_OPEN);
    await later(30);
    expect([held.size, account().size]).toEqual([MAX_OPEN, MAX_OPEN]);
    const [first] = held;
    first?.end('{"a":1}');
    await until(() => held.size === MAX_OPEN + 1);
    for (const res of held) res.end('{"a":1}');
    await until(() => held.size === MAX_OPEN + 6);
    for (const res of held) res.end('{"a":1}');
    expect(new Set(await Promise.all(all))).toEqual(new Set(['{"a":1}']));
    await until(() => account().size === 0);
  });

  it('are not limited in the main application', async () => {
    const all = Array.from({ length: MAX_OPEN + 6 }, () => outcome('/held'));
    await until(() => held.size === MAX_OPEN + 6);
    for (const res of held) res.end('{}');
    await Promise.all(all);
  });

  it('end with their instance, those that wait and those that are answered as well', async () => {
    const all = ['/held', '/stream', ...Array<string>(MAX_OPEN).fill('/held')].map((url) => within(() => outcome(url)));
    const ofMain = outcome('/held');
    await until(() => held.size === MAX_OPEN + 1);
    account().endAll();
    const codes = await Promise.all(all);
    expect(codes.filter((code) => code === 'APP_STOPPED').length).toBeGreaterThanOrEqual(MAX_OPEN + 1);
    expect(codes[1]).not.toContain('begin');
    await until(() => sockets.size === 1);
    expect(account().size).toBe(0);
    for (const res of held) res.end('{"main":true}');
    expect(await ofMain).toBe('{"main":true}');
  });

  it('give their places back, whatever becomes of them', async () => {
    for (const url of ['/now', '/empty', '/moved']) await within(() => outcome(url));
    await until(() => account().size === 0);
    const broken = within(() => outcome('/held'));
    await until(() => held.size === 1);
    for (const socket of sockets) socket.destroy();
    expect(await broken).toMatch(/ECONNRESET|fetch failed/);
    await until(() => account().size === 0);
  });

  it('are refused after the end of their instance', async () => {
    account().close();
    expect(await within(() => outcome('/now'))).toBe('APP_STOPPED');
    account().reopen();
    expect(await within(() => outcome('/now'))).toBe('{"a":1}');
  });
});

describe('requests by fetch', () => {
  it('hold their places while their bodies flow', async () => {
    const response = await within(() => fetch(`${base}/stream`));
    expect(account().size).toBe(1);
    for (const res of held) res.end('end');
    expect(await response.text()).toBe('beginend');
    await until(() => account().size === 0);
  });

  it('end by the signal of their caller, also while they wait', async () => {
    const { signal, abort } = abortable();
    const all = Array.from({ length: MAX_OPEN }, () => within(() => byFetch('/held').catch(codeOf)));
    await until(() => held.size === MAX_OPEN);
    const waits = within(() => fetch(`${base}/held`, { signal }));
    const asRequest = within(() => fetch(new Request(`${base}/held`, { signal })));
    const asOptions = within(() => fetch(`${base}/held`, new Request(base, { signal })));
    abort();
    for (const one of [waits, asRequest, asOptions]) await expect(one).rejects.toThrow('enough');
    expect(held.size).toBe(MAX_OPEN);
    account().endAll();
    await Promise.all(all);
  });

  it('need no connection for data', async () => {
    expect(await within(async () => (await fetch('data:text/plain,abc')).text())).toBe('abc');
    expect(account().size).toBe(0);
  });
});

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error('enough')) };
}

describe('requests by http', () => {
  it('count for as long as a connection is upgraded', async () => {
    const socket = await within(
      () =>
        new Promise<Socket>((resolve) => {
          const sent = request(base, { headers: { Connection: 'Upgrade', Upgrade: 'x' } });
          sent.on('upgrade', (_res, upgraded: Socket) => resolve(upgraded)).end();
        }),
    );
    await later(20);
    expect([account().size, socket.destroyed]).toEqual([1, false]);
    account().endAll();
    await until(() => sockets.size === 0);
    expect(account().size).toBe(0);
  });

  it('that were given up while they waited open no connection', async () => {
    const all = Array.from({ length: MAX_OPEN }, () => within(() => byHttp('/held').catch(codeOf)));
    await until(() => held.size === MAX_OPEN);
    const error = new Promise((resolve) => {
      within(() => get(`${base}/held`).on('error', resolve).destroy(new Error('enough')));
    });
    const [first] = held;
    first?.end();
    expect(String(await error)).toContain('enough');
    await until(() => account().size === MAX_OPEN - 1);
    expect(held.size).toBe(MAX_OPEN);
    account().endAll();
    await Promise.all(all);
  });

  it('end when nothing moves for ten minutes', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'clearTimeout', 'Date'] });
    try {
      const silent = within(() => byHttp('/held').catch(codeOf));
      await until(() => held.size === 1);
      jest.advanceTimersByTime(9 * 60_000);
      expect(account().size).toBe(1);
      jest.advanceTimersByTime(2 * 60_000);
      expect(await silent).toBe('ETIMEDOUT');
    } finally {
      jest.useRealTimers();
    }
  });

  it('take the way of Node after the end', () => {
    untrack();
    return expect(within(() => byHttp('/now'))).resolves.toBe('{"a":1}');
  });
});

describe('an account', () => {
  const build = () => {
    const own = new RequestAccount('crm');
    const errors: unknown[] = [];
    const waiting = () => ({ end: (error: Error) => void errors.push(codeOf(error)) });
    for (let count = 0; count < MAX_OPEN; count += 1) own.take(waiting(), () => undefined);
    return { own, errors, waiting };
  };

  it('refuses what waits too long, and what is too much', () => {
    jest.useFakeTimers();
    const { own, errors, waiting } = build();
    for (let count = 0; count < MAX_WAITING; count += 1) own.take(waiting(), () => undefined);
    expect(errors).toEqual([]);
    own.take(waiting(), () => undefined);
    expect(errors).toEqual(['APP_BUSY']);
    jest.advanceTimersByTime(WAIT_MS);
    expect(errors).toEqual(Array<string>(MAX_WAITING + 1).fill('APP_BUSY'));
    jest.useRealTimers();
  });

  it('keeps no place of a request that cannot begin', () => {
    const { own, errors, waiting } = build();
    const [one, other] = [waiting(), waiting()];
    const free = waiting();
    own.endAll();
    expect(() =>
      new RequestAccount('crm').take(one, () => {
        throw new Error('invalid');
      }),
    ).toThrow('invalid');
    const full = new RequestAccount('crm');
    for (let count = 1; count < MAX_OPEN; count += 1) full.take(waiting(), () => undefined);
    full.take(free, () => undefined);
    full.take(other, () => {
      throw Object.assign(new Error('invalid'), { code: 'INVALID' });
    });
    full.release(free);
    expect(errors).toContain('INVALID');
    expect(full.size).toBe(MAX_OPEN - 1);
  });
});

describe('an instance', () => {
  it.each(['beforeStop', 'beforeReload', 'afterStop'])('ends its requests at %s, and serves on', async (event) => {
    const app = new EventEmitter();
    outgoing.attach(app as unknown as Application, crm);
    const open = within(() => byHttp('/held').catch(codeOf));
    await until(() => held.size === 1);
    app.emit(event);
    expect(await open).toBe('APP_STOPPED');
    expect(await within(() => byHttp('/now'))).toBe('{"a":1}');
  });

  it('makes no request after it was destroyed; its successor does', async () => {
    const app = new EventEmitter() as unknown as Application;
    outgoing.attach(app, crm);
    endOutgoing(app);
    expect(await within(() => byFetch('/now').catch(codeOf))).toBe('APP_STOPPED');
    outgoing.attach(new EventEmitter() as unknown as Application, crm);
    expect(await within(() => byFetch('/now'))).toBe('{"a":1}');
  });
});
