import '../../helpers/in-process-environment';
import type Database from '@nocobase/database';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import { instanceOf } from '../../helpers/instance-of';

const COUNT = 12;

/** Lists of records as NocoBase's own repositories write them in an application. */
describeWithPostgres('a list of records', () => {
  let app: InProcessApp;
  let db: Database;

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
    const crm = app.name('crm');
    await app.create({ name: crm, options: { plugins: ['error-handler'] } });
    expect((await app.get('/api/pm:listEnabled', { 'X-App': crm })).status).toBe(200);
    db = instanceOf(app, crm).db;
    const title = { type: 'string', name: 'title' };
    db.collection({ name: 'comments', fields: [title] });
    db.collection({
      name: 'posts',
      fields: [title, { type: 'hasMany', name: 'comments' }, { type: 'belongsToMany', name: 'tags', target: 'tags' }],
    });
    db.collection({ name: 'tags', fields: [title] });
    await db.sync();
  });

  afterAll(() => app?.end());

  afterEach(() => db.removeAllListeners('comments.beforeCreate').removeAllListeners('tags.beforeCreate'));

  const list = (prefix: string) => Array.from({ length: COUNT }, (_, index) => ({ title: `${prefix}${index}` }));
  const titles = async (collection: string, prefix: string) => {
    const rows = (await db.getRepository(collection).find({ sort: ['id'] })) as { get(name: string): unknown }[];
    return rows.map((row) => String(row.get('title'))).filter((title) => title.startsWith(prefix));
  };
  const namesOf = (records: { title: string }[]) => records.map(({ title }) => title);

  it('is not passed on with each of its records', async () => {
    const passed: string[][] = [];
    const listener = (_: unknown, options: object) => void passed.push(Object.keys(options));
    db.on('posts.beforeCreate', listener);
    const created = (await db.getRepository('posts').create({ values: list('a') })) as unknown as unknown[];
    db.off('posts.beforeCreate', listener);
    expect(created).toHaveLength(COUNT);
    expect(passed).toHaveLength(COUNT);
    expect(passed.flat()).not.toContain('records');
    expect(await titles('posts', 'a')).toEqual(namesOf(list('a')));
  });

  describe.each(['comments', 'tags'])('in the association %s', (association) => {
    const ofNewPost = async () => {
      const post = await db.getRepository('posts').create({ values: { title: 'p' } });
      return db.getRepository<never>(`posts.${association}`, post.get('id') as number) as unknown as {
        create(options: { values: object[] }): Promise<unknown[]>;
      };
    };

    /** Each record takes a while; returns how many were at work at the same time, and which began. */
    function watch(failing?: string): { most: number; begun: string[] } {
      const seen = { most: 0, begun: [] as string[] };
      let atWork = 0;
      db.on(`${association}.beforeCreate`, async (record: { get(name: string): unknown }) => {
        const title = String(record.get('title'));
        seen.begun.push(title);
        seen.most = Math.max(seen.most, (atWork += 1));
        await new Promise((resolve) => setTimeout(resolve, 5));
        atWork -= 1;
        if (title === failing) throw new Error('it is refused');
      });
      return seen;
    }

    it('is written one record after another', async () => {
      const seen = watch();
      expect(await (await ofNewPost()).create({ values: list('b') })).toHaveLength(COUNT);
      expect(seen).toEqual({ most: 1, begun: namesOf(list('b')) });
      expect(await titles(association, 'b')).toEqual(namesOf(list('b')));
    });

    it('is written as a whole or not at all, and ends with its first failure', async () => {
      const seen = watch('c2');
      const repository = await ofNewPost();
      await expect(repository.create({ values: list('c') })).rejects.toThrow('it is refused');
      expect(seen.begun).toEqual(['c0', 'c1', 'c2']);
      expect(await titles(association, 'c')).toEqual([]);
      expect(await repository.create({ values: list('d') })).toHaveLength(COUNT);
      expect(await titles(association, 'd')).toEqual(namesOf(list('d')));
    });
  });
});
