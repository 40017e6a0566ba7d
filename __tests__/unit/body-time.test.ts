import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BodyTime } from '../../server/routing/body-time';

const HOUR_MS = 3_600_000;

describe('BodyTime', () => {
  let server: Server | undefined;
  let time: BodyTime;

  beforeEach(() => {
    server = createServer();
    time = new BodyTime(() => server);
  });

  it('is an hour instead of five minutes, and as it was before once it is given back', () => {
    const { headersTimeout } = server!;
    expect(server!.requestTimeout).toBe(300_000);
    time.extend();
    time.extend();
    expect([server!.requestTimeout, server!.headersTimeout]).toEqual([HOUR_MS, headersTimeout]);
    time.giveBack();
    time.giveBack();
    expect(server!.requestTimeout).toBe(300_000);
  });

  it.each([0, HOUR_MS, 2 * HOUR_MS])('leaves %d ms alone', (set) => {
    server!.requestTimeout = set;
    time.extend();
    expect(server!.requestTimeout).toBe(set);
    time.giveBack();
    expect(server!.requestTimeout).toBe(set);
  });

  it('leaves alone what somebody has set meanwhile', () => {
    time.extend();
    server!.requestTimeout = 1_000;
    time.giveBack();
    expect(server!.requestTimeout).toBe(1_000);
  });

  it('waits for a server that is not there yet', () => {
    const later = server;
    server = undefined;
    time.extend();
    time.giveBack();
    server = later;
    expect(server!.requestTimeout).toBe(300_000);
    time.extend();
    expect(server!.requestTimeout).toBe(HOUR_MS);
  });

  it('counts for a server that listens already: a slow body is no longer cut', async () => {
    const short = { requestTimeout: 50, headersTimeout: 50, connectionsCheckingInterval: 10 };
    const slow = createServer(short, (req, res) => req.resume().on('end', () => res.end()));
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const { port } = slow.address() as AddressInfo;
    const upload = () =>
      new Promise((resolve, reject) => {
        const sent = request({ host: '127.0.0.1', port, method: 'POST', agent: false }, (res) => {
          res.resume().on('close', () => resolve(res.statusCode));
        });
        sent.on('error', reject);
        sent.write('a');
        setTimeout(() => sent.end('b'), 250);
      });
    try {
      expect(await upload()).toBe(408);
      time = new BodyTime(() => slow);
      time.extend();
      expect(await upload()).toBe(200);
    } finally {
      slow.close();
      slow.closeAllConnections();
    }
  });
});
