import { PassThrough } from 'node:stream';
import type { AppService } from '../../server/app-service';
import { Router } from '../../server/routing/router';
import { SocketDoor } from '../../server/routing/socket-door';
import { open, type Door } from './helpers/front-door-world';
import { FakeRequest } from './helpers/http';

const server = {
  wss: { options: {}, handleUpgrade: jest.fn(), emit: jest.fn() },
  webSocketClients: new Map(),
};
jest.mock('../../server/core', () => ({
  ...jest.requireActual<object>('../../server/core'),
  socketServer: () => server,
}));

/** A refusal as a client reads it. */
function parse(text: string) {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const [line = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(lines.map((one) => [one.split(': ')[0]?.toLowerCase(), one.split(': ')[1]]));
  const { error } = JSON.parse(body) as { error: { status: number; code: string } };
  return { line, headers, error, length: Buffer.byteLength(body) };
}

function world(env: Record<string, string> = {}) {
  const opened = open('active', env);
  const service = opened.service as unknown as AppService;
  return { ...opened, sockets: new SocketDoor(service, new Router(service), () => true) };
}

const ask = async (sockets: SocketDoor, url: string) => {
  const socket = new PassThrough();
  expect(await sockets.handle(new FakeRequest({ url }).asMessage, socket, Buffer.alloc(0))).toBe(true);
  return socket;
};
const answer = (socket: PassThrough) => parse(String(socket.read()));

describe('a WebSocket upgrade that is refused', () => {
  it.each<[string, string, number, string, (door: Door) => void]>([
    ['/ws?__appName=nope', '404 Not Found', 404, 'APP_NOT_FOUND', () => undefined],
    ['/ws?__appName=crm&__appName=erp', '400 Bad Request', 400, 'APP_REQUEST_INVALID', () => undefined],
    ['/ws/%ff', '400 Bad Request', 400, 'APP_REQUEST_INVALID', () => undefined],
    [`/ws?${'a&'.repeat(5_000)}`, '400 Bad Request', 400, 'APP_QUERY_TOO_LARGE', () => undefined],
    [`/ws?__appName${'[a]'.repeat(1_000)}=1`, '400 Bad Request', 400, 'APP_QUERY_TOO_LARGE', () => undefined],
    [`/ws?${'x'.repeat(17_000)}`, '414 URI Too Long', 414, 'APP_URL_TOO_LONG', () => undefined],
    ['/ws', '503 Service Unavailable', 503, 'APP_SHUTTING_DOWN', ({ service }) => (service.ending = true)],
    [
      '/ws?__appName=crm',
      '503 Service Unavailable',
      503,
      'APP_SUPERVISOR_STANDBY',
      ({ service }) => (service.phase = 'standby'),
    ],
  ])('names its code: %.30s is %s', async (url, reason, status, code, prepare) => {
    const { sockets, ...door } = world();
    prepare(door);
    const { line, headers, error, length } = answer(await ask(sockets, url));
    expect(line).toBe(`HTTP/1.1 ${reason}`);
    expect(error).toMatchObject({ status, code });
    expect(headers).toMatchObject({ connection: 'close', 'content-length': String(length) });
    expect(headers['retry-after']).toBe(status === 503 ? '5' : undefined);
  });

  it('is 429 above the limit of connections, with Retry-After, RateLimit headers and one event a minute', async () => {
    const { sockets, own, events } = world();
    own.crm = { websocketConnections: 2 };
    for (let count = 0; count < 2; count += 1) expect((await ask(sockets, '/ws?__appName=crm')).read()).toBeNull();
    const { line, headers, error } = answer(await ask(sockets, '/ws?__appName=crm'));
    expect([line, error.code]).toEqual(['HTTP/1.1 429 Too Many Requests', 'APP_TOO_MANY_CONNECTIONS']);
    expect(headers).toMatchObject({ 'retry-after': '5', 'ratelimit-limit': '2', 'ratelimit-remaining': '0' });
    await ask(sockets, '/ws?__appName=crm');
    expect(events).toMatchObject([{ application: 'crm', type: 'limited', reason: 'websocketConnections' }]);
    expect((await ask(sockets, '/ws?__appName=erp')).read()).toBeNull();
  });

  it.each(['/ws?__appName=crm#x', 'http://crm.example/ws?__appName=crm', 'HTTP://u@x:1/ws?__appName=crm#/y'])(
    'is counted and refused under every address that NocoBase takes for the same: %s',
    async (url) => {
      const { sockets, own } = world();
      own.crm = { websocketConnections: 1 };
      expect((await ask(sockets, url)).read()).toBeNull();
      expect(answer(await ask(sockets, url)).error.code).toBe('APP_TOO_MANY_CONNECTIONS');
    },
  );

  it('for unknown names takes no more of the places of delayed answers than one application, however many names', async () => {
    const { sockets, service } = world();
    jest.useFakeTimers();
    for (let count = 0; count < 300; count += 1) await ask(sockets, `/ws?__appName=nope${count}`);
    expect(service.limits.delayed.size).toBe(256);
    service.limits.close();
    jest.useRealTimers();
  });

  it('waits for its answer once the application has refused several', async () => {
    const { sockets, own, service } = world();
    own.crm = { websocketConnections: 1 };
    await ask(sockets, '/ws?__appName=crm');
    jest.useFakeTimers();
    const refused = [];
    for (let count = 0; count < 5; count += 1) refused.push(await ask(sockets, '/ws?__appName=crm'));
    expect(refused.map((socket) => socket.readableLength > 0)).toEqual([true, true, true, false, false]);
    await jest.advanceTimersByTimeAsync(1_100);
    expect(refused.slice(3).map((socket) => answer(socket).error.code)).toEqual([
      'APP_TOO_MANY_CONNECTIONS',
      'APP_TOO_MANY_CONNECTIONS',
    ]);
    service.limits.close();
    jest.useRealTimers();
  });
});

describe('WebSocket upgrades beyond the rate', () => {
  const WAITS = 50;
  // 20 at once, and 20 of those that come back after a start.
  const AT_ONCE = 40;

  async function crowd() {
    const opened = world();
    jest.useFakeTimers();
    server.wss.handleUpgrade.mockClear();
    const handled: Promise<boolean>[] = [];
    const lines = Array.from({ length: WAITS }, () => {
      const socket = new PassThrough();
      const { asMessage } = new FakeRequest({ url: '/ws?__appName=crm' });
      handled.push(opened.sockets.handle(asMessage, socket, Buffer.alloc(0)));
      return socket;
    });
    await jest.advanceTimersByTimeAsync(1);
    expect(server.wss.handleUpgrade).toHaveBeenCalledTimes(AT_ONCE);
    return { ...opened, lines, handled: Promise.all(handled) };
  }

  afterEach(() => void jest.useRealTimers());

  it('wait for their turn', async () => {
    const { handled, lines } = await crowd();
    await jest.advanceTimersByTimeAsync(60);
    expect(server.wss.handleUpgrade).toHaveBeenCalledTimes(AT_ONCE + 6);
    await jest.advanceTimersByTimeAsync(100);
    expect(server.wss.handleUpgrade).toHaveBeenCalledTimes(WAITS);
    expect(new Set(await handled)).toEqual(new Set([true]));
    expect(lines.map((line) => line.read() as unknown)).toEqual(lines.map(() => null));
  });

  it('are not opened if the client has left meanwhile', async () => {
    const { handled, lines } = await crowd();
    for (const line of lines.slice(AT_ONCE)) line.destroy();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(new Set(await handled)).toEqual(new Set([true]));
    expect(server.wss.handleUpgrade).toHaveBeenCalledTimes(AT_ONCE);
  });

  it('are refused at once when the process ends', async () => {
    const { handled, lines, sockets } = await crowd();
    sockets.endWaits();
    expect(new Set(await handled)).toEqual(new Set([true]));
    expect(lines.slice(AT_ONCE).map((line) => answer(line).error.code)).toEqual(
      lines.slice(AT_ONCE).map(() => 'APP_SHUTTING_DOWN'),
    );
    expect(server.wss.handleUpgrade).toHaveBeenCalledTimes(AT_ONCE);
  });
});
