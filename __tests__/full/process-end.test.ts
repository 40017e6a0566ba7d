import { randomBytes } from 'node:crypto';
import { Agent, get, type IncomingMessage } from 'node:http';
import WebSocket from 'ws';
import { FAULTY, placeFaultyPlugin, removeFaultyPlugin } from '../helpers/faulty-plugin';
import { TestHost, type Answer } from '../helpers/test-host';

interface Heard {
  status: number;
  headers: IncomingMessage['headers'];
  body: { error?: { code: string }; data?: { slow?: string; name?: string } };
}

/** What a client gets who has asked already, and who asks too late, when NocoBase is told to end. */
describe('the end of the process', () => {
  let host: TestHost;
  const run = randomBytes(3).toString('hex');
  const [one, two, three] = [`one-${run}`, `two-${run}`, `three-${run}`];

  beforeAll(async () => {
    // A copy would be made before anybody could interrupt it.
    const env = { APP_SUPERVISOR_SHUTDOWN_TIMEOUT: '25', APP_SUPERVISOR_TEMPLATES: 'off', LOGGER_LEVEL: 'info' };
    host = await TestHost.start({ env });
    await placeFaultyPlugin(host.host.storageDir);
    for (const name of [one, two]) expect((await host.create({ name })).status).toBe(200);
    await host.host.restart();
    for (const app of [one, 'main']) {
      const who = { 'X-App': app, ...(await host.bearer(app)) };
      const enabled = await host.post(`/api/pm:enable?filterByTk=${FAULTY}&awaitResponse=true`, {}, who);
      expect([app, enabled.status]).toEqual([app, 200]);
      await host.until(`${app} is up again`, async () => (await slow(app, 1)).status === 200);
    }
  });

  afterAll(async () => {
    await host?.end();
    await removeFaultyPlugin();
  });

  const slow = (app: string, ms: number): Promise<Answer> => host.get(`/api/faulty:slow?ms=${ms}`, { 'X-App': app });
  const state = async (app: string) => (await host.show(app)).body.data.state as string;
  /** Of NocoBase, to its database and those of its applications. */
  const connections = async () => {
    const databases = [host.host.database.database, one, two, three];
    const [found] = await host.sql<{ n: number }>(
      'SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = ANY($1) AND pid <> pg_backend_pid()',
      [databases],
    );
    return found?.n;
  };

  /** One request on a connection that stays open. */
  function hear(agent: Agent, path: string): Promise<Heard> {
    return new Promise((resolve, reject) => {
      const asked = get(`${host.host.url}${path}`, { agent }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (part: string) => (text += part));
        res.on('error', reject);
        res.on('end', () => {
          resolve({ status: res.statusCode ?? 0, headers: res.headers, body: JSON.parse(text) as Heard['body'] });
        });
      });
      asked.on('error', reject);
    });
  }

  it('answers who is in, refuses who comes, and leaves nothing open', async () => {
    await host.until('two sleeps', async () => (await state(two)) === 'asleep');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await hear(agent, '/api/app:getInfo')).status).toBe(200);
    const tab = new WebSocket(`${host.host.url.replace('http', 'ws')}/ws`);
    await new Promise((resolve) => tab.once('open', resolve));
    const closed = new Promise<number>((resolve) => tab.once('close', resolve));

    const waiting = [slow('main', 4_000), slow(one, 4_000), host.get('/api/app:getInfo', { 'X-App': two })];
    await host.until('two is held', async () => (await state(two)) === 'booting');
    const ended = host.host.untilEnded();
    // The log holds the end of the former process, too.
    const signals = async () => (await host.log('main')).split('SIGTERM: shutting down').length;
    const before = await signals();
    process.kill(host.host.pid, 'SIGTERM');
    await host.until('it refuses', async () => (await signals()) > before);

    const late = await hear(agent, '/api/app:getInfo');
    expect([late.status, late.body.error?.code]).toEqual([503, 'APP_SHUTTING_DOWN']);
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(0);
    expect(late.headers.connection).toBe('close');
    await expect(hear(new Agent(), '/api/app:getInfo')).rejects.toThrow('ECONNREFUSED');

    const answers = await Promise.all(waiting);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers.map(({ body }) => body.data.slow ?? body.data.name)).toEqual(['main', one, two]);
    expect((await ended).message).toContain('(exit code 0)');
    expect(await closed).toBe(1012);
    expect(await connections()).toBe(0);
    await host.host.restart();
  });

  it('answers who would take too long', async () => {
    await slow(one, 1);
    const waiting = [slow('main', 300_000), slow(one, 300_000)];
    await new Promise((resolve) => setTimeout(resolve, 500));
    const ended = host.host.untilEnded();
    process.kill(host.host.pid, 'SIGINT');
    const answers = await Promise.all(waiting);
    expect(answers.map(({ status, body }) => [status, body.error?.code ?? body])).toEqual([
      [503, 'APP_SHUTTING_DOWN'],
      [503, 'APP_SHUTTING_DOWN'],
    ]);
    expect((await ended).message).toContain('(exit code 0)');
    expect(await connections()).toBe(0);
    await host.host.restart();
  });

  it('hurries when it is asked again, and takes a making up again that was under way', async () => {
    const making = await host.act('create', {}, { name: three });
    expect(making.body.data.state).toBe('creating');
    const waiting = slow('main', 300_000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const ended = host.host.untilEnded();
    process.kill(host.host.pid, 'SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    process.kill(host.host.pid, 'SIGTERM');
    expect((await waiting).body.error.code).toBe('APP_SHUTTING_DOWN');
    expect((await ended).message).toContain('(exit code 0)');
    expect(await host.log('main')).toContain('SIGTERM again');
    expect(await connections()).toBe(0);
    await host.host.restart();
    await host.until('three is made', async () => (await state(three)) === 'running', 90_000);
  });
});
