import '../../helpers/in-process-environment';
import { mustFind } from '../../helpers/installed-once';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import { knownServers, runSql, type KnownServer } from '../../helpers/database-servers';
import type { Answer } from '../../helpers/test-host';

/** A provisioned application is never installed again, whatever becomes of its database. */

const CODE = /APP_DATABASE_[A-Z_]+/;
const MARK = 'nocobase-plugin-app-supervisor:';

interface Kind {
  title: string;
  options(name: string): object;
  server?: KnownServer;
}

const mariadb = knownServers().find(({ dialect }) => dialect.name === 'mariadb') as KnownServer;
const KINDS: Kind[] = [
  { title: 'a database of PostgreSQL', options: () => ({}) },
  {
    title: 'a schema of PostgreSQL',
    options: (name) => ({ dbConnType: 'new_schema', database: { schema: name } }),
  },
  ...(mariadb.missing ? [] : [{ title: 'a database of MariaDB', options: () => ({}), server: mariadb }]),
];

describeWithPostgres('installed once', () => {
  describe.each(KINDS)('$title', (kind) => declareTests(kind));
});

function declareTests({ options, server, title }: Kind): void {
  const inSchema = title.startsWith('a schema');
  let app: InProcessApp;
  let sequence = 0;

  beforeAll(async () => {
    app = await InProcessApp.start({
      ...(server && { server }),
      plugins: [...SMALL, OURS],
      env: { APP_SUPERVISOR_QUARANTINE_AFTER: '0' },
    });
    await app.listen();
  });
  afterAll(() => app?.end());

  const act = (action: string, name: string, query = 'wait=true') =>
    app.post(`/api/applications:${action}?filterByTk=${name}&${query}`);
  const codeOf = (answer: Answer) => CODE.exec(answer.text)?.[0] ?? answer.status;
  const visit = async (name: string) => codeOf(await app.get('/api/?x=/__health_check', { 'X-App': name }));
  const admin = (sql: string) => (server ? runSql(server, sql) : app.sql(sql, [], 'postgres'));
  const sql = <T = Record<string, unknown>>(name: string, text: string): Promise<T[]> =>
    server ? runSql<T>(server, text, name) : app.sql<T>(text, [], inSchema ? undefined : name);
  const schema = (name: string) => (inSchema ? name : 'public');
  const version = (name: string) => (server ? '`applicationVersion`' : `"${schema(name)}"."applicationVersion"`);

  async function tables(name: string): Promise<string[]> {
    const place = server ? name : schema(name);
    const found = await sql<{ name: string }>(
      name,
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = '${place}' ORDER BY 1`,
    );
    return found.map((row) => row.name).filter((table) => table !== 'app_supervisor_mark');
  }

  async function inside(name: string): Promise<string | null> {
    const query = server
      ? `SELECT TABLE_COMMENT AS mark FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${name}' AND TABLE_NAME = 'applicationVersion'`
      : `SELECT obj_description('${version(name)}'::regclass) AS mark`;
    return (await sql<{ mark: string | null }>(name, query))[0]?.mark ?? null;
  }

  const comment = (name: string, text: string) =>
    sql(
      name,
      server ? `ALTER TABLE ${version(name)} COMMENT = '${text}'` : `COMMENT ON TABLE ${version(name)} IS '${text}'`,
    );

  async function outside(name: string): Promise<string | null> {
    const query = server
      ? `SELECT TABLE_COMMENT AS mark FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${name}' AND TABLE_NAME = 'app_supervisor_mark'`
      : inSchema
        ? `SELECT obj_description(oid, 'pg_namespace') AS mark FROM pg_namespace WHERE nspname = '${name}'`
        : `SELECT shobj_description(oid, 'pg_database') AS mark FROM pg_database WHERE datname = '${name}'`;
    return (await sql<{ mark: string | null }>(name, query))[0]?.mark ?? null;
  }

  async function loseOutside(name: string): Promise<void> {
    if (server) await sql(name, 'DROP TABLE app_supervisor_mark');
    else if (inSchema) await sql(name, `COMMENT ON SCHEMA "${name}" IS NULL`);
    else await admin(`COMMENT ON DATABASE "${name}" IS NULL`);
  }

  async function empty(name: string): Promise<void> {
    if (server) {
      const list = (await tables(name)).map((table) => `\`${table}\``).join(', ');
      await runSql(server, `DROP TABLE ${list}`, name);
    } else {
      const [mark, place] = [await outside(name), schema(name)];
      const query = `SELECT pg_get_userbyid(nspowner) AS role FROM pg_namespace WHERE nspname = '${place}'`;
      const [owner] = await sql<{ role: string }>(name, query);
      await sql(name, `DROP SCHEMA "${place}" CASCADE`);
      await sql(name, `CREATE SCHEMA "${place}" AUTHORIZATION "${owner?.role}"`);
      await sql(name, `GRANT USAGE, CREATE ON SCHEMA "${place}" TO PUBLIC`);
      if (inSchema) await sql(name, `COMMENT ON SCHEMA "${name}" IS '${mark}'`);
    }
  }

  async function drop(name: string): Promise<void> {
    if (inSchema) await sql(name, `DROP SCHEMA "${name}" CASCADE`);
    else await admin(server ? `DROP DATABASE \`${name}\`` : `DROP DATABASE "${name}" WITH (FORCE)`);
  }

  const present = async (name: string) => {
    const query = inSchema
      ? `SELECT 1 FROM pg_namespace WHERE nspname = '${name}'`
      : server
        ? `SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '${name}'`
        : `SELECT 1 FROM pg_database WHERE datname = '${name}'`;
    return (await (inSchema ? sql('', query) : admin(query))).length === 1;
  };

  /** An application that sleeps. */
  async function asleep(values: object = {}): Promise<string> {
    const name = app.name(`i${(sequence += 1)}`);
    await app.create({ name, options: { plugins: ['error-handler'], ...options(name) }, ...values });
    await app.supervisor.removeApp(name);
    return name;
  }

  it('an application carries both markers after its creation, and keeps them', async () => {
    const name = await asleep();
    const { ownershipToken, contentToken, identity } = mustFind(app, name).provisioning ?? {};
    expect([await outside(name), await inside(name)]).toEqual([MARK + ownershipToken, MARK + contentToken]);
    expect(new Set([ownershipToken, contentToken, identity]).size).toBe(3);
    expect([await visit(name), await outside(name), await inside(name)]).toEqual([
      200,
      MARK + ownershipToken,
      MARK + contentToken,
    ]);
  });

  it('an empty database is refused by every way of starting, and stays empty', async () => {
    const name = await asleep();
    await empty(name);
    expect(await visit(name)).toBe('APP_DATABASE_EMPTY');
    expect(codeOf(await act('start', name))).toBe('APP_DATABASE_EMPTY');
    expect(codeOf(await act('restart', name))).toBe('APP_DATABASE_EMPTY');
    expect(codeOf(await act('upgrade', name))).toBe('APP_DATABASE_EMPTY');
    expect(codeOf(await act('upgrade', name, 'wait=true&force=true'))).toBe('APP_DATABASE_EMPTY');
    expect(codeOf(await act('acceptDatabase', name))).toBe('APP_DATABASE_EMPTY');
    await act('destroy', name);
    expect(codeOf(await act('restore', name))).toBe(200);
    expect(codeOf(await act('start', name))).toBe('APP_DATABASE_EMPTY');
    expect(await tables(name)).toEqual([]);
  });

  it('an empty database is refused after a new start of the main application', async () => {
    const name = await asleep({ startMode: 'eager' });
    await empty(name);
    await app.service.activate();
    expect(codeOf(await act('start', name))).toBe('APP_DATABASE_EMPTY');
    expect(await tables(name)).toEqual([]);
    // As an eager one it would be tried again and again, also in the moment in which the tests end.
    expect((await act('stop', name)).status).toBe(200);
  });

  it('tables without rows count as empty', async () => {
    const name = await asleep();
    for (const table of ['applicationVersion', 'applicationPlugins']) {
      await sql(name, `DELETE FROM ${version(name).replace('applicationVersion', table)}`);
    }
    expect([await visit(name), codeOf(await act('start', name))]).toEqual(['APP_DATABASE_EMPTY', 'APP_DATABASE_EMPTY']);
  });

  it.each([
    ['start --quickstart', ['start', '--quickstart']],
    ['install', ['install']],
    ['install --force', ['install', '--force']],
    ['install --clean', ['install', '--clean']],
  ])('an instance that the core constructs does not install into an empty database: %s', async (_title, command) => {
    const name = await asleep();
    await empty(name);
    const instance = app.supervisor.registerApp({
      appModel: { name, options: mustFind(app, name).options },
      mainApp: app.main,
      hook: false,
    });
    const [verb = '', ...rest] = command;
    const refused = await instance.runCommandThrowError(verb, ...rest).then(
      () => 'done',
      (error: Error & { code?: string }) => error.code ?? error.message,
    );
    // A role without the right to create schemas does not even connect in the core's own way.
    expect(refused).toMatch(inSchema ? /APP_|permission denied/ : /^APP_(DATABASE_EMPTY|INSTALLED_ONCE)$/);
    await app.supervisor.removeApp(name);
    expect(await tables(name)).toEqual([]);
  });

  it('a running application is not installed anew by its own command', async () => {
    const name = await asleep();
    expect(await visit(name)).toBe(200);
    const before = await tables(name);
    const running = app.supervisor.apps[name];
    await expect(running?.runCommandThrowError('install', '--force')).rejects.toMatchObject({
      code: 'APP_INSTALLED_ONCE',
    });
    expect([await tables(name), (await inside(name)) !== null]).toEqual([before, true]);
    await app.supervisor.removeApp(name);
  });

  it('a missing database is refused, and nothing is created in its place', async () => {
    const name = await asleep();
    await drop(name);
    expect([await visit(name), codeOf(await act('start', name)), await present(name)]).toEqual([
      'APP_DATABASE_MISSING',
      'APP_DATABASE_MISSING',
      false,
    ]);
    expect([codeOf(await act('acceptDatabase', name)), await present(name)]).toEqual(['APP_DATABASE_MISSING', false]);
  });

  it('a restore without the marker outside is marked again', async () => {
    const name = await asleep();
    const mark = await outside(name);
    await loseOutside(name);
    expect([await visit(name), await outside(name)]).toEqual([200, mark]);
    await app.supervisor.removeApp(name);
  });

  it('an application of an older version gets the marker inside at its next boot', async () => {
    const name = await asleep();
    await comment(name, '');
    const { provisioning } = mustFind(app, name);
    await app.service.writeRow(name, {
      provisioning: { ...provisioning, contentToken: undefined, identity: undefined },
    });
    expect(await visit(name)).toBe(200);
    const token = mustFind(app, name).provisioning?.contentToken;
    expect([token === undefined, await inside(name)]).toEqual([false, MARK + token]);
    await app.supervisor.removeApp(name);
    expect(await visit(name)).toBe(200);
    await app.supervisor.removeApp(name);
  });

  it.each([
    ['no marker', async (name: string) => loseOutside(name).then(() => comment(name, ''))],
    ['the tables of another application', async (name: string) => comment(name, `${MARK}another`)],
    [
      'a copy of another application',
      async (name: string) => loseOutside(name).then(() => comment(name, `${MARK}another`)),
    ],
  ])('a foreign database is refused until an operator accepts it: %s', async (_title, make) => {
    const name = await asleep();
    const mark = await outside(name);
    await make(name);
    expect([
      await visit(name),
      codeOf(await act('start', name)),
      codeOf(await act('upgrade', name, 'wait=true&force=true')),
    ]).toEqual(['APP_DATABASE_FOREIGN', 'APP_DATABASE_FOREIGN', 'APP_DATABASE_FOREIGN']);
    expect(await outside(name)).not.toBe((await inside(name)) ?? '-');
    expect((await act('acceptDatabase', name)).status).toBe(200);
    expect([await visit(name), await outside(name)]).toEqual([200, mark]);
    await app.supervisor.removeApp(name);
    expect(await visit(name)).toBe(200);
    await app.supervisor.removeApp(name);
  });

  it('an accepted database of a stopped application does not start it', async () => {
    const name = await asleep();
    await act('stop', name);
    await comment(name, `${MARK}another`);
    const answer = await act('acceptDatabase', name);
    expect((answer.body as { data: { state: string } }).data.state).toBe('stopped');
    expect(codeOf(await act('start', name))).toBe(200);
    await app.supervisor.removeApp(name);
  });

  it('contents with the marker of another registered application are not accepted', async () => {
    const [name, other] = [await asleep(), await asleep()];
    await comment(name, (await inside(other)) ?? '');
    expect([await visit(name), codeOf(await act('acceptDatabase', name))]).toEqual([
      'APP_DATABASE_FOREIGN',
      'APP_DATABASE_IN_USE',
    ]);
    expect(await visit(other)).toBe(200);
    await app.supervisor.removeApp(other);
  });

  it('a database with the marker of another registered application is not accepted', async () => {
    const [name, other] = [await asleep(), await asleep()];
    const mark = await outside(other);
    if (server) await sql(name, `ALTER TABLE app_supervisor_mark COMMENT = '${mark}'`);
    else if (inSchema) await sql(name, `COMMENT ON SCHEMA "${name}" IS '${mark}'`);
    else await admin(`COMMENT ON DATABASE "${name}" IS '${mark}'`);
    expect([await visit(name), codeOf(await act('acceptDatabase', name))]).toEqual([
      'APP_DATABASE_FOREIGN',
      'APP_DATABASE_IN_USE',
    ]);
  });
}
