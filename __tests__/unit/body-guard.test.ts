import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import Koa from 'koa';
import { readConfig } from '../../server/config';
import { BodyGuard } from '../../server/limits/body-guard';
import { refuse } from '../../server/routing/refusal';
import { signToken } from './helpers/tokens';

// The package with which NocoBase parses bodies; it brings no types.
// eslint-disable-next-line @typescript-eslint/no-require-imports
const bodyParser = require('koa-bodyparser') as (options: object) => Koa.Middleware;

const SECRET = 'the secret of crm';
const TOKEN = `Bearer ${signToken({ userId: 1 }, SECRET)}`;
const KB = 1_024;

interface Answer {
  status: number;
  code?: string;
  body: string;
  headers: IncomingMessage['headers'];
}

interface Ask {
  body?: Buffer | string;
  headers?: Record<string, string>;
  method?: string;
  path?: string;
  /** Sent in pieces of this size, without a length. */
  chunk?: number;
}

/** NocoBase's own parser behind the guard, as in NocoBase: asked only after the first piece has arrived. */
describe('body guard', () => {
  let server: Server;
  let guard: BodyGuard;
  let port: number;
  /** What reached the application's handler. */
  let handled: number;
  let aborted: number;
  let ready: boolean;
  let bodyTimeMs: number;
  /** The applications that received bodies above the limit. */
  let noted: string[];

  beforeEach(async () => {
    [handled, aborted, ready, bodyTimeMs, noted] = [0, 0, true, 0, []];
    const { sizes } = readConfig(
      {
        APP_SUPERVISOR_ANONYMOUS_BODY_SIZE: '64',
        APP_SUPERVISOR_ANONYMOUS_BODY_VALUES: '100',
        APP_SUPERVISOR_BODY_VALUES: '1000',
        APP_SUPERVISOR_BODY_DEPTH: '60',
        REQUEST_BODY_LIMIT: '256kb',
      },
      () => undefined,
    );
    guard = new BodyGuard(
      {
        sizes,
        get ready() {
          return ready;
        },
        appOf: () => 'crm',
        secretOf: () => SECRET,
        maxBodyBytes: () => 512 * KB,
        bodyTimeMs: () => bodyTimeMs,
        refuse,
        noteTooLarge: (app) => noted.push(app),
      },
      20,
    );
    const app = new Koa();
    app.on('error', () => undefined);
    app.use(async (ctx, next) => {
      ctx.req.once('aborted', () => (aborted += 1));
      await next();
    });
    app.use(bodyParser({ jsonLimit: '10mb', formLimit: '10mb' }));
    app.use(async (ctx) => {
      // What no parser has read: uploads are written to a file.
      const { rawBody: parsed } = ctx.request as { rawBody?: string };
      if (parsed === undefined) for await (const piece of ctx.req) void piece;
      handled += 1;
      const { rawBody, body } = ctx.request as { rawBody?: string; body?: unknown };
      ctx.body = { received: rawBody?.length ?? null, body };
    });
    const callback = app.callback();
    server = createServer((req, res) => {
      setImmediate(() => {
        if (!res.headersSent) void callback(req, res);
      });
    });
    guard.install(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const end = Date.now() + 5_000;
    while (guard.unfinished > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
    guard.uninstall();
    expect(guard.unfinished).toBe(0);
  });

  function send({ body = '', headers = {}, method = 'POST', path = '/api/users:create', chunk }: Ask): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const bytes = Buffer.from(body);
      const length: Record<string, string> = chunk
        ? { 'transfer-encoding': 'chunked' }
        : { 'content-length': String(bytes.length) };
      const sent = request(
        { host: '127.0.0.1', port, agent: false, method, path, headers: { ...JSON_TYPE, ...length, ...headers } },
        (res) => {
          const parts: Buffer[] = [];
          res.on('data', (part: Buffer) => parts.push(part));
          res.on('end', () => {
            const text = Buffer.concat(parts).toString();
            const code = /"code":"(\w+)"/.exec(text)?.[1];
            resolve({ status: res.statusCode ?? 0, code, body: text, headers: res.headers });
          });
          res.on('error', reject);
        },
      );
      sent.on('error', reject);
      if (!chunk) sent.end(bytes);
      else void trickle(sent, bytes, chunk);
    });
  }

  async function trickle(sent: ReturnType<typeof request>, bytes: Buffer, size: number) {
    for (let at = 0; at < bytes.length && !sent.destroyed; at += size) {
      sent.write(bytes.subarray(at, at + size));
      await new Promise((resolve) => setImmediate(resolve));
    }
    sent.end();
  }

  const JSON_TYPE = { 'content-type': 'application/json' };
  const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
  const SIGNED = { authorization: TOKEN };
  const objects = (count: number) => `[${'{},'.repeat(count)}{}]`;
  const text = (bytes: number) => JSON.stringify({ text: 'a,b[{'.repeat(bytes / 5) });
  const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
  const tooLarge = { status: 413, code: 'APP_BODY_TOO_LARGE' };

  it.each<[string, Ask]>([
    ['an object', { body: '{"a":1}' }],
    ['nothing', { body: '' }],
    ['no type', { body: 'x', headers: { 'content-type': '' } }],
    ['49 values', { body: objects(48) }],
    ['a text of 60 KB full of commas', { body: text(60 * KB) }],
    ['50 levels', { body: nested(50) }],
    ['pieces of 1 byte', { body: '{"a":["x\\"",",",2]}', chunk: 1 }],
    ['a form', { body: 'a=1&b[]=2&b[]=3', headers: FORM }],
    ['with a token: 900 values', { body: objects(449), headers: SIGNED }],
    ['with a token: 250 KB of text', { body: text(250 * KB), headers: SIGNED }],
    ['with a token: 250 KB of text in pieces', { body: text(250 * KB), headers: SIGNED, chunk: 10_000 }],
    ['with a token: 60 levels', { body: nested(60), headers: SIGNED }],
    ['a form with a token', { body: 'a=1&'.repeat(900), headers: { ...FORM, ...SIGNED } }],
    ['a body of GET', { body: '{"a":1}', method: 'GET' }],
  ])('lets pass: %s', async (_, ask) => {
    const { status, body } = await send(ask);
    expect(status).toBe(200);
    const { received } = JSON.parse(body) as { received: number | null };
    if (ask.body !== 'x') expect(received ?? 0).toBe(String(ask.body).length);
    expect([handled, aborted]).toEqual([1, 0]);
  });

  const attacks: [string, Ask][] = [
    ['many objects', { body: objects(60) }],
    ['many numbers', { body: `[${'1,'.repeat(101)}1]` }],
    ['many members', { body: `{${'"a":1,'.repeat(101)}"b":1}` }],
    ['many empty arrays', { body: `[${'[],'.repeat(60)}1]` }],
    ['a deep array', { body: nested(51) }],
    ['a deep object', { body: '{"a":'.repeat(51) + '1' + '}'.repeat(51) }],
    ['only opening brackets', { body: '['.repeat(3_000) }],
    ['a long text', { body: text(70 * KB) }],
    ['a long key', { body: `{"${'k'.repeat(70 * KB)}":1}` }],
    ['much white space', { body: `{${' '.repeat(70 * KB)}}` }],
    ['a long number', { body: `[${'1'.repeat(70 * KB)}]` }],
    ['values after an error', { body: `{"a":}${objects(60)}` }],
    ['many parameters', { body: 'a=1&'.repeat(101), headers: FORM }],
    ['deep parameters', { body: `a${'[b]'.repeat(30_000)}=1`, headers: FORM }],
    ['an upper-case type', { body: objects(60), headers: { 'content-type': 'APPLICATION/JSON' } }],
    ['another JSON type', { body: objects(60), headers: { 'content-type': 'application/vnd.api+json' } }],
    ['a report', { body: objects(60), headers: { 'content-type': 'application/csp-report; a=b' } }],
    ['a type with a semicolon', { body: objects(60), headers: { 'content-type': 'application/json;' } }],
    ['a body of GET', { body: objects(60), method: 'GET' }],
    ['a wrong token', { body: objects(60), headers: { authorization: 'Bearer x' } }],
    [
      'a token of another application',
      { body: objects(60), headers: { authorization: `Bearer ${signToken({ userId: 1 }, 'other')}` } },
    ],
    ['with a token: 1,002 values', { body: objects(501), headers: SIGNED }],
    ['with a token: 61 levels', { body: nested(61), headers: SIGNED }],
    ['with a token: 260 KB', { body: text(260 * KB), headers: SIGNED }],
    ['of any other type: 520 KB', { body: 'x'.repeat(520 * KB), headers: { ...SIGNED, 'content-type': 'text/plain' } }],
    [
      'of many parts: 520 KB',
      { body: 'x'.repeat(520 * KB), headers: { 'content-type': 'multipart/form-data; boundary=b' } },
    ],
  ];

  describe.each(attacks)('refuses %s', (_, ask) => {
    it('of a known length', async () => {
      expect(await send(ask)).toMatchObject(tooLarge);
      expect([handled, noted]).toEqual([0, ['crm']]);
    });

    it('in pieces, of unknown length', async () => {
      const bytes = Buffer.byteLength(ask.body ?? '');
      expect(await send({ ...ask, chunk: Math.max(1, Math.ceil(bytes / 40)) })).toMatchObject(tooLarge);
      expect([handled, noted]).toEqual([0, ['crm']]);
    });

    it.each([
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
    ] as const)('packed by %s', async (encoding, pack) => {
      const headers = { ...ask.headers, 'content-encoding': encoding };
      const type = ask.headers?.['content-type'] ?? 'json';
      // No reader of NocoBase unpacks other types.
      if (/multipart|plain/.test(type)) return;
      const body = pack(Buffer.from(ask.body ?? ''));
      expect(await send({ ...ask, body, headers })).toMatchObject(tooLarge);
      expect(await send({ ...ask, body, headers, chunk: 17 })).toMatchObject(tooLarge);
      expect(handled).toBe(0);
    });
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const)('lets a body pass that is packed by %s', async (encoding, pack) => {
    for (const chunk of [undefined, 3]) {
      const { status, body } = await send({
        body: pack('{"a":[1,"ä"]}'),
        headers: { 'content-encoding': encoding },
        chunk,
      });
      expect([status, JSON.parse(body)]).toMatchObject([200, { body: { a: [1, 'ä'] } }]);
    }
  });

  it('unpacks no more than it lets pass: 1 GB of zeros', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20));
    expect(await send({ body: bomb, headers: { 'content-encoding': 'gzip' } })).toMatchObject(tooLarge);
  });

  it.each(['gzip', 'deflate', 'br'])('answers 400 to what is not %s', async (encoding) => {
    const headers = { 'content-encoding': encoding };
    const invalid = { status: 400, code: 'APP_BODY_INVALID' };
    expect(await send({ body: 'no archive at all', headers })).toMatchObject(invalid);
    const pack = encoding === 'br' ? brotliCompressSync : encoding === 'gzip' ? gzipSync : deflateSync;
    expect(await send({ body: pack(text(5 * KB)).subarray(0, -9), headers })).toMatchObject(invalid);
    expect(handled).toBe(0);
  });

  it('leaves unknown encodings to NocoBase', async () => {
    expect((await send({ body: '{}', headers: { 'content-encoding': 'x-gzip' } })).status).toBe(415);
  });

  it('says how much is allowed, and closes the connection', async () => {
    const answer = await send({ body: objects(60) });
    expect(answer.body).toContain('more than 100 values');
    expect(answer.headers).toMatchObject({ connection: 'close', 'content-type': 'application/json; charset=utf-8' });
    expect((await send({ body: text(70 * KB) })).body).toContain('more than 64 KB');
  });

  it('answers before the whole body has arrived, and closes soon after the client stops', async () => {
    const socket = connect(port, '127.0.0.1');
    const received: string[] = [];
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const answered = new Promise<void>((resolve) => {
      socket.on('data', (data) => {
        received.push(data.toString());
        resolve();
      });
    });
    socket.write(
      'POST /api/x:y HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{',
    );
    await answered;
    expect(received.join('')).toMatch(/^HTTP\/1\.1 413 /);
    // The client has half-closed its side when it sees the end of ours.
    await closed;
    expect(handled).toBe(0);
  });

  it('ends a handler that waits for the rest of a refused body', async () => {
    const answer = await send({ body: `{"a":"${'x'.repeat(30 * KB)}","b":${objects(200)}}`, chunk: 2_000 });
    expect(answer).toMatchObject(tooLarge);
    const end = Date.now() + 6_000;
    while (aborted === 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
    expect([aborted, handled]).toEqual([1, 0]);
  });

  it('says that NocoBase is starting while no token can be checked', async () => {
    ready = false;
    expect(await send({ body: objects(60), headers: SIGNED })).toMatchObject({ status: 503, code: 'APP_WAIT_TIMEOUT' });
    expect((await send({ body: '{}' })).status).toBe(200);
  });

  it('leaves nothing behind when it is taken off', async () => {
    guard.uninstall();
    expect((await send({ body: objects(60) })).status).toBe(200);
    expect(server.listenerCount('request')).toBe(1);
  });

  describe('the time of a body', () => {
    /** Sends a byte every 20 milliseconds, until there is an answer. */
    function drip(path: string, headers: Record<string, string>, forMs: number): Promise<number | undefined> {
      return new Promise((resolve) => {
        const sent = request({ host: '127.0.0.1', port, agent: false, method: 'POST', path, headers }, (res) => {
          clearInterval(timer);
          res.resume();
          sent.destroy();
          resolve(res.statusCode);
        });
        sent.on('error', () => resolve(undefined));
        const timer = setInterval(() => sent.write('x'), 20);
        setTimeout(() => {
          clearInterval(timer);
          sent.destroy();
          resolve(undefined);
        }, forMs).unref();
      });
    }
    const PARTS = { 'content-type': 'multipart/form-data; boundary=b' };

    it.each([
      ['JSON', '/api/users:create', JSON_TYPE],
      ['JSON with a token', '/api/attachments:create', { ...JSON_TYPE, ...SIGNED }],
      ['an upload without a token', '/api/attachments:create', PARTS],
      ['an upload to an action that takes none', '/api/users:list', { ...PARTS, ...SIGNED }],
      ['a body of no type', '/', {}],
      ['a body of no type with a token', '/api/x:create', SIGNED],
    ])('ends for %s', async (_, path, headers) => {
      bodyTimeMs = 100;
      expect(await drip(path, headers as Record<string, string>, 5_000)).toBe(408);
    });

    it('goes on for an upload with a token', async () => {
      bodyTimeMs = 100;
      expect(await drip('/api/attachments:create', { ...PARTS, ...SIGNED }, 600)).toBeUndefined();
      expect(aborted).toBeLessThanOrEqual(1);
    });

    it('goes on where the server has no limit', async () => {
      expect(await drip('/api/users:create', JSON_TYPE, 300)).toBeUndefined();
    });
  });
});
