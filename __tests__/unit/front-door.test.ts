import type { ServicePhase } from '../../server/app-service';
import type { AppCondition } from '../../src/app-state';
import { AppError } from '../../src/errors';
import { open, visit, LONG } from './helpers/front-door-world';

const API = '/api/__app/crm/users:list';

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

describe('while the plugin does not manage applications', () => {
  it.each<ServicePhase>(['off', 'inert'])('(%s) everything passes at once', (phase) => {
    const opened = open(phase);
    for (const url of ['/', API, '/apps/crm/', '/api/__app/nope/x']) expect(visit(opened, { url }).outcome).toBe(false);
    expect(opened.service.runner).not.toHaveBeenCalled();
  });
});

describe('while the process ends', () => {
  it.each(['/', '/api/users:list', API, '/apps/crm/'])('%s is refused, and its connection closed', (url) => {
    const opened = open();
    opened.service.ending = true;
    const { res, outcome } = visit(opened, { url });
    expect(outcome).toBeInstanceOf(Promise);
    expect([res.statusCode, res.json.error.code]).toEqual([503, 'APP_SHUTTING_DOWN']);
    expect(res.headers).toMatchObject({ connection: 'close', 'retry-after': '5' });
    expect(opened.door.traffic.size).toBe(0);
    expect(opened.crm.wakes).toBe(0);
  });

  it('whoever is in already stays in, and is counted until he has left', () => {
    const opened = open();
    const visits = ['/', '/api/users:list', API].map((url) => visit(opened, { url }));
    expect(opened.door.traffic.size).toBe(3);
    opened.service.ending = true;
    for (const { res } of visits) res.close();
    expect(opened.door.traffic.size).toBe(0);
  });
});

describe('a request for the main application', () => {
  it.each([
    { url: '/' },
    { url: '/api/users:list' },
    { url: '/files/main/x' },
    { url: '/api/x', headers: { 'x-app': 'main' } },
    { url: '/api/x', headers: { host: 'www.localhost' } },
  ])('passes without a promise: %p', (parts) => {
    const opened = open();
    expect(visit(opened, parts).outcome).toBe(false);
    expect(opened.service.runner).not.toHaveBeenCalled();
  });

  it('passes by its own page address', async () => {
    expect(await visit(open(), { url: '/apps/main/admin/' }).outcome).toBe(false);
  });
});

describe('the address of a request', () => {
  const long = (bytes: number) =>
    ['/api/users:list?filter=', '/', '/api/__app/crm/x?'].map((url) => url.padEnd(bytes, 'x'));

  it.each(long(16_384).map((url) => [url.slice(0, 25), url]))('may have 16 KB: %s', async (_, url) => {
    const opened = open();
    opened.crm.condition = { state: 'running', since: 0 };
    const { outcome, res } = visit(opened, { url });
    expect([await outcome, res.headersSent]).toEqual([false, false]);
  });

  it.each(long(16_385).map((url) => [url.slice(0, 25), url]))('may have no more than 16 KB: %s', async (_, url) => {
    const opened = open();
    const { outcome, res } = visit(opened, { url });
    expect([await outcome, res.statusCode, res.json.error.code]).toEqual([true, 414, 'APP_URL_TOO_LONG']);
    expect([opened.crm.wakes, res.body?.includes('xxx')]).toEqual([0, false]);
  });

  it('has the length that the environment allows', async () => {
    const url = '/'.padEnd(2_000, 'x');
    expect(await visit(open('active', { APP_SUPERVISOR_URL_SIZE: '1' }), { url }).outcome).toBe(true);
    expect(visit(open('active', { APP_SUPERVISOR_URL_SIZE: '0' }), { url: '/'.padEnd(60_000, 'x') }).outcome).toBe(
      false,
    );
  });
});

describe('a name that is not registered', () => {
  it.each([
    { url: '/api/__app/nope/x' },
    { url: '/api/x', headers: { 'x-app': 'nope' } },
    { url: '/api/x?__appName=nope' },
    { url: '/files/nope/x' },
    { url: '/apps/nope/admin/' },
    { url: '/v/apps/nope/' },
    { url: '/', headers: { host: 'nope.localhost' } },
    { url: '/api/x', headers: { 'x-app': '../../etc' } },
    { url: '/api/x', headers: { 'x-app': 'x'.repeat(300) } },
  ])('is answered with 404 at once: %p', async (parts) => {
    const opened = open();
    const { outcome, res } = visit(opened, parts);
    expect(await outcome).toBe(true);
    expect(res.statusCode).toBe(404);
    expect(res.json.error.code).toBe('APP_NOT_FOUND');
    expect(res.json.error.message.length).toBeLessThan(150);
    expect(opened.service.supervisor.logger.error).not.toHaveBeenCalled();
  });

  it.each(['?__appName=crm&__appName=erp', '?__appName[]=crm', '?__appName[x]=crm'])(
    'that cannot be read is answered with 400: %s',
    async (query) => {
      const { outcome, res } = visit(open(), { url: `/api/x${query}` });
      expect(await outcome).toBe(true);
      expect(res.statusCode).toBe(400);
      expect(res.json.error.code).toBe('APP_REQUEST_INVALID');
    },
  );
});

describe("a TLS proxy's question", () => {
  const ask = (query: string, parts: object = {}) => ({ url: `/api/appSupervisor:ask${query}`, ...parts });

  it.each([
    ['?domain=crm.localhost', 200],
    ['?domain=CRM.Localhost.', 200],
    ['?domain=localhost', 200],
    ['?x=1&domain=erp%2Elocalhost', 200],
    ['?domain=nope.localhost', 404],
    ['?domain=elsewhere.example', 404],
    ['?domain=', 404],
    ['?domain', 404],
    ['', 404],
    ['?', 404],
    ['?domain=crm.localhost&domain=crm.localhost', 404],
    ['?domain[]=crm.localhost', 404],
    ['?domain=%00', 404],
    ['?domain=%E0%A4%A', 404],
    [`?domain=${'crm.'.repeat(2_000)}localhost`, 404],
  ])('%s is answered %p, with nothing else, and wakes nobody', async (query, status) => {
    const opened = open();
    const { outcome, req, res } = visit(opened, ask(query));
    expect(await outcome).toBe(true);
    expect([res.statusCode, res.body]).toEqual([status, undefined]);
    expect(res.headers).toEqual({ 'cache-control': 'no-store', 'content-length': '0' });
    expect(req.resumed).toBe(true);
    expect(opened.crm.wakes).toBe(0);
    expect(opened.service.runner).not.toHaveBeenCalled();
  });

  it('is nothing that an application is asked', async () => {
    const opened = open();
    for (const parts of [{ headers: { host: 'crm.localhost' } }, { headers: { 'x-app': 'crm' } }]) {
      opened.crm.condition = { state: 'running', since: 0 };
      const { outcome, res } = visit(opened, ask('?domain=crm.localhost', parts));
      expect([await outcome, res.headersSent]).toEqual([false, false]);
    }
  });

  it.each(['/api/appSupervisor:asks?domain=crm.localhost', '/api/appSupervisor:ask/x', '/appSupervisor:ask'])(
    'is not %s',
    (url) => {
      expect(visit(open(), { url }).outcome).toBe(false);
    },
  );

  it('waits while the applications are not known yet', async () => {
    const opened = open('starting');
    const { outcome, res } = visit(opened, ask('?domain=crm.localhost'));
    await jest.advanceTimersByTimeAsync(1_000);
    expect(res.headersSent).toBe(false);
    opened.service.phase = 'active';
    opened.mainStarts();
    expect([await outcome, res.statusCode]).toEqual([true, 200]);
  });

  it('lies below the path of the API', async () => {
    const opened = open('active', { API_BASE_PATH: '/nb/api/' });
    const { outcome, res } = visit(opened, { url: '/nb/api/appSupervisor:ask?domain=crm.localhost' });
    expect([await outcome, res.statusCode]).toEqual([true, 200]);
  });
});

describe('a health check', () => {
  const checks = [
    { url: '/api/__app/crm/__health_check' },
    { url: '/api/__health_check', headers: { 'x-app': 'crm' } },
    { url: '/api/__health_check?__appName=crm' },
    { url: '/api/__health_check', method: 'HEAD', headers: { host: 'crm.localhost' } },
  ];

  it.each(checks)('of a sleeping application is answered, and wakes nobody: %p', async (parts) => {
    const opened = open();
    const { outcome, res } = visit(opened, parts);
    expect(await outcome).toBe(true);
    expect([res.statusCode, res.body]).toEqual([200, 'ok']);
    expect([opened.crm.wakes, opened.crm.leased]).toEqual([0, 0]);
  });

  it.each<[AppCondition['state'], number, string | undefined]>([
    ['running', 200, undefined],
    ['booting', 200, undefined],
    ['draining', 200, undefined],
    ['creating', 503, 'APP_WAIT_TIMEOUT'],
    ['stopped', 503, 'APP_STOPPED'],
    ['failed', 503, 'APP_BOOT_FAILED'],
    ['quarantined', 503, 'APP_BOOT_FAILED'],
  ])('of an application that is %s is no use of it', async (state, status, code) => {
    const opened = open();
    opened.crm.condition = { state, since: 0 };
    opened.service.supervisor.appStatus.crm = 'running';
    const { outcome, res } = visit(opened, checks[0]);
    expect(await outcome).toBe(true);
    expect([res.statusCode, status === 200 ? undefined : res.json.error.code]).toEqual([status, code]);
    expect(res.headers['retry-after'] !== undefined).toBe(status === 503);
    expect([opened.crm.wakes, opened.crm.leased]).toEqual([0, 0]);
  });

  it("of an application that is at a command is the core's to answer", async () => {
    const opened = open();
    opened.crm.condition = { state: 'running', since: 0 };
    opened.service.supervisor.appStatus.crm = 'commanding';
    const { outcome, res } = visit(opened, checks[0]);
    expect(await outcome).toBe(false);
    expect([opened.crm.wakes, opened.crm.uses, opened.crm.leases]).toEqual([0, 0, 1]);
    res.close();
    expect(opened.crm.leases).toBe(0);
  });

  it('is no more than that at the end of a path below the API', async () => {
    for (const url of ['/api/__app/crm/__health_check/x', '/api/__app/crm/x?y=/__health_check']) {
      const opened = open();
      void visit(opened, { url }).outcome;
      await Promise.resolve();
      expect(opened.crm.wakes).toBe(1);
      opened.crm.up();
      await jest.advanceTimersByTimeAsync(0);
    }
  });
});

describe('a stopped application', () => {
  it.each([
    { state: 'stopped', since: 0 },
    { state: 'draining', since: 0, reason: 'operator' },
  ] as AppCondition[])('answers 503 and is not woken: %p', async (condition) => {
    const opened = open();
    opened.crm.condition = condition;
    const { outcome, res } = visit(opened, { url: API });
    expect(await outcome).toBe(true);
    expect([res.statusCode, res.json.error.code]).toEqual([503, 'APP_STOPPED']);
    expect(res.headers['retry-after']).toBeDefined();
    expect([opened.crm.wakes, opened.crm.leased]).toEqual([0, 0]);
  });

  it('shows a browser a page, at its own page address too', async () => {
    const opened = open();
    opened.crm.condition = { state: 'stopped', since: 0 };
    const { outcome, res } = visit(opened, { url: '/apps/crm/admin/', headers: { accept: 'text/html' } });
    expect(await outcome).toBe(true);
    expect(res.headers['content-type']).toMatch(/text\/html/);
  });
});

describe('a failed application', () => {
  it('answers with its failure while its backoff lasts, and says how long that is', async () => {
    const opened = open();
    opened.crm.condition = { state: 'failed', since: 0, retryAt: Date.now() + 7_500 };
    const { outcome, res } = visit(opened, { url: API });
    expect(await outcome).toBe(true);
    expect([res.statusCode, res.json.error.code]).toEqual([503, 'APP_BOOT_FAILED']);
    expect(res.headers['retry-after']).toBe('8');
    expect(opened.crm.wakes).toBe(0);
  });

  it('is woken after it', async () => {
    const opened = open();
    opened.crm.condition = { state: 'failed', since: 0, retryAt: Date.now() };
    const { outcome } = visit(opened, { url: API });
    opened.crm.up();
    await jest.advanceTimersByTimeAsync(0);
    expect(opened.crm.wakes).toBe(1);
    expect(await outcome).toBe(false);
  });
});

describe('a running application', () => {
  it('is handed over with a lease, which ends with the answer', async () => {
    const opened = open();
    opened.crm.condition = { state: 'running', since: 0 };
    const { outcome, res } = visit(opened, { url: API });
    expect(await outcome).toBe(false);
    expect(opened.crm.leases).toBe(1);
    res.close();
    res.close();
    expect(opened.crm.leases).toBe(0);
  });

  it('needs no lease for what is the same for all applications', async () => {
    const opened = open();
    opened.crm.condition = { state: 'running', since: 0 };
    expect(await visit(opened, { url: '/apps/crm/admin/' }).outcome).toBe(false);
    expect(await visit(opened, { url: '/', headers: { host: 'crm.localhost' } }).outcome).toBe(false);
    expect(opened.crm.leased).toBe(0);
  });

  it('is found by the whole of a long name that another plugin gave it', async () => {
    const opened = open();
    opened.long.condition = { state: 'running', since: 0 };
    expect(await visit(opened, { url: '/api/x', headers: { 'x-app': LONG } }).outcome).toBe(false);
    expect(opened.long.leased).toBe(1);
  });
});

describe('a sleeping application', () => {
  it('is not woken by what does not need it', async () => {
    const opened = open();
    expect(await visit(opened, { url: '/apps/crm/admin/' }).outcome).toBe(false);
    expect(await visit(opened, { url: '/static/x.js', headers: { host: 'crm.localhost' } }).outcome).toBe(false);
    expect(opened.crm.wakes).toBe(0);
  });

  it('holds the request until it is up, and lets it pass then', async () => {
    const opened = open();
    const { outcome, res } = visit(opened, { url: API });
    const settled = jest.fn();
    void Promise.resolve(outcome).then(settled);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(settled).not.toHaveBeenCalled();
    opened.crm.up();
    expect(await outcome).toBe(false);
    expect(res.headersSent).toBe(false);
    expect(opened.crm.leases).toBe(1);
    res.close();
    expect(opened.crm.leases).toBe(0);
  });

  it('gives all who wait the same coded error when it does not come up', async () => {
    const opened = open();
    const visits = Array.from({ length: 50 }, () => visit(opened, { url: API }));
    await jest.advanceTimersByTimeAsync(1);
    opened.crm.fail(new AppError('APP_BOOT_TIMEOUT', { name: 'crm', seconds: 1, step: 'load' }));
    for (const { outcome, res } of visits) {
      expect(await outcome).toBe(true);
      expect([res.statusCode, res.json.error.code]).toEqual([503, 'APP_BOOT_TIMEOUT']);
      expect(res.headers['retry-after']).toBe('1');
      res.close();
    }
    expect(opened.crm.leases).toBe(0);
    expect(opened.crm.room.occupied).toBe(0);
  });

  it('goes on without a visitor who leaves, whose place and lease are free at once', async () => {
    const opened = open();
    const { outcome, res } = visit(opened, { url: API });
    await jest.advanceTimersByTimeAsync(1);
    expect([opened.crm.room.occupied, opened.crm.leases]).toEqual([1, 1]);
    res.close();
    expect(await outcome).toBe(true);
    expect([opened.crm.room.occupied, opened.crm.leases]).toEqual([0, 0]);
    expect(res.body).toBeUndefined();
    opened.crm.up();
    expect(opened.crm.state).toBe('running');
  });

  it('holds nobody longer than the deadline', async () => {
    const opened = open('active', { APP_SUPERVISOR_WAIT_TIMEOUT: '2' });
    const { outcome, res } = visit(opened, { url: API });
    await jest.advanceTimersByTimeAsync(2_000);
    expect(await outcome).toBe(true);
    expect([res.statusCode, res.json.error.code]).toEqual([503, 'APP_WAIT_TIMEOUT']);
  });

  it('holds no more than there are places', async () => {
    const opened = open('active', { APP_SUPERVISOR_MAX_WAITING: '1' });
    const first = visit(opened, { url: API });
    const second = visit(opened, { url: API });
    expect(await second.outcome).toBe(true);
    expect([second.res.statusCode, second.res.json.error.code]).toEqual([503, 'APP_TOO_MANY_WAITING']);
    opened.crm.up();
    expect(await first.outcome).toBe(false);
  });

  it('answers without a stack when something else breaks', async () => {
    const opened = open();
    const { outcome, res } = visit(opened, { url: API });
    await jest.advanceTimersByTimeAsync(1);
    opened.crm.fail(new Error('postgres://nb:Planted-4712@db'));
    expect(await outcome).toBe(true);
    expect(res.statusCode).toBe(503);
    expect(res.body).not.toContain('Planted');
    expect(opened.service.supervisor.logger.error).toHaveBeenCalledTimes(1);
  });

  // A manual application is made, and then stopped: it has not come up, and nobody is let through to nothing.
  it('refuses who waited for the making of an application that ends stopped', async () => {
    const opened = open();
    const { outcome, res } = visit(opened, { url: API });
    await jest.advanceTimersByTimeAsync(1);
    opened.crm.up();
    opened.crm.condition = { state: 'stopped', since: 0 };
    expect(await outcome).toBe(true);
    expect([res.statusCode, res.json.error.code]).toEqual([503, 'APP_STOPPED']);
  });
});

describe('while the main application starts', () => {
  it('what needs no application passes at once', async () => {
    const opened = open('starting');
    for (const url of ['/', '/apps/crm/admin/', '/static/x.js'])
      expect(await visit(opened, { url }).outcome).toBe(false);
  });

  it('who needs one is held, and then goes the usual way', async () => {
    const opened = open('starting');
    const forMain = visit(opened, { url: '/api/users:list' });
    const forCrm = visit(opened, { url: API });
    const forNobody = visit(opened, { url: '/api/__app/nope/x' });
    await jest.advanceTimersByTimeAsync(1_000);
    expect(opened.service.runner).not.toHaveBeenCalled();
    opened.service.phase = 'active';
    opened.mainStarts();
    expect(await forMain.outcome).toBe(false);
    expect(await forNobody.outcome).toBe(true);
    expect(forNobody.res.statusCode).toBe(404);
    await jest.advanceTimersByTimeAsync(1);
    opened.crm.up();
    expect(await forCrm.outcome).toBe(false);
  });

  it('nobody waits longer than the deadline', async () => {
    const opened = open('starting', { APP_SUPERVISOR_WAIT_TIMEOUT: '2' });
    const { outcome, res } = visit(opened, { url: API });
    await jest.advanceTimersByTimeAsync(2_000);
    expect(await outcome).toBe(true);
    expect(res.json.error.code).toBe('APP_WAIT_TIMEOUT');
    expect(res.headers['retry-after']).toBe('5');
  });

  it('who leaves is not waited for', async () => {
    const opened = open('starting');
    const { outcome, res } = visit(opened, { url: API });
    await jest.advanceTimersByTimeAsync(1);
    res.close();
    expect(await outcome).toBe(true);
  });

  it('NocoBase answers when it turns out that applications are not managed', async () => {
    const opened = open('starting');
    const { outcome } = visit(opened, { url: API });
    opened.service.phase = 'inert';
    opened.mainStarts();
    expect(await outcome).toBe(false);
  });

  it('NocoBase answers when the main application does not come up', async () => {
    const opened = open('starting');
    const { outcome } = visit(opened, { url: '/api/users:list' });
    opened.mainGivesUp();
    expect(await outcome).toBe(false);
  });

  it.each([
    { url: API },
    { url: '/api/users:list', headers: { 'x-app': '../../evil' } },
    { url: '/api/users:list', headers: { 'x-app': 'x'.repeat(300) } },
    { url: '/files/a%2Fevil/1' },
    { url: '/api/users:list?__appName=a' },
  ])('who names another application does not get as far as NocoBase then: %j', async (parts) => {
    const opened = open('starting');
    const { outcome, res } = visit(opened, parts);
    opened.mainGivesUp();
    expect(await outcome).toBe(true);
    expect(res.statusCode).toBe(503);
    expect(res.json.error.code).toBe('APP_MAIN_NOT_RUNNING');
  });

  it.each(['/?__appName[]=x', '/api/users:list?__appName[]=x', '/apps/crm/?__appName[a]=x'])(
    'what cannot be read is refused at once: %s',
    async (url) => {
      const { outcome, res } = visit(open('starting'), { url });
      expect(await outcome).toBe(true);
      expect(res.statusCode).toBe(400);
    },
  );

  it('its own requests are held also when the applications are known already', async () => {
    const opened = open('starting');
    opened.service.phase = 'active';
    const { outcome } = visit(opened, { url: '/api/users:list' });
    expect(outcome).toBeInstanceOf(Promise);
    opened.mainStarts();
    expect(await outcome).toBe(false);
  });
});
