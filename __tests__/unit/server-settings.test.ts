import { createServer, maxHeaderSize, request, type RequestOptions, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { ServerSettings } from '../../server/routing/server-settings';

const HOUR_MS = 3_600_000;
const SIZES = { keepAliveMs: 65_000, headerBytes: 65_536 };

type AnyServer = Server & { maxHeaderSize?: number };
const read = ({ requestTimeout, keepAliveTimeout, headersTimeout, maxHeaderSize }: AnyServer) => ({
  requestTimeout,
  keepAliveTimeout,
  headersTimeout,
  maxHeaderSize,
});
const NODES_OWN = {
  requestTimeout: 300_000,
  keepAliveTimeout: 5_000,
  headersTimeout: 60_000,
  maxHeaderSize: undefined,
};

describe('settings of the HTTP server', () => {
  let server: AnyServer | undefined;
  let settings: ServerSettings;

  beforeEach(() => {
    server = createServer();
    settings = new ServerSettings(SIZES, () => server);
  });

  it('are raised, and are as before once they are given back', () => {
    expect(read(server!)).toEqual(NODES_OWN);
    settings.raise();
    settings.raise();
    expect(read(server!)).toEqual({
      requestTimeout: HOUR_MS,
      keepAliveTimeout: 65_000,
      headersTimeout: 66_000,
      maxHeaderSize: 65_536,
    });
    expect(settings.formerRequestTimeoutMs).toBe(300_000);
    settings.giveBack();
    settings.giveBack();
    expect(read(server!)).toEqual(NODES_OWN);
    expect(settings.formerRequestTimeoutMs).toBe(300_000);
  });

  it.each([
    ['requestTimeout', 0],
    ['requestTimeout', HOUR_MS],
    ['requestTimeout', 2 * HOUR_MS],
    ['keepAliveTimeout', 0],
    ['keepAliveTimeout', 120_000],
    ['headersTimeout', 0],
    ['headersTimeout', 600_000],
    ['maxHeaderSize', 131_072],
  ] as const)('leave %s alone if it is %d already', (name, value) => {
    server![name] = value;
    settings.raise();
    expect(server![name]).toBe(value);
    settings.giveBack();
    expect(server![name]).toBe(value);
  });

  it('wait for the headers longer than for the next request, however long that is', () => {
    server!.keepAliveTimeout = 120_000;
    settings.raise();
    expect(server!.headersTimeout).toBe(121_000);
  });

  it.each(Object.keys(NODES_OWN) as (keyof typeof NODES_OWN)[])('keep a %s that was set meanwhile', (name) => {
    settings.raise();
    server![name] = 1_000;
    settings.giveBack();
    expect(read(server!)).toEqual({ ...NODES_OWN, [name]: 1_000 });
  });

  it('never lower the size of the headers below that of the process', () => {
    new ServerSettings({ ...SIZES, headerBytes: 1_024 }, () => server).raise();
    expect([undefined, maxHeaderSize]).toContain(server!.maxHeaderSize);
  });

  it('wait for a server that is not there yet', () => {
    const later = server;
    server = undefined;
    settings.raise();
    settings.giveBack();
    server = later;
    expect(read(server!)).toEqual(NODES_OWN);
    settings.raise();
    expect(server!.requestTimeout).toBe(HOUR_MS);
  });

  describe('of a server that listens already', () => {
    let port: number;

    beforeEach(async () => {
      const short = { requestTimeout: 50, headersTimeout: 50, keepAliveTimeout: 50, connectionsCheckingInterval: 10 };
      server = createServer(short, (req, res) => req.resume().on('end', () => res.end()));
      await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
      port = (server.address() as AddressInfo).port;
    });

    afterEach(() => {
      server!.close();
      server!.closeAllConnections();
    });

    const ask = (options: RequestOptions, pause = 0) =>
      new Promise((resolve, reject) => {
        const sent = request({ host: '127.0.0.1', port, method: 'POST', agent: false, ...options }, (res) => {
          res.resume().on('close', () => resolve(res.statusCode));
        });
        sent.on('error', reject);
        sent.write('a');
        setTimeout(() => sent.end('b'), pause);
      });

    it('let a slow body arrive', async () => {
      expect(await ask({}, 250)).toBe(408);
      settings.raise();
      expect(await ask({}, 250)).toBe(200);
    });

    it('let the cookies of 60 applications pass, and no more than that', async () => {
      const cookies = (bytes: number) => ask({ headers: { cookie: 'x'.repeat(bytes) } });
      expect(await cookies(23_000)).toBe(431);
      settings.raise();
      expect([await cookies(23_000), await cookies(60_000), await cookies(70_000)]).toEqual([200, 200, 431]);
      settings.giveBack();
      expect(await cookies(23_000)).toBe(431);
    });

    it('keep an idle connection open', async () => {
      const idleFor = () =>
        new Promise<number>((resolve) => {
          const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
          let answeredAt = 0;
          socket.once('data', () => (answeredAt = Date.now()));
          const open = setTimeout(() => socket.destroy(), 3_000);
          socket.once('close', () => {
            clearTimeout(open);
            resolve(Date.now() - answeredAt);
          });
        });
      expect(await idleFor()).toBeLessThan(2_500);
      settings.raise();
      expect(await idleFor()).toBeGreaterThan(2_500);
    });
  });
});
