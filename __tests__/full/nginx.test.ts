import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import WebSocket from 'ws';
import { filledIn, guideFile } from '../helpers/guides';
import { freePort, makeCertificate, Nginx } from '../helpers/nginx';
import { TestHost } from '../helpers/test-host';

const BASE = 'apps.example.com';
const DOMAIN = 'shop.example.org';
/** Another address of this machine's: a visitor's, as against the proxy's. */
const VISITOR = '127.0.0.2';

interface Received {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

interface Ask {
  method?: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
}

/** Passes everything on to a port, and keeps what was said. */
class Wire {
  said = '';

  private constructor(private readonly server: Server) {}

  static async to(port: number): Promise<Wire> {
    const server = createServer((socket) => {
      const onwards = connect(port, '127.0.0.1');
      socket.on('data', (data) => (wire.said += data.subarray(0, 4_096).toString('latin1')));
      socket.pipe(onwards).pipe(socket);
      for (const [one, other] of [
        [socket, onwards],
        [onwards, socket],
      ] as const) {
        one.on('error', () => other.destroy()).on('close', () => other.destroy());
      }
    });
    const wire = new Wire(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return wire;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The headers of the request that carries this mark, each as often as it was said. */
  headersOf(mark: string): string[] {
    const heads = this.said.split(/(?=(?:GET|POST) \/)/).map((text) => text.split('\r\n\r\n')[0] ?? '');
    const lines = heads.find((head) => head.includes(mark))?.split('\r\n') ?? [];
    return lines.slice(1).map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()));
  }

  close(): void {
    this.server.close();
  }
}

/** The configuration that `docs/guides/proxies.md` tells, in a real Nginx in front of a real NocoBase. */
describe('NocoBase behind Nginx, as the guide tells it', () => {
  let host: TestHost;
  let nginx: Nginx;
  let wire: Wire;
  let folder: string;
  let ca: string[];
  let port: number;
  let plainPort: number;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'app-supervisor-nginx-'));
    host = await TestHost.start({
      env: { APP_SUPERVISOR_BASE_DOMAIN: BASE, APP_SUPERVISOR_TRUSTED_PROXIES: undefined },
    });
    wire = await Wire.to(host.host.port);
    [port, plainPort] = [await freePort(), await freePort()];
    ca = [
      await makeCertificate(path.join(folder, BASE), [BASE, `*.${BASE}`]),
      await makeCertificate(path.join(folder, DOMAIN), [DOMAIN]),
    ];
    nginx = await Nginx.start(folder, {
      'snippets/nocobase.conf': guideFile('/etc/nginx/snippets/nocobase.conf'),
      'conf.d/nocobase.conf': filledIn(guideFile('/etc/nginx/conf.d/nocobase.conf'), {
        '127.0.0.1:13000': `127.0.0.1:${wire.port}`,
        'listen 80 ': `listen 127.0.0.1:${plainPort} `,
        'listen 443 ': `listen 127.0.0.1:${port} `,
        '/etc/ssl/nocobase/': `${folder}/`,
        '/var/www/acme': `${folder}/acme`,
      }),
    });
    for (const values of [{ name: 'crm' }, { name: 'shop', cname: DOMAIN }]) {
      expect((await host.create(values)).status).toBe(200);
    }
  });

  afterAll(async () => {
    await nginx?.stop();
    wire?.close();
    await host?.end();
    await rm(folder, { recursive: true, force: true });
  });

  const ask = (hostName: string, url: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Received> =>
    new Promise((resolve, reject) => {
      const options = {
        ...{ host: '127.0.0.1', port, path: url, method, ca, servername: hostName, localAddress: VISITOR },
        headers: { Host: hostName, ...headers },
        agent: false as const,
        timeout: 60_000,
      };
      const sent = httpsRequest(options, (answer) => {
        const pieces: Buffer[] = [];
        answer.on('data', (piece: Buffer) => pieces.push(piece));
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(pieces) }),
        );
        answer.on('error', reject);
      });
      sent.on('error', reject).on('timeout', () => sent.destroy(new Error('no answer')));
      sent.end(body);
    });
  const json = async (hostName: string, url: string, options?: Ask) => {
    const { status, headers, body } = await ask(hostName, url, options);
    return { status, headers, body: JSON.parse(body.toString() || 'null') };
  };
  const named = async (hostName: string, headers?: Record<string, string>) => {
    const { status, body } = await json(hostName, '/api/app:getInfo', { headers });
    return status === 200 ? (body.data.name as string) : `${status} ${body.error?.code as string}`;
  };
  const signIn = (hostName: string) => {
    const { email: account, password } = host.host.credentials;
    return json(hostName, '/api/auth:signIn', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Authenticator': 'basic' },
      body: JSON.stringify({ account, password }),
    });
  };
  const tokenOf = async (hostName: string) => (await signIn(hostName)).body.data.token as string;

  it('reaches the main application, an application by its subdomain, and one by its own domain', async () => {
    expect(await named(BASE)).toBe('main');
    expect(await named(`www.${BASE}`)).toBe('main');
    expect(await named(`crm.${BASE}`)).toBe('crm');
    expect(await named(`CRM.${BASE}`)).toBe('crm');
    expect(await named(DOMAIN)).toBe('shop');
    expect(await named(`nope.${BASE}`)).toBe('404 APP_NOT_FOUND');
    const page = await ask(`crm.${BASE}`, '/admin', { headers: { Accept: 'text/html' } });
    expect([page.status, page.headers['content-type']]).toEqual([200, expect.stringContaining('text/html')]);
  });

  it('speaks HTTP/2, as browsers do', async () => {
    const servername = `crm.${BASE}`;
    const createConnection = () => connectTls({ host: '127.0.0.1', port, ca, servername, ALPNProtocols: ['h2'] });
    const session = connectHttp2(`https://${servername}`, { createConnection });
    try {
      const text = await new Promise<string>((resolve, reject) => {
        session.on('error', reject);
        const stream = session.request({ ':path': '/api/app:getInfo' }).setEncoding('utf8');
        let said = '';
        stream.on('data', (piece: string) => (said += piece)).on('end', () => resolve(said));
        stream.on('error', reject).setTimeout(30_000, () => stream.destroy(new Error('no answer')));
      });
      expect(JSON.parse(text)).toMatchObject({ data: { name: 'crm' } });
    } finally {
      session.destroy();
    }
  });

  it('leads from http to https, and lets nobody in for a host that is none of ours', async () => {
    const location = await new Promise((resolve, reject) => {
      const headers = { Host: `crm.${BASE}` };
      httpRequest({ host: '127.0.0.1', port: plainPort, path: '/admin?x=1', headers, agent: false }, (answer) => {
        answer.resume();
        resolve([answer.statusCode, answer.headers.location]);
      })
        .on('error', reject)
        .end();
    });
    expect(location).toEqual([308, `https://crm.${BASE}/admin?x=1`]);
    await expect(ask('elsewhere.example.net', '/')).rejects.toThrow(/unrecognized name|alert/i);
  });

  it('offers each application at addresses that lead there', async () => {
    const headers = { Authorization: `Bearer ${await tokenOf(BASE)}` };
    const { body } = await json(BASE, '/api/applications:list?sort=name', { headers });
    const offered = (body.data as { name: string; address: { hosts: string[] } }[]).map(({ name, address }) => [
      name,
      address.hosts,
    ]);
    expect(offered).toEqual([
      ['crm', [`crm.${BASE}`]],
      ['shop', [DOMAIN, `shop.${BASE}`]],
    ]);
    for (const [name, hosts] of offered as [string, string[]][]) {
      for (const address of hosts) expect([address, await named(address)]).toEqual([address, name]);
    }
  });

  it('tells NocoBase of the visitor’s address, and that he came by https', async () => {
    const signedIn = await signIn(`crm.${BASE}`);
    expect(signedIn.status).toBe(200);
    const cookies = signedIn.headers['set-cookie'] ?? [];
    expect(cookies.length).toBeGreaterThan(0);
    expect(cookies.filter((cookie) => !/; secure/i.test(cookie))).toEqual([]);
    await named(`crm.${BASE}`, { 'X-Mark': 'a-visitor' });
    expect(wire.headersOf('a-visitor')).toEqual(
      expect.arrayContaining([
        `host: crm.${BASE}`,
        `x-forwarded-host: crm.${BASE}`,
        'x-forwarded-proto: https',
        `x-forwarded-for: ${VISITOR}`,
      ]),
    );
  });

  it('believes nothing of it from the visitor himself', async () => {
    const forged = {
      'X-Forwarded-Host': `crm.${BASE}`,
      'X-Forwarded-For': '192.0.2.66',
      'X-Forwarded-Proto': 'http',
      'X-Mark': 'a-forger',
    };
    expect(await named(BASE, forged)).toBe('main');
    expect(await named(DOMAIN, { 'X-Forwarded-Host': `crm.${BASE}` })).toBe('shop');
    const headers = wire.headersOf('a-forger').filter((line) => line.startsWith('x-forwarded-'));
    expect(headers.sort()).toEqual([
      `x-forwarded-for: ${VISITOR}`,
      `x-forwarded-host: ${BASE}`,
      'x-forwarded-proto: https',
    ]);
    // What Nginx keeps from them would have chosen the application.
    expect((await host.get('/api/app:getInfo', forged)).body.data.name).toBe('crm');
  });

  describe('WebSocket', () => {
    const open = (hostName: string) =>
      new Promise<{ socket: WebSocket; types: string[] }>((resolve, reject) => {
        const options = { ca, servername: hostName, headers: { Host: hostName }, handshakeTimeout: 10_000 };
        const socket = new WebSocket(`wss://127.0.0.1:${port}/ws`, options);
        const types: string[] = [];
        socket.on('message', (data: Buffer) => types.push((JSON.parse(data.toString()) as { type: string }).type));
        socket.on('open', () => resolve({ socket, types })).on('error', reject);
      });

    it.each([
      ['the main application', BASE],
      ['an application', `crm.${BASE}`],
      ['an application at its own domain', DOMAIN],
    ])('is open to %s, both ways', async (_whose, hostName) => {
      const { socket, types } = await open(hostName);
      const payload = { token: await tokenOf(hostName), authenticator: 'basic' };
      socket.send(JSON.stringify({ type: 'auth:token', payload }));
      await host.until('it is answered', () => Promise.resolve(types.includes('authorized')), 10_000);
      socket.close();
    });

    it('tells the pages of the main application of a change', async () => {
      const { socket, types } = await open(BASE);
      await host.act('update', { filterByTk: 'crm' }, { displayName: 'Customers' });
      await host.until('it is told', () => Promise.resolve(types.includes('app-supervisor:changed')), 10_000);
      socket.close();
    });

    it('is refused to an application that does not exist', async () => {
      await expect(open(`nope.${BASE}`)).rejects.toThrow(/404/);
    });
  });

  it('takes a file of many megabytes into an application, and gives it back', async () => {
    // NocoBase's own limit is 20 MB.
    const file = randomBytes(16 * 2 ** 20);
    const edge = `edge-${randomBytes(8).toString('hex')}`;
    const head = `--${edge}\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`;
    const body = Buffer.concat([Buffer.from(head), file, Buffer.from(`\r\n--${edge}--\r\n`)]);
    const bearer = { Authorization: `Bearer ${await tokenOf(`crm.${BASE}`)}` };
    const headers = {
      ...bearer,
      'Content-Type': `multipart/form-data; boundary=${edge}`,
      'Content-Length': String(body.length),
    };
    const uploaded = await json(`crm.${BASE}`, '/api/attachments:create', { method: 'POST', headers, body });
    expect(uploaded).toMatchObject({ status: 200, body: { data: { size: file.length } } });

    const address = new URL(uploaded.body.data.url as string, `https://crm.${BASE}`);
    let given = await ask(`crm.${BASE}`, address.pathname + address.search, { headers: bearer });
    if (given.status === 302) {
      const onwards = new URL(given.headers.location ?? '', `https://crm.${BASE}`);
      expect(onwards.host).toBe(`crm.${BASE}`);
      given = await ask(`crm.${BASE}`, onwards.pathname + onwards.search, { headers: bearer });
    }
    expect(given.status).toBe(200);
    expect(given.body.equals(file)).toBe(true);
  });

  it('holds a visitor while his application wakes up', async () => {
    await host.host.restart();
    await host.until('NocoBase is up', async () => (await host.get('/api/__health_check')).text === 'ok');
    expect((await host.show('crm')).body.data.state).toBe('asleep');
    expect(await named(`crm.${BASE}`)).toBe('crm');
    expect(await named(BASE)).toBe('main');
  });

  it('had nothing to complain of', async () => {
    expect(await nginx.errors()).not.toMatch(/\[(error|crit|alert|emerg)\](?!.*(unrecognized|rejected))/);
  });
});
