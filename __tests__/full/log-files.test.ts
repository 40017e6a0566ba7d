import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, readdir, readFile, readlink, rm } from 'node:fs/promises';
import path from 'node:path';
import { TestHost, type Answer } from '../helpers/test-host';

const MAX_RELOADS = 12;
const APP = 'talker';

/** Mounts a small disk over a folder; false if that is not allowed here. */
function mountSmall(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const isLinux = process.platform === 'linux';

(isLinux ? describe : describe.skip)('log files under the real launcher (needs /proc)', () => {
  let host: TestHost;

  beforeAll(async () => {
    host = await TestHost.start({
      env: {
        APP_SUPERVISOR_MAX_RELOADS: String(MAX_RELOADS),
        APP_SUPERVISOR_TEMPLATES: 'off',
        LOGGER_LEVEL: 'info',
        LOGGER_TRANSPORT: 'dailyRotateFile',
      },
    });
    expect((await host.create({ name: APP })).status).toBe(200);
  });

  afterAll(() => host?.end());

  const visit = (app: string) => host.get('/api/app:getInfo', { 'X-App': app });
  const openLogs = async () => {
    const folder = `/proc/${host.host.pid}/fd`;
    const targets = await Promise.all(
      (await readdir(folder)).map((fd) => readlink(path.join(folder, fd)).catch(() => '')),
    );
    return targets.filter((target) => target.includes('/logs/')).length;
  };
  const restart = async (): Promise<Answer> =>
    host.post('/api/app:restart', {}, { 'X-App': APP, ...(await host.bearer(APP)) });
  const untilUp = () => host.until('it is up again', async () => (await visit(APP)).status === 200);

  it('a reload of an application by itself leaves no log file open, and is bounded', async () => {
    await untilUp();
    await restart();
    await untilUp();
    await host.until('the former files are closed', async () => (await openLogs()) > 0);
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    const before = await openLogs();
    for (let reload = 0; reload < 10; reload += 1) {
      expect((await restart()).status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await untilUp();
    }
    await host.until('the former files are closed', async () => (await openLogs()) <= before);
    expect(await openLogs()).toBe(before);

    // Eleven so far.
    expect((await restart()).status).toBe(200);
    await untilUp();
    const refused = await restart();
    expect([refused.status, refused.body.errors[0].code]).toEqual([429, 'APP_RELOADS_TOO_MANY']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(600);
    // A call without the right is refused for that, and an operator's Restart is not bounded.
    expect((await host.post('/api/app:restart', {}, { 'X-App': APP })).status).toBe(401);
    const byOperator = await host.act('restart', { filterByTk: APP, wait: 'true' });
    expect(byOperator.body.data.state).toBe('running');
  });

  it('a full disk loses log lines, which are counted, and nothing else', async () => {
    const logs = path.join(host.host.storageDir, 'logs');
    await mkdir(logs, { recursive: true });
    if (!mountSmall(logs)) {
      console.warn('skipped: a tmpfs cannot be mounted here');
      return;
    }
    const filler = path.join(logs, 'filler');
    try {
      await host.host.restart();
      expect((await visit('main')).status).toBe(200);
      await untilUp();
      const { pid } = host.host;
      const health = async () =>
        (await host.get('/api/appSupervisor:info', await host.bearer('main'))).body.data.logFiles;
      expect(await health()).toMatchObject({ failing: 0 });
      for (let size = 0; size < 1_024; size += 1) {
        const full = await appendFile(filler, Buffer.alloc(1_024)).then(
          () => false,
          () => true,
        );
        if (full) break;
      }
      await host.until('it is noticed', async () => {
        for (const app of ['main', APP]) expect((await visit(app)).status).toBe(200);
        return (await health()).failing > 0;
      });
      expect(await health()).toMatchObject({ last: { code: 'ENOSPC' } });
      const metrics = await host.get('/api/appSupervisor:metrics', await host.bearer('main'));
      expect(metrics.body.data.logFiles.failures).toBeGreaterThan(0);
      expect(host.host.pid).toBe(pid);
      await rm(filler);
      await host.until('all files are written again', async () => {
        for (const app of ['main', APP]) expect((await visit(app)).status).toBe(200);
        return (await health()).failing === 0;
      });
      const mark = `/api/app:getInfo?mark=${Date.now()}`;
      expect((await host.get(mark, { 'X-App': APP })).status).toBe(200);
      await host.until('a line stands in the log', async () => {
        const folder = path.join(logs, APP);
        const files = (await readdir(folder)).filter((name) => name.startsWith('request'));
        const texts = await Promise.all(files.map((name) => readFile(path.join(folder, name), 'utf8')));
        return texts.some((text) => text.includes(mark));
      });
      expect(host.host.pid).toBe(pid);
    } finally {
      execFileSync('umount', ['-l', logs]);
    }
  });
});
