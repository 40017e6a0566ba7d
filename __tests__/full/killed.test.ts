import { randomBytes } from 'node:crypto';
import { OpenPage } from '../helpers/open-page';
import { TestHost } from '../helpers/test-host';

const PAGES = 500;
/** How long the pages may take to come back. A page that was refused tries again a second later. */
const RETURN_MS = 15_000;

interface Item {
  name: string;
  state: string;
}

/** `kill -9` in the middle of an upgrade of all and of a removal, and the crowd that comes back afterwards. */
describe('a process that was killed', () => {
  let host: TestHost;
  const run = randomBytes(3).toString('hex');
  const names = ['a', 'b', 'c', 'd'].map((letter) => `${letter}-${run}`);

  beforeAll(async () => {
    // On a busy machine the visitors of an application that comes up wait longer for a slot than by default.
    host = await TestHost.start({ env: { APP_SUPERVISOR_LIMIT_QUEUE_TIMEOUT: '120' } });
    for (const name of names) expect((await host.create({ name })).status).toBe(200);
    await host.host.restart();
  });

  afterAll(() => host?.end());

  const state = async (name: string) => (await host.show(name)).body.data.state as string;
  const visit = (name: string) => host.get('/api/pm:listEnabled', { 'X-App': name });
  const behind = async () => {
    const { body } = await host.get('/api/applications:upgradePlan', await host.bearer('main'));
    const { applications } = body.data as { applications: Item[] };
    return applications.filter((item) => item.state === 'behind').map(({ name }) => name);
  };

  it(`lets ${PAGES} pages come back within ${RETURN_MS / 1_000} s, and none of them wakes an application`, async () => {
    const bearer = await host.bearer('main');
    await host.host.kill('SIGKILL');
    await host.host.restart();
    // Half of them belong to one application.
    const appOf = (index: number) => names[index % 2 === 0 ? 0 : index % names.length] as string;
    const pages = Array.from({ length: PAGES }, (_, index) => {
      const url = `${host.host.url.replace('http', 'ws')}/ws?__appName=${appOf(index)}`;
      return new OpenPage(url, [
        'ping',
        JSON.stringify({ type: 'auth:token', payload: { token: 'of an earlier day' } }),
      ]);
    });
    try {
      await host.until('all pages are connected', async () => pages.every(({ connected }) => connected), RETURN_MS);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect(pages.filter(({ connected }) => !connected)).toEqual([]);
    } finally {
      for (const page of pages) page.close();
    }
    expect(await Promise.all(names.map(state))).toEqual(names.map(() => 'asleep'));
    expect((await host.get('/api/applications:list', bearer)).status).toBe(200);
    // All of them visit at once: each application comes up once.
    const visits = await Promise.all(
      Array.from({ length: 100 }, (_, index) => visit(names[index % names.length] as string)),
    );
    expect(visits.filter(({ status }) => status !== 401 && status !== 200)).toEqual([]);
    for (const name of names) {
      const { body } = await host.get(`/api/applications:events?filterByTk=${name}&pageSize=200`, bearer);
      const since = (body.data as { type: string }[]).findIndex(({ type }) => type !== 'woken');
      expect([name, since]).toEqual([name, 1]);
    }
  });

  it('in the middle of an upgrade of all goes on where it was', async () => {
    for (const name of names) {
      await host.act('stop', { filterByTk: name, wait: 'true' });
      await host.sql(`UPDATE "applicationVersion" SET value = '2.0.0'`, [], name);
    }
    expect(await behind()).toEqual(names);
    expect((await host.act('upgrade', { all: 'true' })).status).toBe(200);
    await host.until('one is done', async () => (await behind()).length < names.length, 180_000);
    await host.host.kill('SIGKILL');
    await host.host.restart();
    const left = await behind();
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(names.length);
    const again = await host.act('upgrade', { all: 'true', wait: 'true' });
    expect(again.body.data).toMatchObject({ total: 4, counts: { upgraded: left.length, current: 4 - left.length } });
    expect(await behind()).toEqual([]);
    for (const name of names) {
      // They were stopped, and are.
      expect(await state(name)).toBe('stopped');
      await host.act('start', { filterByTk: name, wait: 'true' });
      expect(await host.token(name)).toBeTruthy();
    }
  });

  it('in the middle of a removal leaves all of it or nothing of it, and the same call ends it', async () => {
    const [, , third, fourth] = names as [string, string, string, string];
    const asked = [third, fourth].map((name) =>
      host.act('destroy', { filterByTk: name, dropDatabase: 'true', purge: 'true' }),
    );
    const ended = Promise.allSettled(asked);
    await host.until('one of them goes down', async () => {
      const states = await Promise.all([third, fourth].map(async (name) => (await host.show(name)).body.data?.state));
      return states.some((seen) => seen !== 'running');
    });
    await host.host.kill('SIGKILL');
    await ended;
    await host.host.restart();
    for (const name of [third, fourth]) {
      const shown = await host.show(name);
      if (shown.status === 200) await host.act('destroy', { filterByTk: name, dropDatabase: 'true', purge: 'true' });
    }
    // What was said of the others goes on by itself.
    await host.until('both are gone', async () => {
      const { body } = await host.get('/api/applications:list?removed=true', await host.bearer('main'));
      return (body.data as { name: string }[]).length === 0;
    });
    const databases = await host.databases();
    expect(databases.filter((name) => name.endsWith(run))).toEqual(names.slice(0, 2));
    expect((await host.files()).filter((file) => /^apps\/[cd]-/.test(file))).toEqual([]);
    expect((await visit(names[0] as string)).status).toBe(200);
  });
});
