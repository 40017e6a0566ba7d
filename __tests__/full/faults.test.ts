import { readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { FAULTY, placeFaultyPlugin, removeFaultyPlugin } from '../helpers/faulty-plugin';
import { TestHost, type Answer } from '../helpers/test-host';

/** An application that throws where nobody catches it, under the real launcher, where SES ends the process for it. */
describe('faults', () => {
  let host: TestHost;
  let pid: number;

  beforeAll(async () => {
    host = await TestHost.start({
      env: { APP_SUPERVISOR_MAX_FAULTS: '10', LOGGER_LEVEL: 'info', LOGGER_FORMAT: 'json' },
    });
    await placeFaultyPlugin(host.host.storageDir);
    for (const name of ['faulty', 'sibling']) expect((await host.create({ name })).status).toBe(200);
    await host.host.restart();
    const enabled = await host.post(
      `/api/pm:enable?filterByTk=${FAULTY}&awaitResponse=true`,
      {},
      { 'X-App': 'faulty', ...(await host.bearer('faulty')) },
    );
    expect(enabled.status).toBe(200);
    await host.until('it is up again', async () => (await ask('faulty:slow?ms=1')).status === 200);
    pid = host.host.pid;
  });

  afterAll(async () => {
    await host?.end();
    await removeFaultyPlugin();
  });

  const ask = (action: string, app = 'faulty'): Promise<Answer> => host.get(`/api/${action}`, { 'X-App': app });
  const visit = (app: string) => ask('app:getInfo', app);
  const view = async () => (await host.show('faulty')).body.data;
  const faults = async () => (await view()).faults as { count: number; last: object } | null;

  /** While `work` is done, nobody else notices anything. */
  async function unnoticed(work: () => Promise<void>): Promise<void> {
    const statuses: number[] = [];
    let over = false;
    const visitors = ['main', 'sibling'].map(async (app) => {
      while (!over) {
        statuses.push((await visit(app)).status);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    try {
      await work();
    } finally {
      over = true;
      await Promise.all(visitors);
    }
    expect(statuses.length).toBeGreaterThan(2);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(host.host.pid).toBe(pid);
    expect(() => process.kill(pid, 0)).not.toThrow();
  }

  it('does not end the process for an exception in a timer that a request has set', () =>
    unnoticed(async () => {
      expect(await faults()).toBeNull();
      expect((await ask('faulty:throw')).status).toBe(200);
      await host.until('it is told', async () => (await faults())?.count === 1);
      expect(await faults()).toMatchObject({ last: { kind: 'exception', error: 'Error' } });
      expect((await visit('faulty')).status).toBe(200);
      const log = await host.log('main');
      expect(log).toMatch(/uncaught exception in the application .{1,2}faulty/);
      expect(log).toContain('Planted-exception of faulty');
      expect(JSON.stringify(await view())).not.toContain('Planted');
    }));

  it('tells whose rejection it is', () =>
    unnoticed(async () => {
      expect((await ask('faulty:reject')).status).toBe(200);
      await host.until('it is told', async () => (await faults())?.count === 2);
      expect(await faults()).toMatchObject({ last: { kind: 'rejection', error: 'TypeError' } });
      expect(await host.log('main')).toContain('Planted-rejection of faulty');
    }));

  it('knows it of a timer that fires after the application was stopped', () =>
    unnoticed(async () => {
      expect((await ask('faulty:throw?after=3000')).status).toBe(200);
      expect((await ask('faulty:reject?after=3000')).status).toBe(200);
      const stopped = await host.act('stop', { filterByTk: 'faulty', wait: 'true' });
      expect(stopped.body.data.state).toBe('stopped');
      expect((await faults())?.count).toBe(2);
      await host.until('they are told', async () => (await faults())?.count === 4);
      expect((await view()).state).toBe('stopped');
    }));

  it('bears what it throws while it is loaded', () =>
    unnoticed(async () => {
      const mark = path.join(host.host.storageDir, 'faulty-load');
      await writeFile(mark, '');
      const started = await host.act('start', { filterByTk: 'faulty', wait: 'true' });
      await rm(mark);
      expect(started.body.data.state).toBe('running');
      await host.until('they are told', async () => (await faults())?.count === 6);
      expect(await host.log('main')).toContain('Planted-load-rejection of faulty');
      expect((await visit('faulty')).status).toBe(200);
    }));

  it('keeps the process alive for an exception in a microtask', () =>
    unnoticed(async () => {
      const before = (await faults())?.count ?? 0;
      expect((await ask('faulty:microtask?count=2')).status).toBe(200);
      await host.until('it is counted', async () => (await faults())?.count === before + 2);
      expect(await host.log('main')).toContain('Planted-microtask of faulty');
    }));

  it('keeps the process alive for exceptions of listeners that others call', () =>
    unnoticed(async () => {
      const before = (await faults())?.count ?? 0;
      expect((await ask('faulty:listener')).status).toBe(200);
      await host.until('that of the response is counted', async () => (await faults())?.count === before + 1);
      expect((await ask('faulty:planted')).status).toBe(200);
      await host.until('the others are counted', async () => (await faults())?.count === before + 3);
      expect(await host.log('main')).toContain('Planted-listener of faulty');
    }));

  it('does not end an instance while a handler works whose visitor has left', () =>
    unnoticed(async () => {
      const result = path.join(host.host.storageDir, 'faulty-late');
      const line = connect(host.host.port, '127.0.0.1');
      line.on('error', () => undefined);
      line.write('GET /api/faulty:late?ms=3000 HTTP/1.1\r\nHost: localhost\r\nX-App: faulty\r\n\r\n');
      await new Promise((resolve) => setTimeout(resolve, 500));
      line.destroy();
      await new Promise((resolve) => setTimeout(resolve, 100));
      const began = Date.now();
      const restarted = await host.act('restart', { filterByTk: 'faulty', wait: 'true' });
      expect(restarted.body.data.state).toBe('running');
      expect(Date.now() - began).toBeGreaterThan(1_500);
      expect(await readFile(result, 'utf8')).toBe('1');
      await rm(result);
    }));

  it('takes it down when it throws too often, and lets it come again', () =>
    unnoticed(async () => {
      expect((await ask('faulty:throw?count=30')).status).toBe(200);
      await host.until('it is taken down', async () => (await view()).state === 'failed');
      expect(await view()).toMatchObject({ status: 'error', lastError: { code: 'APP_FAULTS' } });
      const refused = await visit('faulty');
      if (refused.status !== 200) {
        expect([refused.status, refused.body.error.code]).toEqual([503, 'APP_FAULTS']);
        expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      }
      await host.until('its backoff is over', async () => (await visit('faulty')).status === 200);
      expect((await view()).state).toBe('running');
    }));

  it('leaves the faults of the main application as they are', async () => {
    const enabled = await host.post(
      `/api/pm:enable?filterByTk=${FAULTY}&awaitResponse=true`,
      {},
      await host.bearer('main'),
    );
    expect(enabled.status).toBe(200);
    await host.until('it is up again', async () => (await ask('faulty:slow?ms=1', 'main')).status === 200);
    // SES reports a rejection, and goes on.
    expect((await ask('faulty:reject', 'main')).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await visit('main')).status).toBe(200);
    expect(host.host.pid).toBe(pid);
    // An exception ends the process.
    const ended = host.host.untilEnded();
    await ask('faulty:throw', 'main').catch(() => undefined);
    expect((await ended).message).toMatch(/exit code 255/);
    expect(await host.log('main')).not.toMatch(/Planted-\w+ of main/);
  });
});
