import { TestHost, type Answer } from '../helpers/test-host';

/** Sleeping applications, held requests, start modes and decisions that outlive the process. */
describe('the first visit', () => {
  let host: TestHost;

  beforeAll(async () => {
    host = await TestHost.start({
      env: { APP_SUPERVISOR_MAX_WAITING: '60', APP_SUPERVISOR_WAIT_TIMEOUT: '40', LOGGER_LEVEL: 'info' },
    });
    for (const values of [
      { name: 'cold' },
      { name: 'broken' },
      { name: 'early', startMode: 'eager' },
      { name: 'byhand', startMode: 'manual' },
    ]) {
      const made = await host.create(values);
      expect([values.name, made.status]).toEqual([values.name, 200]);
    }
    await host.host.restart();
  });

  afterAll(() => host?.end());

  const visit = (app: string): Promise<Answer> => host.get('/api/app:getInfo', { 'X-App': app });
  const state = async (app: string) => (await host.show(app)).body.data.state as string;
  /** Each start of an application opens its log anew with this sentence. */
  const boots = async (app: string) => ((await host.log(app)).match(/connection has been established/g) ?? []).length;

  it('finds a lazy application asleep after a restart', async () => {
    expect(await state('cold')).toBe('asleep');
    expect(await host.connections('cold')).toBe(0);
  });

  it('holds who comes while the main application itself is starting', async () => {
    const outcomes: string[] = [];
    await host.host.kill('SIGKILL');
    const restarting = host.host.restart();
    let over = false;
    const visitors = Array.from({ length: 4 }, async (_, index) => {
      const headers: Record<string, string> = index % 2 ? { 'X-App': 'cold' } : {};
      while (!over) {
        // Between two processes nobody listens: a refused connection is no answer.
        const answer = await host.get('/api/app:getInfo', headers).catch(() => undefined);
        if (answer) outcomes.push(`${answer.status} ${answer.body.error?.code ?? answer.body.data?.name}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });
    await restarting;
    over = true;
    await Promise.all(visitors);
    expect(new Set(outcomes)).toEqual(new Set(['200 main', '200 cold']));
    await host.host.restart();
  });

  it('serves pages and health checks of the main application while it sleeps', async () => {
    expect((await host.get('/apps/cold/admin/', { Accept: '*/*' })).status).toBe(200);
    expect((await host.get('/api/__health_check')).text).toBe('ok');
    expect(await state('cold')).toBe('asleep');
  });

  it('answers 50 simultaneous first requests 200, with one boot', async () => {
    const before = await boots('cold');
    const answers = await Promise.all(Array.from({ length: 50 }, () => visit('cold')));
    expect(answers.map((answer) => answer.status)).toEqual(Array<number>(50).fill(200));
    expect(new Set(answers.map((answer) => answer.body.data.name))).toEqual(new Set(['cold']));
    const once = (await boots('cold')) - before;
    const stopped = await host.act('stop', { filterByTk: 'cold', wait: 'true' });
    expect(stopped.body.data.state).toBe('stopped');
    await host.act('start', { filterByTk: 'cold', wait: 'true' });
    // The same number of sentences for a single, plain start.
    expect((await boots('cold')) - before).toBe(2 * once);
  });

  it('starts eager applications by itself and leaves manual ones alone', async () => {
    await host.until('the eager application runs', async () => (await state('early')) === 'running');
    expect(await state('byhand')).toBe('stopped');
    const refused = await visit('byhand');
    expect([refused.status, refused.body.error.code]).toEqual([503, 'APP_STOPPED']);
    expect(await state('byhand')).toBe('stopped');
    const started = await host.act('start', { filterByTk: 'byhand', wait: 'true' });
    expect(started.body.data).toMatchObject({ state: 'running', status: 'running' });
    expect((await visit('byhand')).status).toBe(200);
  });

  it('gives every waiter of a failed boot the same coded error, and tries again by itself later', async () => {
    await host.sql('ALTER DATABASE broken RENAME TO broken_away');
    const answers = await Promise.all(Array.from({ length: 10 }, () => visit('broken')));
    expect(answers.map((answer) => answer.status)).toEqual(Array<number>(10).fill(503));
    expect(new Set(answers.map((answer) => JSON.stringify(answer.body)))).toHaveProperty('size', 1);
    expect(answers[0]?.body.error.code).toBe('APP_DATABASE_MISSING');
    expect(Number(answers[0]?.headers['retry-after'])).toBeGreaterThan(0);
    expect(answers[0]?.text).not.toMatch(/at \/|node_modules|password/);
    const view = (await host.show('broken')).body.data;
    expect(view).toMatchObject({
      state: 'failed',
      status: 'error',
      lastError: { code: 'APP_DATABASE_MISSING', step: 'connect' },
    });
    const page = await host.get('/apps/broken/admin/', { Accept: 'text/html' });
    expect(page.status).toBe(503);
    expect(page.headers['content-type']).toContain('text/html');

    await host.sql('ALTER DATABASE broken_away RENAME TO broken');
    await host.until('the backoff is over', async () => (await visit('broken')).status === 200, 30_000);
    expect(await state('broken')).toBe('running');
    expect((await visit('cold')).status).toBe(200);
  });

  it('remembers Stop across a restart of the host, until Start', async () => {
    await host.act('stop', { filterByTk: 'early', wait: 'true' });
    expect(await host.connections('early')).toBe(0);
    const refused = await visit('early');
    expect([refused.status, refused.body.error.code]).toEqual([503, 'APP_STOPPED']);
    expect(refused.headers['retry-after']).toBeDefined();
    const page = await host.get('/apps/early/admin/', { Accept: 'text/html' });
    expect([page.status, page.text.includes('APP_STOPPED')]).toEqual([503, true]);

    await host.host.restart();
    expect((await visit('early')).body.error.code).toBe('APP_STOPPED');
    expect(await state('early')).toBe('stopped');
    expect((await visit('byhand')).body.error.code).toBe('APP_STOPPED');
    const started = await host.act('start', { filterByTk: 'early', wait: 'true' });
    expect(started.body.data).toMatchObject({ state: 'running', stoppedAt: null });
    expect((await visit('early')).status).toBe(200);
  });

  it('restarts and answers start, stop and restart at once when not asked to wait', async () => {
    const restarted = await host.act('restart', { filterByTk: 'early', wait: 'true' });
    expect(restarted.body.data).toMatchObject({ state: 'running', stoppedAt: null });
    const stopping = await host.act('stop', { filterByTk: 'early' });
    expect(stopping.status).toBe(200);
    expect(['draining', 'stopped']).toContain(stopping.body.data.state);
    const starting = await host.act('start', { filterByTk: 'early' });
    expect(['booting', 'running', 'draining', 'stopped']).toContain(starting.body.data.state);
    await host.until('it runs again', async () => (await state('early')) === 'running');
  });

  it('turns away who comes beyond the places, and holds who comes within them', async () => {
    await host.host.restart();
    const answers = await Promise.all(Array.from({ length: 80 }, () => visit('cold')));
    const statuses = answers.map((answer) => answer.status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(60);
    const refused = answers.filter((answer) => answer.status === 503);
    expect(new Set(refused.map((answer) => answer.body.error.code))).toEqual(new Set(['APP_TOO_MANY_WAITING']));
    expect(refused.every((answer) => answer.headers['retry-after'])).toBe(true);
  });

  it('takes up a making that was cut off by the death of the process', async () => {
    // In a language that there is no template for yet: its installation takes some seconds.
    const accepted = await host.act('create', {}, { name: 'halfmade', options: { lang: 'de-DE' } });
    expect(accepted.body.data.state).toBe('creating');
    await host.until('its database is there', async () => (await host.databases()).includes('halfmade'));
    await host.host.kill('SIGKILL');
    await host.host.restart();
    // Asleep where it was made just before the process died.
    const made = async () => ['running', 'asleep'].includes((await state('halfmade')) ?? '');
    await host.until('it is made', made, 90_000);
    const { email, password } = host.host.credentials;
    expect((await host.signIn('halfmade', email, password)).status).toBe(200);
    expect((await host.signIn('halfmade', email, 'admin123')).status).not.toBe(200);
  });
});
