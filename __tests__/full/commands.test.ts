import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { AppCommand } from '../helpers/app-command';
import { ShellLine, type Ended } from '../helpers/shell';
import { PLANTED, TestHost } from '../helpers/test-host';

const HOST_FOLDER = path.resolve(__dirname, '../../host');

/** `nocobase app` in a real shell, against a real NocoBase, compared with what REST says. */
describe('nocobase app', () => {
  let host: TestHost;
  let folder: string;

  let command: AppCommand;

  const run = (words: string, env?: Record<string, string>): Promise<Ended> => command.run(words, env);
  const table = (words: string) => command.table(words);
  const json = (words: string) => command.json(words);
  const rest = async (action: string, query: Record<string, string> = {}) => (await host.act(action, query)).body.data;
  const state = async (name: string) => (await host.show(name)).body.data?.state as string | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'app-command-'));
    host = await TestHost.start();
    command = new AppCommand(host);
  });

  afterAll(async () => {
    await host?.end();
    await rm(folder, { recursive: true, force: true });
  });

  it('lies behind a socket that only its owner can open', async () => {
    const { mode } = await stat(path.join(host.host.dataDir, 'app-supervisor.sock'));
    expect((mode & 0o777).toString(8)).toBe('600');
  });

  it('creates, and waits with progress on standard error', async () => {
    const secret = path.join(folder, 'secret');
    await writeFile(secret, `${PLANTED}\n`);
    const admin = `--admin-email eve@example.com --admin-password-file - < ${secret}`;
    const made = await run(`APP create crm --display-name '客户关系' --wait --json ${admin}`);
    expect([made.code, made.err]).toEqual([0, expect.stringMatching(/^crm: (creating|running)/m)]);
    expect(JSON.parse(made.out)).toMatchObject({ name: 'crm', displayName: '客户关系', state: 'running' });
    expect((await host.signIn('crm', 'eve@example.com', PLANTED)).status).toBe(200);
    expect(await table('create shop-1 --start-mode manual --wait')).toMatch(/^State +stopped/m);
    const { email, password } = host.host.credentials;
    await table('start shop-1 --wait');
    expect((await host.signIn('shop-1', email, password)).status).toBe(200);
    expect(await table('create --display-name Plain --wait')).toMatch(/^ID +plain$/m);
  });

  it('says in the timeline who it was', async () => {
    const name = userInfo().username;
    await host.until('the event is told', async () => {
      const rows = (await host.act('events', { filterByTk: 'crm' })).body.data as { type: string; by: unknown }[];
      return rows.some(({ type, by }) => type === 'created' && JSON.stringify(by).includes('operator'));
    });
    const told = await json('events crm');
    expect(told.at(-1)).toMatchObject({ type: 'created', by: { kind: 'operator', name } });
    expect(told).toEqual(await rest('events', { filterByTk: 'crm' }));
    expect(await table('events crm --limit 5')).toMatch(new RegExp(`created +${name}, by command line`));
  });

  it('lists, filters and shows what REST says', async () => {
    const listed = await json('list');
    const told = (await host.get('/api/applications:list?sort=name', await host.bearer('main'))).body.data;
    expect(listed.map(({ name }: { name: string }) => name)).toEqual(['crm', 'plain', 'shop-1']);
    expect(listed).toEqual(told);
    const lines = (await table('list')).trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(/^ID +NAME +STATE +ADDRESS +LAST VISIT +DATABASE +START/);
    expect(lines[1]).toMatch(/^crm +客户关系 +running +lazy +http:\/\/crm\.localhost:\d+\/ +crm/);
    expect((await json("list --name 'shop-*'")).map(({ name }: { name: string }) => name)).toEqual(['shop-1']);
    expect((await json("list --name '客户*'")).map(({ name }: { name: string }) => name)).toEqual(['crm']);
    expect(await json('list --status failed,quarantined')).toEqual([]);
    const shown = await json('show crm');
    expect(shown).toEqual((await host.show('crm')).body.data);
    expect(await table('show crm')).toMatch(/^Addresses +http:\/\/crm\.localhost:\d+\/, crm\.localhost/m);
  });

  it('updates', async () => {
    expect(await json('update crm --idle-timeout 600 --pinned yes')).toMatchObject({ idleTimeout: 600, pinned: true });
    expect(await table('update crm --domain crm.example.com')).toContain('crm.example.com');
    expect(await rest('get', { filterByTk: 'crm' })).toMatchObject({ cname: 'crm.example.com', idleTimeout: 600 });
    expect(await json('update crm --domain "" --idle-timeout ""')).toMatchObject({ cname: null, idleTimeout: null });
  });

  it('stops, starts and restarts one and several', async () => {
    expect(await table('stop crm --wait')).toMatch(/^crm .*stopped/m);
    expect(await state('crm')).toBe('stopped');
    expect(await json('start crm --wait')).toMatchObject({ name: 'crm', state: 'running' });
    expect(await table('restart crm plain --wait')).toMatch(/^crm .*running[\s\S]*^plain .*running/m);
    const { results } = await json("stop 'shop-*' crm --wait");
    expect(results).toMatchObject([
      { name: 'shop-1', ok: true },
      { name: 'crm', ok: true },
    ]);
    await table('start crm --wait');
  });

  it('upgrades one, several, all, and tells the plan', async () => {
    const plan = await json('upgrade --plan');
    expect(plan.applications.map(({ state }: { state: string }) => state)).toEqual(['current', 'current', 'current']);
    expect(await table('upgrade crm plain --wait')).toMatch(/^crm +current/m);
    expect(await json('upgrade --all --wait')).toMatchObject({ total: 3, counts: { current: 3 } });
    expect((await run('APP upgrade')).code).toBe(2);
  });

  it('clones, removes and restores', async () => {
    expect(await json('clone crm crm-copy --wait')).toMatchObject({ name: 'crm-copy' });
    expect(await table('remove crm-copy --yes')).toMatch(/^crm-copy +crm-copy +no +\d{4}-/m);
    expect(await json('list --removed')).toMatchObject([{ name: 'crm-copy' }]);
    expect(await table('restore crm-copy')).toMatch(/^ID +crm-copy/m);
    const gone = await json('remove crm-copy --purge --drop-database --yes');
    expect(gone).toMatchObject({ name: 'crm-copy', databaseDropped: true, purgeAt: null });
    expect(await host.databases()).not.toContain('crm-copy');
    expect((await table('events crm-copy')).trimEnd().split('\n').at(-1)).toMatch(/ purged .*by command line/);
  });

  it('checks a database, and tells status and log', async () => {
    expect(await json('check-database fresh')).toMatchObject({ ok: true });
    const taken = await run('APP check-database other --database crm');
    expect([taken.code, taken.out]).toEqual([5, expect.stringMatching(/^no +owner/m)]);
    expect(await json('status')).toMatchObject({ info: { state: 'active' }, metrics: { applications: { total: 3 } } });
    expect(await table('status')).toMatch(/^Applications +3 \(/m);
    expect((await json('logs crm --lines 5')).rows.length).toBeLessThanOrEqual(5);
    expect(await table('logs crm --lines 3')).toMatch(/^\d{4}-\d\d-\d\d /);
  });

  it('says by its exit code what kind of failure it was, in the language of the terminal', async () => {
    const codes = async (words: string, env?: Record<string, string>) => {
      const { code, out, err } = await run(`APP ${words}`, env);
      expect([words, out]).toEqual([words, '']);
      return [code, err.trim()];
    };
    expect(await codes('show nobody')).toEqual([4, 'The application "nobody" does not exist.']);
    expect(await codes('show nobody', { LANG: 'zh_CN.UTF-8' })).toEqual([4, expect.stringMatching(/nobody.*不存在/)]);
    expect(await codes('create crm')).toEqual([5, expect.stringContaining('exists already')]);
    expect(await codes('create Bad.Name')).toEqual([2, expect.stringContaining('not allowed')]);
    expect(await codes('frobnicate')).toEqual([2, expect.stringContaining('There is no command')]);
    expect(await codes('remove crm')).toEqual([5, expect.stringContaining('--yes')]);
    expect(await codes('remove crm', { LANG: 'zh_CN.UTF-8' })).toEqual([5, expect.stringContaining('没有删除')]);
    expect(await codes('show nobody --json')).toEqual([4, expect.stringContaining('{"error":{"code":"APP_NOT_FOUND"')]);
    expect(await codes('list --socket /nowhere/s.sock')).toEqual([3, expect.stringContaining('/nowhere/s.sock')]);
    expect(await codes(`list --socket /${'x'.repeat(120)}`)).toEqual([3, expect.stringContaining('107 bytes')]);
    const some = await run('APP stop nobody plain');
    expect([some.code, some.err]).toEqual([4, expect.stringContaining('nobody: ')]);
    expect(some.out).toMatch(/^plain /m);
    await table('start plain --wait');
  });

  it('asks where there is somebody to ask, and colours only there', async () => {
    const typed = async (answer: string, words: string, env: Record<string, string> = {}) => {
      const shell = command.line(`script -qec "${words}" /dev/null`, env);
      if (words.includes('remove')) await shell.says(/\[y\/N\]/);
      shell.type(answer);
      return shell.ended;
    };
    const kept = await typed('n\n', 'APP remove plain');
    expect([kept.code, kept.out]).toEqual([5, expect.stringContaining('Nothing was removed.')]);
    expect(await state('plain')).toBe('running');
    expect((await typed('', 'APP list')).out).toContain('\u001b[32mrunning\u001b[0m');
    expect((await typed('', 'APP list', { NO_COLOR: '1' })).out).not.toContain('\u001b[32m');
    const removed = await typed('y\n', 'APP remove plain');
    expect(removed.code).toBe(0);
    expect((await host.show('plain')).status).toBe(404);
    await table('restore plain');
  });

  it('ends quietly when nobody reads on', async () => {
    const { code, out, err } = await run('APP list --json | head -c 1');
    expect([code, out, err]).toEqual([0, '[', '']);
  });

  it('serves two operators at once', async () => {
    const [first, second] = await Promise.all([run('APP restart crm --wait'), run('APP restart crm --wait')]);
    expect([first.code, second.code]).toEqual([0, 0]);
    const made = await Promise.all([run('APP create twin --wait'), run('APP create twin --wait')]);
    expect(made.map(({ code }) => code).sort()).toEqual([0, 5]);
    expect(await state('twin')).toBe('running');
  });

  it('ends the waiting, not the work, at Ctrl-C and when the time is over', async () => {
    const shell = command.line('APP create patient --wait');
    await shell.says(/^patient: creating/m);
    shell.signal('SIGINT');
    const { code, out, err } = await shell.ended;
    expect([code, out, err]).toEqual([130, '', expect.stringContaining('nocobase app show patient')]);
    // In a language that there is no template for yet, which takes its time.
    const late = await run('APP create leisurely --lang de-DE --wait --timeout 1');
    expect([late.code, late.err]).toEqual([1, expect.stringContaining('Not done in time.')]);
    for (const name of ['patient', 'leisurely']) {
      await host.until('it is there all the same', async () => (await state(name)) === 'running');
    }
    await table('remove patient leisurely --purge --drop-database --yes');
  });

  it('follows a log until Ctrl-C, until nobody reads on, and until the application is gone', async () => {
    const shell = command.line('APP logs crm --follow --lines 2');
    await shell.says(/^\d{4}-\d\d-\d\d /m);
    const seen = shell.out.trimEnd().split('\n').length;
    expect(seen).toBeLessThanOrEqual(2);
    await table('restart crm --wait');
    await host.until('what was added is shown', async () => shell.out.trimEnd().split('\n').length > seen);
    shell.signal('SIGINT');
    expect((await shell.ended).code).toBe(130);
    const read = (await run('APP logs crm --lines 1000')).out;
    // Nothing twice: what is shown while it goes on is what the log says afterwards.
    expect(read).toContain(shell.out.trimEnd());

    const ending = run('APP logs crm --follow --json | head -n 1');
    // It is with the next line that a writer learns that nobody reads.
    await table('restart crm --wait');
    const piped = await ending;
    expect([piped.code, JSON.parse(piped.out)]).toEqual([0, expect.objectContaining({ level: expect.any(String) })]);
    await table('clone crm brief --wait');
    const brief = command.line('APP logs brief --follow');
    await brief.says(/^\d{4}-/m);
    await table('remove brief --purge --drop-database --yes');
    expect((await brief.ended).code).toBe(4);
  });

  it('opens nothing but its own actions, and nothing over the network', async () => {
    const socket = path.join(host.host.dataDir, 'app-supervisor.sock');
    const status = async (url: string, more = '') =>
      (await run(`curl -s -o /dev/null -w '%{http_code}' ${more} --unix-socket ${socket} 'http://x${url}'`)).out;
    expect(await status('/applications:list')).toBe('200');
    for (const url of [
      '/users:list',
      '/api/users:list',
      '/applications:move',
      '/appSupervisor:list',
      '/../api/users:list',
    ]) {
      expect([url, await status(url, '--path-as-is')]).toEqual([url, '404']);
    }
    expect(await status('/applications:query')).toBe('404');
    expect((await host.get('/api/applications:list', { 'X-Operator': 'root' })).status).toBe(401);
  });

  it('is taken over by its own program when it is called through NocoBase, which boots nothing', async () => {
    // Where NocoBase's own command line may be called: the folder of an installation.
    const project = path.join(folder, 'project');
    await mkdir(project);
    await writeFile(path.join(project, '.env.e2e.example'), '');
    await symlink(path.join(HOST_FOLDER, 'node_modules'), path.join(project, 'node_modules'));
    const { dataDir, storageDir } = host.host;
    const env = {
      ...{ STORAGE_PATH: storageDir, SOCKET_PATH: path.join(dataDir, 'gateway.sock'), LOGGER_LEVEL: 'error' },
      ...{ APP_ENV: 'production', NODE_ENV: 'production', APP_KEY: 'x', DB_DIALECT: 'postgres', DB_HOST: '127.0.0.1' },
      ...{ DB_PORT: '1', DB_DATABASE: 'x', DB_USER: 'x', DB_PASSWORD: 'x' },
      APPEND_PRESET_LOCAL_PLUGINS: 'nocobase-plugin-app-supervisor',
    };
    const shell = new ShellLine('node_modules/.bin/nocobase-v1 app list --name "cr*" --json', env, project);
    shell.type('');
    const { code, out, err } = await shell.ended;
    expect([code, err]).toEqual([0, expect.not.stringContaining('ECONNREFUSED')]);
    expect(JSON.parse(out)).toMatchObject([{ name: 'crm' }]);
  });

  it('lists a thousand applications, of which none is booted for it', async () => {
    await host.sql(
      `INSERT INTO applications (name, "displayName", "startMode", options, "createdAt", "updatedAt")
       SELECT 'many-' || n, 'Many ' || n, 'lazy', '{}', now(), now() FROM generate_series(1, 1000) n`,
    );
    await host.host.restart();
    const found = await run("APP list --name 'many-*'");
    expect(found.out.split('\n')).toHaveLength(1_002);
    const { data } = (await host.get('/api/appSupervisor:metrics', await host.bearer('main'))).body;
    expect(data.boots.filter(({ application }: { application: string }) => application.startsWith('many-'))).toEqual(
      [],
    );
    await host.sql(`DELETE FROM applications WHERE name LIKE 'many-%'`);
  });

  it('says that no NocoBase runs, after an orderly end and after a kill, and comes back with it', async () => {
    const socket = path.join(host.host.dataDir, 'app-supervisor.sock');
    await host.host.kill();
    const killed = await run('APP list');
    expect([killed.code, killed.err]).toEqual([3, expect.stringContaining(`listens at ${socket}`)]);
    await host.host.restart();
    expect((await run('APP list')).code).toBe(0);

    const shell = command.line('APP create late --wait --json');
    await shell.says(/^late: creating/m);
    await host.host.kill();
    const { code, out, err } = await shell.ended;
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('CONNECTION_LOST');
    await host.host.restart();
    await host.until('the next process has made it', async () => {
      return ['running', 'asleep'].includes((await state('late')) ?? '');
    });
    const { email, password } = host.host.credentials;
    expect((await host.signIn('late', email, password)).status).toBe(200);
    expect(await readFile(host.host.logFile, 'utf8')).not.toContain('No commands are taken');
  });
});
