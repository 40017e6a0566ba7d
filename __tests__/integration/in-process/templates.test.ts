import '../../helpers/in-process-environment';
import { statSync } from 'node:fs';
import path from 'node:path';
import { describeWithPostgres, InProcessApp, OURS } from '../../helpers/in-process-app';
import {
  breakNextCopy,
  cutAt,
  holdDatabase,
  MAIN_WITH_PEOPLE,
  signIn,
  stepsOf,
  WITH_PEOPLE,
} from '../../helpers/people';
import { JourneyLog } from '../../../server/lifecycle/journey';
import { ownUploads } from '../../../server/lifecycle/upload-folders';

/** New applications are copies of a template, and are what an installation would have made. */

type Row = Record<string, unknown>;

const ADMIN = { email: 'first@example.test', username: 'first', nickname: 'The First', password: 'Planted-4712' };
const TEMPLATE_STEPS = ['queue', 'role', 'copy', 'construct', 'connect', 'administrator'];
/** In the instance that wrote the administrator. */
const BOOT_STEPS = ['check', 'load', 'start'];
const INSTALL_STEPS = [
  ...['queue', 'role', 'copy', 'construct', 'database', 'connect', 'install', 'template'],
  ...['construct', 'connect', 'administrator'],
];

describeWithPostgres('template databases', () => {
  let app: InProcessApp;
  let sequence = 0;

  beforeAll(async () => {
    app = await InProcessApp.start({
      plugins: [...MAIN_WITH_PEOPLE, OURS],
      env: { APP_SUPERVISOR_TEMPLATES: 'on', APP_SUPERVISOR_QUARANTINE_AFTER: '0' },
    });
    await app.listen();
  });
  afterAll(() => app?.end());
  afterEach(() => jest.restoreAllMocks());

  const small = { plugins: ['error-handler'] };
  const fresh = () => app.name(`t${(sequence += 1)}`);
  async function make(options: object = small, values: object = {}): Promise<string> {
    const name = fresh();
    await app.create({ name, options, ...values });
    await app.supervisor.removeApp(name);
    return name;
  }
  const oid = async () =>
    (await app.sql<{ oid: string }>('SELECT oid::text FROM pg_database WHERE datname = current_database()'))[0]?.oid;
  const drafts = async () =>
    (await app.sql<{ token: string }>("SELECT provisioning->>'ownershipToken' AS token FROM applications")).map(
      ({ token }) => `app_supervisor_draft_${token}`,
    );
  const present = async (names: string[]) =>
    (await app.sql<{ datname: string }>('SELECT datname FROM pg_database WHERE datname = ANY($1)', [names])).map(
      ({ datname }) => datname,
    );
  const provisioning = async (name: string) =>
    (await app.sql<{ provisioning: Row }>('SELECT provisioning FROM applications WHERE name = $1', [name]))[0]
      ?.provisioning;

  /** The folder of its own uploads. */
  const own = (name: string) => ownUploads(app.service.registry.find(name) as never) as string;

  /** All rows of all tables, without what may differ. */
  async function contents(name: string): Promise<Record<string, unknown>> {
    const tables = await app.sql<{ table: string }>(
      `SELECT tablename AS table FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`,
      [],
      name,
    );
    const found: Record<string, unknown> = {};
    for (const { table } of tables) {
      const rows = await app.sql<{ row: Row }>(`SELECT to_jsonb(t) AS row FROM "${table}" t`, [], name);
      const stripped = rows.map(({ row: { createdAt: _c, updatedAt: _u, password: _p, ...rest } }) => rest);
      const text = (row: Row) =>
        JSON.stringify(row).replaceAll(own(name), 'its own').replaceAll(`"${name}"`, '"its ID"');
      found[table] = stripped.map(text).sort();
    }
    found.columns = await app.sql(
      `SELECT table_name, column_name, data_type, column_default, is_nullable FROM information_schema.columns
        WHERE table_schema = 'public' ORDER BY 1, 2`,
      [],
      name,
    );
    found.indexes = await app.sql(`SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`, [], name);
    found.sequences = await app.sql('SELECT sequencename, last_value FROM pg_sequences ORDER BY 1', [], name);
    return found;
  }

  let installed: string;
  let copied: string;
  let copiedAt: Date;

  it('the first application of its kind is installed and leaves one, the next is copied', async () => {
    installed = await make({ plugins: WITH_PEOPLE }, { admin: ADMIN });
    expect(await stepsOf(app, installed)).toEqual([...INSTALL_STEPS, ...BOOT_STEPS]);
    expect(await app.templates()).toHaveLength(1);
    copiedAt = new Date();
    copied = await make({ plugins: WITH_PEOPLE }, { admin: ADMIN });
    expect(await stepsOf(app, copied)).toEqual([...TEMPLATE_STEPS, ...BOOT_STEPS]);
    expect(await app.templates()).toHaveLength(1);
    expect(await provisioning(installed)).toMatchObject({ from: 'install', readyAt: expect.any(String) });
    expect(await provisioning(copied)).toMatchObject({ from: 'template', readyAt: expect.any(String) });
  });

  it('a copy holds what the installation holds, table by table', async () => {
    expect(await contents(copied)).toEqual(await contents(installed));
  });

  it('a copy says that it was written when it was copied', async () => {
    const columns = await app.sql<{ table: string; column: string }>(
      `SELECT table_name AS table, column_name AS column FROM information_schema.columns
        WHERE column_name IN ('createdAt', 'updatedAt') AND table_schema = 'public'`,
      [],
      copied,
    );
    expect(columns.length).toBeGreaterThan(10);
    for (const { table, column } of columns) {
      const sql = `SELECT count(*)::int AS n FROM "${table}" WHERE "${column}" < $1`;
      expect([table, column, (await app.sql<{ n: number }>(sql, [copiedAt], copied))[0]?.n]).toEqual([
        table,
        column,
        0,
      ]);
    }
  });

  it('the first administrator is the one that was named, in both, with the same rights', async () => {
    for (const name of [installed, copied]) {
      const users = await app.sql('SELECT email, username, nickname FROM users', [], name);
      expect(users).toEqual([{ email: ADMIN.email, username: ADMIN.username, nickname: ADMIN.nickname }]);
      const token = await signIn(app, name, ADMIN.email, ADMIN.password);
      expect([name, typeof token]).toEqual([name, 'string']);
      expect(await signIn(app, name, ADMIN.email, process.env.INIT_ROOT_PASSWORD ?? '')).toBeUndefined();
    }
  });

  it('the logo of each is a file of its own', async () => {
    const inodes = [installed, copied].map(async (name) => {
      const sql = `SELECT path || '/' || filename AS file FROM attachments`;
      const [{ file = '' } = {}] = await app.sql<{ file: string }>(sql, [], name);
      expect([name, file.startsWith(`${own(name)}/`)]).toEqual([name, true]);
      return statSync(path.join(app.storage, 'uploads', file)).ino;
    });
    expect(new Set(await Promise.all(inodes)).size).toBe(2);
  });

  it('nobody can connect to a template, nor is the mark without the versions that are in it', async () => {
    const [template = ''] = await app.templates();
    await expect(app.sql('SELECT 1', [], template)).rejects.toThrow(/not currently accepting connections/);
    const [row] = await app.sql<{ comment: string }>(
      `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = $1`,
      [template],
    );
    const mark = JSON.parse(row?.comment ?? '{}') as Row;
    expect(mark).toMatchObject({ state: 'ready', core: app.main.getPackageVersion() });
    expect(String(mark.owner)).toBe(`${await oid()}/public`);
    expect(mark.plugins).toEqual(expect.any(Array));
  });

  it('the language is that of the application, and of no other', async () => {
    const settings = async (name: string) =>
      (await app.sql('SELECT "appLang", "enabledLanguages" FROM "systemSettings"', [], name))[0];
    const german = await make({ plugins: WITH_PEOPLE, lang: 'de-de' }, { admin: ADMIN });
    expect(await settings(german)).toEqual({ appLang: 'de-DE', enabledLanguages: ['de-DE'] });
    expect(await stepsOf(app, german)).toEqual([...TEMPLATE_STEPS, ...BOOT_STEPS]);
    expect(await settings(copied)).toEqual({ appLang: 'en-US', enabledLanguages: ['en-US'] });
    expect(process.env.INIT_APP_LANG ?? 'en-US').toBe('en-US');
    const refused = await app.post('/api/applications:create', { name: fresh(), options: { lang: 'xx-YY' } });
    expect([refused.status, refused.body.errors?.[0]?.code]).toEqual([400, 'APP_VALUE_INVALID']);
  });

  it('the title is the name that was entered, else the ID, and shown as it was entered', async () => {
    const shown = async (name: string) => {
      const { body } = await app.get('/api/systemSettings:get', { 'X-App': name });
      return (body as { data: { title: string } }).data.title.replaceAll('\u2060', '');
    };
    for (const displayName of [undefined, '销售部 & Co', 'A {{ b.c }} d', '{{{{ $env.X }}']) {
      const name = await make({ plugins: WITH_PEOPLE }, { displayName });
      expect(await stepsOf(app, name)).toEqual([...TEMPLATE_STEPS, ...BOOT_STEPS]);
      expect(await shown(name)).toBe(displayName ?? name);
    }
  });

  it('several creates at once are all copied, and several first ones leave one template', async () => {
    const kind = { plugins: ['error-handler', 'field-sort'] };
    const before = (await app.templates()).length;
    const first = await Promise.all([make(kind), make(kind)]);
    expect((await app.templates()).length).toBe(before + 1);
    const next = await Promise.all([make(kind), make(kind), make(kind)]);
    for (const name of next) expect(await stepsOf(app, name)).toEqual([...TEMPLATE_STEPS, ...BOOT_STEPS]);
    for (const name of [...first, ...next]) {
      expect((await app.get('/api/pm:listEnabled', { 'X-App': name })).status).toBe(200);
    }
  });

  it('ten at once are all copied, each with a database of its own', async () => {
    await make();
    const names = Array.from({ length: 10 }, fresh);
    await Promise.all(names.map((name) => app.create({ name, options: small })));
    for (const name of names) {
      expect(await stepsOf(app, name)).toEqual([...TEMPLATE_STEPS, ...BOOT_STEPS]);
      expect((await app.get('/api/pm:listEnabled', { 'X-App': name })).status).toBe(200);
      await app.supervisor.removeApp(name);
    }
    expect((await present(names)).sort()).toEqual([...names].sort());
    expect(await present(await drafts())).toEqual([]);
  });

  it('one whose copy breaks in the middle is installed, and leaves nothing', async () => {
    const kind = { plugins: ['error-handler', 'field-sort'] };
    await make(kind);
    const name = fresh();
    // Whichever of them is of its kind.
    const broken = await breakNextCopy(app, ...(await app.templates()));
    await app.create({ name, options: kind }, false);
    await broken();
    await app.service.settled(name);
    expect(await stepsOf(app, name)).toEqual([...INSTALL_STEPS, ...BOOT_STEPS]);
    expect(await present(await drafts())).toEqual([]);
  });

  it('one of other versions is not copied, and is built anew; what is of no use goes', async () => {
    await make();
    const before = await app.templates();
    for (const template of before) {
      const [row] = await app.sql<{ comment: string }>(
        `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = $1`,
        [template],
      );
      const old = (row?.comment ?? '').replace(/"core":"[^"]*"/, '"core":"2.1.0"').replaceAll("'", "''");
      await app.sql(`COMMENT ON DATABASE "${template}" IS '${old}'`);
    }
    const [{ oid: foreign } = { oid: '' }] = await app.sql<{ oid: string }>(
      "SELECT oid::text FROM pg_database WHERE datname = 'template1'",
    );
    const [half, gone, other] = [
      `app_supervisor_template_${await oid()}_half`,
      `app_supervisor_template_4000000000_${app.prefix}`,
      `app_supervisor_template_${foreign}_${app.prefix}`,
    ];
    for (const database of [half, gone, other]) await app.sql(`CREATE DATABASE "${database}"`);
    try {
      const name = await make();
      expect(await stepsOf(app, name)).toEqual([...INSTALL_STEPS, ...BOOT_STEPS]);
      expect(await app.templates()).toHaveLength(1);
      expect(await present([half, gone, other])).toEqual([other]);
      const next = await make();
      expect(await stepsOf(app, next)).toEqual([...TEMPLATE_STEPS, ...BOOT_STEPS]);
    } finally {
      await app.sql(`DROP DATABASE IF EXISTS "${other}"`);
    }
  });

  it.each(['copy', 'construct', 'connect', 'administrator', 'check', 'start'])(
    'a making that is cut off at "%s" is taken up, and leaves nothing',
    async (step) => {
      await make();
      const name = fresh();
      cutAt(step, JourneyLog);
      await app.create({ name, options: small }, false);
      await expect(app.service.settled(name)).rejects.toMatchObject({ code: 'APP_BOOT_FAILED' });
      jest.restoreAllMocks();
      // What an attempt leaves that was killed between the copy and its mark.
      const token = String((await provisioning(name))?.ownershipToken);
      if (step === 'copy') await app.sql(`CREATE DATABASE "app_supervisor_draft_${token}"`);
      await (
        await app.service.start(name)
      ).done;
      expect((await app.get('/api/pm:listEnabled', { 'X-App': name })).status).toBe(200);
      expect(await present(await drafts())).toEqual([]);
      expect((await provisioning(name))?.step).toBeUndefined();
      await app.supervisor.removeApp(name);
    },
  );

  // Each with a plugin that no other application here has: there is no template of its kind.
  it.each([
    ['database', 'gantt'],
    ['install', 'kanban'],
    ['template', 'action-print'],
    ['administrator', 'block-markdown'],
  ])('an installation that is cut off at "%s" is taken up, and leaves nothing', async (step, plugin) => {
    const kind = { plugins: ['error-handler', plugin] };
    const name = fresh();
    cutAt(step, JourneyLog);
    await app.create({ name, options: kind }, false);
    await expect(app.service.settled(name)).rejects.toMatchObject({ code: 'APP_BOOT_FAILED' });
    jest.restoreAllMocks();
    await (
      await app.service.start(name)
    ).done;
    expect((await app.get('/api/pm:listEnabled', { 'X-App': name })).status).toBe(200);
    expect(await present(await drafts())).toEqual([]);
    await app.supervisor.removeApp(name);
  });

  /** One whose making was cut off before its copy, and the name that its draft has until it is whole. */
  async function unmade(): Promise<{ name: string; draft: string }> {
    await make();
    const name = fresh();
    cutAt('copy', JourneyLog);
    await app.create({ name, options: small }, false);
    await expect(app.service.settled(name)).rejects.toMatchObject({ code: 'APP_BOOT_FAILED' });
    return { name, draft: `app_supervisor_draft_${String((await provisioning(name))?.ownershipToken)}` };
  }

  it('a making that never came to its end goes without a trace when it is removed', async () => {
    const { name, draft } = await unmade();
    await app.sql(`CREATE DATABASE "${draft}"`);
    await app.post(`/api/applications:destroy?filterByTk=${name}&purge=true`);
    expect(await present([draft, name])).toEqual([]);
  });

  it('what the server still makes for a process that was killed is not left behind', async () => {
    const { name, draft } = await unmade();
    const [template] = await app.templates();
    const holder = await holdDatabase(app, template as string);
    const unfinished = app.sql(`CREATE DATABASE "${draft}" TEMPLATE "${template}"`);
    unfinished.catch(() => undefined);
    await app.until('the server is at it', async () => {
      const rows = await app.sql(`SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE%${draft}%'`);
      return rows.length > 0;
    });
    await app.post(`/api/applications:destroy?filterByTk=${name}&purge=true`);
    await holder.end();
    await expect(unfinished).rejects.toMatchObject({ code: '57P01' });
    expect(await present([draft, name])).toEqual([]);
  });

  it('a making under way shows its steps', async () => {
    const name = fresh();
    await app.create({ name, options: small }, false);
    const { body } = await app.get(`/api/applications:get?filterByTk=${name}`);
    expect(body.data).toMatchObject({ state: 'creating', journey: { kind: 'making', outcome: 'pending' } });
    await app.service.settled(name);
    const { body: after } = await app.get(`/api/applications:get?filterByTk=${name}`);
    expect(after.data.journey.outcome).toBe('running');
  });

  it('are told from a database of somebody who chose such a name', async () => {
    // As of a main application that is gone.
    const [name, half] = [
      `app_supervisor_template_4000000000_${app.prefix}`,
      `app_supervisor_template_4000000001_${app.prefix}`,
    ];
    try {
      for (const database of [name, half]) await app.sql(`CREATE DATABASE "${database}"`, [], 'postgres');
      await app.sql(`COMMENT ON DATABASE "${name}" IS 'nocobase-plugin-app-supervisor:of an application'`);
      await app.service.copies.sweepTemplates();
      expect(await present([name, half])).toEqual([name]);
    } finally {
      for (const database of [name, half]) await app.sql(`DROP DATABASE IF EXISTS "${database}"`, [], 'postgres');
    }
    const taken = await app.post('/api/applications:create', { name: 'app_supervisor_template_1' });
    expect([taken.status, JSON.stringify(taken.body)]).toEqual([
      400,
      expect.stringMatching(/APP_DATABASE_NAME_INVALID/),
    ]);
  });

  it('are dropped when the main application starts with other versions', async () => {
    await make();
    const [template = ''] = await app.templates();
    await app.sql(`COMMENT ON DATABASE "${template}" IS NULL`);
    await app.restart();
    await app.until('the half-built template is gone', async () => !(await app.templates()).includes(template));
    await app.listen();
  });
});

describeWithPostgres('template databases of a role that is no superuser', () => {
  let app: InProcessApp;
  let role: string;

  beforeAll(async () => {
    app = await InProcessApp.prepare();
    role = `${app.prefix}_role`;
    await app.sql(`CREATE ROLE "${role}" LOGIN CREATEDB PASSWORD 'Planted-4712'`);
    await app.sql(`ALTER DATABASE "${app.address.database}" OWNER TO "${role}"`);
    await app.boot({ env: { DB_USER: role, DB_PASSWORD: 'Planted-4712', APP_SUPERVISOR_TEMPLATES: 'on' } });
    await app.listen();
  });
  afterAll(async () => {
    const { host, port, user, password } = app.address;
    await app.end();
    const { Client } = await import('pg');
    const client = new Client({ host, port, user, password, database: 'postgres' });
    await client.connect();
    await client.query(`DROP ROLE IF EXISTS "${role}"`);
    await client.end();
  });

  const options = { plugins: ['error-handler'] };

  it('are made and copied', async () => {
    await app.create({ name: app.name('one'), options });
    await app.create({ name: app.name('two'), options });
    expect(await stepsOf(app, app.name('two'))).toEqual([...TEMPLATE_STEPS, ...BOOT_STEPS]);
  });

  it('are left aside where the role may not copy them: the application is installed', async () => {
    const [template = ''] = await app.templates();
    await app.sql(`ALTER DATABASE "${template}" OWNER TO "${app.address.user ?? 'postgres'}"`);
    const warn = jest.spyOn(app.supervisor.logger, 'warn');
    const name = app.name('three');
    await app.create({ name, options });
    expect(await stepsOf(app, name)).toEqual([...INSTALL_STEPS, ...BOOT_STEPS]);
    expect(warn.mock.calls.map(([message]) => message)).toContainEqual(
      expect.stringContaining(`application "${name}" is installed, not copied`),
    );
    expect(JSON.stringify(warn.mock.calls)).not.toContain('Planted');
    warn.mockRestore();
  });
});
