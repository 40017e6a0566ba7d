import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { addRetryAfter, removeRetryAfter } from '../../server/routing/retry-after';

let server: Server;
let answer: (res: ServerResponse) => void = (res) => res.end();

const ask = () =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const { port } = server.address() as AddressInfo;
    get({ port, host: '127.0.0.1', agent: false }, (res) => resolve(res.resume())).on('error', reject);
  });

beforeAll(async () => {
  server = createServer((_req, res) => answer(res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  addRetryAfter();
  addRetryAfter();
});

afterAll(async () => {
  removeRetryAfter();
  await new Promise((resolve) => server.close(resolve));
});

describe('Retry-After on every response', () => {
  it.each([
    [503, '5'],
    [429, '5'],
    [200, undefined],
    [404, undefined],
    [500, undefined],
    [502, undefined],
  ])('Retry-After: a response %d of other code carries %s', async (status, expected) => {
    answer = (res) => {
      res.statusCode = status;
      res.end('x');
    };
    expect((await ask()).headers['retry-after']).toBe(expected);
  });

  it.each<[string, (res: ServerResponse) => void]>([
    ['set before', (res) => void res.setHeader('Retry-After', '7').writeHead(503).end()],
    ['given as an object', (res) => void res.writeHead(503, { 'retry-after': '7' }).end()],
    ['given as a list', (res) => void res.writeHead(503, ['Retry-After', '7']).end()],
    ['given with a reason', (res) => void res.writeHead(503, 'Busy', { 'Retry-After': '7' }).end()],
  ])('Retry-After: one that is %s stays', async (_case, respond) => {
    answer = respond;
    const { headers, statusCode } = await ask();
    expect([statusCode, headers['retry-after']]).toEqual([503, '7']);
  });

  it('Retry-After: other headers of the same call are kept', async () => {
    answer = (res) => void res.writeHead(429, 'Slow down', { 'X-Own': '1' }).end('x');
    const { headers, statusMessage } = await ask();
    expect([headers['x-own'], headers['retry-after'], statusMessage]).toEqual(['1', '5', 'Slow down']);
  });

  it('Retry-After: is no longer added after the end of the plugin', async () => {
    answer = (res) => void res.writeHead(503).end();
    removeRetryAfter();
    expect((await ask()).headers['retry-after']).toBeUndefined();
    addRetryAfter();
    expect((await ask()).headers['retry-after']).toBe('5');
  });
});
