import '../../helpers/in-process-environment';
import { describeWithPostgres, type InProcessApp } from '../../helpers/in-process-app';
import { sqlAs, startAsRole } from '../../helpers/app-roles';

/** A role and a database that an administrator of the server created, where the main application's role may create no roles. */

const PLANTED = 'Planted-4712';
const DENIED = '42501';
const plugins = ['error-handler'];

describeWithPostgres('database roles: supplied by an administrator', () => {
  let app: InProcessApp;
  let end: () => Promise<void>;
  const role = () => ({ name: app.name('supplied'), password: PLANTED });
  const options = (more: object = {}) => {
    const { host, port } = app.address;
    const { name: username, password } = role();
    const database = { dialect: 'postgres', host, port, username, password, database: app.name('supplied'), ...more };
    return { plugins, dbConnType: 'new_connection', database };
  };
  const code = (answer: { status: number; body: unknown }) => [
    answer.status,
    (answer.body as { errors?: { code: string }[] }).errors?.[0]?.code,
  ];
  const create = (name: string, more?: object) =>
    app.post('/api/applications:create?wait=true', { name: app.name(name), options: options(more) });
  const isolation = async (name: string) =>
    ((await app.get(`/api/applications:get?filterByTk=${app.name(name)}`)).body as { data: { isolation: object } }).data
      .isolation;

  beforeAll(async () => {
    ({ app, end } = await startAsRole('LOGIN CREATEDB'));
    await app.listen();
    const { name } = role();
    // As docs/databases.md says it.
    await app.sql(`CREATE ROLE "${name}" LOGIN PASSWORD '${PLANTED}'`);
    await app.sql(`CREATE DATABASE "${name}" OWNER "${name}"`);
    await app.sql(`REVOKE CONNECT ON DATABASE "${name}" FROM PUBLIC`);
    await app.create({ name: app.name('shared'), options: { plugins } });
  });
  afterAll(async () => {
    if (!app) return;
    const { name } = role();
    await app.sql(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`).catch(() => undefined);
    await app.sql(`DROP OWNED BY "${name}"; DROP ROLE "${name}"`).catch(() => undefined);
    await end();
  });

  it('is tried before anything is written, and refused with a code', async () => {
    expect(code(await create('other', { username: app.name('nobody') }))).toEqual([503, 'APP_DATABASE_CREDENTIALS']);
    expect(await isolation('shared')).toMatchObject({ isolated: false, reason: 'right-missing' });
  });

  it.each([
    ["the main application's role", {}, ''],
    ["the main application's role", {}, 'guessed'],
    ["the main application's role by another address", { host: 'localhost' }, undefined],
    ["the main application's role in its own database", { schema: 'sneaky' }, ''],
    ['a superuser', {}, 'superuser'],
    ["a member of the main application's role", {}, 'member'],
  ])('is refused without a password that the server checks: %s %j %s', async (_title, more, how) => {
    const { username: main } = app.service.places.server();
    const member = app.name('member');
    if (how === 'member') {
      await app.sql(`CREATE ROLE "${member}" LOGIN CREATEDB PASSWORD '${PLANTED}'; GRANT "${main}" TO "${member}"`);
    }
    const username = how === 'superuser' ? app.address.user : how === 'member' ? member : main;
    const password = how === 'superuser' || how === 'member' ? 'guessed' : how;
    const database = 'schema' in more ? app.address.database : app.name('sneaky');
    const answer = await create('sneaky', { ...more, username, password, database });
    // A server that trusts this machine takes any password; another one refuses it.
    expect([
      [422, 'APP_DATABASE_DENIED'],
      [503, 'APP_DATABASE_CREDENTIALS'],
    ]).toContainEqual(code(answer));
    expect(await app.databases()).not.toContain(app.name('sneaky'));
    if (how === 'member') await app.sql(`DROP ROLE "${member}"`);
  });

  it('isolates the application that was created with it', async () => {
    expect(code(await create('other'))).toEqual([200, undefined]);
    expect(await isolation('other')).toEqual({ isolated: true, reason: null, sql: null });
    expect((await app.get('/api/pm:listEnabled', { 'X-App': app.name('other') })).status).toBe(200);
    const owners = await app.sql(
      `SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
      [],
      app.name('supplied'),
    );
    expect(owners).toEqual([{ owner: role().name }]);
    // Databases of applications with the shared role stay open to every role; their data does not.
    for (const [database, table] of [
      [app.name('shared'), 'applicationVersion'],
      [app.address.database, 'applications'],
    ] as const) {
      expect(await sqlAs(app, role(), database, `SELECT * FROM "${table}"`)).toBe(DENIED);
      expect(await sqlAs(app, role(), database, `DROP TABLE "${table}"`)).toBe(DENIED);
      expect(await sqlAs(app, role(), database, 'CREATE TABLE evil (id int)')).toBe(DENIED);
    }
  });

  it('keeps its database at a purge, which is refused to drop it', async () => {
    const gone = app.service.bin.remove(app.name('other'), { dropDatabase: true, purge: true });
    await expect(gone).rejects.toMatchObject({ code: 'APP_DATABASE_NOT_OWNED' });
    await app.service.bin.remove(app.name('other'), { purge: true });
    expect(await app.databases()).toContain(app.name('supplied'));
    expect(
      await sqlAs(app, role(), app.name('supplied'), 'SELECT count(*)::int > 0 AS there FROM "applicationVersion"'),
    ).toEqual([{ there: true }]);
  });
});
