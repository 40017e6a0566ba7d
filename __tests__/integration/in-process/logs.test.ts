import '../../helpers/in-process-environment';
import { appendFile, mkdir, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';

/** The end of an application's own log over REST, and of nobody else's. */

const plugins = ['error-handler'];

interface Line {
  at: string | null;
  level: string;
  message: string;
}

describeWithPostgres('the log of an application', () => {
  let app: InProcessApp;
  let crm: string;
  let folder: string;

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, OURS], env: { LOGGER_TRANSPORT: 'dailyRotateFile' } });
    crm = app.name('crm');
    const jwt = { secret: 'Planted-Jwt-0815' };
    await app.create({ name: crm, options: { plugins, authManager: { jwt } } });
    folder = path.join(app.storage, 'logs', crm);
  });

  afterAll(() => app?.end());

  const read = async (name = crm, query = '') => {
    const { status, body } = await app.get(`/api/applications:logs?filterByTk=${encodeURIComponent(name)}${query}`);
    return { status, available: body.data?.available as boolean, rows: (body.data?.rows ?? []) as Line[], body };
  };
  const messages = async (query = '') => (await read(crm, query)).rows.map(({ message }) => message);
  const line = (message: string, timestamp = '2030-01-01 00:00:00') =>
    `${JSON.stringify({ level: 'warn', message, timestamp })}\n`;
  const fileOf = async (start: string) => {
    const name = (await readdir(folder)).find((file) => file.startsWith(start));
    return path.join(folder, name ?? `${start}.log`);
  };

  it('holds what the application itself has said, with its errors, the newest last, and without secrets', async () => {
    const instance = app.supervisor.apps[crm];
    instance?.log.warn('the first, with password=Planted-1');
    instance?.log.error('the second knows Planted-Jwt-0815');
    app.main.log.warn('of main alone');
    await app.until('it is written', async () => (await messages()).length >= 2);
    const { available, rows } = await read();
    expect(available).toBe(true);
    expect(rows.slice(-2)).toEqual([
      { at: expect.stringMatching(/Z$/), level: 'warn', message: 'the first, with password=…' },
      { at: expect.stringMatching(/Z$/), level: 'error', message: 'the second knows …' },
    ]);
    expect(Math.abs(Date.parse(rows.at(-1)?.at ?? '') - Date.now())).toBeLessThan(60_000);
    expect(JSON.stringify(rows)).not.toMatch(/of main alone|Planted/);
  });

  it('gives as many lines as are asked for, from the end, of half a megabyte at most', async () => {
    const long = 'x'.repeat(1_000);
    const many = Array.from({ length: 3_000 }, (_, index) => line(`${index} ${long}`)).join('');
    await appendFile(await fileOf('system_2'), many);
    expect(await messages('&lines=2')).toEqual([`2998 ${long}`, `2999 ${long}`]);
    expect(await messages()).toHaveLength(200);
    const all = await messages('&lines=5000');
    expect(all.length).toBeGreaterThan(200);
    expect(all.length).toBeLessThan(500);
    await writeFile(await fileOf('system_2'), many.slice(0, 100_000));
    expect((await messages('&lines=0')).length).toBeLessThanOrEqual(200);
  });

  it('goes on in the file of the day before', async () => {
    await writeFile(await fileOf('system_2'), line('today', '2031-01-02 00:00:00'));
    const yesterday = path.join(folder, 'system_2000-01-01.log');
    await writeFile(yesterday, line('yesterday', '2031-01-01 00:00:00'));
    await utimes(yesterday, new Date(0), new Date(0));
    expect((await messages()).slice(-2)).toEqual(['yesterday', 'today']);
  });

  it("never holds another one's: no other name, no link, no other file", async () => {
    await writeFile(path.join(app.storage, 'logs', 'main', 'system_2000-01-02.log'), line('of main'));
    await writeFile(path.join(folder, 'request_2000-01-02.log'), line('a request'));
    await symlink(
      path.join(app.storage, 'logs', 'main', 'system_2000-01-02.log'),
      path.join(folder, 'system_2000-01-02.log'),
    );
    await mkdir(path.join(folder, 'system_2000-01-03.log'));
    expect(JSON.stringify(await read())).not.toMatch(/of main|a request/);
    for (const name of ['main', 'nobody', '../main', `${crm}/../main`, '.']) {
      expect((await read(name)).status).toBe(404);
    }
    expect((await read('')).status).toBe(400);
    await rename(folder, `${folder}-away`);
    await symlink(path.join(app.storage, 'logs', 'main'), folder);
    try {
      expect(await read()).toMatchObject({ status: 200, available: true, rows: [] });
    } finally {
      await rm(folder);
      await rename(`${folder}-away`, folder);
    }
    expect((await read()).rows.length).toBeGreaterThan(0);
  });

  it('is not there where NocoBase writes no files', async () => {
    process.env.LOGGER_TRANSPORT = 'console';
    expect(await read()).toMatchObject({ status: 200, available: false, rows: [] });
    process.env.LOGGER_TRANSPORT = 'dailyRotateFile';
  });
});
