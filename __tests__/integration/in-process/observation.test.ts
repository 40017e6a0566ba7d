import '../../helpers/in-process-environment';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';

/** Looking at applications over REST: lists of many, and what is told of each. */

interface Row {
  name: string;
  state: string;
  lastVisitedAt: string | null;
  [field: string]: unknown;
}

const plugins = ['error-handler'];
const MANY = 1_000;

describeWithPostgres('looking at applications', () => {
  let app: InProcessApp;
  let crm: string;
  let erp: string;

  beforeAll(async () => {
    app = await InProcessApp.start({
      plugins: [...SMALL, OURS],
      env: { APP_SUPERVISOR_BASE_DOMAIN: 'localhost,apps.test' },
    });
    [crm, erp] = [app.name('crm'), app.name('erp')];
    await app.create({ name: crm, displayName: 'Zebra', cname: 'Crm.Example.test', options: { plugins } });
    await app.create({
      name: erp,
      displayName: 'Ant',
      startMode: 'manual',
      options: { plugins, dbConnType: 'new_schema', database: { schema: erp } },
    });
  });

  afterAll(() => app?.end());

  const list = async (query = '') => {
    const { status, body } = await app.get(`/api/applications:list?${query}`);
    return {
      status,
      rows: (body.data ?? []) as Row[],
      meta: body.meta,
      code: (body.error ?? body.errors?.[0])?.code as string,
    };
  };
  const names = async (query: string) => (await list(query)).rows.map(({ name }) => name);
  const visit = (name: string) => app.get('/api/pm:listEnabled', { 'X-App': name });
  const stored = async (name: string) =>
    (
      await app.sql<{ lastVisitedAt: Date | null; updatedAt: Date }>(
        'SELECT "lastVisitedAt", "updatedAt" FROM applications WHERE name = $1',
        [name],
      )
    )[0];

  describe('one by one', () => {
    it('tells where each is reached, and where its data is, without secrets', async () => {
      const { rows } = await list();
      const row = (name: string) => rows.find((candidate) => candidate.name === name);
      expect(row(crm)).toMatchObject({
        address: { path: `/apps/${crm}/`, hosts: ['crm.example.test', `${crm}.localhost`, `${crm}.apps.test`] },
        databasePlace: { dialect: 'postgres', type: 'new_database', database: crm },
        stateSince: expect.any(String),
      });
      expect(row(erp)?.databasePlace).toEqual({
        dialect: 'postgres',
        type: 'new_schema',
        database: app.address.database,
        schema: erp,
      });
    });

    it('remembers the last visit: in memory at once, in the row when it goes to rest, past its date of change', async () => {
      const before = await stored(crm);
      expect(before?.lastVisitedAt).toBeNull();
      const begun = Date.now();
      expect((await visit(crm)).status).toBe(200);
      const shown = (await list()).rows.find(({ name }) => name === crm)?.lastVisitedAt;
      expect(Date.parse(shown ?? '')).toBeGreaterThanOrEqual(begun);
      expect((await stored(crm))?.lastVisitedAt).toBeNull();
      await app.service.runner(crm)?.stop('sleep');
      await app.until('it is written', async () => (await stored(crm))?.lastVisitedAt !== null);
      expect((await stored(crm))?.lastVisitedAt?.toISOString()).toBe(shown);
      expect((await stored(crm))?.updatedAt).toEqual(before?.updatedAt);
      expect((await list()).rows.find(({ name }) => name === erp)?.lastVisitedAt).toBeNull();
    });

    it('does not take a health check for a visit, nor what a page loads; but the opening of one', async () => {
      const before = (await list()).rows.find(({ name }) => name === crm)?.lastVisitedAt;
      await app.get('/api/__health_check', { 'X-App': crm });
      await app.get('/static/x.js', { Host: `${crm}.localhost`, Accept: '*/*' });
      expect((await list()).rows.find(({ name }) => name === crm)?.lastVisitedAt).toBe(before);
      await app.get(`/apps/${crm}/admin/`, { Accept: 'text/html,*/*' });
      const after = (await list()).rows.find(({ name }) => name === crm)?.lastVisitedAt;
      expect(Date.parse(after ?? '')).toBeGreaterThan(Date.parse(before ?? ''));
    });

    it('cannot be told another last visit', async () => {
      const before = (await stored(crm))?.lastVisitedAt;
      await app.post(`/api/applications:update?filterByTk=${crm}`, { lastVisitedAt: '2001-01-01', displayName: 'Zoo' });
      await app.repository.update({ filterByTk: crm, values: { lastVisitedAt: '2001-01-01' } });
      expect((await stored(crm))?.lastVisitedAt).toEqual(before);
    });

    it('looks at one closely, without waking it', async () => {
      await app.service.runner(crm)?.stop('sleep');
      const details = async (name: string) => (await app.get(`/api/applications:details?filterByTk=${name}`)).body.data;
      const { requests } = (await details(crm)).traffic as { requests: number };
      const found = await details(crm);
      const installed = app.main.getPackageVersion();
      expect(found).toMatchObject({
        name: crm,
        version: { core: installed, installedCore: installed },
        database: { dialect: 'postgres', type: 'new_database', database: crm, bytes: expect.any(Number) },
        memory: { estimateBytes: null },
        address: { path: `/apps/${crm}/` },
        journey: { kind: 'wake', outcome: 'running' },
      });
      const [size] = await app.sql<{ bytes: string }>('SELECT pg_database_size($1)::text AS bytes', [crm]);
      expect(Math.abs(found.database.bytes - Number(size?.bytes))).toBeLessThan(1_000_000);
      expect(app.service.describe(crm)?.state).toBe('asleep');
      for (let count = 0; count < 3; count += 1) expect((await visit(crm)).status).toBe(200);
      await app.get('/api/__health_check', { 'X-App': crm });
      expect((await details(crm)).traffic.requests).toBe(requests + 3);
      expect(found).toMatchObject({ lastVisitedAt: expect.any(String), traffic: { since: expect.any(String) } });

      const inSchema = await details(erp);
      expect(inSchema.database).toMatchObject({ type: 'new_schema', schema: erp });
      expect(inSchema.database.bytes).toBeGreaterThan(50_000);
      expect(inSchema.database.bytes).toBeLessThan(found.database.bytes);
      expect((await app.get('/api/applications:details?filterByTk=nobody')).status).toBe(404);
    });

    it('says what it can of one whose database is gone', async () => {
      await app.service.runner(crm)?.stop('sleep');
      await app.sql(`ALTER DATABASE "${crm}" RENAME TO "${crm}_away"`, [], 'postgres');
      try {
        const { status, body } = await app.get(`/api/applications:details?filterByTk=${crm}`);
        expect([status, body.data.database.bytes, body.data.version.core]).toEqual([200, null, null]);
      } finally {
        await app.sql(`ALTER DATABASE "${crm}_away" RENAME TO "${crm}"`, [], 'postgres');
      }
    });

    it('remembers it across the end of the process', async () => {
      expect((await visit(crm)).status).toBe(200);
      const shown = (await list()).rows.find(({ name }) => name === crm)?.lastVisitedAt;
      await app.restart();
      expect((await list()).rows.find(({ name }) => name === crm)?.lastVisitedAt).toBe(shown);
    });
  });

  it('tells what the process holds, and its latest boots', async () => {
    await app.service.runner(crm)?.stop('sleep');
    expect((await visit(crm)).status).toBe(200);
    const { status, body } = await app.get('/api/appSupervisor:metrics');
    expect(status).toBe(200);
    expect(body.data).toMatchObject({
      at: expect.stringMatching(/Z$/),
      applications: { total: 2, states: { running: 1, stopped: 1, asleep: 0 } },
      running: { count: 1, limit: null },
      memory: { heapUsed: expect.any(Number), rss: expect.any(Number), limit: expect.any(Number) },
      queue: { waiting: 0, booting: 0, concurrency: app.service.config.bootConcurrency },
    });
    const { connections, boots } = body.data as {
      connections: { used: number; limit: number };
      boots: Record<string, unknown>[];
    };
    expect(connections.used).toBeGreaterThan(0);
    expect(connections.limit).toBeGreaterThan(connections.used);
    expect(boots.at(-1)).toEqual({
      at: expect.stringMatching(/Z$/),
      application: crm,
      kind: 'wake',
      ms: expect.any(Number),
      outcome: 'running',
    });
    expect(body.data.memory.limit).toBeGreaterThan(2 ** 25);
  });

  describe('in lists of many', () => {
    beforeAll(async () => {
      const many = Array.from({ length: MANY }, (_, index) => ({
        name: `${app.prefix}-${String(index).padStart(4, '0')}`,
        displayName: `Shop ${index}`,
        startMode: 'lazy',
        stoppedAt: index % 4 === 0 ? new Date() : null,
        provisioning: { readyAt: new Date().toISOString() },
        options: { dbConnType: 'new_database', database: { database: `${app.prefix}-${index}` } },
      }));
      await app.main.db.getModel('applications').bulkCreate(many as never, { hooks: false });
      await app.service.registry.load(app.main);
    });

    it('filters by the computed state, counts all states, and pages in the database', async () => {
      await visit(crm);
      const { rows, meta } = await list('state=stopped&pageSize=10&page=3&sort=name');
      expect(rows.map(({ state }) => state)).toEqual(Array.from({ length: 10 }, () => 'stopped'));
      // The manual one rests until it is started.
      expect(meta).toMatchObject({ count: MANY / 4 + 1, page: 3, pageSize: 10, totalPage: 26 });
      expect(meta.states).toMatchObject({ running: 1, stopped: MANY / 4 + 1, asleep: (MANY * 3) / 4, failed: 0 });
      expect(await names('state=running')).toEqual([crm]);
      expect((await list('state=running,stopped')).meta.count).toBe(MANY / 4 + 2);
      expect((await list('state[]=running&state[]=stopped')).meta.count).toBe(MANY / 4 + 2);
      expect((await list('state=failed')).meta).toMatchObject({ count: 0, states: { running: 1 } });
    });

    it('counts the states of what is searched for', async () => {
      const { meta } = await list('search=shop 99&state=stopped');
      expect(meta.count).toBe(2);
      expect(meta.states).toMatchObject({ stopped: 2, asleep: 9, running: 0 });
      expect((await list('search=zoo')).meta.states).toMatchObject({ running: 1, asleep: 0 });
    });

    it('says of each its ID and its true state, whatever fields are asked for', async () => {
      const { rows } = await list('state=stopped&fields=displayName&pageSize=3');
      expect(rows.map((row) => Object.keys(row).sort())).toEqual(
        Array.from({ length: 3 }, () => ['displayName', 'name', 'state', 'status']),
      );
      expect(rows.map(({ state }) => state)).toEqual(['stopped', 'stopped', 'stopped']);
    });

    it.each([
      ['a wrong expression', { name: { $regexp: '(' } }],
      ['text for a time', { createdAt: { $dateOn: 'never' } }],
      ['a text for a number', { sort: { $gt: 'x' } }],
      ['an operator that there is not', { name: { $none: 1 } }],
      ['a list for a text', { name: { $includes: [{}] } }],
      ['an object for a list', { name: { $in: { a: { b: 1 } } } }],
      ['a nesting of 300', `${'{"$and":['.repeat(300)}{"name":"x"}${']}'.repeat(300)}`],
    ])('refuses a filter with %s, or answers it', async (_kind, filter) => {
      const text = typeof filter === 'string' ? filter : JSON.stringify(filter);
      const found = await list(`filter=${encodeURIComponent(text)}`);
      expect([200, 400, 414]).toContain(found.status);
      if (found.status === 400) expect(['APP_VALUE_INVALID', 'APP_QUERY_TOO_LARGE']).toContain(found.code);
    });

    it.each(['destroy', 'update'])('%s with an empty ID is refused in our words', async (action) => {
      const { status, body } = await app.post(`/api/applications:${action}?filterByTk=`, {});
      expect([status, body.errors[0]]).toEqual([
        400,
        expect.objectContaining({ code: 'APP_VALUE_INVALID', field: 'filterByTk' }),
      ]);
    });

    it('refuses a state that there is not', async () => {
      expect(await list('state=sleepy')).toMatchObject({ status: 400, code: 'APP_VALUE_INVALID' });
      expect(await list('state[a][b]=running')).toMatchObject({ status: 400, code: 'APP_VALUE_INVALID' });
    });

    it('sorts by name, display name, date of creation and last visit', async () => {
      expect((await names('sort=displayName&pageSize=1'))[0]).toBe(erp);
      expect((await names('sort=-displayName&pageSize=1'))[0]).toBe(crm);
      expect((await names('sort=-name&pageSize=1'))[0]).toBe(erp);
      expect((await names('sort=createdAt&pageSize=2')).slice(0, 2)).toEqual([crm, erp]);
      expect((await names('sort=-lastVisitedAt&pageSize=1'))[0]).toBe(crm);
      expect((await names('sort=lastVisitedAt&pageSize=1'))[0]).toBe(crm);
    });
  });
});
