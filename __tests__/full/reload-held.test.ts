import { readdir } from 'node:fs/promises';
import WebSocket from 'ws';
import { FAULTY, placeFaultyPlugin, removeFaultyPlugin } from '../helpers/faulty-plugin';
import { TestHost } from '../helpers/test-host';

const APP = 'held';
const OTHER = 'other';
const READERS = 8;
/** Answers that come before and after the command. */
const AROUND = 24;

interface Heard {
  status: number;
  code?: string;
  /** Milliseconds. */
  took: number;
}

/** What visitors hear while an application, or the main one, reloads itself, under the real launcher. */
describe('requests during a command of their own application', () => {
  let host: TestHost;
  let headers: Record<string, Record<string, string>>;

  beforeAll(async () => {
    host = await TestHost.start({
      env: { APP_SUPERVISOR_MAX_RELOADS: '100', APP_SUPERVISOR_LIMIT_REQUEST_RATE: '0', LOGGER_LEVEL: 'info' },
    });
    await placeFaultyPlugin(host.host.storageDir);
    for (const name of [APP, OTHER]) expect((await host.create({ name })).status).toBe(200);
    await host.host.restart();
    headers = {};
    for (const app of [APP, OTHER, 'main']) headers[app] = { 'X-App': app, ...(await host.bearer(app)) };
  });

  afterAll(async () => {
    await host?.end();
    await removeFaultyPlugin();
  });

  async function read(app: string, url = '/api/users:list?pageSize=5'): Promise<Heard> {
    const began = performance.now();
    const answer = await fetch(`${host.host.url}${url}`, { headers: headers[app] });
    const body = (await answer.json().catch(() => ({}))) as { errors?: { code: string }[]; error?: { code: string } };
    const code = body.error?.code ?? body.errors?.[0]?.code;
    return { status: answer.status, code, took: Math.round(performance.now() - began) };
  }

  /** Readers in a closed loop, from before the work until after it. */
  async function readDuring(app: string, work: () => Promise<unknown>, readers = READERS): Promise<Heard[]> {
    const heard: Heard[] = [];
    let over = false;
    const loops = Array.from({ length: readers }, async () => {
      while (!over) heard.push(await read(app));
    });
    const further = async (count: number) => {
      const enough = heard.length + count;
      await host.until('the readers were answered', () => Promise.resolve(heard.length >= enough));
    };
    try {
      await further(AROUND);
      await work();
      await further(AROUND);
    } finally {
      over = true;
      await Promise.all(loops);
    }
    return heard;
  }

  function report(what: string, heard: Heard[]): void {
    const longest = Math.max(...heard.map(({ took }) => took));
    console.info(`${what}: ${heard.length} answers, the longest took ${longest} ms`);
  }

  const notOk = (heard: Heard[]) => heard.filter(({ status }) => status !== 200);
  const starts = async (app: string) => (await host.log(app)).split('restarting...').length;

  /** Gives a command, and waits for its end: a request that comes later is held until then. */
  async function command(app: string, action: string): Promise<void> {
    const before = await starts(app);
    const answer = await host.post(`/api/${action}`, {}, headers[app]);
    expect([action, answer.status]).toEqual([action, 200]);
    expect(await read(app)).toMatchObject({ status: 200 });
    await host.until('it has restarted', async () => (await starts(app)) > before);
  }

  /** The codes that an open page of the application hears by WebSocket. */
  async function listen(app: string) {
    const codes: string[] = [];
    const socket = new WebSocket(`${host.host.url.replace('http', 'ws')}/ws?__appName=${app}`);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.on('message', (data: Buffer) => {
      const { payload } = JSON.parse(data.toString()) as { payload?: { code?: string } };
      if (payload?.code) codes.push(payload.code);
    });
    return { codes, close: () => socket.terminate() };
  }

  const enable = `pm:enable?filterByTk=${FAULTY}`;
  const disable = `pm:disable?filterByTk=${FAULTY}`;

  it.each([
    ['app:restart'],
    ['app:refresh'],
    [enable],
    [`${disable}&awaitResponse=true`],
    [`${enable}&awaitResponse=true`],
    [disable],
  ])('of a sub-application are answered 200: %s', async (action) => {
    const page = await listen(APP);
    const heard = await readDuring(APP, () => command(APP, action));
    page.close();
    report(action.replace(FAULTY, 'faulty'), heard);
    expect(notOk(heard)).toEqual([]);
    expect(page.codes).toEqual(expect.arrayContaining(['APP_COMMANDING', 'APP_RUNNING']));
  });

  it.each([['app:refresh'], ['app:restart'], [`${enable}&awaitResponse=true`], [disable]])(
    'of the main application are answered 200, and so are those of others: %s',
    async (action) => {
      let others: Heard[] = [];
      const heard = await readDuring('main', async () => {
        others = await readDuring(OTHER, () => command('main', action), 2);
      });
      report(`main, ${action.replace(FAULTY, 'faulty')}`, heard);
      expect(notOk([...heard, ...others])).toEqual([]);
    },
  );

  it('that are at work when it begins come to their end first', async () => {
    await command(APP, `${enable}&awaitResponse=true`);
    const slow = read(APP, '/api/faulty:slow?ms=3000');
    await new Promise((resolve) => setTimeout(resolve, 500));
    const began = performance.now();
    await command(APP, 'app:restart');
    expect(performance.now() - began).toBeGreaterThan(2_000);
    expect(await slow).toMatchObject({ status: 200 });
  });

  it('leave no descriptor behind', async () => {
    if (process.platform !== 'linux') return;
    const open = async () => (await readdir(`/proc/${host.host.pid}/fd`)).length;
    const settled = async () => {
      // Former loggers linger for five seconds, and pools close idle connections.
      await new Promise((resolve) => setTimeout(resolve, 20_000));
      return open();
    };
    const before = await settled();
    for (let round = 0; round < 3; round += 1) {
      expect(notOk(await readDuring(APP, () => command(APP, 'app:restart')))).toEqual([]);
      expect(notOk(await readDuring('main', () => command('main', 'app:refresh')))).toEqual([]);
    }
    await settled();
    await host.until('the descriptors are as before', async () => (await open()) <= before);
  });
});
