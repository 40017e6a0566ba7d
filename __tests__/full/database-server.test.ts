import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ApiDocument, type OpenApi } from '../helpers/api-document';
import { TestHost } from '../helpers/test-host';

/** The database server of a host of the tests: its own, so that it may be ended, and its disk may be filled. */
class ServerOfHost {
  private restarted?: ChildProcess;
  private readonly folder: string;

  constructor(host: TestHost) {
    this.folder = path.join(host.host.dataDir, 'postgres');
  }

  private get pid(): number {
    return Number.parseInt(readFileSync(path.join(this.folder, 'postmaster.pid'), 'utf8'), 10);
  }

  /** Ends it as a crash of the machine would: nothing is written out, nobody is told. Returns how to start it again. */
  crash(): () => void {
    const { pid, folder } = this;
    const [program, ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    const { uid, gid } = statSync(folder);
    process.kill(pid, 'SIGQUIT');
    return () => {
      const account = process.getuid?.() === 0 ? { uid, gid } : {};
      this.restarted = spawn(program as string, args, { ...account, cwd: folder, stdio: 'ignore' });
    };
  }

  /** What was started here is nobody else's to end. */
  async end(): Promise<void> {
    const { restarted } = this;
    if (!restarted || restarted.exitCode !== null) return;
    const gone = new Promise((resolve) => restarted.once('exit', resolve));
    restarted.kill('SIGQUIT');
    await gone;
  }
}

const isLinux = process.platform === 'linux';

(isLinux ? describe : describe.skip)('a database server that ends in the middle (needs /proc)', () => {
  let host: TestHost;
  let server: ServerOfHost;

  beforeAll(async () => {
    host = await TestHost.start({
      env: { APP_SUPERVISOR_TEMPLATES: 'off', APP_SUPERVISOR_QUARANTINE_AFTER: '0' },
    });
    server = new ServerOfHost(host);
    expect((await host.create({ name: 'bystander' })).status).toBe(200);
  });

  afterAll(async () => {
    await server?.end();
    await host?.end();
  });

  const visit = (name: string) => host.get('/api/pm:listEnabled', { 'X-App': name });
  const stepOf = async (name: string) =>
    (await host.show(name)).body.data.journey?.steps?.at(-1)?.step as string | undefined;

  it('fails what is under way with a reason; all of it goes on when the server is back', async () => {
    const bearer = await host.bearer('main');
    expect((await host.act('create', {}, { name: 'halfway' })).status).toBe(200);
    await host.until('the installation is under way', async () => (await stepOf('halfway')) === 'install');
    const start = server.crash();

    // The process lives, and says what it cannot do.
    const asked = { name: 'refused' };
    await host.until(
      'a create is refused',
      async () => (await host.post('/api/applications:create', asked, bearer)).status >= 500,
    );
    const health = await host.get('/api/__health_check');
    expect(health.status).toBe(200);
    for (const name of ['bystander', 'halfway']) {
      const { status } = await visit(name);
      expect([name, status >= 500 && status < 600]).toEqual([name, true]);
    }

    start();
    await host.until('the main application answers', async () => (await host.show('halfway')).status === 200);
    await host.until('the bystander answers', async () => (await visit('bystander')).status === 200);
    await host.until(
      'the installation was taken up',
      async () => {
        const { body } = await host.act('start', { filterByTk: 'halfway', wait: 'true' });
        return body.data?.state === 'running';
      },
      120_000,
    );
    expect((await visit('halfway')).status).toBe(200);
    expect((await host.signIn('halfway', host.host.credentials.email, host.host.credentials.password)).status).toBe(
      200,
    );
    // The failure is told, with its reason.
    const { body } = await host.get('/api/applications:events?filterByTk=halfway&pageSize=50', bearer);
    const failed = (body.data as { type: string; reason?: string }[]).filter(({ type }) => type === 'failed');
    expect(failed.map(({ reason }) => reason)).toEqual(failed.map(() => expect.stringMatching(/^APP_/)));
    expect((await host.databases()).filter((name) => /draft|refused/.test(name))).toEqual([]);
    expect((await host.show('refused')).status).toBe(404);
  });

  /** The driver's words, and where the server is. */
  const LEAK = /Sequelize|terminat|127\.0\.0\.1|connection refused/i;

  it('makes every action of the plugin answer with a code and nothing of the driver, and changes nothing', async () => {
    const bearer = await host.bearer('main');
    const urls = (await host.get('/api/swagger:getUrls', bearer)).body.data as { name: string; url: string }[];
    const url = urls.find(({ name }) => name.includes('App Supervisor'))?.url ?? '';
    const { actions } = new ApiDocument((await host.get(url, bearer)).body as OpenApi);
    expect(actions.length).toBeGreaterThan(25);
    const row = async () => {
      const { data } = (await host.show('bystander')).body as { data: Record<string, unknown> };
      return Object.fromEntries(
        ['name', 'displayName', 'startMode', 'cname', 'options', 'state'].map((key) => [key, data[key]]),
      );
    };
    const before = await row();
    expect(before.state).toBe('running');
    const start = server.crash();
    await host.until('the server is away', async () => (await host.show('bystander')).status >= 500);
    const uncoded: unknown[] = [];
    for (const { action, method } of actions) {
      const target = `/api/${action}?filterByTk=bystander&name=bystander`;
      const answer = method === 'get' ? await host.get(target, bearer) : await host.post(target, {}, bearer);
      const { status, text = '', body } = answer;
      const codes = ((body?.errors ?? []) as { code?: unknown }[]).map(({ code }) => String(code));
      const coded = codes.length > 0 && codes.every((code) => /^[A-Z][A-Z_]+$/.test(code));
      if ((status >= 500 && !coded) || (status >= 300 && LEAK.test(text)))
        uncoded.push([action, status, text.slice(0, 300)]);
    }
    expect(uncoded).toEqual([]);
    start();
    await host.until('the bystander answers', async () => (await visit('bystander')).status === 200);
    expect(await row()).toEqual(before);
  });
});

const MEGABYTE = 2 ** 20;
/** Room for an application and a template, and not for a third database. */
const DISK_MB = 90;

/** A disk of its own can only be made by root. Returns why it was not made. */
function mount(folder: string): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', folder], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr ?? error).trim();
  }
}

describe('a database server whose disk is full', () => {
  let host: TestHost;
  let disk: string;
  let notMounted: string | undefined;

  beforeAll(async () => {
    host = await TestHost.start();
    disk = await mkdtemp(path.join(tmpdir(), 'app-supervisor-disk-'));
    notMounted = mount(disk);
  });

  afterAll(async () => {
    await host?.end();
    if (!notMounted) execFileSync('umount', ['--lazy', disk]);
    await rm(disk, { recursive: true, force: true });
  });

  it('is told as such; the creation goes on when there is room again, and nobody else notices', async () => {
    if (notMounted) {
      // The same answer of the driver is shown without a disk in unit/postgres-errors.test.ts.
      console.warn(`not shown on a real disk: this account may not mount one (${notMounted})`);
      return;
    }
    const { uid, gid } = statSync(path.join(host.host.dataDir, 'postgres'));
    chownSync(disk, uid, gid);
    await host.sql(`CREATE TABLESPACE small LOCATION '${disk}'`, [], 'postgres');
    await host.sql('ALTER DATABASE template1 SET TABLESPACE small', [], 'postgres');
    expect((await host.create({ name: 'roomy' })).status).toBe(200);

    const filler = path.join(disk, 'filler');
    const free = Number(execFileSync('df', ['--output=avail', '-B1', disk], { encoding: 'utf8' }).split('\n')[1]);
    writeFileSync(filler, Buffer.alloc(Math.max(0, free - 4 * MEGABYTE), 1));
    const answer = await host.create({ name: 'cramped' });
    expect([answer.status, answer.body.errors?.[0]?.code]).toEqual([503, 'APP_DATABASE_FULL']);
    const { state, lastError } = (await host.show('cramped')).body.data;
    expect([state, lastError?.code]).toEqual(['failed', 'APP_DATABASE_FULL']);
    expect((await host.get('/api/pm:listEnabled', { 'X-App': 'roomy' })).status).toBe(200);

    rmSync(filler);
    const again = await host.act('start', { filterByTk: 'cramped', wait: 'true' });
    expect([again.status, again.body.data?.state]).toEqual([200, 'running']);
    expect((await host.databases()).filter((name) => /draft/.test(name))).toEqual([]);
  });
});
