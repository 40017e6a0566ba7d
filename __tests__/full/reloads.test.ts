import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TestHost } from '../helpers/test-host';

const HOOK = path.resolve(__dirname, '../helpers/timer-count.cjs');
const APP = 'reloaded';
const RELOADS = 10;
const SAMPLES = 10;

type Counts = Record<string, number>;

/** An application that reloads, by itself or by a plugin that is enabled in it, under the real launcher. */
describe('reloads of an application', () => {
  let host: TestHost;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'app-supervisor-timers-'));
    host = await TestHost.start({
      env: {
        APP_SUPERVISOR_MAX_RELOADS: '100',
        NODE_OPTIONS: `--require "${HOOK}"`,
        TIMER_COUNT_FILE: path.join(folder, 'timers.json'),
      },
    });
    expect((await host.create({ name: APP })).status).toBe(200);
    for (const values of [
      {
        title: 'every hour',
        type: 'schedule',
        config: { mode: 0, startsOn: new Date().toISOString(), repeat: 3_600_000 },
      },
      {
        title: 'after each sign-up',
        type: 'schedule',
        config: { mode: 1, collection: 'users', startsOn: { field: 'createdAt', offset: 1, unit: 3_600_000 } },
      },
    ]) {
      const created = await host.post(
        '/api/workflows:create',
        { ...values, enabled: true, current: true },
        await own(),
      );
      expect(created.status).toBe(200);
    }
  });

  afterAll(async () => {
    await host?.end();
    await rm(folder, { recursive: true, force: true });
  });

  const own = async () => ({ 'X-App': APP, ...(await host.bearer(APP)) });
  const untilUp = () =>
    host.until('it is up', async () => (await host.get('/api/app:getInfo', { 'X-App': APP })).status === 200);

  async function timersNow(): Promise<Counts> {
    const file = path.join(folder, 'timers.json');
    await rm(file, { force: true });
    process.kill(host.host.pid, 'SIGUSR2');
    let text = '';
    await host.until(
      'the timers are counted',
      async () => (text = await readFile(file, 'utf8').catch(() => '')) !== '',
    );
    return JSON.parse(text) as Counts;
  }

  /** The timers by the place that sets them: the fewest of several samples, since many are short. */
  async function timers(): Promise<Counts> {
    // Former loggers linger for five seconds, and pools close idle connections.
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    const samples: Counts[] = [];
    for (let sample = 0; sample < SAMPLES; sample += 1) samples.push(await timersNow());
    const places = new Set(samples.flatMap((sample) => Object.keys(sample)));
    const fewest = [...places].map(
      (place) => [place, Math.min(...samples.map((sample) => sample[place] ?? 0))] as const,
    );
    return Object.fromEntries(fewest.filter(([, count]) => count > 0));
  }

  /** Places that set more timers than before. */
  const more = (before: Counts, after: Counts) =>
    Object.entries(after).filter(([place, count]) => count > (before[place] ?? 0));

  const restart = async () => {
    expect((await host.post('/api/app:restart', {}, await own())).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await untilUp();
  };

  const toggle = async (action: 'enable' | 'disable') => {
    const url = `/api/pm:${action}?filterByTk=calendar&awaitResponse=true`;
    expect((await host.post(url, {}, await own())).status).toBe(200);
    await untilUp();
  };

  it(`leave no timer behind: ${RELOADS} restarts by itself`, async () => {
    await untilUp();
    await restart();
    const before = await timers();
    expect(Object.keys(before).join()).toContain('StaticScheduleTrigger');
    for (let reload = 0; reload < RELOADS; reload += 1) await restart();
    expect(more(before, await timers())).toEqual([]);
  });

  it(`leave no timer behind: ${RELOADS} times that a plugin is enabled or disabled`, async () => {
    await toggle('disable');
    await toggle('enable');
    const before = await timers();
    for (let reload = 0; reload < RELOADS / 2; reload += 1) {
      await toggle('disable');
      await toggle('enable');
    }
    expect(more(before, await timers())).toEqual([]);
  });

  it('lose no job that waits in the queue of the application', async () => {
    // `saveToStorage` and `loadFromStorage` of NocoBase's queue pass it on by this file.
    const files = await host.files();
    expect(files.filter((file) => file.endsWith('event-queue.json'))).toEqual([]);
    const resolved = async () => {
      const { body } = await host.get('/api/executions:list?pageSize=200&filter={"status":1}', await own());
      return body.meta.count as number;
    };
    const before = await resolved();
    const workflow = {
      title: 'on users',
      type: 'collection',
      sync: false,
      enabled: true,
      current: true,
      config: { collection: 'users', mode: 1 },
    };
    expect((await host.post('/api/workflows:create', workflow, await own())).status).toBe(200);
    const users = Array.from({ length: 20 }, (_, index) => ({ username: `u${index}`, password: 'Secret-1-secret' }));
    for (const user of users) expect((await host.post('/api/users:create', user, await own())).status).toBe(200);
    await restart();
    await host.until('all workflows were executed', async () => (await resolved()) === before + users.length);
  });
});
