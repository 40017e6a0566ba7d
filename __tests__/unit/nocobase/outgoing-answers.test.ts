import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { boundClient, boundedRequest } from '../../../server/nocobase/outgoing-answers';

/** The client of NocoBase. */
const host = createRequire(path.resolve('host/node_modules/x.js'));
const axios = host('axios') as {
  create(): { get(url: string, config?: object): Promise<{ data: unknown }>; interceptors: object };
};

const MB = 2 ** 20;
const answers: Record<string, { body: Buffer; headers?: Record<string, string> }> = {
  '/small': { body: Buffer.from('{"a":1}') },
  '/text': { body: Buffer.from('x'.repeat(1_000)) },
  '/large': { body: Buffer.from(JSON.stringify({ text: 'x'.repeat(9 * MB) })) },
  '/bomb': { body: gzipSync(Buffer.alloc(60 * MB, '[')), headers: { 'Content-Encoding': 'gzip' } },
  '/deep': { body: gzipSync('['.repeat(5 * MB)), headers: { 'Content-Encoding': 'gzip' } },
  '/many': { body: Buffer.from(`[${'{},'.repeat(300_000)}{}]`) },
  '/commas': { body: Buffer.from('a,'.repeat(300_000)) },
  '/file': { body: Buffer.alloc(20 * MB) },
};

let server: Server;
let base: string;
let current: string | undefined;
const client = axios.create();

beforeAll(async () => {
  server = createServer((req, res) => {
    const answer = answers[req.url ?? ''];
    res.writeHead(answer ? 200 : 302, answer?.headers ?? { Location: '/again' }).end(answer?.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  boundClient(client, () => current);
  boundClient(client, () => current);
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  current = 'crm';
});

const outcome = (url: string, config?: object) =>
  client.get(base + url, config).then(
    ({ data }) => data,
    (error: { code?: unknown; message: string }) => `${String(error.code)} ${error.message}`,
  );

describe('what an application is answered by another server', () => {
  it.each([
    ['/bomb', 'APP_BODY_TOO_LARGE'],
    ['/file', 'APP_BODY_TOO_LARGE'],
    ['/deep', 'APP_VALUE_INVALID'],
    ['/many', 'APP_VALUE_INVALID'],
    ['/again', 'Maximum number of redirects exceeded'],
  ])('is bounded: %s', async (url, expected) => {
    expect(await outcome(url)).toContain(expected);
  });

  it('comes through if it is of a usual size, and a file if it is larger', async () => {
    expect(await outcome('/small')).toEqual({ a: 1 });
    expect(await outcome('/text')).toHaveLength(1_000);
    expect(await outcome('/large')).toEqual({ text: expect.any(String) as string });
    expect(await outcome('/file', { responseType: 'arraybuffer' })).toHaveLength(20 * MB);
    expect(await outcome('/bomb', { responseType: 'arraybuffer' })).toContain('APP_BODY_TOO_LARGE');
  });

  it('is told as an answer with an error, as plugins pass it on', async () => {
    for (const [url, status, code] of [
      ['/bomb', 413, 'APP_BODY_TOO_LARGE'],
      ['/deep', 400, 'APP_VALUE_INVALID'],
    ] as const) {
      const error = await client.get(base + url).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ isAxiosError: true, response: { status, data: { errors: [{ code }] } } });
    }
  });

  it('may be a text with many commas, and a stream of any length', async () => {
    expect(await outcome('/commas')).toHaveLength(600_000);
    expect(boundedRequest({ responseType: 'stream' }).maxContentLength).toBeUndefined();
  });

  it('is not bounded in the main application', async () => {
    current = undefined;
    expect(await outcome('/file')).toHaveLength(20 * MB);
  });

  it('keeps a smaller bound that the caller has set', () => {
    expect(boundedRequest({ maxContentLength: 10, maxRedirects: 0 })).toMatchObject({
      maxContentLength: 10,
      maxRedirects: 0,
    });
    expect(boundedRequest({ timeout: 5_000 })).toMatchObject({ timeout: 5_000 });
    expect(boundedRequest({})).toMatchObject({ timeout: 600_000 });
    expect(boundedRequest({ timeout: 86_400_000, maxContentLength: -1, maxRedirects: 50 })).toMatchObject({
      timeout: 600_000,
      maxContentLength: 10 * MB,
      maxRedirects: 5,
    });
  });
});
