import '../../helpers/in-process-environment';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import { signIn, WITH_PEOPLE } from '../../helpers/people';
import type { Answer } from '../../helpers/test-host';

/** Everything that is done to an application stands in its timeline: what, by whom, from where. */

const PASSWORD = 'Planted-4712';
const SECRET = 'Planted-Secret-0815';
/** As a proxy on the same machine tells it. */
const FROM = '203.0.113.7';

interface Told {
  type: string;
  at: string;
  by: Record<string, unknown>;
  reason: string | null;
  message: string | null;
}

describeWithPostgres('timelines', () => {
  let app: InProcessApp;
  let session: string;
  let key: string;
  let keyWithoutRow: string;

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...new Set([...SMALL, ...WITH_PEOPLE]), OURS], acl: true });
    const { db } = app.main;
    await db
      .getRepository('roles')
      .create({ values: { name: 'keeper', title: 'Keeper', snippets: ['pm.app-supervisor'] } });
    const alice = { username: 'alice', nickname: 'Alice', email: 'alice@firm.test', password: PASSWORD };
    await db.getRepository('users').create({ values: { ...alice, roles: [{ name: 'keeper' }] } });
    session = (await signIn(app, 'main', 'alice', PASSWORD)) ?? '';
    const keys = app.plugin('api-keys') as unknown as { generateAPIKey(values: object): Promise<string> };
    const order = { username: 'alice', role: 'keeper', expiresIn: '1d' };
    key = await keys.generateAPIKey({ ...order, name: 'nightly' });
    keyWithoutRow = await keys.generateAPIKey({ ...order, name: 'forgotten', expiresIn: '2d' });
    await db.getRepository('apiKeys').destroy({ filter: { name: 'forgotten' } });
  });

  afterAll(() => app?.end());

  const post = (action: string, query = '', body: object = {}, token = session): Promise<Answer> =>
    app.post(`/api/applications:${action}?${query}`, body, {
      Authorization: `Bearer ${token}`,
      'X-Authenticator': 'basic',
      // What stands first is what the client says of himself.
      'X-Forwarded-For': `198.51.100.1, ${FROM}`,
    });
  const told = async (name: string, query = '') =>
    (await post('events', `filterByTk=${name}&pageSize=200${query}`)).body.data as Told[];
  const byAlice = { kind: 'user', id: expect.any(Number) as number, name: 'Alice', role: 'keeper', address: FROM };

  it('tell of everything that somebody did, also when the application is gone', async () => {
    const [name, copy] = [app.name('crm'), app.name('crm_copy')];
    const one = `filterByTk=${name}`;
    const say = async (what: string, answer: Promise<Answer>) => {
      const { status, body } = await answer;
      expect([what, status, (body as { errors?: unknown }).errors]).toEqual([what, 200, undefined]);
      return body.data as Record<string, unknown>;
    };
    await say('create', post('create', 'wait=true', { name, options: { plugins: WITH_PEOPLE } }));
    const changes = { displayName: 'CRM', options: { authManager: { jwt: { secret: SECRET } }, plugins: WITH_PEOPLE } };
    await say('update', post('update', one, changes));
    await say('the same again', post('update', one, { displayName: 'CRM' }));
    await say('stop', post('stop', `${one}&wait=true`));
    await say('start', post('start', `${one}&wait=true`));
    await say('clone', post('clone', `${one}&wait=true`, { name: copy }));
    const { archive } = await say('export', post('export', `${one}&wait=true`));
    const got = await post('downloadArchive', `filterByTk=${String(archive)}`);
    expect(got.status).toBe(200);
    await say('delete', post('deleteArchive', `filterByTk=${String(archive)}`));
    await say('destroy', post('destroy', one));
    await say('restore', post('restore', one));
    await say('destroy', post('destroy', `${one}&purge=true&dropDatabase=true`));

    const events = (await told(name)).reverse();
    // Its return after the clone is the supervisor's own.
    const acted = events.filter(({ by }) => by.kind !== 'system');
    expect(acted.map(({ type, message }) => [type, message])).toEqual([
      ['created', null],
      ['updated', 'displayName, options.authManager.jwt.secret'],
      ['stopped', null],
      ['started', null],
      ['cloned', copy],
      ['exported', archive],
      ['archive-downloaded', archive],
      ['archive-deleted', archive],
      ['stopped', null],
      ['removed', null],
      ['restored', null],
      ['stopped', null],
      ['removed', null],
      ['purged', name],
    ]);
    for (const { type, by } of acted) expect([type, by]).toEqual([type, byAlice]);
    expect((await told(copy)).map(({ type, by }) => [type, by])).toEqual([['created', byAlice]]);
    expect(JSON.stringify(events)).not.toMatch(/Planted/);
    await post('destroy', `filterByTk=${copy}&purge=true&dropDatabase=true`);
  });

  it('tell a Restart as such, and nothing of a Stop that changes nothing', async () => {
    const name = app.name('twice');
    await app.create({ name, options: { plugins: ['error-handler'] } });
    const act = async (action: string) => {
      const { status, body } = await post(action, `filterByTk=${name}&wait=true`);
      expect([action, status]).toEqual([action, 200]);
      return (body as { data: { stateSince: string } }).data.stateSince;
    };
    await act('restart');
    const stoppedSince = await act('stop');
    expect(await act('stop')).toBe(stoppedSince);
    expect((await told(name)).map(({ type }) => type)).toEqual(['stopped', 'restarted', 'created']);
  });

  it('say that it was an API key, and which', async () => {
    const name = app.name('by_key');
    await app.create({ name, options: { plugins: ['error-handler'] } });
    expect((await post('stop', `filterByTk=${name}&wait=true`, {}, key)).status).toBe(200);
    expect((await post('update', `filterByTk=${name}`, { cname: 'by-key.test' }, keyWithoutRow)).status).toBe(200);
    const [updated, stopped, created] = await told(name);
    expect(stopped).toMatchObject({ type: 'stopped', by: { ...byAlice, apiKey: 'nightly' } });
    expect(updated).toMatchObject({ type: 'updated', message: 'cname', by: { ...byAlice, apiKey: '' } });
    expect(created).toMatchObject({ type: 'created', by: { kind: 'system' } });
  });

  it('are asked for by type and by time, and refuse what is neither', async () => {
    const name = app.name('asked');
    await app.create({ name, options: { plugins: ['error-handler'] } });
    for (const action of ['stop', 'start', 'stop']) await post(action, `filterByTk=${name}&wait=true`);
    const all = await told(name);
    expect(all.map(({ type }) => type)).toEqual(['stopped', 'started', 'stopped', 'created']);
    const { body } = await post('events', `filterByTk=${name}&type=stopped,created&pageSize=2&page=2`);
    expect(body.data).toEqual([all[3]]);
    expect(body.meta).toEqual({ count: 3, page: 2, pageSize: 2, totalPage: 2 });
    const since = all[1]?.at ?? '';
    expect(await told(name, `&since=${since}`)).toEqual(all.slice(0, 2));
    expect(await told(name, `&since=${Date.parse(since)}&type=started`)).toEqual([all[1]]);
    for (const [field, value] of [
      ['type', 'exploded'],
      ['since', 'yesterday'],
    ]) {
      const refused = await post('events', `filterByTk=${name}&${field}=${value}`);
      expect([refused.status, refused.body.errors[0].code]).toEqual([400, 'APP_VALUE_INVALID']);
    }
  });

  it('cannot be written over REST', async () => {
    const headers = { Authorization: `Bearer ${session}`, 'X-Authenticator': 'basic' };
    const { email } = (await app.main.db.getRepository('users').findOne({ filter: { id: 1 } })) as { email: string };
    const root = await signIn(app, 'main', email, process.env.INIT_ROOT_PASSWORD ?? '');
    expect(root).toBeTruthy();
    const before = await app.main.db.getRepository('applicationEvents').count();
    for (const action of ['create', 'update', 'destroy', 'updateOrCreate', 'move']) {
      const url = `/api/applicationEvents:${action}?filterByTk=1`;
      const { status } = await app.post(url, { type: 'purged' }, { ...headers, 'X-Role': 'keeper' });
      expect([action, [403, 404].includes(status)]).toEqual([action, true]);
      const asRoot = { ...headers, Authorization: `Bearer ${root}` };
      expect([action, (await app.post(url, { type: 'purged' }, asRoot)).status]).toEqual([action, 404]);
    }
    expect(await app.main.db.getRepository('applicationEvents').count()).toBe(before);
  });
});
