import { FAULTY, placeFaultyPlugin, removeFaultyPlugin } from '../helpers/faulty-plugin';
import { TestHost, type Answer } from '../helpers/test-host';

/** Megabytes of the heap of this NocoBase. It needs about 400 for itself and six applications. */
const HEAP_MB = 900;

/** In use all the time. */
const NEIGHBOURS = ['shop0', 'shop1', 'shop2', 'shop3'];

/** One application fills the heap of a real NocoBase during one request, beside others that are in use. */
describe('an application that fills the memory of the process', () => {
  let host: TestHost;

  beforeAll(async () => {
    host = await TestHost.start({
      env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`, LOGGER_LEVEL: 'info', LOGGER_FORMAT: 'json' },
    });
    await placeFaultyPlugin(host.host.storageDir);
    for (const name of ['hog', ...NEIGHBOURS, 'idle']) expect((await host.create({ name })).status).toBe(200);
    await host.host.restart();
    const enabled = await host.post(
      `/api/pm:enable?filterByTk=${FAULTY}&awaitResponse=true`,
      {},
      { 'X-App': 'hog', ...(await host.bearer('hog')) },
    );
    expect(enabled.status).toBe(200);
    await host.until('it is up again', async () => (await ask('hog', 'faulty:slow?ms=1')).status === 200);
  });

  afterAll(async () => {
    await host?.end();
    await removeFaultyPlugin();
  });

  const ask = (app: string, action: string): Promise<Answer> => host.get(`/api/${action}`, { 'X-App': app });
  const state = async (app: string) => (await host.show(app)).body.data;

  it('is taken down with a code; the others and the process go on', async () => {
    const { pid } = host.host;
    expect((await ask('idle', 'app:getInfo')).status).toBe(200);
    const statuses: number[] = [];
    let over = false;
    const visits = ['main', ...NEIGHBOURS].map(async (app) => {
      while (!over) {
        statuses.push((await ask(app, 'app:getInfo')).status);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    });
    const answer = await ask('hog', 'faulty:hog?mb=20');
    over = true;
    await Promise.all(visits);
    expect([answer.status, answer.body.errors?.[0]?.code ?? answer.body.error?.code]).toEqual([
      503,
      'APP_MEMORY_EXHAUSTED',
    ]);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(host.host.pid).toBe(pid);
    expect(() => process.kill(pid, 0)).not.toThrow();
    expect(statuses.length).toBeGreaterThan(20);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect((await state('idle')).state).toBe('asleep');
    expect(await host.log('main')).toMatch(/heap is near its limit/);
  });

  it('comes back at a visit after its backoff', async () => {
    await host.until('it serves again', async () => (await ask('hog', 'app:getInfo')).status === 200);
    expect(await state('hog')).toMatchObject({ state: 'running' });
  });
});
