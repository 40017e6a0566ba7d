import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import request from 'supertest';
import { databasesOf, knownServers, quotedName, runSql, type KnownServer } from '../helpers/database-servers';
import { databaseFingerprint, filesFingerprint, type Fingerprint } from '../helpers/fingerprint';
import {
  hostileCalls,
  isTried,
  mysqlAttacks,
  postgresAttacks,
  sqlDoors,
  type HostileCall,
} from '../helpers/hostile-calls';
import { environmentOf } from '../helpers/server-environment';
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
/** Requests at the same time. */
const LANES = 4;

interface View {
  name: string;
  state: string;
  options: object;
  isolation?: { isolated: boolean; reason: string | null };
  databasePlace: { database: string; schema?: string };
}

function life(server: KnownServer, options: object): void {
  const run = randomBytes(3).toString('hex');
  const [attacker, sqlAttacker, victim] = [`ta${run}`, `ts${run}`, `tv${run}`];
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
    secrets = [...planted, ...(await keysOfMain())];
    victimFiles = (await host.files()).filter((file) => file.startsWith(`uploads/${victim}`));
  }, 300_000);

  afterAll(async () => {
    if (host) await host.end();
    await rm(folder, { recursive: true, force: true });
    for (const name of await databasesOf(server, '')) {
      if (![main, attacker, sqlAttacker, victim].includes(name)) continue;
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

  async function view(name: string): Promise<View> {
    return (await host.show(name)).body.data as View;
  }

  async function fingerprint(own: string): Promise<Record<string, Fingerprint>> {
    const { databasePlace, state, options: told } = await view(victim);
    const { database, schema } = databasePlace;
    const isOwn = (file: string) => {
      const [top = '', second = '', third = ''] = file.split(path.sep);
      if (['logs', 'tmp'].includes(top)) return true;
      return second.startsWith(own) || (top === 'cache' && third === own);
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
    return [...new Set([...(lists[attacker] ?? []), ...named])].filter(isTried);
  }

  /** Whether the application signs in to the database with another role than the main application does. */
  async function hasOwnRole(app: string): Promise<boolean> {
    const body = { sql: 'SELECT CURRENT_USER AS who', type: 'selectRows', dataSourceKey: 'main' };
    const answer = await as(app, { path: '/api/flowSql:run', body });
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('who')]);
    const { who } = (answer.body.data as { who: string }[])[0] ?? { who: '' };
    return who.split('@')[0] !== server.address.username;
  }

  /** Makes the calls, a few at a time. @returns how often each status was answered */
  async function attempt(from: string, calls: readonly HostileCall[]): Promise<Map<number, number>> {
    const statuses = new Map<number, number>();
    const waiting = [...calls];
    const shown: string[] = [];
    const lane = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const { status, text = '' } = await as(from, next);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (secrets.some((secret) => text.includes(secret))) shown.push(`${status} ${next.path}`);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    expect(shown).toEqual([]);
    return statuses;
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
    const calls = all.flatMap((action) => hostileCalls(action, { name: victim, files }));
    const statuses = await attempt(attacker, calls);
    // Calls that were not signed in show nothing.
    expect(statuses.get(401) ?? 0).toBeLessThan(calls.length / 20);
    expect(statuses.get(200) ?? 0).toBeGreaterThan(100);
    await othersAnswer();
    expect(await fingerprint(attacker)).toEqual(before);
  }, 420_000);

  it('SQL by every way in reaches nothing of others, if the application is isolated', async () => {
    const { isolation } = await view(sqlAttacker);
    const { databasePlace } = await view(victim);
    const isolated = await hasOwnRole(sqlAttacker);
    if (isolation) expect(isolation).toMatchObject({ isolated, reason: isolated ? null : expect.any(String) });
    if (!isolated) return;
    const before = await fingerprint(sqlAttacker);
    const isPostgres = server.dialect.family === 'postgres';
    const target = { ...databasePlace, main, mainRole: server.address.username ?? '' };
    const attacks = isPostgres ? postgresAttacks(target) : mysqlAttacks(target);
    const calls = attacks.flatMap((sql, index) => sqlDoors(sql, `a${run}${index}`));
    await attempt(sqlAttacker, calls);
    const own = await as(sqlAttacker, {
      path: '/api/flowSql:run',
      body: { sql: 'SELECT 1 AS one', type: 'selectRows' },
    });
    expect([own.status, JSON.stringify(own.body)]).toEqual([200, expect.stringContaining('one')]);
    await othersAnswer();
    expect(await fingerprint(sqlAttacker)).toEqual(before);
  }, 300_000);
}

describe.each(KINDS)('a tenant against a tenant: %s', (title, server, options) => {
  if (server.missing) it.skip(`${title} (skipped: ${server.missing})`, () => undefined);
  else life(server, options);
});
