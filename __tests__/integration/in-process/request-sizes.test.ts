import '../../helpers/in-process-environment';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import { instanceOf } from '../../helpers/instance-of';

/** The package that the parser of filters in NocoBase calls. */
const flat = createRequire(createRequire(path.resolve('host/node_modules/x.js')).resolve('@nocobase/database'))(
  'flat',
) as { unflatten(target: object): unknown };

/** What arrives is measured before anything parses it, in the main application and in its applications. */
describeWithPostgres('the size of what is asked', () => {
  let app: InProcessApp;
  let crm: string;
  const hosts: (() => [string, Record<string, string>])[] = [() => ['main', {}], () => ['crm', { 'X-App': crm }]];

  async function define(instance: Application): Promise<void> {
    const { db } = instance;
    const title = { type: 'string', name: 'title' };
    db.collection({ name: 'posts', fields: [title, { type: 'hasMany', name: 'comments' }] });
    db.collection({ name: 'comments', fields: [title, { type: 'belongsTo', name: 'post' }] });
    await db.sync();
    await db.getRepository('posts').create({ values: { title: 'a', comments: [{ title: 'b' }] } });
    const echo = (ctx: { action: { params: { values?: unknown } }; body: unknown }, next: () => Promise<void>) => {
      ctx.body = Object.keys(ctx.action.params.values ?? {});
      return next();
    };
    instance.acl.allow('posts', '*', 'public');
    instance.acl.allow('charts', '*', 'public');
    instance.resourceManager.define({ name: 'charts', actions: { query: echo as never } });
  }

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
    crm = app.name('crm');
    await app.create({ name: crm, options: { plugins: ['error-handler'] } });
    expect((await app.get('/api/pm:listEnabled', { 'X-App': crm })).status).toBe(200);
    await define(app.main);
    await define(instanceOf(app, crm));
  });

  afterAll(() => app?.end());

  const deep = (levels: number) => `${'{"$and":['.repeat(levels / 2)}{}${']}'.repeat(levels / 2)}`;

  describe.each(hosts)('in an application (%#)', (host) => {
    const code = async (url: string) => {
      const { status, body } = await app.get(url, host()[1]);
      return [status, body.error?.code ?? body.errors?.[0].code];
    };

    it.each([
      `filter=${'{"a":'.repeat(1_000)}1${'}'.repeat(1_000)}`,
      `filter=${deep(22)}`,
      `filter={"${'comments.post.'.repeat(11)}id":1}`,
      `filter${'[a]'.repeat(1_600)}=1`,
      'a&'.repeat(8_000),
      Array(500).fill('sort[]=title').join('&'),
      `appends=${'comments.post.'.repeat(500)}comments`,
      `fields=${'title,'.repeat(2_000)}title`,
    ])('a query is refused: %.30s', async (query) => {
      expect(await code(`/api/posts:list?${query}`)).toEqual([400, 'APP_QUERY_TOO_LARGE']);
    });

    it.each([
      `filter=${deep(18)}`,
      'filter={"comments.post.comments.post.title":"a"}',
      'filter={"$and":[{"comments":{"title":{"$includes":"b"}}},{"title":{"$in":["a","b"]}}]}',
      'appends=comments.post.comments&sort=-title&fields=id,title',
      'filter[$or][0][title][$eq]=a&filter[$or][1][comments][title][$ne]=x',
      `filter={"$or":[${Array(300).fill('{"title":{"$includes":"a"}}').join(',')}]}`,
    ])('a query finds its record: %.60s', async (query) => {
      const { status, body } = await app.get(`/api/posts:list?${query}`, host()[1]);
      expect([status, body.data]).toEqual([200, [expect.objectContaining({ title: 'a' })]]);
    });

    it('a filter in the body of an action that takes one is bounded as well', async () => {
      const post = (levels: number) =>
        app.post('/api/charts:query', { filter: JSON.parse(deep(levels)) as object }, host()[1]);
      expect((await post(18)).status).toBe(200);
      const { status, body } = await post(40);
      expect([status, body.errors?.[0].code]).toEqual([400, 'APP_QUERY_TOO_LARGE']);
    });

    it('a filter from elsewhere is bounded where it is parsed', async () => {
      const [name] = host();
      const instance = name === 'main' ? app.main : instanceOf(app, crm);
      const find = (filter: never) => instance.db.getRepository('posts').find({ filter });
      expect(await find(JSON.parse(deep(30)) as never)).toHaveLength(1);
      await expect(find(JSON.parse(deep(400)) as never)).rejects.toMatchObject({ code: 'APP_QUERY_TOO_LARGE' });
      const dotted = { [`${'comments.post.'.repeat(30)}id`]: 1 };
      await expect(find(dotted as never)).rejects.toMatchObject({ code: 'APP_QUERY_TOO_LARGE' });
    });
  });

  it('a filter is unflattened once, however many conditions it has', async () => {
    const unflatten = jest.spyOn(flat, 'unflatten');
    const filter = { $or: Array.from({ length: 50 }, (_, index) => ({ title: { $eq: `a${index}` } })) };
    expect(await app.main.db.getRepository('posts').count({ filter })).toBe(0);
    expect(unflatten).toHaveBeenCalledTimes(1);
    unflatten.mockRestore();
  });
});
