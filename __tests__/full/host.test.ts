import { createServer, type Server } from 'node:http';
import { rm } from 'node:fs/promises';
import { DataFolder, freePort, Launcher, sleep } from '../helpers/launcher';

const DEADLY = ['SIGINT', 'SIGTERM', 'SIGKILL'] as const;

/** The launcher as a user meets it. The tests build on each other: one data directory, from its first start on. */
describe('npm start', () => {
  let folder: DataFolder;
  let port: number;
  let launcher: Launcher | undefined;

  beforeAll(async () => {
    folder = await DataFolder.make();
    port = await freePort();
  });

  afterEach(async () => {
    await launcher?.end();
    launcher = undefined;
  });

  afterAll(() => folder?.remove());

  const start = (options: { npm?: boolean; env?: Record<string, string>; args?: string[] } = {}) => {
    const { env, ...rest } = options;
    launcher = Launcher.start({ dataDir: folder.path, ...rest, env: { APP_PORT: String(port), ...env } });
    return launcher;
  };

  const api = (action: string) => `http://127.0.0.1:${port}/api/${action}`;
  const title = async () =>
    ((await (await fetch(api('systemSettings:get'))).json()) as { data: { title: string } }).data.title;

  async function rename(to: string, { account, password }: Launcher['credentials']): Promise<void> {
    const json = { 'Content-Type': 'application/json' };
    const signedIn = await fetch(api('auth:signIn'), {
      method: 'POST',
      headers: { ...json, 'X-Authenticator': 'basic' },
      body: JSON.stringify({ account, password }),
    });
    const { data } = (await signedIn.json()) as { data: { token: string } };
    const renamed = await fetch(api('systemSettings:update?filterByTk=1'), {
      method: 'POST',
      headers: { ...json, Authorization: `Bearer ${data.token}` },
      body: JSON.stringify({ title: to }),
    });
    expect(renamed.status).toBe(200);
  }

  /** It ended by itself with one sentence of what to do, and without a stack. */
  async function refuses(refused: Launcher, sentence: RegExp): Promise<void> {
    expect(await refused.exited).toBe(1);
    const told = refused.errorOutput.trim().split('\n');
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(sentence);
    expect(told[0]).toMatch(/^[A-Z].*\.$/);
  }

  describe('refuses in one clear sentence', () => {
    it('an option that it does not know', () =>
      refuses(start({ args: ['--dmeo'] }), /^Unknown option --dmeo; try npm start -- --help\.$/));

    it('a port that is none', () => refuses(start({ env: { APP_PORT: '80800' } }), /^APP_PORT must be a number/));

    it('a taken port', async () => {
      const server = await new Promise<Server>((resolve) => {
        const listening = createServer().listen(port, '127.0.0.1', () => resolve(listening));
      });
      try {
        await refuses(start(), new RegExp(`^Port ${port} on 127\\.0\\.0\\.1 is taken .+ APP_PORT\\.$`));
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
    });

    it('a dead database server', async () => {
      const env = { DB_DIALECT: 'postgres', DB_HOST: '127.0.0.1', DB_PORT: String(await freePort()) };
      await refuses(start({ env }), /^The database server postgres:\/\/127\.0\.0\.1:\d+ does not answer .+\.$/);
    });

    afterEach(async () => expect(await folder.leftovers()).toEqual([]));
  });

  it.each([
    { moment: 'at its first step', reached: 'NocoBase with', pause: 0 },
    { moment: 'while it installs NocoBase', reached: '✓ starting PostgreSQL', pause: 4_000 },
  ])('leaves nothing behind when Ctrl-C comes $moment', async ({ reached, pause }) => {
    const interrupted = start();
    await interrupted.says(reached);
    await sleep(pause);
    expect(await interrupted.interrupt()).toBe(0);
    expect(interrupted.errorOutput).toBe('');
    expect(await folder.leftovers()).toEqual([]);
  });

  it('starts from what an interrupted start has left; a second one in the same place is refused meanwhile', async () => {
    const first = start();
    await first.says('✓ installing and starting NocoBase');
    await refuses(
      Launcher.start({ dataDir: folder.path, env: { APP_PORT: String(await freePort()) } }),
      /^Another host \(process \d+\) runs in .+ HOST_DATA_DIR\.$/,
    );
    // Ctrl-C while the plugin is being enabled.
    expect(await first.interrupt()).toBe(0);
    expect(await folder.leftovers()).toEqual([]);
  });

  it('keeps the data and the sign-in, and installs nothing a second time', async () => {
    const second = start();
    await second.ready();
    expect(second.output).not.toContain('installing');
    const { credentials } = second;
    await rename('Kept', credentials);
    expect(await second.interrupt()).toBe(0);
    expect(await folder.leftovers()).toEqual([]);

    const third = start({ npm: true });
    await third.ready();
    expect(third.output).not.toMatch(/installing|enabling/);
    expect(third.credentials).toEqual(credentials);
    expect(await title()).toBe('Kept');
    // A terminal sends its Ctrl-C to npm as well, which passes it on.
    // npm reports the signal as its own end; the launcher below it has ended in order.
    expect([0, 130, 'SIGINT']).toContain(await third.interrupt());
    expect(await folder.leftovers()).toEqual([]);
  });

  it.each(DEADLY)('comes up again after %s', async (signal) => {
    const running = start();
    await running.ready();
    expect(await title()).toBe('Kept');
    expect(await folder.processes()).not.toEqual([]);
    running.signal(signal);
    const code = await running.exited;
    if (signal !== 'SIGKILL') {
      expect(code).toBe(0);
      expect(await folder.leftovers()).toEqual([]);
      return;
    }
    expect(code).toBe('SIGKILL');
    // What it left is still about to end when the next one comes.
    const next = start();
    await next.ready();
    expect(await title()).toBe('Kept');
    expect(await next.interrupt()).toBe(0);
    expect(await folder.leftovers()).toEqual([]);
  });

  it('leaves no process, though the launcher was killed and nobody starts again', async () => {
    const killed = start();
    await killed.says('✓ starting PostgreSQL');
    await sleep(1_500);
    killed.signal('SIGKILL');
    await killed.exited;
    const end = Date.now() + 60_000;
    while ((await folder.processes()).length > 0 && Date.now() < end) await sleep(250);
    expect(await folder.processes()).toEqual([]);
    await rm(folder.path, { recursive: true, force: true });
  });
});
