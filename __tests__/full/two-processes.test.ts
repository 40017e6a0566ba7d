import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import request from 'supertest';
import { TestHost, type RunningHost } from '../helpers/test-host';

interface HostModule {
  startHost(options: object): Promise<RunningHost>;
}

interface Item {
  state: string;
}

/** Two NocoBase processes on one main database, as in a rolling update. */
describe('two processes on one main database', () => {
  let first: TestHost;
  let second: RunningHost;
  let folder: string;
  let token: string;

  const ask = (host: RunningHost, url: string, headers: Record<string, string> = {}) =>
    request(host.url)
      .get(url)
      .set(headers)
      .ok(() => true);
  const asAdmin = () => ({ Authorization: `Bearer ${token}` });
  const stateOf = async (host: RunningHost) =>
    ((await ask(host, '/api/appSupervisor:info', asAdmin())).body as { data: Item }).data.state;

  beforeAll(async () => {
    first = await TestHost.start();
    token = await first.token('main');
    expect((await first.create({ name: 'crm' })).status).toBe(200);
    expect((await first.create({ name: 'erp', startMode: 'eager' })).status).toBe(200);
    folder = await mkdtemp(path.join(tmpdir(), 'app-supervisor-second-'));
    await cp(first.host.storageDir, path.join(folder, 'storage'), {
      recursive: true,
      filter: (file) => !file.endsWith('.sock'),
    });
    const { appKey } = JSON.parse(await readFile(path.join(first.host.dataDir, 'host.json'), 'utf8')) as {
      appKey: string;
    };
    const { host, port, user, password, database } = first.host.database;
    const { startHost } = (await importHost('index.mjs')) as HostModule;
    second = await startHost({
      dataDir: folder,
      database,
      env: {
        APP_KEY: appKey,
        DB_DIALECT: 'postgres',
        DB_HOST: host,
        DB_PORT: String(port),
        DB_USER: user,
        DB_PASSWORD: password,
        INIT_ROOT_EMAIL: first.host.credentials.email,
        INIT_ROOT_PASSWORD: first.host.credentials.password,
        APP_SUPERVISOR_BASE_DOMAIN: 'localhost,apps.test',
      },
    });
  });

  afterAll(async () => {
    await second?.stop();
    await first?.end();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  it('the second one serves the main application and manages nothing', async () => {
    expect(await stateOf(first.host)).toBe('active');
    expect(await stateOf(second)).toBe('standby');
    expect((await ask(second, '/api/users:list', asAdmin())).status).toBe(200);
  });

  it('the second one refuses every action on applications, also writes through NocoBase itself', async () => {
    for (const action of ['create', 'stop?filterByTk=crm', 'start?filterByTk=crm', 'destroy?filterByTk=crm']) {
      const answer = await request(second.url)
        .post(`/api/applications:${action}`)
        .set(asAdmin())
        .send({ name: 'third' })
        .ok(() => true);
      expect([action, answer.status, (answer.body as { errors: { code: string }[] }).errors[0]?.code]).toEqual([
        action,
        503,
        'APP_SUPERVISOR_STANDBY',
      ]);
    }
    expect((await first.show('third')).status).toBe(404);
  });

  it('a request to an application, known or not, is held by the second one and then refused with a code', async () => {
    const answers = await Promise.all(
      ['crm', 'made-later'].map((name) => ask(second, '/api/app:getInfo', { 'X-App': name })),
    );
    for (const { status, body, headers } of answers) {
      expect([status, (body as { error: { code: string } }).error.code]).toEqual([503, 'APP_SUPERVISOR_STANDBY']);
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    // The leader is not disturbed.
    expect((await first.get('/api/app:getInfo', { 'X-App': 'crm' })).status).toBe(200);
  });

  it('after the leader was killed, the second one takes over with its applications, and the first is a standby', async () => {
    expect((await first.create({ name: 'late' })).status).toBe(200);
    expect((await first.act('stop', { filterByTk: 'crm', wait: 'true' })).status).toBe(200);
    // The process alone is killed: its database server is the one that both use.
    process.kill(first.host.pid, 'SIGKILL');
    await first.until('the second process leads', async () => (await stateOf(second)) === 'active', 15_000);
    expect((await ask(second, '/api/app:getInfo', { 'X-App': 'late' })).status).toBe(200);
    expect((await ask(second, '/api/app:getInfo', { 'X-App': 'crm' })).status).toBe(503);
    const list = await ask(second, '/api/applications:get?filterByTk=erp', asAdmin());
    expect((list.body as { data: Item }).data.state).toMatch(/booting|running/);
  });
});
