import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { guideFile } from '../helpers/guides';
import { missingDumpProgram } from '../helpers/dump-programs';
import { postgresServer } from '../helpers/server-environment';
import { ShellLine, type Ended } from '../helpers/shell';
import { TestHost } from '../helpers/test-host';

const HOST_FOLDER = path.resolve(__dirname, '../../host');
const BASE = 'apps.example.com';

const { env, missing } = postgresServer();
const reason = missing ?? missingDumpProgram();
const describeGuides = reason ? describe.skip : describe;

/** The scripts of `docs/guides/`, letter by letter, in a real shell against a real NocoBase. */
describeGuides(`the scripts of the guides${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let host: TestHost;
  let folder: string;
  let apiKey: string;
  /** A name of its own: the server is shared with other tests. */
  const original = `showcase-${process.pid}`;
  /** Called like a demo, and none. */
  const alike = `demo-shop-${process.pid}`;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'app-supervisor-guides-'));
    await mkdir(path.join(folder, 'bin'));
    for (const name of ['new-demo', 'end-demos', 'export-applications']) {
      await writeFile(path.join(folder, 'bin', name), guideFile(`/usr/local/bin/${name}`));
      await chmod(path.join(folder, 'bin', name), 0o755);
    }
    const command = path.join(HOST_FOLDER, 'node_modules/nocobase-plugin-app-supervisor/dist/server/app-command.js');
    await writeFile(path.join(folder, 'bin', 'nocobase'), `#!/bin/sh\nexec "${process.execPath}" "${command}" "$@"\n`);
    await chmod(path.join(folder, 'bin', 'nocobase'), 0o755);
    host = await TestHost.start({ env: { ...env, APP_SUPERVISOR_BASE_DOMAIN: BASE } });
    const values = { name: 'demos', role: { name: 'root' }, expiresIn: '1d' };
    const made = await host.post('/api/apiKeys:create', values, await host.bearer('main'));
    expect(made.status).toBe(200);
    apiKey = made.body.data.token as string;
  });

  afterAll(async () => {
    await host?.end();
    await rm(folder, { recursive: true, force: true });
  });

  const run = (line: string, more: Record<string, string> = {}): Promise<Ended> => {
    const shell = new ShellLine(line, {
      PATH: `${path.join(folder, 'bin')}:${path.dirname(process.execPath)}:${process.env.PATH ?? ''}`,
      NOCOBASE_URL: host.host.url,
      NOCOBASE_API_KEY: apiKey,
      NOCOBASE_FOLDER: HOST_FOLDER,
      SOCKET_PATH: path.join(host.host.dataDir, 'gateway.sock'),
      DEMO_ORIGINAL: original,
      EXPORT_FOLDER: path.join(folder, 'exports'),
      ...more,
    });
    shell.type('');
    return shell.ended;
  };
  const done = async (line: string, more?: Record<string, string>): Promise<string> => {
    const { code, out, err } = await run(line, more);
    expect([line, code, err]).toEqual([line, 0, expect.any(String)]);
    return out;
  };
  const names = async (): Promise<string[]> =>
    (JSON.parse(await done('nocobase app list --json')) as { name: string }[]).map(({ name }) => name).sort();
  const signInAt = async (hostName: string, account: string, password: string) => {
    const headers = { Host: hostName, 'X-Authenticator': 'basic' };
    return host.post('/api/auth:signIn', { account, password }, headers);
  };

  describe('a demo environment for every sign-up', () => {
    interface Demo {
      name: string;
      url: string;
      email: string;
      password: string;
    }
    const demos: Demo[] = [];

    it('has an original, set up and stopped', async () => {
      await done(`nocobase app create ${original} --display-name 'Showcase' --wait`);
      const headers = { ...(await host.bearer(original)), 'X-App': original };
      expect((await host.post('/api/roles:create', { name: 'sellers', title: 'Sellers' }, headers)).status).toBe(200);
      expect(await done(`nocobase app stop ${original} --wait`)).toMatch(/stopped/);
    });

    it('is made for each of two who sign up at once, with an administrator who gets in at its address', async () => {
      const addresses = ['eve@example.org', "o'hara+demo@example.org"];
      const made = await Promise.all(
        addresses.map((address, index) => done(`new-demo "$address"`, { address, index: String(index) })),
      );
      demos.push(...made.map((text) => JSON.parse(text) as Demo));
      for (const [index, { name, url, email, password }] of demos.entries()) {
        expect([email, name, url]).toEqual([
          addresses[index],
          expect.stringMatching(/^demo-[0-9a-f]{12}$/),
          `https://${name}.${BASE}`,
        ]);
        const signedIn = await signInAt(new URL(url).host, email, password);
        expect([email, signedIn.status]).toEqual([email, 200]);
        const token = signedIn.body.data.token as string;
        const headers = { Host: new URL(url).host, Authorization: `Bearer ${token}` };
        const roles = await host.get('/api/roles:list', headers);
        expect((roles.body.data as { name: string }[]).map((role) => role.name)).toContain('sellers');
        expect(await host.databases()).toContain(name);
      }
      expect(new Set(demos.map(({ password }) => password)).size).toBe(2);
    });

    it('says why there is none', async () => {
      expect(await run('new-demo')).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining('usage: new-demo'),
      });
      const unknown = await run('new-demo eve@example.org', { DEMO_ORIGINAL: 'nothing' });
      expect(unknown).toMatchObject({ code: 1, out: '', err: expect.stringContaining('APP_NOT_FOUND') });
      const stranger = await run('new-demo eve@example.org', { NOCOBASE_API_KEY: 'nobody' });
      expect([stranger.code, stranger.out]).toEqual([1, '']);
      const away = await run('new-demo eve@example.org', { NOCOBASE_URL: 'http://127.0.0.1:9' });
      expect([away.code, away.out]).toEqual([1, '']);
      expect(unknown.err + stranger.err + away.err).not.toContain(apiKey);
    });

    it('ends after its days, and nothing else does', async () => {
      await done(`nocobase app create ${alike} --start-mode manual --wait`);
      await done('end-demos');
      expect(await names()).toEqual([alike, ...demos.map(({ name }) => name), original].sort());
      const [old, young] = demos as [Demo, Demo];
      await host.sql(`UPDATE applications SET "createdAt" = now() - interval '15 days' WHERE name IN ($1, $2)`, [
        old.name,
        alike,
      ]);
      await done('end-demos', { DEMO_DAYS: '16' });
      expect(await names()).toContain(old.name);
      await done('end-demos');
      expect(await names()).toEqual([alike, young.name, original].sort());
      expect(await host.databases()).not.toContain(old.name);
      expect((await signInAt(`${old.name}.${BASE}`, old.email, old.password)).status).toBe(404);
      expect((await signInAt(`${young.name}.${BASE}`, young.email, young.password)).status).toBe(200);
    });
  });

  describe('a nightly export of all applications', () => {
    const exported = async () => {
      const days = (await readdir(path.join(folder, 'exports'))).filter((name) => /^\d{4}-\d\d-\d\d$/.test(name));
      const today = days.sort().at(-1) ?? '';
      const place = path.join(folder, 'exports', today);
      return { place, files: (await readdir(place)).sort() };
    };

    it('makes an archive of each, which only its owner can read', async () => {
      const all = await names();
      await done('export-applications');
      const { place, files } = await exported();
      expect(files).toEqual(all.map((name) => `${name}.tar`).sort());
      for (const file of files) {
        const { mode, size } = await stat(path.join(place, file));
        expect([file, (mode & 0o777).toString(8), size > 10_000]).toEqual([file, '600', true]);
        expect((await readFile(path.join(place, file))).subarray(0, 13).toString()).toBe('manifest.json');
      }
    });

    it('deletes what is too old, and only of what was exported anew', async () => {
      for (const day of ['2020-01-01', 'something-else']) {
        await mkdir(path.join(folder, 'exports', day));
        for (const name of [alike, original]) await writeFile(path.join(folder, 'exports', day, `${name}.tar`), 'old');
      }
      const rename = (from: string, to: string) =>
        host.sql(`ALTER DATABASE "${from}" RENAME TO "${to}"`, [], 'postgres');
      await rename(alike, `${alike}-away`);
      const failed = await run('export-applications');
      await rename(`${alike}-away`, alike);
      expect([failed.code, failed.err]).toEqual([1, expect.stringContaining(`not exported: ${alike}\n`)]);
      expect(failed.err.match(/not exported/g)).toHaveLength(1);
      expect(await readdir(path.join(folder, 'exports', '2020-01-01'))).toEqual([`${alike}.tar`]);

      await done('export-applications');
      const left = await readdir(path.join(folder, 'exports'));
      expect(left).not.toContain('2020-01-01');
      expect(await readdir(path.join(folder, 'exports', 'something-else'))).toHaveLength(2);
    });

    it('can be taken back', async () => {
      const { place } = await exported();
      await done(`nocobase app import taken-back-${process.pid} --file ${place}/${original}.tar --wait`);
      const name = `taken-back-${process.pid}`;
      const headers = { ...(await host.bearer(name)), 'X-App': name };
      const roles = await host.get('/api/roles:list', headers);
      expect((roles.body.data as { name: string }[]).map((role) => role.name)).toContain('sellers');
    });
  });
});
