import { postgresDialect } from '../../server/databases/postgres';
import { TestHost } from '../helpers/test-host';

/** Registration, databases, secrets and administrators, over REST against a real NocoBase and PostgreSQL. */
describe('applications', () => {
  let host: TestHost;

  beforeAll(async () => {
    host = await TestHost.start();
    const made = await host.create({ name: 'alpha', displayName: 'Alpha', cname: 'Alpha.Example.test' });
    expect(made.status).toBe(200);
    expect(made.body.data).toMatchObject({ name: 'alpha', state: 'running', status: 'running', startMode: 'lazy' });
  });

  afterAll(() => host?.end());

  const code = (answer: { body: { errors?: { code: string; message: string }[] } }) => answer.body.errors?.[0]?.code;

  it('keeps the database of an application apart', async () => {
    expect(await host.databases()).toContain('alpha');
    const info = await host.get('/api/app:getInfo', { 'X-App': 'alpha' });
    expect(info.body.data.name).toBe('alpha');
  });

  it('answers create as soon as the making has begun, and holds the first visitor until it is ready', async () => {
    const made = await host.act('create', {}, { displayName: 'Second Shop!' });
    expect(made.status).toBe(200);
    expect(made.body.data).toMatchObject({ name: 'second-shop', state: 'creating' });
    const visit = await host.get('/api/app:getInfo', { 'X-App': 'second-shop' });
    expect(visit.status).toBe(200);
    expect(visit.body.data.name).toBe('second-shop');
  });

  it.each([
    ['empty', '   '],
    ['64 characters', 'a'.repeat(64)],
    ['49 characters', 'a'.repeat(49)],
    ['a quote', `a"b`],
    ['an apostrophe', `a'b`],
    ['a slash', 'a/b'],
    ['dot-dot', '../evil'],
    ['unicode', 'größe'],
    ['Chinese', '应用'],
    ['upper case', 'Alpha'],
    ['a leading digit', '1app'],
    ['a leading hyphen', '-app'],
    ['a zero byte', 'a\u0000b'],
    ['a new line', 'a\nb'],
    ['main', 'main'],
    ['api', 'api'],
    ['www', 'www'],
    ['postgres', 'postgres'],
    ['an object', { a: 1 }],
    ['an array', ['a']],
    ['a number', 5],
  ])('refuses a name: %s, and writes nothing', async (_what, name) => {
    const before = [
      await host.databases(),
      await host.files(),
      await host.sql('SELECT name FROM applications ORDER BY 1'),
    ];
    const answer = await host.create({ name });
    expect(answer.status).toBe(400);
    expect(['APP_NAME_INVALID', 'APP_NAME_RESERVED']).toContain(code(answer));
    expect(answer.body.errors[0].message).toMatch(/\w+ .*\.$/);
    expect([
      await host.databases(),
      await host.files(),
      await host.sql('SELECT name FROM applications ORDER BY 1'),
    ]).toEqual(before);
  });

  it.each([
    [409, 'APP_NAME_TAKEN', { name: 'alpha' }],
    [409, 'APP_DOMAIN_TAKEN', { name: 'other', cname: 'ALPHA.example.test.' }],
    [400, 'APP_DOMAIN_INVALID', { name: 'other', cname: 'https://x.test/' }],
    [400, 'APP_START_MODE_INVALID', { name: 'other', startMode: 'sometimes' }],
    [400, 'APP_OPTIONS_INVALID', { name: 'other', options: 'text' }],
    [400, 'APP_ADMIN_INVALID', { name: 'other', admin: { email: 'a@b.c' } }],
    [400, 'APP_DATABASE_UNSUPPORTED', { name: 'other', options: { database: { host: '10.0.0.1' } } }],
    [400, 'APP_DATABASE_NAME_INVALID', { name: 'other', options: { database: { database: 'a"; DROP' } } }],
    [400, 'APP_DATABASE_NAME_INVALID', { name: 'other', options: { database: { database: 'template1' } } }],
    [409, 'APP_DATABASE_IN_USE', { name: 'other', options: { database: { database: 'alpha' } } }],
  ])('refuses with %i %s: %j', async (status, expected, values) => {
    const before = await host.databases();
    const answer = await host.create(values);
    expect([answer.status, code(answer)]).toEqual([status, expected]);
    expect(await host.databases()).toEqual(before);
    expect((await host.show('other')).status).toBe(404);
  });

  it("refuses the main application's own database, and one that holds tables", async () => {
    const { database } = host.host.database;
    const own = await host.create({ name: 'thief', options: { database: { database } } });
    expect([own.status, code(own)]).toEqual([409, 'APP_DATABASE_IN_USE']);
    const address = { host: host.host.database.host, port: host.host.database.port, database };
    const byAddress = await host.create({
      name: 'thief',
      options: { dbConnType: 'new_connection', database: address },
    });
    expect(byAddress.status).toBe(400);
    await host.sql('CREATE DATABASE occupied');
    try {
      await host.sql('CREATE TABLE here (id int)', [], 'occupied');
      const taken = await host.create({ name: 'occupied' });
      expect([taken.status, code(taken)]).toEqual([409, 'APP_DATABASE_EXISTS']);
    } finally {
      await host.sql('DROP DATABASE occupied');
    }
  });

  it('speaks Chinese to who asks for it', async () => {
    const answer = await host.act('create', {}, { name: 'alpha' }, { 'X-Locale': 'zh-CN' });
    expect(code(answer)).toBe('APP_NAME_TAKEN');
    expect(answer.body.errors[0].message).toMatch(/\p{Script=Han}/u);
    expect(answer.body.errors[0].message).toContain('alpha');
  });

  it('makes two at once of the same name: one wins, the other is told', async () => {
    const both = await Promise.all([host.create({ name: 'twin' }), host.create({ name: 'twin' })]);
    expect(both.map((answer) => answer.status).sort()).toEqual([200, 409]);
    const again = await host.show('twin');
    expect(again.body.data.state).toBe('running');
    expect((await host.act('destroy', { filterByTk: 'twin', dropDatabase: 'true', purge: 'true' })).status).toBe(200);
  });

  it("gives the creator's own account to a new application, and never the well-known password", async () => {
    const { email, password } = host.host.credentials;
    expect((await host.signIn('alpha', email, password)).status).toBe(200);
    for (const known of ['admin123', 'admin', '']) {
      expect((await host.signIn('alpha', email, known)).status).not.toBe(200);
      expect((await host.signIn('alpha', 'admin@nocobase.com', known)).status).not.toBe(200);
    }
  });

  it('gives the administrator that the caller names, and keeps no trace of the password', async () => {
    const password = 'Planted-Secret-4711';
    const admin = { email: 'boss@firm.test', username: 'boss', password };
    const made = await host.create({
      name: 'firm',
      admin,
      options: { authManager: { jwt: { secret: 'Planted-Jwt-0815' } } },
    });
    expect(made.status).toBe(200);
    expect((await host.signIn('firm', 'boss@firm.test', password)).status).toBe(200);
    expect((await host.signIn('firm', 'boss', password)).status).toBe(200);
    const { email } = host.host.credentials;
    expect((await host.signIn('firm', email, host.host.credentials.password)).status).not.toBe(200);
    const users = await host.sql<{ email: string }>('SELECT email FROM users', [], 'firm');
    expect(users).toEqual([{ email: 'boss@firm.test' }]);

    const list = await host.get('/api/applications:list', await host.bearer('main'));
    const [row] = await host.sql<object>(`SELECT * FROM applications WHERE name = 'firm'`);
    const traces = [made.text, list.text, JSON.stringify(row), await host.log(), await host.log('firm')].join('\n');
    expect(traces).not.toContain(password);
    expect(traces).not.toContain('Planted-Jwt-0815');
    expect(list.text).not.toMatch(/secrets|provisioning|passwordHash/);
    await host.act('destroy', { filterByTk: 'firm', dropDatabase: 'true', purge: 'true' });
  });

  it('changes what may be changed, keeps the rest, and routes by the new domain at once', async () => {
    const domain = async (name: string) =>
      (await host.get('/api/app:getInfo', { Host: name })).body.data?.name as string;
    expect(await domain('alpha.example.test')).toBe('alpha');
    const changed = await host.act(
      'update',
      { filterByTk: 'alpha' },
      { cname: 'new.example.test', displayName: 'Alpha 2' },
    );
    expect(changed.body.data).toMatchObject({ cname: 'new.example.test', displayName: 'Alpha 2', startMode: 'lazy' });
    expect(await domain('NEW.example.test:80')).toBe('alpha');
    expect(await domain('alpha.example.test')).toBe('main');
    const renamed = await host.act('update', { filterByTk: 'alpha' }, { name: 'beta' });
    expect([renamed.status, code(renamed)]).toEqual([400, 'APP_NAME_IMMUTABLE']);
    const moved = await host.act(
      'update',
      { filterByTk: 'alpha' },
      { options: { database: { database: 'elsewhere' } } },
    );
    expect([moved.status, code(moved)]).toEqual([400, 'APP_OPTIONS_INVALID']);
    const before = await host.sql<{ secrets: string }>(
      `SELECT secrets, provisioning::text FROM applications WHERE name = 'alpha'`,
    );
    const injected = { secrets: 'x', provisioning: {}, stoppedAt: new Date(), status: 'stopped', createdAt: 0 };
    expect((await host.act('update', { filterByTk: 'alpha' }, injected)).status).toBe(200);
    const after = await host.sql(`SELECT secrets, provisioning::text FROM applications WHERE name = 'alpha'`);
    expect(after).toEqual(before);
    expect((await host.show('alpha')).body.data.state).toBe('running');
  });

  it('keeps the routes over a reload of the main application', async () => {
    const reloaded = await host.post(
      '/api/pm:disable?filterByTk=multi-app-share-collection&awaitResponse=true',
      {},
      await host.bearer('main'),
    );
    expect(reloaded.status).toBeLessThan(600);
    await host.post(
      '/api/pm:enable?filterByTk=@nocobase/plugin-embed&awaitResponse=true',
      {},
      await host.bearer('main'),
    );
    await host.until('main is back', async () => (await host.get('/api/__health_check')).status === 200);
    const info = await host.get('/api/app:getInfo', { Host: 'new.example.test' });
    expect(info.body.data.name).toBe('alpha');
    expect((await host.get('/api/app:getInfo', { 'X-App': 'nope' })).status).toBe(404);
  });

  it('lists, filters, sorts and pages', async () => {
    const headers = await host.bearer('main');
    const page = await host.get('/api/applications:list?pageSize=1&page=2&sort=name', headers);
    expect(page.body.data).toHaveLength(1);
    expect(page.body.meta).toMatchObject({ page: 2, pageSize: 1, count: 2, totalPage: 2 });
    const found = await host.get('/api/applications:list?search=SECOND', headers);
    expect(found.body.data.map((row: { name: string }) => row.name)).toEqual(['second-shop']);
    const filter = encodeURIComponent(JSON.stringify({ name: 'alpha' }));
    const filtered = await host.get(`/api/applications:list?filter=${filter}`, headers);
    expect(filtered.body.data.map((row: { name: string }) => row.name)).toEqual(['alpha']);
  });

  it('refuses administrative actions to who is not an administrator', async () => {
    for (const action of ['list', 'get', 'create', 'update', 'destroy', 'start', 'stop', 'restart']) {
      const answer = await host.post(`/api/applications:${action}?filterByTk=alpha`, {});
      expect([401, 403]).toContain(answer.status);
    }
    const users = await host.post(
      '/api/users:create',
      { username: 'member', email: 'm@x.test', password: 'Member-1234', roles: [{ name: 'member' }] },
      await host.bearer('main'),
    );
    expect(users.status).toBe(200);
    const signedIn = await host.signIn('main', 'member', 'Member-1234');
    const headers = { Authorization: `Bearer ${signedIn.body.data.token as string}` };
    for (const action of ['list', 'create', 'stop', 'destroy']) {
      const answer = await host.post(`/api/applications:${action}?filterByTk=alpha`, { name: 'by-member' }, headers);
      expect(answer.status).toBe(403);
    }
  });

  describe('the database server says no, in seconds', () => {
    const server = () => {
      const { host: address, port, user: username, password, database } = host.host.database;
      return { host: address, port, username, password, database };
    };

    it('to a role without CREATEDB', async () => {
      await host.sql(`CREATE ROLE limited LOGIN PASSWORD 'limited'`);
      const limited = { ...server(), username: 'limited', password: 'limited' };
      try {
        await expect(postgresDialect.assertMayCreate(limited)).rejects.toMatchObject({
          code: 'APP_DATABASE_DENIED',
          status: 422,
        });
        await expect(postgresDialect.create(limited, 'by_limited', 'token')).rejects.toMatchObject({
          code: 'APP_DATABASE_DENIED',
        });
        expect(await host.databases()).not.toContain('by_limited');
      } finally {
        await host.sql('DROP ROLE limited');
      }
    });

    it('when it cannot be reached, without the address in the answer', async () => {
      const started = Date.now();
      const away = { ...server(), host: '127.0.0.1', port: 1, password: 'Planted-4712' };
      const refusal = await postgresDialect.inspect(away, 'any').catch((error: unknown) => error as Error);
      expect(refusal).toMatchObject({ code: 'APP_DATABASE_UNREACHABLE', status: 503 });
      expect((refusal as Error).message).not.toMatch(/Planted|127\.0\.0\.1/);
      expect(Date.now() - started).toBeLessThan(10_000);
    });

    it('quotes whatever the database is called', async () => {
      const name = `we"ird 'name`;
      expect(await postgresDialect.create(server(), name, 'a-token')).toBe(true);
      expect(await postgresDialect.create(server(), name, 'a-token')).toBe(false);
      expect(await postgresDialect.inspect(server(), name)).toBe('empty');
      expect(await postgresDialect.isOwned(server(), name, 'a-token')).toBe(true);
      expect(await postgresDialect.isOwned(server(), name, 'another')).toBe(false);
      await postgresDialect.drop(server(), name, 'a-token');
      expect(await postgresDialect.inspect(server(), name)).toBe('absent');
    });

    it("tells a database of ours from a stranger's, also when it was cut off in the middle", async () => {
      const before = await host.databases();
      await host.sql('CREATE DATABASE of_a_stranger');
      await expect(postgresDialect.create(server(), 'of_a_stranger', 'mine')).rejects.toMatchObject({
        code: 'APP_DATABASE_EXISTS',
      });
      await postgresDialect.drop(server(), 'of_a_stranger', 'mine');
      expect(await host.databases()).toEqual([...before, 'of_a_stranger'].sort());
      await host.sql('DROP DATABASE of_a_stranger');

      // Killed after CREATE DATABASE: there is a database without a mark, under a name that only we know.
      await host.sql('CREATE DATABASE app_supervisor_draft_cut_off');
      expect(await postgresDialect.create(server(), 'cut_off', 'cut_off')).toBe(true);
      expect(await postgresDialect.isOwned(server(), 'cut_off', 'cut_off')).toBe(true);
      // Killed once more, and removed instead of made again.
      await host.sql('CREATE DATABASE app_supervisor_draft_cut_off');
      await postgresDialect.drop(server(), 'cut_off', 'cut_off');
      expect(await host.databases()).toEqual(before);
    });
  });

  describe('destroy', () => {
    it('keeps the database unless told to drop it', async () => {
      await host.create({ name: 'keeper' });
      const gone = await host.act('destroy', { filterByTk: 'keeper', purge: 'true' });
      const kept = { name: 'keeper', database: 'keeper', databaseDropped: false, removedAt: null, purgeAt: null };
      expect(gone.body.data).toEqual(kept);
      expect((await host.get('/api/app:getInfo', { 'X-App': 'keeper' })).status).toBe(404);
      expect(await host.databases()).toContain('keeper');
      expect(await host.connections('keeper')).toBe(0);
      await host.sql('DROP DATABASE keeper');
    });

    it('drops only what it made', async () => {
      await host.sql('CREATE DATABASE found');
      const made = await host.create({ name: 'finder', options: { database: { database: 'found' } } });
      expect(made.status).toBe(200);
      const refused = await host.act('destroy', { filterByTk: 'finder', dropDatabase: 'true' });
      expect([refused.status, code(refused)]).toEqual([409, 'APP_DATABASE_NOT_OWNED']);
      expect((await host.get('/api/app:getInfo', { 'X-App': 'finder' })).status).toBe(200);
      expect((await host.act('destroy', { filterByTk: 'finder' })).status).toBe(200);
      expect(await host.databases()).toContain('found');
      await host.sql('DROP DATABASE found');
    });

    it('does not drop a database that another application uses meanwhile', async () => {
      await host.create({ name: 'shared' });
      await host.sql(
        `INSERT INTO applications (name, options, "createdAt", "updatedAt") VALUES ('guest', $1, now(), now())`,
        [JSON.stringify({ dbConnType: 'new_schema', database: { database: 'shared', schema: 'guest' } })],
      );
      await host.host.restart();
      const refused = await host.act('destroy', { filterByTk: 'shared', dropDatabase: 'true' });
      expect([refused.status, code(refused)]).toEqual([409, 'APP_DATABASE_IN_USE']);
      await host.act('destroy', { filterByTk: 'guest' });
      // It may come back.
      const still = await host.act('destroy', { filterByTk: 'shared', dropDatabase: 'true' });
      expect([still.status, code(still)]).toEqual([409, 'APP_DATABASE_IN_USE']);
      await host.act('purge', { filterByTk: 'guest' });
      const dropped = await host.act('destroy', { filterByTk: 'shared', dropDatabase: 'true', purge: 'true' });
      expect(dropped.body.data).toMatchObject({ name: 'shared', databaseDropped: true });
      expect(await host.databases()).not.toContain('shared');
    });

    it('answers 404 for an application that does not exist, on every action', async () => {
      for (const action of ['get', 'update', 'destroy', 'start', 'stop', 'restart', 'restore', 'purge']) {
        const answer = await host.act(action, { filterByTk: 'never-was' });
        expect([action, answer.status, code(answer)]).toEqual([action, 404, 'APP_NOT_FOUND']);
      }
    });
  });
});
