import { gzipSync } from 'node:zlib';
import WebSocket from 'ws';
import { LoopProbe } from '../helpers/loop-probe';
import { TestHost } from '../helpers/test-host';

/** Without a valid token, the event loop never stands still for longer. */
const MAX_ANONYMOUS_MS = 250;
/** With one, the aim is the same; this is far above it, and far below a body without bounds. */
const MAX_SIGNED_MS = 750;

/**
 * Bodies, addresses and WebSocket messages are measured before they are parsed, through a real host: a refused one is
 * never parsed and wakes no application.
 */
describe('sizes', () => {
  let host: TestHost;
  let token: Record<string, string>;
  let probe: LoopProbe;

  beforeAll(async () => {
    probe = await LoopProbe.open();
    host = await TestHost.start({ env: probe.env });
    expect((await host.create({ name: 'sized' })).status).toBe(200);
    token = await host.bearer('sized');
  });

  afterAll(async () => {
    await host?.end();
    await probe?.close();
  });

  const objects = (count: number) => Array.from({ length: count }, () => ({}));
  const signIn = (app: string, body: object, headers: Record<string, string> = {}) =>
    host.post('/api/auth:signIn', body, { 'X-App': app, ...headers });

  it.each(['main', 'sized'])('of bodies are bounded without a token: %s', async (app) => {
    const many = await signIn(app, objects(2_600));
    expect([many.status, many.body.error]).toMatchObject([413, { code: 'APP_BODY_TOO_LARGE' }]);
    const long = await signIn(app, { account: 'x'.repeat(2 ** 20) });
    expect([long.status, long.body.error.code]).toEqual([413, 'APP_BODY_TOO_LARGE']);
    // Within the bounds it is NocoBase that refuses.
    expect((await signIn(app, objects(2_400))).status).not.toBe(413);
  });

  it('of bodies are wider with a token of the application, also while it sleeps, and of no other', async () => {
    const body = objects(5_000);
    expect((await signIn('sized', body, await host.bearer('main'))).status).toBe(413);
    expect((await host.act('stop', { filterByTk: 'sized', wait: 'true' })).status).toBe(200);
    // Stopped: its secret is known from its row. The answer is that of a stopped application.
    expect((await signIn('sized', body, token)).status).toBe(503);
    expect((await signIn('sized', body)).status).toBe(413);
    expect((await host.act('start', { filterByTk: 'sized', wait: 'true' })).status).toBe(200);
    expect((await signIn('sized', body, token)).status).not.toBe(413);
    expect((await signIn('sized', objects(31_000), token)).status).toBe(413);
  });

  /** The longest standstill of the event loop while `send` runs. */
  async function blockedBy(send: () => Promise<unknown>): Promise<number> {
    await probe.figures(host);
    await send();
    return (await probe.figures(host)).blockedMs;
  }

  const list = (count: number, element: string) => `{"values":[${`${element},`.repeat(count)}0]}`;
  const members = (count: number) =>
    `{${Array.from({ length: count }, (_, index) => `"k${index}":${index}`).join(',')}}`;
  const raw = (path: string, text: string, headers: Record<string, string> = {}) =>
    fetch(`${host.host.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-app': 'sized', 'x-authenticator': 'basic', ...headers },
      body: text,
    });

  it.each<[string, () => string]>([
    ['9.9 MB of empty objects', () => list(3_400_000, '{}')],
    ['9.9 MB of one text', () => `{"account":"${'x'.repeat(9_900_000)}"}`],
    ['9.9 MB of nested arrays', () => '['.repeat(9_900_000)],
    ['the most empty objects', () => list(2_400, '{}')],
    ['the most members', () => members(2_400)],
    ['the longest text', () => `{"account":"${'x'.repeat(1_040_000)}","password":"x"}`],
    ['the longest text of escapes', () => `{"account":"${'\\n'.repeat(520_000)}","password":"x"}`],
  ])('of bodies without a token never block the event loop: %s', async (_, text) => {
    for (const path of ['/api/auth:signIn', '/api/users:create', '/api/auth:signUp']) {
      const blocked = await blockedBy(async () => {
        expect((await raw(path, text())).status).toBeLessThan(500);
      });
      expect(blocked).toBeLessThan(MAX_ANONYMOUS_MS);
    }
  });

  it.each<[string, (share: number) => string]>([
    ['empty objects', (share) => list(29_000 * share, '{}')],
    ['objects with a member', (share) => list(19_900 * share, '{"a":1}')],
    ['members', (share) => members(29_000 * share)],
    ['rows', (share) => list(2_700 * share, members(10))],
  ])('of bodies with a token hold the event loop up for a moment only: %s', async (_, text) => {
    for (const path of ['/api/auth:signIn', '/api/users:update?filterByTk=0', '/api/flowModels:save']) {
      const blocked = await blockedBy(async () => {
        expect((await raw(path, text(1), token)).status).not.toBe(413);
      });
      expect(blocked).toBeLessThan(MAX_SIGNED_MS);
      expect((await raw(path, text(1.2), token)).status).toBe(413);
    }
  });

  it('of what NocoBase itself sends are no bounds: a large page, and a long rich text', async () => {
    const node = (name: string, inner: object = {}) => ({
      ...{ type: 'void', name, title: `{{t("${name}")}}`, 'x-component': 'CardItem', 'x-uid': `uid-${name}` },
      ...{ 'x-component-props': { bordered: false, title: name }, 'x-decorator': 'FormItem', properties: inner },
    });
    const nodes = Object.fromEntries(Array.from({ length: 1_200 }, (_, index) => [`n${index}`, node(`n${index}`)]));
    const page = await raw('/api/uiSchemas:insert', JSON.stringify(node('page', nodes)), token);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('uid-page')]);
    const fields = [{ name: 'text', type: 'text', interface: 'richText' }];
    const collection = await raw('/api/collections:create', JSON.stringify({ name: 'articles', fields }), token);
    expect(collection.status).toBe(200);
    const article = await raw('/api/articles:create', JSON.stringify({ text: `<p>${'é'.repeat(2 ** 20)}</p>` }), token);
    expect(article.status).toBe(200);
  });

  it('of packed bodies are those of what is in them', async () => {
    const answer = await fetch(`${host.host.url}/api/auth:signIn`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify(objects(100_000))),
    });
    expect([answer.status, await answer.json()]).toMatchObject([413, { error: { code: 'APP_BODY_TOO_LARGE' } }]);
  });

  it('of addresses are bounded', async () => {
    const answer = await host.get(`/api/users:list?filter=${'x'.repeat(17_000)}`);
    expect([answer.status, answer.body.error.code]).toEqual([414, 'APP_URL_TOO_LONG']);
  });

  /** Sends messages; resolves with the code of the close, and how many answers there were. */
  function converse(app: string, messages: string[]): Promise<{ code: number; answers: number }> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`${host.host.url.replace('http', 'ws')}/ws?__appName=${app}`);
      let answers = 0;
      socket.on('message', () => (answers += 1));
      socket.on('close', (code) => resolve({ code, answers }));
      socket.on('error', reject);
      socket.on('open', () => {
        for (const message of messages) socket.send(message, () => undefined);
        setTimeout(() => socket.close(1000), 3_000).unref();
      });
    });
  }

  describe.each(['main', 'sized'])('of WebSocket messages to %s', (app) => {
    it.each([
      ['larger than 1 MB', [`"${'x'.repeat(2 ** 20)}"`], 1009],
      ['with many values', [JSON.stringify({ type: 'x', payload: objects(3_000) })], 1008],
      ['deeply nested', ['['.repeat(100)], 1008],
      ['too many at once', Array<string>(300).fill('{"type":"x"}'), 1008],
      ['too many introductions', Array<string>(100).fill('{"type":"auth:token","payload":{"token":"x"}}'), 1008],
    ])('close the connection: %s', async (_, messages, code) => {
      expect(await converse(app, messages)).toEqual({ code, answers: 0 });
    });

    it('do not close it for an introduction', async () => {
      const { Authorization = '' } = await host.bearer(app);
      const introduction = { type: 'auth:token', payload: { token: Authorization.slice('Bearer '.length) } };
      expect(await converse(app, ['ping', JSON.stringify(introduction)])).toEqual({ code: 1000, answers: 1 });
    });
  });
});
