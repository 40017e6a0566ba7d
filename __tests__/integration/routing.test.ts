import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import WebSocket from 'ws';
import { TestHost } from '../helpers/test-host';

/** Ways of reaching an application, tokens that do not cross, hostile requests, and WebSockets. */
describe('routing', () => {
  let host: TestHost;

  beforeAll(async () => {
    host = await TestHost.start({ env: { LOGGER_LEVEL: 'info' } });
    for (const values of [{ name: 'red', cname: 'red.example.test' }, { name: 'blue' }]) {
      expect((await host.create(values)).status).toBe(200);
    }
  });

  afterAll(() => host?.end());

  const named = async (url: string, headers: Record<string, string> = {}) => {
    const answer = await host.get(url, headers);
    return answer.status === 200
      ? (answer.body.data.name as string)
      : `${answer.status} ${answer.body.error?.code as string}`;
  };

  it.each([
    ['header', '/api/app:getInfo', { 'X-App': 'red' }],
    ['query', '/api/app:getInfo?__appName=red', {}],
    ['API path', '/api/__app/red/app:getInfo', {}],
    ['custom domain', '/api/app:getInfo', { Host: 'red.example.test' }],
    ['custom domain with port, dot and case', '/api/app:getInfo', { Host: 'Red.Example.test.:8080' }],
    ['subdomain', '/api/app:getInfo', { Host: 'red.localhost:13000' }],
    ['second base domain', '/api/app:getInfo', { Host: 'RED.apps.test' }],
    ['X-Hostname', '/api/app:getInfo', { 'X-Hostname': 'red.example.test' }],
    ['forwarded host of a trusted proxy', '/api/app:getInfo', { 'X-Forwarded-Host': 'red.example.test' }],
    ['own address against a header', '/api/app:getInfo', { Host: 'red.localhost', 'X-App': 'blue' }],
    ['own address against a query', '/api/app:getInfo?__appName=blue', { Host: 'red.localhost' }],
    ['own address against a path', '/api/__app/blue/app:getInfo', { Host: 'red.localhost' }],
    ['query over header', '/api/app:getInfo?__appName=red', { 'X-App': 'blue' }],
    ['path over query', '/api/__app/red/app:getInfo?__appName=blue', { 'X-App': 'blue' }],
  ])('reaches an application by %s', async (_way, url, headers) => {
    expect(await named(url, headers as Record<string, string>)).toBe('red');
  });

  it.each([
    ['no hint', {}],
    ['the bare base domain', { Host: 'localhost:13000' }],
    ['www', { Host: 'www.localhost' }],
    ['main', { Host: 'main.apps.test' }],
    ['an address', { Host: '127.0.0.1:13000' }],
    ['an IPv6 address', { Host: '[::1]:13000' }],
    ['a foreign domain', { Host: 'example.org' }],
    ['X-App: main', { 'X-App': 'main' }],
  ])('leaves to the main application: %s', async (_way, headers) => {
    expect(await named('/api/app:getInfo', headers as Record<string, string>)).toBe('main');
  });

  it.each(['/static/plugins/nope', '/static/plugins/@nope/nope/dist/client/index.js'])(
    'answers a request for a file of a plugin that is not installed: %s',
    async (url) => {
      for (const headers of [{}, { 'X-App': 'main' }] as Record<string, string>[]) {
        const { status, body } = await host.get(url, headers);
        expect([status, body.error.code]).toEqual([404, 'APP_FILE_NOT_FOUND']);
      }
    },
  );

  it('answers a request that names an unknown data source with 400', async () => {
    for (const app of ['main', 'red']) {
      const headers = { 'X-App': app, 'X-Data-Source': 'nope' };
      for (const url of ['/api/users:list', '/api/app:getInfo', '/api/nothing:list']) {
        const { status, body } = await host.get(url, headers);
        expect([app, url, status, body.errors[0].code]).toEqual([app, url, 400, 'APP_VALUE_INVALID']);
      }
      expect((await host.get('/api/app:getInfo', { ...headers, 'X-Data-Source': 'main' })).status).toBe(200);
    }
  });

  it('lets the token of one application into no other, by no way', async () => {
    const ways = (app: string): [string, Record<string, string>][] => [
      [`/api/__app/${app}/auth:check`, {}],
      ['/api/auth:check', { 'X-App': app }],
      [`/api/auth:check?__appName=${app}`, {}],
      ['/api/auth:check', { Host: `${app === 'main' ? 'www' : app}.localhost` }],
    ];
    for (const owner of ['main', 'red', 'blue']) {
      for (const target of ['main', 'red', 'blue']) {
        for (const [url, headers] of ways(target)) {
          const answer = await host.get(url, { ...headers, ...(await host.bearer(owner)) });
          expect([owner, target, url, answer.status]).toEqual([owner, target, url, owner === target ? 200 : 401]);
        }
      }
    }
    const byDomain = await host.get('/api/users:list', { Host: 'red.example.test', ...(await host.bearer('main')) });
    expect(byDomain.status).toBe(401);
  });

  it('answers an unknown application 404 on the very first request, API and page', async () => {
    expect(await named('/api/app:getInfo', { 'X-App': 'nope' })).toBe('404 APP_NOT_FOUND');
    expect(await named('/api/app:getInfo', { Host: 'nope.localhost' })).toBe('404 APP_NOT_FOUND');
    for (const [url, headers] of [
      ['/apps/nope/admin/', {}],
      ['/v/apps/nope/admin/', {}],
      ['/admin', { Host: 'nope.localhost' }],
    ] as const) {
      const page = await host.get(url, { Accept: 'text/html', ...headers });
      expect([url, page.status, page.headers['content-type']]).toEqual([url, 404, 'text/html; charset=utf-8']);
    }
  });

  /** Sends bytes as they are, and waits for whatever comes back, or for the end of the line. */
  const raw = (bytes: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(host.host.port, '127.0.0.1', () => socket.write(bytes));
      let text = '';
      socket.setTimeout(8_000, () => {
        socket.destroy();
        reject(new Error(`no answer to ${JSON.stringify(bytes.slice(0, 80))}`));
      });
      socket.on('data', (data) => {
        text += data.toString('latin1');
        if (/\r\n\r\n/.test(text)) socket.end();
      });
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });

  it('refuses hostile names without a trace, and leaves no client hanging', async () => {
    await host.get('/api/app:getInfo');
    const before = await host.files();
    const hostile = [
      '../../evil',
      '..%2f..%2fevil',
      'a'.repeat(300),
      'é',
      'a b',
      "a'b",
      'a"b',
      '__proto__',
      'constructor',
      'Main',
      '.',
      '%00',
      '<script>',
    ];
    for (const name of hostile) {
      const encoded = encodeURIComponent(name);
      const header = Buffer.from(name).toString('latin1');
      const answers = [
        await raw(`GET /api/app:getInfo HTTP/1.1\r\nHost: x\r\nX-App: ${header}\r\nConnection: close\r\n\r\n`),
        await raw(`GET /api/app:getInfo?__appName=${encoded} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
        await raw(`GET /api/__app/${encoded}/app:getInfo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
        await raw(`GET /files/${encoded}/1.png HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
        await raw(`GET /apps/${encoded}/admin/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
      ];
      // In a path of the API, `%2f` is a part of the name.
      const isTraversal = (index: number) => name.startsWith('../') && index > 2;
      const status = answers.map((answer) => answer.slice(0, 12));
      expect([name, ...status]).toEqual([name, ...status.map((_, at) => `HTTP/1.1 ${isTraversal(at) ? 400 : 404}`)]);
    }
    for (const query of [
      '__appName[]=red',
      '__appName=red&__appName=blue',
      '__appName[a]=red',
      '%5F%5FappName[]=red',
    ]) {
      const answer = await raw(`GET /api/app:getInfo?${query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect([query, answer.slice(0, 12)]).toEqual([query, 'HTTP/1.1 400']);
    }
    for (const line of [
      'X-App: a\u0001b',
      'Host: a\u0000b',
      'X-App:\tred\u007f',
      'Host: [::1',
      `Host: ${'h'.repeat(300)}`,
      'Host: ..',
      'Host: red.localhost:99999999',
    ]) {
      expect(await raw(`GET /api/app:getInfo HTTP/1.1\r\n${line}\r\nConnection: close\r\n\r\n`)).toMatch(
        /^HTTP\/1\.1 /,
      );
    }
    expect(
      await raw('GET /api/app:getInfo HTTP/1.1\r\nHost: x\r\nX-App: red\r\nX-App: blue\r\nConnection: close\r\n\r\n'),
    ).toMatch(/^HTTP\/1\.1 404/);
    expect(await host.files()).toEqual(before);
    expect(await host.sql('SELECT name FROM applications ORDER BY 1')).toEqual([{ name: 'blue' }, { name: 'red' }]);
  });

  it.each([
    '/storage/uploads/../apps/main/app_supervisor_key.dat',
    '/storage/uploads/%2e%2e/apps/main/aes_key.dat',
    '/storage/uploads/..%2fapps/main/jwt_secret.dat',
    '/storage/uploads/x/../../apps/main/jwt_secret.dat',
    '/storage/uploads/..\\apps\\main\\jwt_secret.dat',
    '/apps/red/../../storage/uploads/../apps/main/aes_key.dat',
    '/api/__app/red/../../../storage/uploads/../apps/main/aes_key.dat',
    '/files/red/../../storage/apps/main/aes_key.dat',
    '/dist/%2e%2e/apps/main/aes_key.dat',
    'http://x/storage/uploads/../apps/main/aes_key.dat',
    '/storage/uploads/%ff',
    '/ws/../x',
  ])('refuses the path %s to everybody who is signed in', async (url) => {
    for (const app of ['main', 'red']) {
      const { Authorization } = await host.bearer(app);
      const head = `Host: x\r\nX-App: ${app}\r\nAuthorization: ${Authorization}\r\nConnection: close`;
      expect(await raw(`GET ${url} HTTP/1.1\r\n${head}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
      expect(await raw(`GET /storage/apps/main/aes_key.dat HTTP/1.1\r\n${head}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 404 /);
    }
  });

  describe('what a TLS proxy asks', () => {
    const ask = async (domain: string, headers: Record<string, string> = {}) =>
      (await host.get(`/api/appSupervisor:ask?domain=${encodeURIComponent(domain)}`, headers)).status;

    it('is answered yes or no, and nothing else', async () => {
      const bytes = (domain: string) =>
        raw(`GET /api/appSupervisor:ask?domain=${domain} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      const head = (answer: string) => answer.replace(/^Date: .*\r\n/m, '').split('\r\n');
      const [yes, ...rest] = head(await bytes('red.example.test'));
      expect(yes).toBe('HTTP/1.1 200 OK');
      for (const host of ['nope.localhost', 'elsewhere.example', '%00', 'a'.repeat(4_000), '%F0%9F%98%80', '..']) {
        expect([host, ...head(await bytes(host))]).toEqual([host, 'HTTP/1.1 404 Not Found', ...rest]);
      }
      expect(rest.sort()).toEqual(['', '', 'Cache-Control: no-store', 'Connection: close', 'Content-Length: 0'].sort());
      for (const ours of ['red.localhost', 'BLUE.apps.test.', 'localhost', 'www.apps.test'])
        expect(await ask(ours)).toBe(200);
    });

    it('follows a removal and a change of domain at once', async () => {
      await host.act('destroy', { filterByTk: 'red' });
      expect([await ask('red.example.test'), await ask('red.localhost')]).toEqual([404, 404]);
      await host.act('restore', { filterByTk: 'red' });
      await host.act('update', { filterByTk: 'red' }, { cname: 'rouge.example.test' });
      expect([await ask('red.example.test'), await ask('rouge.example.test')]).toEqual([404, 200]);
      await host.act('update', { filterByTk: 'red' }, { cname: 'red.example.test' });
      expect(await ask('red.example.test')).toBe(200);
    });

    it('needs no database', async () => {
      const { database } = host.host.database;
      const allow = (yes: boolean) =>
        host.sql(`ALTER DATABASE "${database}" WITH ALLOW_CONNECTIONS ${String(yes)}`, [], 'postgres');
      await allow(false);
      try {
        await host.sql(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1',
          [database],
          'postgres',
        );
        expect((await host.get('/api/applications:list', await host.bearer('main'))).status).toBeGreaterThanOrEqual(
          500,
        );
        expect([await ask('red.localhost'), await ask('nope.localhost')]).toEqual([200, 404]);
      } finally {
        await allow(true);
      }
      await host.until('the main application answers again', async () => (await host.show('red')).status === 200);
    });
  });

  it('asks the database nothing to decide', async () => {
    const count = async () => {
      const rows = await host.sql<{ n: string }>(
        `SELECT (n_tup_ins + seq_tup_read + coalesce(idx_tup_fetch, 0) + seq_scan + coalesce(idx_scan, 0))::text AS n
           FROM pg_stat_user_tables WHERE relname = 'applications'`,
      );
      return Number(rows[0]?.n);
    };
    const settle = () => new Promise((resolve) => setTimeout(resolve, 1_500));
    await settle();
    const before = await count();
    for (let i = 0; i < 20; i += 1) {
      await host.get('/api/__health_check', { Host: 'red.example.test' });
      await host.get('/api/__health_check', { 'X-App': 'blue' });
      await host.get('/api/__health_check', { 'X-App': `unknown-${i}` });
      await host.get('/api/__health_check');
      await host.get('/api/appSupervisor:ask?domain=red.example.test');
    }
    await settle();
    // 100 requests; what was visited is written down once a minute.
    expect((await count()) - before).toBeLessThan(20);
  });

  it('frees the place of a visitor that leaves, and goes on booting', async () => {
    await host.act('stop', { filterByTk: 'blue', wait: 'true' });
    await host.sql(`UPDATE applications SET "stoppedAt" = NULL WHERE name = 'blue'`);
    await host.host.restart();
    const leaver = httpRequest(`${host.host.url}/api/app:getInfo`, { headers: { 'X-App': 'blue' } });
    leaver.on('error', () => undefined);
    leaver.end();
    await new Promise((resolve) => setTimeout(resolve, 150));
    leaver.destroy();
    await host.until('it runs all the same', async () => (await host.show('blue')).body.data.state === 'running');
  });

  describe('WebSocket', () => {
    interface Tab {
      socket: WebSocket;
      messages: { type: string; payload?: { code?: string } }[];
    }

    const open = (query: string, headers: Record<string, string> = {}) =>
      new Promise<Tab>((resolve, reject) => {
        const socket = new WebSocket(`ws://127.0.0.1:${host.host.port}/ws${query}`, { headers });
        const messages: Tab['messages'] = [];
        socket.on('message', (data: Buffer) =>
          messages.push(JSON.parse(data.toString('utf8')) as Tab['messages'][number]),
        );
        socket.on('open', () => resolve({ socket, messages }));
        socket.on('error', reject);
      });

    it('a tab on a sleeping application wakes nobody, and gets its messages when it is up', async () => {
      await host.host.restart();
      const tab = await open('?__appName=red');
      const token = await host.token('red').catch(() => undefined);
      expect(token).toBeDefined();
      tab.socket.send('ping');
      tab.socket.send('not json');
      tab.socket.send(JSON.stringify({ type: 'auth:token', payload: { token, authenticator: 'basic' } }));
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      expect((await host.show('red')).body.data.state).toBe('asleep');
      expect(tab.messages).toEqual([]);

      expect((await host.get('/api/app:getInfo', { 'X-App': 'red' })).status).toBe(200);
      await host.until('the tab is authorized', () =>
        Promise.resolve(tab.messages.some((message) => message.type === 'authorized')),
      );
      // Nothing else was pushed: neither "preparing" nor "stopped".
      expect(tab.messages.filter((message) => message.type === 'maintaining')).toEqual([]);

      await host.act('stop', { filterByTk: 'red', wait: 'true' });
      await host.until('the tab is told of the stop', () =>
        Promise.resolve(tab.messages.some((message) => message.payload?.code === 'APP_STOPPED')),
      );
      await host.act('start', { filterByTk: 'red', wait: 'true' });
      await host.until('the tab is told of the start', () =>
        Promise.resolve(
          tab.messages.at(-1)?.payload?.code === 'APP_RUNNING' ||
            tab.messages.some((m) => m.payload?.code === 'APP_RUNNING'),
        ),
      );
      tab.socket.close();
    });

    it('closes the tabs of an application that is removed, and of no other', async () => {
      expect((await host.create({ name: 'gone' })).status).toBe(200);
      const [gone, other] = [await open('?__appName=gone'), await open('?__appName=red')];
      const closed = new Promise<number>((resolve) => gone.socket.once('close', resolve));
      await host.act('destroy', { filterByTk: 'gone', dropDatabase: 'true', purge: 'true' });
      expect(await closed).toBe(1012);
      const heard = gone.messages.length;
      expect((await host.create({ name: 'gone' })).status).toBe(200);
      await host.act('start', { filterByTk: 'gone', wait: 'true' });
      expect(gone.messages.slice(heard)).toEqual([]);
      expect(other.socket.readyState).toBe(WebSocket.OPEN);
      other.socket.close();
    });

    it('answers an upgrade to another path', async () => {
      for (const url of ['/socket.io/', '/apps/red/ws/x']) {
        const answer = await new Promise((resolve, reject) => {
          const headers = { Connection: 'Upgrade', Upgrade: 'websocket' };
          const sent = httpRequest({ host: '127.0.0.1', port: host.host.port, path: url, headers });
          sent.on('response', (res) => resolve(res.resume().statusCode));
          sent.on('error', reject).end();
        });
        expect([url, answer]).toEqual([url, 404]);
      }
    });

    it('refuses tabs on applications that do not exist', async () => {
      await expect(open('?__appName=nope')).rejects.toThrow(/404/);
      await expect(open('?__appName[]=red')).rejects.toThrow(/400/);
      await expect(open('', { Host: 'nope.localhost' })).rejects.toThrow(/404/);
      const main = await open('');
      main.socket.send('{"type":"auth:token","payload":{}}');
      main.socket.close();
    });
  });
});
