import '../../helpers/in-process-environment';
import { Plugin } from '@nocobase/server';
import { roleOf, sqlAs } from '../../helpers/app-roles';
import { describeWithPostgres, InProcessApp, OURS, providePlugin, SMALL } from '../../helpers/in-process-app';

/** Rows of `applications` written through the repository: checked, made, changed and removed as over REST. */

const plugins = ['error-handler'];
let mayInstall = false;

class Failing extends Plugin {
  override install(): Promise<void> {
    return mayInstall ? Promise.resolve() : Promise.reject(new Error('it does not want to'));
  }
}

const code = (error: unknown) => (error as { code?: string }).code;

/** The error that a promise rejects with. */
const failure = (promise: Promise<unknown>): Promise<Error & { code?: string; status?: number }> =>
  promise.then(
    () => {
      throw new Error('it was expected to fail');
    },
    (error: Error) => error,
  );

describeWithPostgres('the repository', () => {
  let app: InProcessApp;
  let alpha: string;

  beforeAll(async () => {
    providePlugin('failing', Failing);
    app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
    alpha = app.name('alpha');
    await app.create({ name: alpha, displayName: 'Alpha', cname: 'Alpha.Example.test', options: { plugins } });
  });

  afterAll(() => app?.end());

  /** Everything that a refused write could have left behind. */
  const traces = async () => ({
    rows: await app.sql(
      'SELECT name, "displayName", cname, options, "startMode", "stoppedAt" FROM applications ORDER BY 1',
    ),
    databases: await app.databases(),
    routes: [...app.service.registry.all()].map((record) => [record.name, record.cname, record.startMode]).sort(),
    instances: app.supervisor.getApps().map((instance) => instance.name),
  });

  const visit = async (name: string) => {
    const { status, body } = await app.get('/api/pm:listEnabled', { 'X-App': name });
    return [status, (body as { error?: { code?: string } }).error?.code];
  };

  const columns = async (name: string) =>
    (
      await app.sql<{ startMode: string; stoppedAt: Date | null; secrets: string; options: Record<string, unknown> }>(
        'SELECT * FROM applications WHERE name = $1',
        [name],
      )
    )[0];

  // ---- create -------------------------------------------------------------------------------------------------------

  it('completes a row: a start mode, a database of its own, sealed secrets, and no secret in its options', async () => {
    const row = await columns(alpha);
    expect(row).toMatchObject({ startMode: 'lazy', stoppedAt: null, secrets: expect.stringMatching(/^v1:/) });
    expect(row?.options).toEqual({ plugins, dbConnType: 'new_database', database: { database: alpha } });
    expect((await columns(alpha)) as object).toMatchObject({ cname: 'alpha.example.test' });
  });

  it('shows nobody the secrets of a row', async () => {
    const found = (await app.repository.findOne({ filterByTk: alpha })).toJSON() as Record<string, unknown>;
    expect(Object.keys(found)).not.toEqual(expect.arrayContaining(['secrets']));
    expect(Object.keys(found)).not.toEqual(expect.arrayContaining(['provisioning']));
  });

  const refused: [string, number, string, (fresh: string) => Record<string, unknown>][] = [
    ['a name with a slash', 400, 'APP_NAME_INVALID', () => ({ name: 'a/b' })],
    ['an upper-case name', 400, 'APP_NAME_INVALID', () => ({ name: 'Alpha' })],
    ['a name of 49 characters', 400, 'APP_NAME_INVALID', () => ({ name: 'a'.repeat(49) })],
    ['a name that is none', 400, 'APP_NAME_INVALID', () => ({ name: { $ne: 'x' } })],
    ['a reserved name', 400, 'APP_NAME_RESERVED', () => ({ name: 'main' })],
    ['a name that is taken', 409, 'APP_NAME_TAKEN', () => ({ name: alpha })],
    [
      'a domain that is taken, in another case',
      409,
      'APP_DOMAIN_TAKEN',
      (name) => ({ name, cname: 'ALPHA.example.TEST' }),
    ],
    ['a domain with a port', 400, 'APP_DOMAIN_INVALID', (name) => ({ name, cname: 'x.example.test:80' })],
    ['a start mode that is none', 400, 'APP_START_MODE_INVALID', (name) => ({ name, startMode: 'sometimes' })],
    ['options that are none', 400, 'APP_OPTIONS_INVALID', (name) => ({ name, options: [] })],
    ['an administrator without a password', 400, 'APP_ADMIN_INVALID', (name) => ({ name, admin: { username: 'a' } })],
    [
      'another server than its own',
      400,
      'APP_DATABASE_UNSUPPORTED',
      (name) => ({ name, options: { database: { host: 'db.example.test' } } }),
    ],
    [
      'a database name with a quote',
      400,
      'APP_DATABASE_NAME_INVALID',
      (name) => ({ name, options: { database: { database: 'a"b' } } }),
    ],
    [
      "the main application's database",
      409,
      'APP_DATABASE_IN_USE',
      (name) => ({ name, options: { database: { database: app.address.database } } }),
    ],
    [
      "another application's database",
      409,
      'APP_DATABASE_IN_USE',
      (name) => ({ name, options: { database: { database: alpha } } }),
    ],
    [
      'a database that holds tables',
      409,
      'APP_DATABASE_EXISTS',
      (name) => ({ name, options: { database: { database: app.name('occupied') } } }),
    ],
  ];

  it.each(refused)('refuses as REST does, and leaves nothing: %s', async (_what, status, expected, values) => {
    if (expected === 'APP_DATABASE_EXISTS') {
      await app.sql(`CREATE DATABASE "${app.name('occupied')}"`);
      await app.sql('CREATE TABLE here (id int)', [], app.name('occupied'));
    }
    const before = await traces();
    for (const wait of [true, false]) {
      const error = await failure(app.create(values(app.name('refused')), wait));
      expect([error.status, error.code]).toEqual([status, expected]);
    }
    const answer = await app.post('/api/applications:create?wait=true', values(app.name('refused')));
    expect([answer.status, answer.body.errors?.[0]?.code]).toEqual([status, expected]);
    expect(await traces()).toEqual(before);
  });

  it('lets an application have a database that is there, empty and unused, and does not call it its own', async () => {
    const name = app.name('given');
    await app.sql(`CREATE DATABASE "${app.name('ready_made')}"`);
    await app.create({ name, options: { plugins, database: { database: app.name('ready_made') } } });
    expect(await visit(name)).toEqual([200, undefined]);
    expect(await app.databases()).not.toContain(name);
    const role = roleOf(app, name);
    expect(
      role &&
        (await sqlAs(app, role, app.name('ready_made'), 'SELECT count(*) > 0 AS reads FROM "applicationVersion"')),
    ).toEqual([{ reads: true }]);
    const dropped = await app.post(`/api/applications:destroy?filterByTk=${name}&dropDatabase=true&purge=true`);
    expect([dropped.status, dropped.body.errors?.[0]?.code]).toEqual([409, 'APP_DATABASE_NOT_OWNED']);
    await app.repository.destroy({ filterByTk: name });
    expect(await app.databases()).toContain(app.name('ready_made'));
  });

  it('gives a row without a name one', async () => {
    const { name } = await app.create({ displayName: `${app.prefix} Second Shop!`, options: { plugins } });
    expect(name).toBe(`${app.prefix}-second-shop`);
    expect(await visit(name as string)).toEqual([200, undefined]);
  });

  it('writes two at once of the same name once', async () => {
    const name = app.name('twin');
    const both = await Promise.allSettled([1, 2].map(() => app.create({ name, options: { plugins } })));
    expect(both.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await app.sql('SELECT name FROM applications WHERE name = $1', [name])).toHaveLength(1);
    expect(await visit(name)).toEqual([200, undefined]);
  });

  it('answers before the application is made, unless it is asked to wait; its first visitor waits', async () => {
    const name = app.name('soon');
    await app.create({ name, options: { plugins } }, false);
    expect(app.service.describe(name)?.state).toBe('creating');
    expect(await visit(name)).toEqual([200, undefined]);
  });

  it('makes several that are created at once', async () => {
    const names = [app.name('many_1'), app.name('many_2'), app.name('many_3')];
    await app.repository.createMany({ records: names.map((name) => ({ name, options: { plugins } })) });
    expect(await Promise.all(names.map(visit))).toEqual(names.map(() => [200, undefined]));
  });

  it('takes back row, database and route of an application that could not be made while it was waited for', async () => {
    const name = app.name('unmade');
    const before = await traces();
    const errors = jest.fn();
    app.supervisor.on('appError', errors);
    const error = await failure(app.create({ name, cname: 'unmade.example.test', options: { plugins: ['failing'] } }));
    app.supervisor.removeListener('appError', errors);
    expect([error.code, error.message]).toEqual(['APP_BOOT_FAILED', expect.stringContaining('step "install"')]);
    expect(error.message).not.toContain('does not want to');
    expect(errors).toHaveBeenCalled();
    expect(await traces()).toEqual(before);
    expect(await visit(name)).toEqual([404, 'APP_NOT_FOUND']);
    expect(app.service.registry.byDomain('unmade.example.test')).toBeUndefined();
    expect(await app.connections()).not.toContain(name);

    mayInstall = true;
    try {
      await app.create({ name, cname: 'unmade.example.test', options: { plugins: ['failing'] } });
    } finally {
      mayInstall = false;
    }
    expect(await visit(name)).toEqual([200, undefined]);
  });

  it('keeps the row of one that nobody waited for, as failed, and makes it when it is started', async () => {
    const name = app.name('later');
    await app.create({ name, options: { plugins: ['failing'] } }, false);
    await app.until('it has failed', () => Promise.resolve(app.service.describe(name)?.state === 'failed'));
    expect(app.service.describe(name)?.lastError).toMatchObject({ code: 'APP_BOOT_FAILED', step: 'install' });
    expect(await visit(name)).toEqual([503, 'APP_BOOT_FAILED']);
    mayInstall = true;
    try {
      const started = await app.post(`/api/applications:start?filterByTk=${name}&wait=true`);
      expect([started.status, started.body.data?.state]).toEqual([200, 'running']);
    } finally {
      mayInstall = false;
    }
    expect(await visit(name)).toEqual([200, undefined]);
  });

  it('makes nothing of a row whose transaction is rolled back', async () => {
    const name = app.name('undone');
    const before = await traces();
    const transaction = await app.main.db.sequelize.transaction();
    await app.repository.create({ values: { name, options: { plugins } }, transaction });
    expect(app.service.registry.has(name)).toBe(false);
    await transaction.rollback();
    expect(await visit(name)).toEqual([404, 'APP_NOT_FOUND']);
    expect(await traces()).toEqual(before);
  });

  it('makes nothing of a row that was waited for, and whose transaction is rolled back after all', async () => {
    const name = app.name('late_undone');
    const before = await traces();
    const transaction = await app.main.db.sequelize.transaction();
    const context = { waitSubAppInstall: true };
    await app.repository.create({ values: { name, options: { plugins } }, transaction, context });
    await transaction.rollback();
    expect(await visit(name)).toEqual([404, 'APP_NOT_FOUND']);
    expect(await traces()).toEqual(before);
  });

  it('makes one whose transaction is committed', async () => {
    const name = app.name('done');
    const transaction = await app.main.db.sequelize.transaction();
    await app.repository.create({ values: { name, options: { plugins } }, transaction });
    await transaction.commit();
    expect(await visit(name)).toEqual([200, undefined]);
  });

  it('installs a manual application, and does not start it', async () => {
    const name = app.name('manual');
    await app.create({ name, startMode: 'manual', options: { plugins } });
    expect(app.supervisor.hasApp(name)).toBe(false);
    expect((await columns(name))?.stoppedAt).not.toBeNull();
    expect(await visit(name)).toEqual([503, 'APP_STOPPED']);
    expect(await app.databases()).toContain(name);
  });

  // ---- update -------------------------------------------------------------------------------------------------------

  it.each<[string, number, string, Record<string, unknown>]>([
    ['another name', 400, 'APP_NAME_IMMUTABLE', { name: 'another' }],
    ['a start mode that is none', 400, 'APP_START_MODE_INVALID', { startMode: 'sometimes' }],
    ['a domain that is none', 400, 'APP_DOMAIN_INVALID', { cname: 'not a domain' }],
    ['a domain that is taken, in another case', 409, 'APP_DOMAIN_TAKEN', { cname: 'OTHER.example.test' }],
    ['another database', 400, 'APP_OPTIONS_INVALID', { options: { database: { database: 'another' } } }],
    ['another kind of connection', 400, 'APP_OPTIONS_INVALID', { options: { dbConnType: 'new_schema' } }],
    ['options that are none', 400, 'APP_OPTIONS_INVALID', { options: 'text' }],
  ])('refuses to change it to %s, as REST does', async (_what, status, expected, values) => {
    if (!app.service.registry.byDomain('other.example.test')) {
      await app.create({ name: app.name('other'), cname: 'other.example.test', options: { plugins } });
    }
    const before = await traces();
    const error = await failure(app.repository.update({ filterByTk: alpha, values }));
    expect([error.status, error.code]).toEqual([status, expected]);
    const answer = await app.post(`/api/applications:update?filterByTk=${alpha}`, values);
    expect([answer.status, answer.body.errors?.[0]?.code]).toEqual([status, expected]);
    expect(await traces()).toEqual(before);
  });

  it('is routed by its new domain, and no longer by the old one', async () => {
    await app.repository.update({ filterByTk: alpha, values: { cname: 'New.Example.test.' } });
    expect(app.service.registry.byDomain('new.example.test')).toBe(alpha);
    expect(app.service.registry.byDomain('alpha.example.test')).toBeUndefined();
    const row = await app.repository.findOne({ filterByTk: alpha });
    await row.update({ cname: null });
    expect(app.service.registry.byDomain('new.example.test')).toBeUndefined();
  });

  it('keeps what a change does not speak of, in the row and in memory', async () => {
    const before = await columns(alpha);
    await app.repository.update({ filterByTk: alpha, values: { displayName: 'Changed', pinned: true } });
    expect(await columns(alpha)).toMatchObject({
      displayName: 'Changed',
      pinned: true,
      options: before?.options,
      secrets: before?.secrets,
    });
    expect(app.service.registry.get(alpha)).toMatchObject({
      displayName: 'Changed',
      pinned: true,
      secrets: before?.secrets,
      options: before?.options,
    });
    const part = await app.repository.findOne({ filterByTk: alpha, fields: ['name', 'displayName'] });
    await part.update({ displayName: 'Once more' });
    expect(app.service.registry.get(alpha)).toMatchObject({
      displayName: 'Once more',
      secrets: before?.secrets,
      options: before?.options,
    });
  });

  it('follows a change only when it is committed', async () => {
    const transaction = await app.main.db.sequelize.transaction();
    await app.repository.update({ filterByTk: alpha, values: { cname: 'never.example.test' }, transaction });
    await transaction.rollback();
    expect(app.service.registry.byDomain('never.example.test')).toBeUndefined();
    expect(app.service.registry.get(alpha)?.cname).toBeUndefined();
  });

  it('takes autoStart in the options for the start mode', async () => {
    await app.repository.update({ filterByTk: alpha, values: { options: { plugins, autoStart: true } } });
    expect((await columns(alpha))?.startMode).toBe('eager');
    expect(app.service.registry.get(alpha)?.startMode).toBe('eager');
    await app.repository.update({ filterByTk: alpha, values: { options: { plugins, autoStart: false } } });
    expect((await columns(alpha))?.startMode).toBe('lazy');
    expect((await columns(alpha))?.options).toMatchObject({
      dbConnType: 'new_database',
      database: { database: alpha },
    });
  });

  it('seals a secret that a change brings, and takes it at the next start', async () => {
    const secret = 'of-the-change-0123456789';
    await app.repository.update({
      filterByTk: alpha,
      values: { options: { plugins, authManager: { jwt: { secret, expiresIn: '1d' } } } },
    });
    expect(JSON.stringify((await columns(alpha))?.options)).not.toContain(secret);
    expect((await columns(alpha))?.options).toMatchObject({ authManager: { jwt: { expiresIn: '1d' } } });
    await app.supervisor.removeApp(alpha);
    const instance = await app.supervisor.getApp(alpha);
    expect(String((instance.authManager.jwt as unknown as { secret(): unknown }).secret())).toBe(secret);
  });

  it('changes several rows at once', async () => {
    const names = [app.name('many_1'), app.name('many_2')];
    await app.repository.update({ filter: { name: { $in: names } }, values: { startMode: 'manual' } });
    expect(names.map((name) => app.service.registry.get(name)?.startMode)).toEqual(['manual', 'manual']);
    const error = await failure(
      app.repository.update({ filter: { name: { $in: names } }, values: { startMode: 'sometimes' } }),
    );
    expect(code(error)).toBe('APP_START_MODE_INVALID');
    expect(names.map((name) => app.service.registry.get(name)?.startMode)).toEqual(['manual', 'manual']);
  });

  // ---- destroy ------------------------------------------------------------------------------------------------------

  it('goes on with an application whose removal is rolled back', async () => {
    const name = app.name('done');
    const transaction = await app.main.db.sequelize.transaction();
    await app.repository.destroy({ filterByTk: name, transaction });
    await transaction.rollback();
    expect(await app.sql('SELECT name FROM applications WHERE name = $1', [name])).toHaveLength(1);
    expect(await visit(name)).toEqual([200, undefined]);
  });

  it('removes several at once: instances, routes and runners go, databases stay', async () => {
    const names = [app.name('many_1'), app.name('many_2'), app.name('many_3')];
    const instances = await Promise.all(names.map((name) => app.supervisor.getApp(name)));
    await app.repository.destroy({ filter: { name: { $in: names.slice(0, 2) } } });
    await app.repository.destroy({ filterByTk: names.slice(2) });
    for (const [index, name] of names.entries()) {
      expect(app.supervisor.hasApp(name)).toBe(false);
      expect(app.service.runner(name)).toBeUndefined();
      expect(instances[index]?.db.closed()).toBe(true);
      expect(await visit(name)).toEqual([404, 'APP_NOT_FOUND']);
    }
    expect(await app.databases()).toEqual(expect.arrayContaining(names));
    expect(await app.connections()).not.toEqual(expect.arrayContaining(names));
  });

  it('removes one by the row itself', async () => {
    const name = app.name('manual');
    await (await app.repository.findOne({ filterByTk: name })).destroy();
    expect(await visit(name)).toEqual([404, 'APP_NOT_FOUND']);
  });

  it('removes all of them by emptying the table', async () => {
    expect(app.service.registry.size).toBeGreaterThan(2);
    await app.repository.destroy({ truncate: true });
    expect(app.service.registry.size).toBe(0);
    expect(app.supervisor.getApps()).toEqual([]);
    expect(await visit(alpha)).toEqual([404, 'APP_NOT_FOUND']);
  });
});
