import { createServer, get, IncomingMessage, ServerResponse, type OutgoingHttpHeader } from 'node:http';
import { Socket, type AddressInfo } from 'node:net';
import { atHead } from '../../server/routing/response-head';
import { separateOrigin, sharesOrigin } from '../../server/routing/shared-origin';

/** The response of a server that answers so, after its origin was separated. */
async function headersOf(answer: (res: ServerResponse) => void): Promise<IncomingMessage['headers']> {
  const server = createServer((_req, res) => {
    separateOrigin(res);
    answer(res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ port, host: '127.0.0.1', agent: false }, resolve).on('error', reject);
    });
    response.resume();
    return response.headers;
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

const POLICY = 'content-security-policy';
const withType = (type: string) => (res: ServerResponse) => res.setHeader('Content-Type', type).end('x');

describe('a response of an application at the host of others', () => {
  it.each([
    'text/html; charset=utf-8',
    'TEXT/HTML',
    'application/xhtml+xml',
    'image/svg+xml',
    'text/xml',
    'application/rss+xml',
    'application/javascript',
    'multipart/related',
    'unknown/unknown',
    '*/*',
    '',
  ])('has an origin of its own as %p', async (type) => {
    const headers = await headersOf(withType(type));
    expect(headers[POLICY]).toMatch(/^sandbox /);
    expect(headers[POLICY]).not.toContain('allow-same-origin');
    expect(headers[POLICY]).not.toContain('allow-top-navigation');
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  it.each([
    'application/json; charset=utf-8',
    'text/plain',
    'image/png',
    'application/pdf',
    'video/mp4',
    'text/event-stream',
  ])('needs none as %p, and its type is not guessed', async (type) => {
    const headers = await headersOf(withType(type));
    expect([headers[POLICY], headers['x-content-type-options']]).toEqual([undefined, 'nosniff']);
  });

  it.each<[string, (res: ServerResponse) => void]>([
    ['without a type', (res) => res.end('<script>')],
    ['with headers as an object', (res) => res.writeHead(200, { 'content-type': 'text/html' }).end('x')],
    ['with headers as a list', (res) => res.writeHead(200, ['Content-Type', 'text/html']).end('x')],
    ['with a reason', (res) => res.writeHead(200, 'fine', { 'Content-Type': 'text/html' }).end('x')],
    [
      'with another listener',
      (res) => (atHead(res, () => undefined), res.setHeader('Content-Type', 'text/html').end('x')),
    ],
    ['with a first part', (res) => (res.setHeader('Content-Type', 'text/html').write('x'), res.end())],
    [
      'after a type that was replaced',
      (res) => (res.setHeader('Content-Type', 'text/plain'), withType('text/html')(res)),
    ],
  ])('has an origin of its own %s', async (_, answer) => {
    expect((await headersOf(answer))[POLICY]).toMatch(/^sandbox /);
  });

  it.each<[OutgoingHttpHeader, string]>([
    ['sandbox', 'sandbox, sandbox allow-'],
    ["default-src 'self'", "default-src 'self', sandbox allow-"],
    [["img-src 'self'", "script-src 'none'"], "img-src 'self', script-src 'none', sandbox allow-"],
  ])('keeps the policy %j that it has', async (policy, expected) => {
    const headers = await headersOf((res) => {
      res.setHeader('Content-Security-Policy', policy);
      withType('text/html')(res);
    });
    expect(String(headers[POLICY])).toMatch(new RegExp(`^${expected.replaceAll('(', '')}`));
    const kept = await headersOf((res) => {
      res.setHeader('Content-Security-Policy', policy);
      withType('image/png')(res);
    });
    expect(kept[POLICY]).not.toContain('allow-');
  });
});

describe('a policy in the call that writes the head', () => {
  it.each<[string, (res: ServerResponse) => unknown]>([
    ['an object', (res) => res.writeHead(200, { 'Content-Type': 'text/html', 'content-security-policy': 'sandbox' })],
    ['a list', (res) => res.writeHead(200, ['Content-Type', 'text/html', 'Content-Security-Policy', 'sandbox'])],
    [
      'a reason',
      (res) => res.writeHead(200, 'OK', { 'Content-Type': 'text/html', 'Content-Security-Policy': 'sandbox' }),
    ],
  ])('as %s does not replace that of the shared origin', async (_case, write) => {
    const headers = await headersOf((res) => (write(res), res.end('x')));
    expect(String(headers[POLICY])).toMatch(/^sandbox, sandbox allow-/);
  });

  it('keeps several headers of one name', async () => {
    const headers = await headersOf((res) =>
      res.writeHead(200, ['Content-Type', 'text/plain', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']).end('x'),
    );
    expect(headers['set-cookie']).toEqual(['a=1', 'b=2']);
  });

  it('sets a header of an object once, however it is written', async () => {
    const headers = await headersOf((res) =>
      res.writeHead(200, { 'Content-Type': 'text/plain', 'x-own': 'a', 'X-Own': 'b' }).end('x'),
    );
    expect(headers['x-own']).toBe('b');
  });

  it('is there once when Node has refused a first head, of which no header is kept', async () => {
    const headers = await headersOf((res) => {
      expect(() => res.writeHead(0, { 'Content-Length': '5' })).toThrow('Invalid status code');
      res.writeHead(200, { 'Content-Type': 'text/html' }).end('xy');
    });
    expect(String(headers[POLICY]).match(/sandbox allow-downloads/g)).toHaveLength(1);
    expect(headers['content-length']).not.toBe('5');
  });

  it('is there also before the head, where another library has taken our place there', () => {
    const res = new ServerResponse(new IncomingMessage(new Socket()));
    separateOrigin(res);
    // No head is written, so that nothing of ours is called any more.
    expect(res.getHeader(POLICY)).toMatch(/^sandbox /);
    expect(res.getHeader('X-Content-Type-Options')).toBe('nosniff');
  });

  it('is there also after headers were taken away', async () => {
    const headers = await headersOf((res) => {
      for (const name of res.getHeaderNames()) res.removeHeader(name);
      res.setHeader('Content-Type', 'text/html').end('x');
    });
    expect(headers[POLICY]).toMatch(/^sandbox /);
    expect(headers['x-content-type-options']).toBe('nosniff');
  });
});

describe('the origin of an application', () => {
  it.each([
    ['header', true],
    ['query', true],
    ['path', true],
    ['files', true],
    ['hostname', true],
    ['domain', false],
    ['subdomain', false],
    ['default', false],
  ] as const)('that is named by %s is shared: %p', (via, shared) => {
    expect(sharesOrigin({ kind: 'app', name: 'crm', via })).toBe(shared);
    expect(sharesOrigin({ kind: 'main', via })).toBe(false);
  });
});
