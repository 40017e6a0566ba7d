import { open, visit } from './helpers/front-door-world';

const API = { url: '/api/__app/crm/users:list' };
const SECOND = 1_100;

/** An application that runs, with limits of its own. */
function running(own: object = {}) {
  const opened = open();
  opened.crm.condition = { state: 'running', since: 0 };
  opened.service.supervisor.appStatus.crm = 'running';
  opened.own.crm = own;
  return opened;
}

const stoppedWorld = () => {
  const opened = open();
  opened.crm.condition = { state: 'stopped', since: 0 };
  return opened;
};

beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

describe('request rate', () => {
  it('request rate: the burst passes, the next one is 429 with Retry-After and RateLimit headers', async () => {
    const opened = running({ requestRate: 2, requestBurst: 3, requestSlots: 0 });
    for (let count = 0; count < 3; count += 1) expect(await visit(opened, API).outcome).toBe(false);
    const { outcome, res } = visit(opened, API);
    expect(await outcome).toBe(true);
    expect([res.statusCode, res.json.error.code]).toEqual([429, 'APP_TOO_MANY_REQUESTS']);
    expect(res.headers).toMatchObject({
      'retry-after': '1',
      'ratelimit-limit': '2',
      'ratelimit-remaining': '0',
      'ratelimit-reset': '1',
    });
    await jest.advanceTimersByTimeAsync(500);
    expect(await visit(opened, API).outcome).toBe(false);
    expect(visit(opened, API).res.statusCode).toBe(429);
  });

  it('request rate: pages, health checks and other applications are not limited by it', async () => {
    const opened = running({ requestRate: 1, requestBurst: 1, requestSlots: 0 });
    await visit(opened, API).outcome;
    expect(visit(opened, API).res.statusCode).toBe(429);
    for (const url of ['/apps/crm/', '/apps/crm/admin/x.js']) expect(await visit(opened, { url }).outcome).toBe(false);
    const health = visit(opened, { url: '/api/__app/crm/__health_check' });
    expect([await health.outcome, health.res.statusCode, health.res.body]).toEqual([true, 200, 'ok']);
    for (const url of ['/', '/api/users:list', '/api/__health_check'])
      expect(visit(opened, { url }).outcome).toBe(false);
  });

  it('request rate: 0 is no limit', async () => {
    const opened = running({ requestRate: 0, requestBurst: 1, requestSlots: 0 });
    for (let count = 0; count < 500; count += 1) expect(await visit(opened, API).outcome).toBe(false);
  });

  it('request rate: a refused request holds no lease, no slot and no place in the traffic', async () => {
    const opened = running({ requestRate: 1, requestBurst: 1 });
    const first = visit(opened, API);
    await first.outcome;
    const { leased } = opened.crm;
    visit(opened, API);
    expect([opened.crm.leased, opened.door.traffic.size]).toEqual([leased, 1]);
    await jest.advanceTimersByTimeAsync(0);
  });

  it('request rate: one event a minute, with the refusals in between', async () => {
    const opened = running({ requestRate: 1, requestBurst: 1 });
    await visit(opened, API).outcome;
    for (let count = 0; count < 5; count += 1) visit(opened, API).res.close();
    expect(opened.events).toMatchObject([{ application: 'crm', type: 'limited', reason: 'requestRate' }]);
    await jest.advanceTimersByTimeAsync(60_000);
    for (let count = 0; count < 3; count += 1) visit(opened, API);
    expect(opened.events).toHaveLength(2);
    expect(opened.events[1]).toMatchObject({ reason: 'requestRate', message: '4' });
    await jest.advanceTimersByTimeAsync(2_000);
  });
});

describe('request slots at the front door', () => {
  const slots = { requestSlots: 1, requestQueue: 1, queueTimeout: 2, requestRate: 0 };

  it('request slots: the second request waits until the head of the first response is written', async () => {
    const opened = running(slots);
    const first = visit(opened, API);
    expect(await first.outcome).toBe(false);
    const second = visit(opened, API);
    let passed: boolean | undefined;
    void Promise.resolve(second.outcome).then((outcome) => (passed = outcome));
    await jest.advanceTimersByTimeAsync(100);
    expect(passed).toBeUndefined();
    // A stream: its head is written, its end is far away.
    first.res.writeHead(200, []);
    await jest.advanceTimersByTimeAsync(0);
    expect(passed).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    first.res.close();
    second.res.close();
    const { slots: used } = opened.service.limits.of('crm');
    expect([used.inFlight, used.waiting]).toEqual([0, 0]);
  });

  it('request slots: beyond the queue the answer is 429 APP_BUSY, also for one that waits too long', async () => {
    const opened = running(slots);
    await visit(opened, API).outcome;
    const waiting = visit(opened, API);
    const refused = visit(opened, API);
    expect([await refused.outcome, refused.res.statusCode]).toEqual([true, 429]);
    expect(refused.res.json.error.code).toBe('APP_BUSY');
    expect(refused.res.headers).toMatchObject({ 'retry-after': '2', 'ratelimit-limit': '1' });
    await jest.advanceTimersByTimeAsync(2_000);
    expect([await waiting.outcome, waiting.res.statusCode]).toEqual([true, 429]);
  });

  it('request slots: a visitor that leaves the queue gives its place back', async () => {
    const opened = running(slots);
    await visit(opened, API).outcome;
    const waiting = visit(opened, API);
    await jest.advanceTimersByTimeAsync(0);
    waiting.res.close();
    expect(await waiting.outcome).toBe(true);
    expect(opened.service.limits.of('crm').slots.waiting).toBe(0);
    expect(opened.crm.leases).toBe(1);
  });

  it('request slots: requests that are held for a boot are counted once, and none is refused afterwards', async () => {
    const opened = open();
    opened.own.crm = { ...slots, requestQueue: 0, queueTimeout: 60 };
    const visits = Array.from({ length: 5 }, () => visit(opened, API));
    await jest.advanceTimersByTimeAsync(10);
    const limiter = opened.service.limits.of('crm');
    expect([opened.crm.room.occupied, limiter.slots.inFlight, limiter.slots.waiting]).toEqual([5, 0, 0]);
    opened.crm.up();
    await jest.advanceTimersByTimeAsync(10);
    expect([opened.crm.room.occupied, limiter.slots.inFlight, limiter.slots.waiting]).toEqual([0, 1, 4]);
    for (const { outcome, res } of visits) {
      expect(await outcome).toBe(false);
      res.writeHead(200, []);
      await jest.advanceTimersByTimeAsync(1);
    }
    expect([limiter.slots.inFlight, limiter.slots.waiting]).toEqual([0, 0]);
  });

  const UPLOAD = {
    url: '/api/__app/crm/attachments:create',
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=x', 'content-length': '5000000' },
  };

  it('request slots: a large upload takes none', async () => {
    const opened = running(slots);
    for (let count = 0; count < 8; count += 1) expect(await visit(opened, UPLOAD).outcome).toBe(false);
    expect(opened.service.limits.of('crm').slots.inFlight).toBe(0);
  });

  it('request slots: further large uploads without a token are refused', async () => {
    const opened = running(slots);
    const visits = Array.from({ length: 9 }, () => visit(opened, UPLOAD));
    expect(await visits[8]?.outcome).toBe(true);
    expect(visits[8]?.res.json.error.code).toBe('APP_BUSY');
    visits[0]?.res.close();
    expect(await visit(opened, UPLOAD).outcome).toBe(false);
  });

  it.each([
    { url: '/api/__app/crm/app:getLang', method: 'GET' },
    { url: '/api/__app/crm/app:getLang', method: 'POST' },
    { url: '/api/__app/crm/users:list', method: 'PUT' },
  ])('request slots: a request that only says that it is an upload takes one: $method $url', async (parts) => {
    const opened = running(slots);
    const headers = { 'content-type': 'multipart/x', 'transfer-encoding': 'chunked' };
    expect(await visit(opened, { ...parts, headers }).outcome).toBe(false);
    expect(opened.service.limits.of('crm').slots.inFlight).toBe(1);
    await jest.advanceTimersByTimeAsync(100);
  });
});

describe('error responses are slow', () => {
  it('error responses: the first ones are immediate, further ones come a second later', async () => {
    const opened = stoppedWorld();
    const visits = Array.from({ length: 6 }, () => visit(opened, API));
    expect(visits.map(({ res }) => res.headersSent)).toEqual([true, true, true, false, false, false]);
    for (const { outcome } of visits) expect(await outcome).toBe(true);
    await jest.advanceTimersByTimeAsync(SECOND);
    for (const { res } of visits) {
      expect([res.statusCode, res.json.error.code, res.headers['retry-after']]).toEqual([503, 'APP_STOPPED', '5']);
    }
  });

  it('error responses: after a quiet time a refusal is immediate again', async () => {
    const opened = stoppedWorld();
    for (let count = 0; count < 4; count += 1) visit(opened, API);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(visit(opened, API).res.headersSent).toBe(true);
  });

  it.each([
    ['an unknown name', { url: '/api/__app/nope/x' }, 404],
    ['a name that cannot be read', { url: '/api/x?__appName=a&__appName=b' }, 400],
    ['an address that cannot be read', { url: 'http://[' }, 400],
  ])('error responses: a loop on %s is slowed down', async (_case, parts, status) => {
    const opened = open();
    const visits = Array.from({ length: 5 }, () => visit(opened, parts));
    expect(visits[0]?.res.statusCode).toBe(status);
    expect(visits.filter(({ res }) => !res.headersSent)).toHaveLength(2);
    await jest.advanceTimersByTimeAsync(SECOND);
    expect(visits.map(({ res }) => res.statusCode)).toEqual(Array.from({ length: 5 }, () => status));
  });

  it('error responses: a loop on a failed application is slowed down, and Retry-After tells its backoff', async () => {
    const opened = open();
    opened.crm.condition = { state: 'failed', since: 0, retryAt: Date.now() + 30_000 };
    const visits = Array.from({ length: 5 }, () => visit(opened, API));
    await jest.advanceTimersByTimeAsync(SECOND);
    for (const { res } of visits) {
      expect([res.statusCode, res.json.error.code, res.headers['retry-after']]).toEqual([503, 'APP_BOOT_FAILED', '30']);
    }
  });

  it('error responses: beyond the number that may wait the connection is closed', async () => {
    const opened = stoppedWorld();
    const visits = Array.from({ length: 300 }, () => visit(opened, API));
    const closed = visits.filter(({ req }) => req.socket.destroyed).length;
    expect(closed).toBe(300 - 3 - 256);
    await jest.advanceTimersByTimeAsync(2_000);
  });

  it("error responses: one application's flood delays no other's", async () => {
    const opened = stoppedWorld();
    for (let count = 0; count < 100; count += 1) visit(opened, API);
    expect(visit(opened, { url: '/api/__app/nope/x' }).res.headersSent).toBe(true);
    opened.service.limits.close();
  });

  it('error responses: those that wait are sent when the process ends', () => {
    const opened = stoppedWorld();
    const visits = Array.from({ length: 10 }, () => visit(opened, API));
    opened.service.limits.close();
    expect(visits.every(({ res }) => res.headersSent)).toBe(true);
  });

  it('error responses: a visitor that leaves meanwhile is answered nothing', async () => {
    const opened = stoppedWorld();
    const visits = Array.from({ length: 4 }, () => visit(opened, API));
    visits[3]?.res.close();
    await jest.advanceTimersByTimeAsync(SECOND);
    expect(visits[3]?.res.headersSent).toBe(false);
  });
});

describe('error responses for pages of another origin', () => {
  const Origin = 'https://portal.example';

  it.each(['stopped', 'failed'] as const)('error responses: one of a %s application can be read', (state) => {
    const opened = open();
    opened.crm.condition = { state, since: 0, ...(state === 'failed' && { retryAt: Date.now() + 9_000 }) };
    const { res } = visit(opened, { ...API, headers: { origin: Origin } });
    expect(res.statusCode).toBe(503);
    expect(res.headers).toMatchObject({ 'access-control-allow-origin': Origin, vary: 'Origin' });
    expect(res.headers['access-control-expose-headers']).toContain('Retry-After');
    expect(res.headers).not.toHaveProperty('access-control-allow-credentials');
  });

  it('error responses: a preflight is answered, so that the error of the request can be read', () => {
    const opened = stoppedWorld();
    const headers = {
      origin: Origin,
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization',
    };
    const { res } = visit(opened, { ...API, method: 'OPTIONS', headers });
    expect([res.statusCode, res.body]).toEqual([204, undefined]);
    expect(res.headers).toMatchObject({
      'access-control-allow-origin': Origin,
      'access-control-allow-headers': 'authorization',
    });
    expect(res.headers['access-control-allow-methods']).toContain('DELETE');
  });

  it('error responses: OPTIONS without an origin is no preflight', () => {
    expect(visit(stoppedWorld(), { ...API, method: 'OPTIONS' }).res.statusCode).toBe(503);
  });

  it.each([
    ['https://portal.example', 'https://portal.example'],
    ['https://other.example', undefined],
  ])('error responses: with CORS_ORIGIN_WHITELIST, %s may read it: %s', (origin, allowed) => {
    process.env.CORS_ORIGIN_WHITELIST = 'https://portal.example';
    try {
      const { res } = visit(stoppedWorld(), { ...API, headers: { origin } });
      expect(res.headers['access-control-allow-origin']).toBe(allowed);
      expect(res.headers['access-control-allow-credentials']).toBe(allowed && 'true');
      expect(res.headers.vary).toBe('Origin');
    } finally {
      delete process.env.CORS_ORIGIN_WHITELIST;
    }
  });
});
