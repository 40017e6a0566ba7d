import '../../helpers/in-process-environment';
import { Client } from 'pg';
import type { InProcessApp } from '../../helpers/in-process-app';
import { describeWithBothPostgres, mustHaveRole, startAsCreator } from '../../helpers/app-roles';

/** SQL of an application that catches its cancellation ends with the application. PostgreSQL. */

const options = { plugins: ['error-handler', 'field-sort'] };

describeWithBothPostgres('database roles: sessions that go on after a cancellation', (server) => {
  let app: InProcessApp;
  let mainRole: { name: string; password: string };
  let end: () => Promise<void>;
  const others: Client[] = [];
  const name = (word: string) => app.name(word);
  const inSchema = (word: string) => ({ dbConnType: 'new_schema', database: { schema: name(word) } });
  const visit = async (word: string) => (await app.get('/api/pm:listEnabled', { 'X-App': name(word) })).status;
  const act = async (action: string, word: string, more = '') => {
    const { status, body } = await app.post(`/api/applications:${action}?filterByTk=${name(word)}${more}`);
    return [status, (body as { errors?: { code: string; message: string }[] }).errors?.[0]?.message];
  };

  /** Goes on until it is ended, or its time is over. */
  const stubborn = (mark: string, first = '') => `DO $$
    DECLARE over timestamptz := clock_timestamp() + interval '150 s';
    BEGIN
      ${first}
      WHILE clock_timestamp() < over LOOP
        BEGIN PERFORM pg_sleep(0.05); EXCEPTION WHEN query_canceled THEN NULL; END;
      END LOOP;
    END $$ /* ${mark} */`;
  const running = async (mark: string) =>
    (
      await app.sql(
        `SELECT usename FROM pg_stat_activity
          WHERE position($1 IN query) > 0 AND pid <> pg_backend_pid() AND query LIKE 'DO%'`,
        [mark],
      )
    ).length;

  /** By a workflow, say. */
  async function startInside(word: string): Promise<void> {
    expect(await visit(word)).toBe(200);
    const { db } = app.supervisor.apps[name(word)] as unknown as {
      db: { sequelize: { query(sql: string): Promise<unknown> } };
    };
    db.sequelize.query(stubborn(name(word))).catch(() => undefined);
    await app.until('it runs', async () => (await running(name(word))) > 0);
  }

  /** By a process that was killed, or by a client that knows the password. */
  async function startOutside(
    role: { name: string; password: string },
    { database, mark, first }: { database: string; mark: string; first?: string },
  ): Promise<void> {
    const before = await running(mark);
    const { host, port } = app.address;
    const client = new Client({ host, port, user: role.name, password: role.password, database });
    client.on('error', () => undefined);
    await client.connect();
    others.push(client);
    client.query(stubborn(mark, first)).catch(() => undefined);
    await app.until('it runs', async () => (await running(mark)) > before);
  }

  /** As the main application's role, or as another role that the application's has made its member. */
  const lockSchema = (word: string, mode: string) =>
    startOutside(mainRole, {
      database: app.address.database,
      mark: name(word),
      first: `LOCK TABLE "${name(word)}"."applicationVersion" IN ${mode} MODE;`,
    });

  beforeAll(async () => {
    const started = await startAsCreator({
      env: { APP_SUPERVISOR_TEMPLATES: 'off' },
      ...server,
    });
    ({ app, end } = started);
    const { username = '', password = '' } = app.service.places.server();
    mainRole = { name: username, password };
    // As the version before did it: both work as the main application's role.
    const assign = jest.spyOn(app.service.roles, 'assign').mockImplementation((record) => Promise.resolve(record));
    await app.create({ name: name('old'), options });
    await app.create({ name: name('oldschema'), options: { ...options, ...inSchema('oldschema') } });
    assign.mockRestore();
    await app.create({ name: name('own'), options });
    await app.create({ name: name('schema'), options: { ...options, ...inSchema('schema') } });
  });
  afterEach(async () => {
    for (const client of others.splice(0)) await client.end().catch(() => undefined);
  });
  afterAll(() => end?.());

  it.each(['old', 'oldschema'])('isolate of "%s": leaves no session of the time before', async (word) => {
    await startInside(word);
    // A process that was killed has left it.
    if (word === 'old') await startOutside(mainRole, { database: name(word), mark: name(word) });
    else await lockSchema(word, 'ACCESS SHARE');
    expect(await act('isolate', word)).toEqual([200, undefined]);
    expect(await running(name(word))).toBe(0);
    expect(await visit(word)).toBe(200);
  });

  it.each(['own', 'schema'])('stop of "%s": ends its statements, whatever its role has become', async (word) => {
    await startInside(word);
    expect(await act('stop', word, '&wait=true')).toEqual([200, undefined]);
    expect(await running(name(word))).toBe(0);
    expect(await act('start', word, '&wait=true')).toEqual([200, undefined]);
    await startInside(word);
    // A session of the role itself would be refused.
    await app.sql(`ALTER ROLE "${mustHaveRole(app, name(word)).name}" PASSWORD 'Planted-4713'`);
    await app.service.runner(name(word))?.stop('sleep');
    expect(await running(name(word))).toBe(0);
  });

  it.each(['own', 'schema'])('purge of "%s": ends what locks its tables', async (word) => {
    const role = { name: mustHaveRole(app, name(word)).name, password: 'Planted-4714' };
    await app.sql(`ALTER ROLE "${role.name}" PASSWORD '${role.password}'`);
    const [database, schema] = word === 'own' ? [name(word), 'public'] : [app.address.database, name(word)];
    const first = `LOCK TABLE "${schema}"."applicationVersion" IN ACCESS EXCLUSIVE MODE;`;
    await startOutside(role, { database, mark: name(word), first });
    expect(await act('destroy', word, '&dropDatabase=true&purge=true')).toEqual([200, undefined]);
    expect(await running(name(word))).toBe(0);
    expect(await app.roles()).not.toContain(role.name);
  });

  it('purge of a schema: ends what another role locks there', async () => {
    await lockSchema('oldschema', 'ACCESS SHARE');
    expect(await act('destroy', 'oldschema', '&dropDatabase=true&purge=true')).toEqual([200, undefined]);
    expect(await running(name('oldschema'))).toBe(0);
  });

  it('purge that keeps the data: no session of the role is left', async () => {
    await app.create({ name: name('kept'), options });
    const role = { name: mustHaveRole(app, name('kept')).name, password: 'Planted-4715' };
    await app.sql(`ALTER ROLE "${role.name}" PASSWORD '${role.password}'`);
    await startOutside(role, { database: name('kept'), mark: name('kept') });
    expect(await act('destroy', 'kept', '&purge=true')).toEqual([200, undefined]);
    expect(await running(name('kept'))).toBe(0);
  });
});
