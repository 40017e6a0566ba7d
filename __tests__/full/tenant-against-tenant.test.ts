import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import request from 'supertest';
import { databasesOf, knownServers, quotedName, runSql, type KnownServer } from '../helpers/database-servers';
import { databaseFingerprint, filesFingerprint, type Fingerprint } from '../helpers/fingerprint';
import { endsItself, hostileCalls, mysqlAttacks, postgresAttacks, type HostileCall } from '../helpers/hostile-calls';
import { environmentOf } from '../helpers/server-environment';
import { DOORS, mysqlReads, postgresReads, type Send } from '../helpers/sql-doors';
import { TestHost, type Answer } from '../helpers/test-host';

/**
 * An administrator of one application tries every action of every plugin, and SQL by every way in, against a neighbour
 * and the main application. Nothing of theirs changes, and no answer shows anything of theirs.
 */

const LISTER = path.resolve(__dirname, '..', 'helpers', 'action-list.cjs');
const servers = knownServers();
const postgres = servers.find(({ dialect }) => dialect.name === 'postgres') as KnownServer;
const mariadb = servers.find(({ dialect }) => dialect.name === 'mariadb') as KnownServer;

const KINDS: [title: string, server: KnownServer, options: { dbConnType?: string }][] = [
  ['PostgreSQL, a database for each', postgres, {}],
  ['PostgreSQL, schemas of one database', postgres, { dbConnType: 'new_schema' }],
  ['MariaDB, a database for each', mariadb, {}],
];

/** Written by the main application while it works, whatever applications do. */
const LIVELY = ['applications', 'applicationEvents'];
/** For an installation of NocoBase with three applications, on a machine that has other work. */
const INSTALL_MS = 900_000;
/** Requests at the same time. */
const LANES = 4;

interface View {
  name: string;
  state: string;
  options: object;
  isolation: { isolated: boolean; reason: string | null };
  databasePlace: { database: string; schema?: string };
}

function life(server: KnownServer, options: object): void {
  const run = randomBytes(3).toString('hex');
  const [attacker, sqlAttacker, victim] = [`ta${run}`, `ts${run}`, `tv${run}`];
  const isPostgres = server.dialect.family === 'postgres';
  const ownRow = `own-${randomBytes(8).toString('hex')}`;
  const planted = [`planted-${randomBytes(8).toString('hex')}`, `planted-${randomBytes(8).toString('hex')}`] as const;
  let main: string;
  let host: TestHost;
  let folder: string;
  let secrets: string[];
  let victimFiles: string[];

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'tenants-'));
    host = await TestHost.start({
      env: {
        ...environmentOf(server).env,
        ACTION_LIST: path.join(folder, 'actions.json'),
        NODE_OPTIONS: `--require ${LISTER}`,
        APP_SUPERVISOR_IDLE_TIMEOUT: '0',
      },
    });
    main = host.host.database.database;
    for (const name of [attacker, sqlAttacker, victim]) {
      expect((await host.create({ name, options })).status).toBe(200);
    }
    for (const [index, app] of (['main', victim] as const).entries()) {
      const values = { username: `u${run}${index}`, nickname: planted[index], password: `Pw-${run}-${index}` };
      expect((await as(app, { path: '/api/users:create', body: values })).status).toBe(200);
      await upload(app, planted[index] ?? '');
    }
    secrets = [...planted, ...(await keysOfMain()), ...(await passwordHashes())];
    victimFiles = (await host.files()).filter((file) => /^uploads\/apps\/[^/]+\/.*planted/.test(file));
    expect(victimFiles.some((file) => file.startsWith(`uploads/apps/${victim}-`))).toBe(true);
    const values = { username: `u${run}own`, nickname: ownRow, password: `Pw-${run}-own` };
    expect((await as(sqlAttacker, { path: '/api/users:create', body: values })).status).toBe(200);
    await collectStatistics();
  }, INSTALL_MS);

  afterAll(async () => {
    if (host) await host.end();
    await rm(folder, { recursive: true, force: true });
    for (const name of await databasesOf(server, '')) {
      if (![main, sqlAttacker, victim].includes(name) && !name.startsWith(attacker)) continue;
      await runSql(server, `DROP DATABASE ${quotedName(server, name)}`).catch(() => undefined);
    }
  }, 120_000);

  async function as(app: string, { path: url, body }: HostileCall): Promise<Answer> {
    const headers = { ...(await host.bearer(app)), ...(app === 'main' ? {} : { 'X-App': app }) };
    return host.post(url, body, headers);
  }

  async function upload(app: string, content: string): Promise<void> {
    const headers = { ...(await host.bearer(app)), ...(app === 'main' ? {} : { 'X-App': app }) };
    const file = request(host.host.url).post('/api/attachments:create').set(headers);
    expect((await file.attach('file', Buffer.from(content), 'planted.txt')).status).toBe(200);
  }

  /** The keys of the main application, as they would stand in an answer. */
  async function keysOfMain(): Promise<string[]> {
    const place = path.join(host.host.storageDir, 'apps', 'main');
    const names = (await readdir(place)).filter((name) => name.endsWith('.dat'));
    const contents = await Promise.all(names.map((name) => readFile(path.join(place, name))));
    return contents.flatMap((content) => [
      content.toString('hex'),
      content.toString('base64'),
      content.toString('latin1'),
    ]);
  }

  /** What the server knows of the passwords of all roles: none of it may stand in an answer. */
  async function passwordHashes(): Promise<string[]> {
    const sql = isPostgres
      ? 'SELECT rolpassword AS hash FROM pg_authid'
      : 'SELECT authentication_string AS hash FROM mysql.user';
    const rows = await runSql<{ hash: string | null }>(server, sql);
    return rows.map(({ hash }) => hash ?? '').filter((hash) => hash.length > 8);
  }

  /** Statistics of the planted rows, which a catalog might show. */
  async function collectStatistics(): Promise<void> {
    const { database, schema = 'public' } = (await view(victim)).databasePlace;
    const analyze = (place: string, table: string) =>
      runSql(server, isPostgres ? `ANALYZE ${table}` : `ANALYZE TABLE ${table} PERSISTENT FOR ALL`, place);
    await analyze(database, isPostgres ? `"${schema}"."users"` : '`users`');
    await analyze(main, isPostgres ? 'public."users"' : '`users`');
  }

  async function view(name: string): Promise<View> {
    return (await host.show(name)).body.data as View;
  }

  async function fingerprint(own: string): Promise<Record<string, Fingerprint>> {
    const { databasePlace, state, options: told } = await view(victim);
    const { database, schema } = databasePlace;
    const isOwn = (file: string) => {
      const [top = '', second = '', third = ''] = file.split(path.sep);
      if (['logs', 'tmp'].includes(top)) return true;
      return [second, third].some((segment) => segment.startsWith(own));
    };
    return {
      victim: await databaseFingerprint(server, database, { schema }),
      main: await databaseFingerprint(server, main, { without: LIVELY }),
      files: await filesFingerprint(host.host.storageDir, isOwn),
      row: { state, options: JSON.stringify(told), database, schema: schema ?? '' },
    };
  }

  /** Every action of the attacker's instance, of its swagger and of NocoBase's resources. */
  async function actions(): Promise<string[]> {
    process.kill(host.host.pid, 'SIGUSR2');
    const file = path.join(folder, 'actions.json');
    for (let left = 100; left > 0 && !existsSync(file); left -= 1) await new Promise((done) => setTimeout(done, 100));
    const lists = JSON.parse(await readFile(file, 'utf8')) as Record<string, string[]>;
    const headers = { ...(await host.bearer(attacker)), 'X-App': attacker };
    const urls = (await host.get('/api/swagger:getUrls', headers)).body.data as { url: string }[];
    const documented: string[] = [];
    for (const { url } of urls) {
      const { paths = {} } = (await host.get(url, headers)).body as { paths?: object };
      documented.push(...Object.keys(paths).map((name) => name.slice(1)));
    }
    const named = documented.filter((name) => /^[\w.-]+:[\w-]+$/.test(name));
    return [...new Set([...(lists[attacker] ?? []), ...named])];
  }

  /** Whether the application signs in to the database with another role than the main application does. */
  async function hasOwnRole(app: string): Promise<boolean> {
    const body = { sql: 'SELECT CURRENT_USER AS who', type: 'selectRows', dataSourceKey: 'main' };
    const answer = await as(app, { path: '/api/flowSql:run', body });
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('who')]);
    const { who } = (answer.body.data as { who: string }[])[0] ?? { who: '' };
    return who.split('@')[0] !== server.address.username;
  }

  /** Whether the main application's role may create roles, so that each new application has its own. */
  async function mayCreateRoles(): Promise<boolean> {
    const sql = isPostgres
      ? 'SELECT rolsuper OR rolcreaterole AS may FROM pg_roles WHERE rolname = current_user'
      : `SELECT COUNT(*) > 0 AS may FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'CREATE USER'`;
    const [row] = await runSql<{ may: unknown }>(server, sql);
    return Boolean(row?.may);
  }

  const showsSecret = (text: string) => secrets.some((secret) => text.includes(secret));

  /** Makes the calls, a few at a time. @returns how often each status was answered */
  async function attempt(from: string, calls: readonly HostileCall[]): Promise<Map<number, number>> {
    const statuses = new Map<number, number>();
    const waiting = [...calls];
    const shown: string[] = [];
    const lane = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const { status, text = '' } = await as(from, next);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (showsSecret(text)) shown.push(`${status} ${next.path}`);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    expect(shown).toEqual([]);
    return statuses;
  }

  /** The session of an attacker that works, in a new application if the one before has ended itself. */
  let spare = 0;
  async function session(): Promise<Record<string, string>> {
    const { email, password } = host.host.credentials;
    for (let tries = 3; tries > 0; tries -= 1) {
      const app = spare === 0 ? attacker : `${attacker}${spare}`;
      if (spare > 0 && (await host.show(app)).status !== 200) {
        expect((await host.create({ name: app, options })).status).toBe(200);
      }
      await host
        .until('the attacker is up', async () => (await host.get('/api/app:getInfo', { 'X-App': app })).status === 200)
        .catch(() => undefined);
      const { body } = await host.signIn(app, email, password);
      const token = (body as { data?: { token?: string } } | null)?.data?.token;
      if (token) return { Authorization: `Bearer ${token}`, 'X-App': app };
      spare += 1;
    }
    throw new Error('no attacker can sign in');
  }

  async function othersAnswer(): Promise<void> {
    for (const app of ['main', victim]) {
      const answer = await as(app, { path: '/api/users:list?pageSize=50', body: {} });
      expect([app, answer.status]).toEqual([app, 200]);
    }
  }

  it('every action of every plugin leaves the neighbour, the main application and the files of others as they are', async () => {
    const before = await fingerprint(attacker);
    const { storageDir } = host.host;
    const files = ['apps/main/jwt_secret.dat', ...victimFiles].map((file) => path.join(storageDir, file));
    const all = await actions();
    expect(all.length).toBeGreaterThan(500);
    const lasting = all.filter((action) => !endsItself(action));
    const calls = lasting.flatMap((action) => hostileCalls(action, { name: victim, files }));
    const statuses = await attempt(attacker, calls);
    // Calls that were not signed in show nothing.
    expect(statuses.get(401) ?? 0).toBeLessThan(calls.length / 20);
    expect(statuses.get(200) ?? 0).toBeGreaterThan(100);
    const ending = all.filter(endsItself);
    expect(ending).toEqual(
      expect.arrayContaining(['auth:signOut', 'app:restart', 'users:destroy', 'authenticators:update']),
    );
    const shown: string[] = [];
    let answered = 0;
    for (const { path: url, body } of ending.flatMap((action) => hostileCalls(action, { name: victim, files }))) {
      const { status, text = '' } = await host.post(url, body, await session());
      if (status !== 401) answered += 1;
      if (showsSecret(text)) shown.push(`${status} ${url}`);
    }
    expect(shown).toEqual([]);
    expect(answered).toBeGreaterThan(ending.length);
    await othersAnswer();
    expect(await fingerprint(attacker)).toEqual(before);
  }, 600_000);

  it('no call runs a program, or opens a socket of the machine', async () => {
    const before = await fingerprint(sqlAttacker);
    const send: Send = (url, body) => as(sqlAttacker, { path: `/api/${url}`, body: body as Record<string, unknown> });
    const [byMail, byServer] = [path.join(folder, 'by-mail'), path.join(folder, 'by-server')];
    // The socket of the command line, where each caller is an operator.
    const options = {
      ...{ url: `http://localhost:1/applications:stop?filterByTk=${victim}`, method: 'POST' },
      ...{ headers: [], params: [], data: {}, socketPath: path.join(host.host.dataDir, 'app-supervisor.sock') },
    };
    expect((await send('customRequests:create', { key: `k${run}`, options })).status).toBe(200);
    expect((await send(`customRequests:send/k${run}`, {})).status).toBeGreaterThanOrEqual(400);
    const server = { name: 'm', transport: 'stdio', command: '/bin/sh', args: ['-c', `touch ${byServer}`] };
    expect((await send('aiMcpClients:testConnection', server)).text).toContain('reaches beyond this application');
    const created = await send('workflows:create', {
      ...{ title: 'x', type: 'action', enabled: true, current: true, sync: true },
      config: { collection: 'users', global: false },
    });
    const id = (created.body as { data: { id: number } }).data.id;
    const config = { from: 'a@b.c', to: ['d@e.f'], subject: 's', contentType: 'text', text: 't' };
    const provider = { host: '127.0.0.1', port: 1, secure: false, auth: { user: 'u', pass: 'p' } };
    const values = { type: 'mailer', upstreamId: null, config: { ...config, provider } };
    const node = (await send(`workflows/${id}/nodes:create`, values)).body as { data: { id: number } };
    // Past every check of the plugin.
    const program = { sendmail: true, path: '/bin/sh', args: ['-c', `touch ${byMail}`] };
    const stored = JSON.stringify({ ...config, provider: program });
    const sql = `UPDATE flow_nodes SET config = '${stored}' WHERE id = ${node.data.id}`;
    await send('flow_nodes:test', { type: 'sql', config: { dataSource: 'main', sql, unsafeInjection: true } });
    await send(`workflows:execute?filterByTk=${id}`, { data: 1, userId: 1, roleName: 'root' });
    const filter = encodeURIComponent(JSON.stringify({ nodeId: node.data.id }));
    await host.until(
      'the node has run',
      async () => (await send(`jobs:list?filter=${filter}`, {})).body.data.length > 0,
    );
    expect([existsSync(byMail), existsSync(byServer), (await view(victim)).state]).toEqual([false, false, 'running']);
    expect(await fingerprint(sqlAttacker)).toEqual(before);
  });

  it('no formula changes or hears what the formulas of others compute', async () => {
    const compute = async (name: string, engine: string, expression: string) => {
      const body = { type: 'calculation', config: { engine, expression } };
      return (await as(name, { path: '/api/flow_nodes:test', body })).body.data as { status: number; result: unknown };
    };
    const replace = 'Object.assign(NORM.S, { DIST: (...given) => (NORM.S.heard = given, 7) })';
    expect((await compute(attacker, 'formula.js', replace)).result).toContain('TypeError');
    expect(await compute(victim, 'formula.js', 'NORM.S.DIST(1, true)')).toEqual({ status: 1, result: 0.841344746 });
    const unit = await compute(attacker, 'math.js', 'createUnit("km", "5 m", {override: true})');
    expect(unit.result).toContain('a formula cannot define units');
    expect((await compute(victim, 'math.js', 'number(1 km, m)')).result).toBe(1_000);
  });

  it('no library is loaded as a plugin', async () => {
    for (const library of ['@nocobase/app', 'mathjs']) {
      const answer = await as(attacker, { path: `/api/pm:enable?filterByTk=${library}`, body: {} });
      expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('APP_PLUGINS_MANAGED_BY_MAIN')]);
    }
    await othersAnswer();
  });

  it('an application is isolated if the role of the main application may create roles', async () => {
    const isolated = await mayCreateRoles();
    expect((await view(sqlAttacker)).isolation).toMatchObject({
      isolated,
      reason: isolated ? null : expect.any(String),
    });
    expect(await hasOwnRole(sqlAttacker)).toBe(isolated);
  });

  it('SQL by every way in reaches nothing of others but names', async () => {
    // The whole test is about isolated applications: without them it would show nothing.
    const { isolation, databasePlace: ownPlace } = await view(sqlAttacker);
    expect(isolation.isolated).toBe(true);
    const table = ownPlace.schema === undefined ? 'users' : `"${ownPlace.schema}"."users"`;
    const { databasePlace } = await view(victim);
    const before = await fingerprint(sqlAttacker);
    const target = { ...databasePlace, main, mainRole: server.address.username ?? '' };
    const attacks = isPostgres
      ? [...postgresReads(target), ...postgresAttacks(target)]
      : [...mysqlReads(target), ...mysqlAttacks(target)];
    const send: Send = (url, body) => as(sqlAttacker, { path: `/api/${url}`, body: body as Record<string, unknown> });
    const shown: string[] = [];
    const closed: string[] = [];
    for (const [index, [title, door]] of Object.entries(DOORS).entries()) {
      // The way in is open: the application reads its own rows.
      const own = `SELECT nickname AS shown FROM ${table} WHERE nickname = '${ownRow}'`;
      if (!(await door(send, own, `${run}${index}own`)).includes(ownRow)) closed.push(title);
      const waiting = [...attacks.entries()];
      const lane = async () => {
        for (let next = waiting.shift(); next; next = waiting.shift()) {
          const [number, sql] = next;
          if (showsSecret(await door(send, sql, `${run}${index}n${number}`))) shown.push(`${title}: ${sql}`);
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
    }
    expect({ closed, shown }).toEqual({ closed: [], shown: [] });
    await othersAnswer();
    expect(await fingerprint(sqlAttacker)).toEqual(before);
  }, 600_000);
}

describe.each(KINDS)('a tenant against a tenant: %s', (title, server, options) => {
  if (server.missing) it.skip(`${title} (skipped: ${server.missing})`, () => undefined);
  else life(server, options);
});
