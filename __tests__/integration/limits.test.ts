import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Client } from 'pg';
import request from 'supertest';
import WebSocket from 'ws';
import { TestHost, type Answer } from '../helpers/test-host';

/** NocoBase's own library for tables; it brings no types here. */
const XLSX = createRequire(path.resolve(__dirname, '../../host/package.json'))('xlsx') as {
  utils: { aoa_to_sheet(rows: unknown[][]): object; book_new(): object; book_append_sheet(...parts: unknown[]): void };
  write(book: object, options: object): Buffer;
};

const NAME = 'bounded';
const APP = { 'X-App': NAME, 'X-Authenticator': 'basic' };
const MB = 2 ** 20;
/** Of one request; many times more in the field. */
const MAX_RECORDS = 20;
const NONE = {
  ...{ requestSlots: 0, requestRate: 0, body: 0, websocketConnections: 0, websocketMessages: 0 },
  ...{ users: 0, storage: 0 },
};

/**
 * The limits of one application through a launched host. Each test sends the same requests twice: without the limit
 * they pass, with it they are refused.
 */
describe('the limits of an application', () => {
  let host: TestHost;
  let bearer: Record<string, string>;

  beforeAll(async () => {
    host = await TestHost.start({
      env: { APP_SUPERVISOR_IDLE_TIMEOUT: '0', APP_SUPERVISOR_BODY_RECORDS: String(MAX_RECORDS) },
    });
    expect((await host.create({ name: NAME })).status).toBe(200);
    bearer = { ...(await host.bearer(NAME)), ...APP };
  });

  afterAll(() => host?.end());

  beforeEach(() => limit(NONE));

  async function limit(limits: object): Promise<void> {
    expect((await host.act('update', { filterByTk: NAME }, { limits })).status).toBe(200);
  }

  const codes = (answers: Answer[]) =>
    answers.map(({ status, body }) => (body?.error ?? body?.errors?.[0])?.code ?? status).sort();

  /** The refusal is counted, and the timeline has an event of it. */
  async function expectTold(reason: string): Promise<void> {
    const events = await host.get(
      `/api/applications:events?filterByTk=${NAME}&pageSize=100`,
      await host.bearer('main'),
    );
    const limited = (events.body.data as { type: string; reason: string }[]).filter(({ type }) => type === 'limited');
    expect(limited.filter((event) => event.reason === reason)).toHaveLength(1);
    const details = await host.get(`/api/applications:details?filterByTk=${NAME}`, await host.bearer('main'));
    expect(details.body.data.limits[reason].refused).toBeGreaterThan(0);
  }

  /** Main and the neighbours go on. */
  const expectMainServes = async () =>
    expect((await host.get('/api/users:list', await host.bearer('main'))).status).toBe(200);

  // ---- requests -----------------------------------------------------------------------------------------------------

  /** Sends four requests of which none can end before the others have been sent. */
  async function fourAtOnce(): Promise<{ answers: Answer[]; refusedEarly: Answer[] }> {
    const { host: server, port, user, password } = host.host.database;
    const client = new Client({ host: server, port, user, password, database: NAME, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await client.query('BEGIN');
      await client.query('LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
      const early: Answer[] = [];
      const asked = Array.from({ length: 4 }, async () => {
        const answer = await host.get('/api/users:list', bearer);
        early.push(answer);
        return answer;
      });
      // The queue is over after a second.
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      const refusedEarly = [...early];
      await expectMainServes();
      await client.query('COMMIT');
      return { answers: await Promise.all(asked), refusedEarly };
    } finally {
      await client.end();
    }
  }

  it('request slots: two are at work, one waits for its turn in vain, and one is refused at once', async () => {
    expect(codes((await fourAtOnce()).answers)).toEqual([200, 200, 200, 200]);
    await limit({ requestSlots: 2, requestQueue: 1, queueTimeout: 1 });
    const { answers, refusedEarly } = await fourAtOnce();
    expect(codes(answers)).toEqual([200, 200, 'APP_BUSY', 'APP_BUSY']);
    expect(codes(refusedEarly)).toEqual(['APP_BUSY', 'APP_BUSY']);
    for (const { status, headers } of refusedEarly) {
      expect([status, headers['retry-after'], headers['ratelimit-limit']]).toEqual([429, '1', '2']);
    }
    await expectTold('requestSlots');
  });

  it('request queue: a request that waits is served when a slot becomes free', async () => {
    await limit({ requestSlots: 2, requestQueue: 2, queueTimeout: 60 });
    const { answers, refusedEarly } = await fourAtOnce();
    expect([codes(answers), refusedEarly]).toEqual([[200, 200, 200, 200], []]);
  });

  it('request rate: what comes above it is answered with 429 and the time to wait', async () => {
    const send = () => Promise.all(Array.from({ length: 12 }, () => host.get('/api/app:getInfo', APP)));
    expect(new Set(codes(await send()))).toEqual(new Set([200]));
    await limit({ requestRate: 1, requestBurst: 3 });
    const answers = await send();
    const refused = answers.filter(({ status }) => status === 429);
    expect(new Set(codes(refused))).toEqual(new Set(['APP_TOO_MANY_REQUESTS']));
    expect(refused.length).toBeGreaterThan(0);
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(3);
    expect(refused[0]?.headers).toMatchObject({
      'retry-after': '1',
      'ratelimit-limit': '1',
      'ratelimit-remaining': '0',
    });
    await expectMainServes();
    await expectTold('requestRate');
  });

  // ---- bodies -------------------------------------------------------------------------------------------------------

  /** Sends a body and reads the answer, which may come before the body was sent. */
  function sendBody(headers: Record<string, string>, pieces: Buffer[]): Promise<{ status?: number; text: string }> {
    return new Promise((resolve, reject) => {
      const { port } = host.host;
      const options = { host: '127.0.0.1', port, method: 'POST', path: '/api/attachments:create', agent: false };
      const sent = httpRequest({ ...options, headers: { ...bearer, ...headers } }, (res: IncomingMessage) => {
        const read: Buffer[] = [];
        res.on('data', (piece: Buffer) => read.push(piece));
        const done = () => {
          sent.destroy();
          resolve({ status: res.statusCode, text: Buffer.concat(read).toString() });
        };
        res.on('end', done);
      });
      sent.setTimeout(60_000, () => sent.destroy(new Error('no answer')));
      sent.on('error', reject);
      for (const piece of pieces) sent.write(piece);
      if (pieces.length > 0) sent.end();
      else sent.flushHeaders();
    });
  }

  const part = (bytes: number) =>
    Buffer.from(
      `--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n${'x'.repeat(bytes)}\r\n--b--\r\n`,
    );
  const MULTIPART = { 'content-type': 'multipart/form-data; boundary=b' };
  /** In pieces that arrive one after the other. */
  const pieces = (body: Buffer) =>
    Array.from({ length: Math.ceil(body.length / 100_000) }, (_, at) =>
      body.subarray(at * 100_000, (at + 1) * 100_000),
    );

  it('body: one that is too large by its Content-Length is refused before it has arrived', async () => {
    const body = part(2 * MB);
    const sized = { ...MULTIPART, 'content-length': String(body.length) };
    expect((await sendBody(sized, pieces(body))).status).toBe(200);
    await limit({ body: 1 });
    const { status, text } = await sendBody(sized, []);
    expect([status, text]).toEqual([413, expect.stringContaining('APP_BODY_TOO_LARGE')]);
    await expectTold('body');
  });

  it('body: one without a length is refused while it arrives', async () => {
    const chunked = { ...MULTIPART, 'transfer-encoding': 'chunked' };
    expect((await sendBody(chunked, pieces(part(2 * MB)))).status).toBe(200);
    await limit({ body: 1 });
    const { status, text } = await sendBody(chunked, pieces(part(2 * MB)));
    expect([status, text]).toEqual([413, expect.stringContaining('APP_BODY_TOO_LARGE')]);
    expect((await sendBody(chunked, pieces(part(MB / 2)))).status).toBe(200);
  });

  // ---- WebSockets ---------------------------------------------------------------------------------------------------

  /** Opens a connection; resolves with the refusal where it is refused. */
  function openSocket(): Promise<WebSocket | { status?: number; headers: IncomingMessage['headers']; text: string }> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${host.host.port}/ws?__appName=${NAME}`);
      socket.on('open', () => resolve(socket));
      socket.on('error', reject);
      socket.on('unexpected-response', (_, res) => {
        let text = '';
        res.on('data', (piece: Buffer) => (text += piece.toString()));
        res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, text }));
      });
    });
  }

  const closed = (socket: WebSocket) => new Promise((resolve) => socket.on('close', resolve));

  it('WebSocket connections: one above the limit is answered with 429, until another one has closed', async () => {
    const three = async () => [await openSocket(), await openSocket(), await openSocket()] as const;
    const free = await three();
    for (const socket of free) {
      expect(socket).toBeInstanceOf(WebSocket);
      if (socket instanceof WebSocket) socket.close();
    }
    await Promise.all(free.map((socket) => closed(socket as WebSocket)));
    await limit({ websocketConnections: 2 });
    const [one, two, refused] = await three();
    expect([one, two].map((socket) => socket instanceof WebSocket)).toEqual([true, true]);
    expect(refused).toMatchObject({
      status: 429,
      headers: { 'retry-after': '5', 'ratelimit-limit': '2', 'content-type': 'application/json; charset=utf-8' },
      text: expect.stringContaining('APP_TOO_MANY_CONNECTIONS') as string,
    });
    (one as WebSocket).close();
    await closed(one as WebSocket);
    const next = await openSocket();
    expect(next).toBeInstanceOf(WebSocket);
    for (const socket of [two, next]) (socket as WebSocket).terminate();
    await expectTold('websocketConnections');
  });

  /** The code with which a connection closes that sends these messages. */
  async function converse(messages: string[]): Promise<number> {
    const socket = (await openSocket()) as WebSocket;
    const code = new Promise<number>((resolve) => socket.on('close', resolve));
    for (const message of messages) socket.send(message, () => undefined);
    setTimeout(() => socket.close(1000), 2_000);
    return code;
  }

  it('WebSocket messages: more in a second than the limit close their connection', async () => {
    const messages = Array<string>(20).fill('{"type":"x"}');
    expect(await converse(messages)).toBe(1000);
    await limit({ websocketMessages: 2 });
    expect(await converse(messages)).toBe(1008);
    expect(await converse(messages.slice(0, 3))).toBe(1000);
    await expectTold('websocketMessages');
  });

  it('WebSocket bytes: more in a second than a connection may send close it', async () => {
    const message = `{"type":"x","payload":"${'x'.repeat(200_000)}"}`;
    expect(await converse([message, message, message])).toBe(1000);
    expect(await converse(Array<string>(40).fill(message))).toBe(1008);
    await expectMainServes();
  });

  // ---- users and storage ----------------------------------------------------------------------------------------------

  const usersNow = async () =>
    (await host.sql<{ n: number }>('SELECT count(*)::int AS n FROM users', [], NAME))[0]?.n ?? 0;
  let sequence = 0;
  const username = () => `user${(sequence += 1)}`;
  const create = () => host.post('/api/users:create', { username: username(), password: 'User-4711' }, bearer);
  const signUp = () =>
    host.post('/api/auth:signUp', { username: username(), password: 'User-4711', confirm_password: 'User-4711' }, APP);

  async function importUsers(count: number): Promise<Answer> {
    const book = XLSX.utils.book_new();
    const rows = Array.from({ length: count }, () => [username()]);
    XLSX.utils.book_append_sheet(book, XLSX.utils.aoa_to_sheet([['Username'], ...rows]), 'Users');
    const columns = [{ dataIndex: ['username'], defaultTitle: 'Username', title: 'Username' }];
    return await request(host.host.url)
      .post('/api/users:importXlsx')
      .set(bearer)
      .field('columns', JSON.stringify(columns))
      .attach('file', XLSX.write(book, { type: 'buffer', bookType: 'xlsx' }), 'users.xlsx')
      .ok(() => true);
  }

  it.each<[string, () => Promise<Answer>, number]>([
    ['an administrator creates', create, 1],
    ['a visitor signs up as', signUp, 1],
    ['an import of a table brings', () => importUsers(3), 3],
  ])('users: one above the limit is refused that %s', async (_, add, count) => {
    const before = await usersNow();
    expect((await add()).status).toBe(200);
    expect(await usersNow()).toBe(before + count);
    await limit({ users: before + 2 * count - 1 });
    const refused = await add();
    expect([refused.status, codes([refused])]).toEqual([409, ['APP_USERS_LIMIT']]);
    expect(await usersNow()).toBe(before + count);
    await limit({ users: before + 2 * count });
    expect((await add()).status).toBe(200);
    await expectTold('users');
  });

  it('users: rows of collections that inherit from users count, and one above the limit is refused', async () => {
    const fields = [{ type: 'string', name: 'badge' }];
    for (const [name, inherits] of [
      ['staff', 'users'],
      ['guards', 'staff'],
    ]) {
      const made = await host.post('/api/collections:create', { name, inherits: [inherits], fields }, bearer);
      expect(made.status).toBe(200);
    }
    const before = await usersNow();
    await limit({ users: before + 2 });
    const add = (name: string) => host.post(`/api/${name}:create`, { badge: 'x' }, bearer);
    for (const name of ['staff', 'guards']) expect((await add(name)).status).toBe(200);
    for (const name of ['staff', 'guards', 'users']) {
      const refused = await add(name);
      expect([refused.status, codes([refused])]).toEqual([409, ['APP_USERS_LIMIT']]);
    }
    expect(await usersNow()).toBe(before + 2);
    expect((await host.post('/api/roles:create', { name: 'unlimited' }, bearer)).status).toBe(200);
  });

  it.each<[string, string, (count: number) => unknown]>([
    ['a list', 'users:create', (count) => Array(count).fill({})],
    ['a list of nothing', 'users:create', (count) => Array(count).fill(null)],
    ['a list in an association', 'roles/member/users:create', (count) => Array(count).fill({})],
    ['records in a record', 'roles:create', (count) => ({ name: `r${count}`, users: Array(count - 1).fill({}) })],
    ['changes', 'users:update?filterByTk=1', (count) => Array(count).fill({ id: 1, nickname: 'x' })],
  ])('records: one more than a request may write is refused, and nothing is written: %s', async (_, url, valuesOf) => {
    const before = await usersNow();
    const refused = await host.post(`/api/${url}`, valuesOf(MAX_RECORDS + 1) as object, bearer);
    expect([refused.status, codes([refused])]).toEqual([413, ['APP_BODY_TOO_LARGE']]);
    expect(refused.text).toContain(`${MAX_RECORDS} records`);
    expect(await usersNow()).toBe(before);
    expect((await host.post(`/api/${url}`, valuesOf(MAX_RECORDS) as object, bearer)).status).toBe(200);
    // The main application is never limited.
    const inMain = await host.post('/api/users:create', Array(MAX_RECORDS + 1).fill({}), await host.bearer('main'));
    expect(inMain.status).toBe(200);
  });

  it('storage: a new upload is refused, and everything else goes on', async () => {
    const upload = () => sendBody({ ...MULTIPART, 'content-length': String(part(1_000).length) }, [part(1_000)]);
    expect((await upload()).status).toBe(200);
    // The database alone is larger.
    await limit({ storage: 1 });
    const { status, text } = await upload();
    expect([status, text]).toEqual([413, expect.stringContaining('APP_STORAGE_LIMIT')]);
    expect((await create()).status).toBe(200);
    expect((await host.get('/api/users:list', bearer)).status).toBe(200);
    await expectTold('storage');
  });
});
