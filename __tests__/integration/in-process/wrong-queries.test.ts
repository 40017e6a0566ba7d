import '../../helpers/in-process-environment';
import type { Application } from '@nocobase/server';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import { instanceOf } from '../../helpers/instance-of';

/** Queries that anybody may send to a public action, in the main application and in its applications. */
describeWithPostgres('a query that no action can answer', () => {
  let app: InProcessApp;
  let crm: string;

  async function define(instance: Application): Promise<void> {
    const { db } = instance;
    const fields = [
      { type: 'string', name: 'title' },
      { type: 'integer', name: 'count' },
      { type: 'date', name: 'at' },
      { type: 'json', name: 'data' },
      { type: 'hasMany', name: 'comments' },
    ];
    db.collection({ name: 'posts', fields });
    db.collection({ name: 'comments', fields: [{ type: 'string', name: 'title' }] });
    await db.sync();
    await db.getRepository('posts').create({ values: { title: 'a', comments: [{ title: 'b' }] } });
    instance.acl.allow('posts', '*', 'public');
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

  const actions = ['posts:list', 'posts:get', 'posts:list/1'];
  const queries = [
    'page=-1',
    'page=-1&pageSize=-5',
    'pageSize=-1',
    'pageSize=99999999999999999999',
    'page=1e300',
    'page=99999999999999',
    'page=abc',
    'pageSize=x',
    'page[a]=1',
    'pageSize[]=1&pageSize[]=2',
    'page=0',
    'pageSize=0',
    'page=1.5',
    'pageSize=NaN',
    'page=Infinity&pageSize=Infinity',
    Array(100).fill('sort[]=title').join('&'),
    Array.from({ length: 200 }, (_, i) => `sort[${i}]=title`).join('&'),
    'sort=nope',
    'sort[a]=title',
    'sort=-',
    'sort=,',
    'sort[][]=title',
    'sort[]=title&sort[a][b]=1',
    'sort=__proto__',
    'sort=comments.title',
    'sort=comments.nope',
    'sort[a]=b&sort=c',
    'sort=constructor',
    'sort={"a":1}',
    'fields[]=__proto__',
    'fields[]=constructor',
    'fields=__proto__',
    'fields[__proto__]=1',
    'fields=nope',
    'fields[a]=1',
    'fields[except]=nope',
    'fields[only][a]=1',
    'fields[appends][x]=1',
    'fields[][]=id',
    'fields=comments.nope',
    'fields=a.b.c',
    `fields=${'title,'.repeat(990)}title`,
    'fields=toString',
    'fields[]=',
    'appends=nope',
    'appends[]=__proto__',
    'appends[a]=1',
    'appends=comments.nope',
    'appends=title',
    'appends=comments(x)',
    'appends=comments(recursively=true)',
    'appends[][a]=1',
    'appends=constructor',
    'except=nope',
    'except[]=__proto__',
    'except[a]=b',
    'except=id,title,count,at,data,createdAt,updatedAt',
    'filter={',
    'filter=',
    'filter=null',
    'filter=1',
    'filter="x"',
    'filter=[]',
    'filter=[1,2]',
    'filter=[[[[1]]]]',
    'filter=true',
    'filter=[{"title":"a"}]',
    'filter={"nope":1}',
    'filter={"title":{"$nope":1}}',
    'filter={"comments":1}',
    'filter={"comments":{"nope":1}}',
    'filter={"comments.nope":1}',
    'filter={"a.b.c.d":1}',
    'filter={"":1}',
    'filter={"title":{"a":{"b":1}}}',
    'filter={"$and":1}',
    'filter={"$and":{"a":1}}',
    'filter={"$or":[1]}',
    'filter={"$or":["x"]}',
    'filter={"$or":[null]}',
    'filter={"$not":1}',
    'filter={"$in":[1]}',
    'filter={"id":"abc"}',
    'filter={"id":{"a":1}}',
    'filter={"id":{"$in":"x"}}',
    'filter={"id":{"$in":["x"]}}',
    'filter={"id":{"$in":{"a":1}}}',
    'filter={"id":99999999999999999999}',
    'filter={"count":99999999999}',
    'filter={"count":"x"}',
    'filter={"at":"x"}',
    'filter={"at":{"$dateOn":"x"}}',
    'filter={"at":{"$dateOn":{"type":"nope"}}}',
    'filter={"at":{"$dateBetween":1}}',
    'filter={"at":{"$dateBetween":["a","b","c","d","e"]}}',
    'filter={"title":{"$includes":{"a":1}}}',
    'filter={"title":{"$includes":1}}',
    'filter={"title":{"$regexp":"("}}',
    'filter={"title":"\\u0000"}',
    'filter={"title":{"$eq":[1]}}',
    'filter={"title":{"$col":"x"}}',
    'filter={"data":{"a":1}}',
    'filter={"data":{"$contains":1}}',
    'filter={"__proto__":{"a":1}}',
    'filter={"constructor":1}',
    'filter={"title":{"$exists":1}}',
    'filter={"title":"{{$user.id}}"}',
    'filter={"title":"{{$nope.x.y}}"}',
    'filter={"title":"{{}}"}',
    'filter[a',
    'filter[]=1',
    'filter[title][]=a',
    'filter[title][$eq][x]=a',
    'filter[__proto__][a]=1',
    'filter=a&filter=b',
    'filter={}&filter[a]=1',
    'filter',
    'filterByTk=abc',
    'filterByTk[a]=1',
    'filterByTk[]=1&filterByTk[]=x',
    'filterByTk={"id":"x"}',
    'filterByTk={"nope":1}',
    'filterByTk=[',
    'filterByTk=99999999999999999999999',
    'filterByTk=%00',
    'filterByTk={"id":{"$gt":1}}',
    'filterByTk=',
    'filterByTk[0][a]=1',
    'filterByTks[]=x',
    'tree=true',
    'tree[a]=1',
    'paginate=false',
    'paginate=false&sort[a]=1',
    'targetCollection=nope',
    'targetCollection[a]=1',
    'associatedIndex=1',
    'resourceName=x&actionName=y',
    'values[a]=1',
    'whitelist[a]=1',
    'actionName=create',
    'sourceId=x',
    'context=1',
    'hasOwnProperty=1',
    '__proto__[a]=1',
    'constructor[prototype][a]=1',
    'locale[]=x&locale[]=y',
    'group[a]=1',
    'limit=x',
    'offset=-1',
    'raw=true',
    'transaction=1',
    'include[]=x',
    'where[a]=1',
    'logging=1',
    'searchPath=x',
  ];
  /** Words of drivers, of Sequelize and of JavaScript. */
  const words = /syntax|bigint|operator|LIMIT|OFFSET|Cannot read|is not a function|Invalid value|\[object/;

  it.each([['main'], ['crm']])('of %s is answered without 5xx and without words of the database', async (name) => {
    const headers: Record<string, string> = name === 'main' ? {} : { 'X-App': crm };
    const failed: unknown[] = [];
    const codes = new Map<string, number>();
    for (const action of actions) {
      for (const query of queries) {
        const { status, body } = await app.get(`/api/${action}?${query}`, headers);
        const { code, message } = { ...(body.errors?.[0] ?? body.error) } as { code?: string; message?: string };
        // Answered by NocoBase, with a sentence of its own.
        const isNocoBases = status === 400 && message === 'Invalid SQL column or table reference';
        const isRight = status === 200 || isNocoBases || (status === 400 && code === 'APP_VALUE_INVALID');
        if (!isRight || words.test(isNocoBases ? '' : (message ?? '')))
          failed.push([action, query, status, code, message]);
        if (code) codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    }
    expect(failed).toEqual([]);
    expect(codes.get('APP_VALUE_INVALID')).toBeGreaterThan(80);
  });

  it.each([
    ['stays what it is', Error, 'a fault of the plugin'],
    [
      'of JavaScript itself is told without its words',
      TypeError,
      'An unexpected error occurred; see the log of NocoBase.',
    ],
  ])('an error that is not the fault of its caller %s', async (_, kind, message) => {
    const name = `broken${kind.name}`;
    app.main.resourceManager.define({
      name,
      actions: {
        list: (() => {
          throw new kind('a fault of the plugin');
        }) as never,
      },
    });
    for (const query of ['', 'page=1&pageSize=20&sort=-title&fields=title&filter={"title":"a"}&filterByTk=1']) {
      const { status, body } = await app.get(`/api/${name}:list?${query}`);
      expect([status, body.errors?.[0]]).toEqual([500, { message, code: 'APP_UNEXPECTED' }]);
    }
  });
});
