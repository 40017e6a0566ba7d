import '../../helpers/in-process-environment';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Plugin } from '@nocobase/server';
import fc from 'fast-check';
import { postgresDialect } from '../../../server/databases/postgres';
import {
  deafForwarder,
  foreignServer,
  forwarder,
  renamingForwarder,
  silentServer,
  suspiciousServer,
  type FakeServer,
} from '../../helpers/fake-servers';
import { describeWithPostgres, InProcessApp, OURS, providePlugin, SMALL } from '../../helpers/in-process-app';

/** Where applications keep their data: three ways of connecting, what is refused before anything is written, adoption. */

const USERS = [
  ...['error-handler', 'field-sort', 'data-source-manager', 'data-source-main', 'users', 'auth', 'acl'],
  ...['client', 'ui-schema-storage', 'system-settings'],
];
const plugins = ['error-handler'];
const PLANTED = 'Planted-4712';
let mayInstall = true;

/** Its installation gets to its tables, and no further. */
class HalfWay extends Plugin {
  override install(): Promise<void> {
    return mayInstall ? Promise.resolve() : Promise.reject(new Error('it does not want to'));
  }
}

interface Check {
  check: string;
  ok: boolean;
  code?: string;
  message?: string;
  advice?: string;
}

describeWithPostgres('the database of an application', () => {
  let app: InProcessApp;
  let alias: FakeServer;
  const answers: unknown[] = [];

  beforeAll(async () => {
    providePlugin('half-way', HalfWay);
    // A password for somebody is hashed as the main application's own users' are.
    app = await InProcessApp.start({ plugins: [...new Set([...SMALL, ...USERS]), OURS] });
    alias = await forwarder({ host: app.address.host, port: app.address.port });
  });

  afterAll(async () => {
    await alias?.end();
    await app?.end();
  });

  const post = async (action: string, body: object, query = '') => {
    const answer = await app.post(`/api/applications:${action}${query}`, body);
    answers.push(answer.body, answer.headers);
    return answer;
  };
  const create = (values: object) => post('create', values, '?wait=true');
  const destroy = (name: string) => post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`);
  /** Keeps the data. */
  const purge = (name: string) => post('destroy', {}, `?filterByTk=${name}&purge=true`);
  const outcome = (answer: { status: number; body: unknown }) => [
    answer.status,
    (answer.body as { errors?: { code: string }[] }).errors?.[0]?.code,
  ];
  const checkDatabase = async (values: object) => {
    const answer = await post('checkDatabase', values);
    expect(answer.status).toBe(200);
    return (answer.body as { data: { ok: boolean; checks: Check[] } }).data;
  };
  const failed = (checks: Check[]) => checks.filter(({ ok }) => !ok).map(({ check, code }) => [check, code]);

  /** An address of the same server by which nobody knows it. */
  const elsewhere = (database: object = {}) => {
    const { user: username, password } = app.address;
    const address = { host: '127.0.0.1', port: alias.port, username, password };
    return { dbConnType: 'new_connection', database: { ...address, ...database } };
  };

  const schemas = async () =>
    (await app.sql<{ nspname: string }>(`SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1`)).map(
      ({ nspname }) => nspname,
    );
  const mainTables = () =>
    app.sql(`SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`);
  /** All that a refused creation could have left. */
  const traces = async () => ({
    rows: await app.sql('SELECT name FROM applications ORDER BY 1'),
    databases: await app.databases(),
    schemas: await schemas(),
    known: [...app.service.registry.all()].map(({ name }) => name).sort(),
  });

  const visit = async (name: string) => (await app.get('/api/pm:listEnabled', { 'X-App': name })).status;
  const signIn = async (name: string, password: string) =>
    (
      await app.post(
        '/api/auth:signIn',
        { account: 'somebody', password },
        { 'X-App': name, 'X-Authenticator': 'basic' },
      )
    ).status;

  it.each<[string, (name: string) => object, (name: string) => Promise<boolean>]>([
    ['a database of its own', () => ({}), async (name) => (await app.databases()).includes(name)],
    [
      "a schema in the main application's database",
      () => ({ dbConnType: 'new_schema' }),
      async (name) => (await schemas()).includes(name),
    ],
    ['a database on another server', () => elsewhere(), async (name) => (await app.databases()).includes(name)],
  ])('is made, visited, signed in to, and removed: %s', async (what, options, isThere) => {
    const name = app.name(what.replace(/\W+/g, '_').slice(0, 20).toLowerCase());
    const tables = await mainTables();
    const before = await traces();
    const admin = { username: 'somebody', password: PLANTED };
    const values = { name, options: { ...options(name), plugins: USERS } };
    expect((await checkDatabase(values)).ok).toBe(true);
    expect(await traces()).toEqual(before);
    expect(outcome(await create({ ...values, admin }))).toEqual([200, undefined]);
    expect(await isThere(name)).toBe(true);
    expect([await visit(name), await signIn(name, PLANTED), await signIn(name, 'another')]).toEqual([200, 200, 401]);
    expect(await mainTables()).toEqual(tables);

    // It comes again by what its row says.
    await app.service.runner(name)?.stop('sleep');
    expect([await visit(name), await signIn(name, PLANTED)]).toEqual([200, 200]);
    const { state, ...plan } = (await app.service.upgrades.plan([name]))[0] as { state: string };
    expect([state, plan]).toEqual(['current', expect.anything()]);

    expect(outcome(await destroy(name))).toEqual([200, undefined]);
    expect(await traces()).toEqual(before);
    expect(await mainTables()).toEqual(tables);
  });

  it('counts connections where they are', async () => {
    const name = app.name('counted');
    await create({ name, options: { ...elsewhere(), plugins } });
    await app.service.mainApp().db.sequelize.query('SELECT 1');
    const instance = await app.supervisor.getApp(name);
    const query = instance.db.sequelize.query('SELECT pg_sleep(0.3)');
    await app.until('it is counted', () => {
      const { applications, otherServers } = app.service.connections.snapshot([]) ?? {};
      const there = otherServers?.find(({ server }) => server.endsWith(`:${alias.port}`));
      return Promise.resolve((there?.holders[name]?.inUse ?? 0) > 0 && applications?.holders[name] === undefined);
    });
    await query;
    await destroy(name);
  });

  it('makes a schema in a database of its own choice, and drops that alone', async () => {
    const shared = app.name('shared');
    await app.sql(`CREATE DATABASE "${shared}"`);
    const [one, two] = [app.name('one'), app.name('two')];
    const options = (schema: string) => ({ dbConnType: 'new_schema', plugins, database: { database: shared, schema } });
    expect(outcome(await create({ name: one, options: options('first') }))).toEqual([200, undefined]);
    expect(outcome(await create({ name: two, options: options('first') }))).toEqual([409, 'APP_DATABASE_IN_USE']);
    expect(outcome(await create({ name: two, options: options('second') }))).toEqual([200, undefined]);
    const whole = { name: app.name('whole'), options: { plugins, database: { database: shared } } };
    expect(outcome(await create(whole))).toEqual([409, 'APP_DATABASE_IN_USE']);
    expect(outcome(await destroy(one))).toEqual([200, undefined]);
    expect(await visit(two)).toBe(200);
    // Somebody built upon its tables.
    await app.sql('CREATE VIEW upon AS SELECT * FROM second."applicationVersion"', [], shared);
    expect(outcome(await destroy(two))).toEqual([503, 'APP_DATABASE_FAILED']);
    await app.sql('DROP VIEW upon', [], shared);
    // It is removed, and waits for its purge.
    expect(outcome(await post('purge', {}, `?filterByTk=${two}`))).toEqual([200, undefined]);
    const left = await app.sql(`SELECT 1 FROM pg_namespace WHERE nspname IN ('first', 'second')`, [], shared);
    expect(left).toEqual([]);
    expect(await app.databases()).toContain(shared);
    await app.sql(`DROP DATABASE "${shared}"`, [], 'postgres');
  });

  it('begins an installation in a schema anew, and touches no other', async () => {
    const name = app.name('half_way');
    const tables = await mainTables();
    const options = { dbConnType: 'new_schema', plugins: ['error-handler', 'half-way'] };
    mayInstall = false;
    expect((await create({ name, options })).status).toBe(503);
    mayInstall = true;
    expect((await post('start', {}, `?filterByTk=${name}&wait=true`)).status).toBe(200);
    expect(await visit(name)).toBe(200);
    expect(await mainTables()).toEqual(tables);
    expect(outcome(await destroy(name))).toEqual([200, undefined]);
  });

  describe('of the main application', () => {
    const local = [
      ...['127.0.0.1', 'localhost', 'LOCALHOST', 'localhost.', '127.1', '0x7f.0.0.1', '0177.0.0.1', '2130706433'],
      ...['::1', '[::1]', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '127.0.0.2', '0.0.0.0', '::', '/var/run/postgresql'],
    ];

    it('is refused in every spelling, and nothing is written', async () => {
      const { database, port } = app.address;
      const name = app.name('thief');
      const here = (host: string, more: object = {}) => elsewhere({ host, port, database, ...more });
      const before = await traces();
      const spellings: object[] = [
        { database: { database } },
        { dbConnType: 'new_schema', database: { schema: 'public' } },
        { dbConnType: 'new_schema', database: { schema: 'public', database } },
        ...local.map((host) => here(host)),
        here('127.0.0.1', { port: String(port), schema: 'public' }),
        // By an address that nothing but the server itself can tell to be the same.
        elsewhere({ database }),
        elsewhere({ database, schema: 'public' }),
        elsewhere({ database, host: 'LocalHost.' }),
      ];
      for (const adopt of [false, true]) {
        for (const options of spellings) {
          const answer = await create({ name, adopt, options });
          expect([options, ...outcome(answer)]).toEqual([options, 409, 'APP_DATABASE_IN_USE']);
          const { ok, checks } = await checkDatabase({ name, adopt, options });
          expect([options, ok, failed(checks)]).toEqual([options, false, [['owner', 'APP_DATABASE_IN_USE']]]);
        }
      }
      expect(await traces()).toEqual(before);
    });
  });

  it('is no address as one text, whose password nobody repeats and no log holds', async () => {
    const planted = 'Planted-4713';
    for (const key of ['url', 'host']) {
      const options = elsewhere({ [key]: `postgres://nb:${planted}@127.0.0.1:5432/crm` });
      const answer = await create({ name: app.name('by_url'), options });
      expect([answer.status, JSON.stringify(answer.body).includes(planted)]).toEqual([400, false]);
    }
    const logs = path.join(app.storage, 'logs');
    const files = (readdirSync(logs, { recursive: true }) as string[]).filter((file) => file.endsWith('.log'));
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => readFileSync(path.join(logs, file), 'utf8').includes(planted))).toEqual([]);
  });

  it("is no other one by a name that only a pooler's address knows", async () => {
    const { host, port, user: username, password, database } = app.address;
    const pooler = await renamingForwarder({ host, port, database }, 'alias');
    const before = await traces();
    try {
      const where = { host: '127.0.0.1', port: pooler.port, username, password, database: 'alias' };
      for (const more of [{}, { schema: 'guest' }]) {
        const options = { dbConnType: 'new_connection', plugins, database: { ...where, ...more } };
        expect(outcome(await create({ name: app.name('by_alias'), options, adopt: true }))).toEqual([
          400,
          'APP_DATABASE_UNSUPPORTED',
        ]);
      }
      expect(await traces()).toEqual(before);
    } finally {
      await pooler.end();
    }
  });

  it('is asked over a connection that ends, whatever its server does', async () => {
    const { host, port, user: username, password, database } = app.address;
    const deaf = await deafForwarder({ host, port });
    try {
      const started = Date.now();
      const server = { host: '127.0.0.1', port: deaf.port, username, password, database };
      expect(await postgresDialect.inspect(server, app.name('nowhere'))).toBe('absent');
      expect(Date.now() - started).toBeLessThan(5_000);
    } finally {
      await deaf.end();
    }
  }, 10_000);

  it("is another application's as well by another address", async () => {
    const [owner, thief] = [app.name('owner'), app.name('thief')];
    await create({ name: owner, options: { plugins } });
    const options = elsewhere({ database: owner });
    expect(outcome(await create({ name: thief, options, adopt: true }))).toEqual([409, 'APP_DATABASE_IN_USE']);
    const nested = elsewhere({ database: owner, schema: 'guest' });
    expect(outcome(await create({ name: thief, options: nested }))).toEqual([409, 'APP_DATABASE_IN_USE']);
    expect(await visit(owner)).toBe(200);
    await destroy(owner);
  });

  // ---- adoption -----------------------------------------------------------------------------------------------------

  it.each<[string, object]>([
    ['a database', {}],
    ['a schema', { dbConnType: 'new_schema' }],
  ])('is taken in when the caller says so, and is not ours to drop: %s', async (what, way) => {
    const name = app.name(what.replace(/\W/g, '_'));
    const admin = { username: 'somebody', password: PLANTED };
    const values = { name, options: { ...way, plugins: USERS } };
    await create({ ...values, admin });
    await purge(name);

    expect(outcome(await create({ ...values, admin }))).toEqual([409, 'APP_DATABASE_ADOPTABLE']);
    const { checks } = await checkDatabase(values);
    expect(failed(checks)).toEqual([['database', 'APP_DATABASE_ADOPTABLE']]);
    expect(checks.find(({ ok }) => !ok)?.advice).toMatch(/an application of your own/);

    const version = way && 'dbConnType' in way ? `"${name}"."applicationVersion"` : '"applicationVersion"';
    const inside = 'dbConnType' in way ? app.address.database : name;
    const [stored] = await app.sql<{ value: string }>(`SELECT value FROM ${version}`, [], inside);
    await app.sql(`UPDATE ${version} SET value = '99.0.0'`, [], inside);
    const newer = await create({ ...values, adopt: true });
    expect(outcome(newer)).toEqual([409, 'APP_DATABASE_NEWER']);
    await app.sql(`UPDATE ${version} SET value = $1`, [stored?.value], inside);

    const taken = await create({ ...values, adopt: true, admin: { username: 'somebody', password: 'not-heeded' } });
    expect([...outcome(taken), (taken.body as { data: { state: string } }).data.state]).toEqual([
      200,
      undefined,
      'asleep',
    ]);
    expect([await visit(name), await signIn(name, PLANTED), await signIn(name, 'not-heeded')]).toEqual([200, 200, 401]);
    const details = await app.get(`/api/applications:details?filterByTk=${name}`);
    expect((details.body as { data: { administrator: unknown } }).data.administrator).toBeNull();
    expect(outcome(await destroy(name))).toEqual([409, 'APP_DATABASE_NOT_OWNED']);
    expect(outcome(await purge(name))).toEqual([200, undefined]);
    if ('dbConnType' in way) await app.sql(`DROP SCHEMA "${name}" CASCADE`);
    else await app.sql(`DROP DATABASE "${name}"`, [], 'postgres');
  });

  it('is given to one of two who ask for it at once, also where it is taken in', async () => {
    const [kept, empty] = [app.name('kept_for_one'), app.name('empty_for_one')];
    await create({ name: kept, options: { plugins } });
    await purge(kept);
    await app.sql(`CREATE DATABASE "${empty}"`, [], 'postgres');
    for (const database of [kept, empty]) {
      const names = ['first', 'second'].map((end) => `${database}_${end}`);
      const values = { adopt: true, options: { plugins, database: { database } } };
      const answers = await Promise.all(names.map((name) => create({ ...values, name })));
      const first = answers.findIndex(({ status }) => status === 200);
      const [winner, other] = [names[first] ?? '', names[1 - first] ?? ''];
      expect(answers.map(outcome)[1 - first]).toEqual([409, 'APP_DATABASE_IN_USE']);
      expect([await visit(winner), await visit(other)]).toEqual([200, 404]);
      // Who was refused claims nothing any more.
      expect(outcome(await create({ ...values, name: other }))).toEqual([409, 'APP_DATABASE_IN_USE']);
      expect(outcome(await purge(winner))).toEqual([200, undefined]);
      await app.sql(`DROP DATABASE "${database}" WITH (FORCE)`, [], 'postgres');
    }
    expect([...app.service.claims.all()]).toEqual([]);
  });

  // ---- what the server says -----------------------------------------------------------------------------------------

  it('is refused to a role without the rights, in words', async () => {
    const [role, name, given] = [app.name('limited'), app.name('by_limited'), app.name('given')];
    await app.sql(`CREATE ROLE "${role}" LOGIN PASSWORD '${PLANTED}'`);
    try {
      const limited = (database: object) => ({
        plugins,
        ...elsewhere({ username: role, password: PLANTED, ...database }),
      });
      expect(outcome(await create({ name, options: limited({}) }))).toEqual([422, 'APP_DATABASE_DENIED']);
      const { checks } = await checkDatabase({ name, options: limited({}) });
      expect(failed(checks)).toEqual([['rights', 'APP_DATABASE_DENIED']]);
      expect(checks.map(({ check }) => check)).toEqual([
        ...['options', 'owner', 'server', 'credentials', 'version', 'database', 'encoding', 'rights'],
      ]);
      await app.sql(`CREATE DATABASE "${given}"`);
      const inGiven = { database: given, schema: 'mine' };
      expect(outcome(await create({ name, options: limited(inGiven) }))).toEqual([422, 'APP_DATABASE_DENIED']);
      // Its administrator made it a database.
      await app.sql(`ALTER DATABASE "${given}" OWNER TO "${role}"`);
      expect(outcome(await create({ name, options: limited({ database: given }) }))).toEqual([200, undefined]);
      expect(await visit(name)).toBe(200);
      expect(outcome(await destroy(name))).toEqual([409, 'APP_DATABASE_NOT_OWNED']);
      await purge(name);
    } finally {
      await app.sql(`DROP DATABASE IF EXISTS "${given}" WITH (FORCE)`, [], 'postgres');
      await app.sql(`DROP ROLE "${role}"`);
    }
  });

  it.each<[string, () => Promise<FakeServer>, string, string]>([
    ['says nothing', silentServer, 'server', 'APP_DATABASE_UNREACHABLE'],
    ['is none of a database', foreignServer, 'server', 'APP_DATABASE_UNREACHABLE'],
    ['accepts no password', suspiciousServer, 'credentials', 'APP_DATABASE_CREDENTIALS'],
  ])('is told within seconds that a server %s', async (_what, open, check, expected) => {
    const server = await open();
    const before = await traces();
    try {
      const started = Date.now();
      const options = elsewhere({ port: server.port, password: PLANTED });
      const [answer, asked] = await Promise.all([
        create({ name: app.name('nowhere'), options }),
        // The other name is taken while it is being made.
        checkDatabase({ name: app.name('checked'), options }),
      ]);
      expect(outcome(answer)).toEqual([503, expected]);
      expect(failed(asked.checks)).toEqual([[check, expected]]);
      expect(Date.now() - started).toBeLessThan(9_000);
      expect(await traces()).toEqual(before);
    } finally {
      await server.end();
    }
  });

  it('is told that nobody listens, that TLS is not spoken, and that the encoding is another', async () => {
    const name = app.name('nowhere');
    const gone = elsewhere({ port: 1 });
    expect(failed((await checkDatabase({ name, options: gone })).checks)).toEqual([
      ['server', 'APP_DATABASE_UNREACHABLE'],
    ]);
    const latin = app.name('latin');
    await app.sql(`CREATE DATABASE "${latin}" TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'`);
    expect(outcome(await create({ name: latin }))).toEqual([422, 'APP_DATABASE_ENCODING']);
    await app.sql(`DROP DATABASE "${latin}"`, [], 'postgres');
  });

  it('is refused whatever it is called, with a 4xx, and nothing is written', async () => {
    const before = await traces();
    const nasty = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1 }).filter((text) => !/^[\w-]+$/.test(text) && text.trim() !== ''),
      fc.constantFrom("x'; DROP DATABASE x;--", 'a"b', '../..', 'template1', 'postgres', '\0', 'a b', '$1', '%s', '{}'),
    );
    const name = app.name('nasty');
    const cases = nasty.chain((text) =>
      fc.constantFrom<object>(
        { name: text },
        { name, options: { database: { database: text } } },
        { name, options: { dbConnType: 'new_schema', database: { schema: `${text}\u00a0` } } },
        { name, options: { dbConnType: 'new_schema', database: { database: text } } },
        { name, options: { dbConnType: text } },
        { name, options: elsewhere({ host: `${text} ` }) },
        { name, options: elsewhere({ port: text }) },
        { name, options: elsewhere({ database: text }) },
        { name, options: elsewhere({ schema: text }) },
      ),
    );
    await fc.assert(
      fc.asyncProperty(cases, async (values) => {
        const { status, body } = await create(values);
        expect([values, Math.floor(status / 100)]).toEqual([values, 4]);
        expect((body as { errors: { code: string }[] }).errors[0]?.code).toMatch(/^APP_/);
      }),
      { numRuns: 1_000 },
    );
    expect(await traces()).toEqual(before);
  });

  it('says in Chinese what to do, to who asks for it', async () => {
    const answer = await app.post(
      '/api/applications:checkDatabase',
      { name: app.name('zh'), options: { database: { database: app.address.database } } },
      { 'X-Locale': 'zh-CN' },
    );
    const { checks } = (answer.body as { data: { checks: Check[] } }).data;
    const owner = checks.find(({ ok }) => !ok);
    expect(owner?.message).toMatch(/\p{Script=Han}/u);
    expect(owner?.advice).toMatch(/\p{Script=Han}/u);
  });

  it('has its password in no answer, no row, no event, and no line of the log', async () => {
    const said = ['log', 'info', 'warn', 'error', 'debug'].flatMap(
      (level) => (console[level as 'log'] as unknown as jest.Mock).mock.calls,
    );
    const rows = await app.sql('SELECT * FROM applications');
    const events = await app.sql('SELECT * FROM "applicationEvents"');
    expect(answers.length).toBeGreaterThan(50);
    expect(JSON.stringify([answers, rows, events, said.map(String)])).not.toContain(PLANTED);
  });
});
