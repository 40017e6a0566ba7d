import { after, before, KillableHost, ROLE, type KillPoint } from '../helpers/killable-host';
import { PLANTED } from '../helpers/test-host';

type Points = [string, KillPoint][];

/** The copy of another application holds what belongs to the role of that one, and what that role was given. */
const CLONED: Points = [
  ['its copy belongs to the role of the original', before(`^ALTER SCHEMA public OWNER TO ${ROLE}`)],
  ['its copy is not committed to be its own', after(`^ALTER SCHEMA public OWNER TO ${ROLE}`)],
  ['the role of the original owns nothing in the copy', after(`^REASSIGN OWNED BY ${ROLE}`)],
  ['the role of the original has lost its rights', after(`^DROP OWNED BY ${ROLE}`)],
];

/** An installation is copied, and what is in the copy given to a role that cannot sign in. */
const KEPT: Points = [
  ['the template belongs to the application', before('^ALTER SCHEMA public OWNER TO "?as_\\d+_template')],
  ["the template is not committed to be no application's", after('^ALTER SCHEMA public OWNER TO "?as_\\d+_template')],
  ['the template has no name', after('^ALTER DATABASE "app_supervisor_template_')],
];

/** An application that was created before there were roles. */
const ISOLATED: Points = [
  ['its role is only in its row', before(`CREATE ROLE ${ROLE} LOGIN`)],
  ['its role is not committed', after(`CREATE ROLE ${ROLE} LOGIN`)],
  ['its database is open to its role only', after('^REVOKE ALL ON DATABASE')],
  ["its tables are not committed to be its role's", after(`^ALTER SCHEMA public OWNER TO ${ROLE}`)],
];

/** `kill -9` at every step that moves what is in a database from one role to another. */
describe('a process that is killed while roles change', () => {
  let killable: KillableHost;
  let original: string;
  /** Of the original. */
  let role: string;
  const shared: string[] = [];

  beforeAll(async () => {
    killable = await KillableHost.start();
    original = killable.newName();
    expect((await killable.create(original)).status).toBe(200);
    await killable.created(original);
    const text = `SELECT pg_get_userbyid(relowner) AS name FROM pg_class WHERE relname = 'users'`;
    const [owner] = await killable.host.sql<{ name: string }>(text, [], original);
    role = owner?.name ?? '';
    await createShared();
    await killable.host.sql(`CREATE TABLE granted (id int); GRANT SELECT ON granted TO "${role}"`, [], original);
  });

  afterAll(() => killable?.end());

  const visit = async (name: string) => (await killable.host.get('/api/app:getInfo', { 'X-App': name })).status;
  const isolation = async (name: string) => (await killable.host.show(name)).body.data.isolation as object;
  const signIn = async (name: string) => (await killable.host.signIn(name, 'somebody', PLANTED)).status;
  const templates = async () =>
    (await killable.host.databases()).filter((name) => name.startsWith('app_supervisor_template_'));

  /** As another plugin made them: the row says nothing of a role, and all belongs to the main application's. */
  async function createShared(): Promise<void> {
    const { host } = killable;
    await host.act('stop', { filterByTk: original, wait: 'true' });
    for (const _point of ISOLATED) {
      const name = killable.newName();
      await host.sql(`CREATE DATABASE "${name}" TEMPLATE "${original}"`);
      await host.sql(`REASSIGN OWNED BY "${role}" TO CURRENT_USER`, [], name);
      await host.sql(
        `INSERT INTO applications (name, "displayName", options, "createdAt", "updatedAt")
         VALUES ($1, $1, '{}', now(), now())`,
        [name],
      );
      shared.push(name);
    }
    await host.host.restart();
    expect((await host.act('start', { filterByTk: original, wait: 'true' })).status).toBe(200);
  }

  it.each(CLONED)('of a clone, when %s: clones it, and the original goes on', async (_when, point) => {
    const { host } = killable;
    const name = killable.newName();
    const earlier = await killable.traces();
    await killable.dyingOf(point, () => host.act('clone', { filterByTk: original }, { name }));
    await killable.created(name);
    expect([await isolation(name), await isolation(original)]).toMatchObject([{ isolated: true }, { isolated: true }]);
    for (const app of [original, name]) expect([app, await signIn(app)]).toEqual([app, 200]);
    await killable.remove(name);
    expect(await killable.traces()).toEqual(earlier);
    expect(await signIn(original)).toBe(200);
  });

  it.each(KEPT)('of a template, when %s: creates the application, and the next one', async (_when, point) => {
    const { host } = killable;
    for (const template of await templates()) await host.sql(`DROP DATABASE "${template}"`);
    const [first, second] = [killable.newName(), killable.newName()];
    const earlier = await killable.traces();
    await killable.dyingOf(point, () => killable.create(first));
    await killable.created(first);
    expect((await killable.create(second)).status).toBe(200);
    await killable.created(second);
    for (const app of [first, second]) {
      expect([app, await signIn(app)]).toEqual([app, 200]);
      expect(await isolation(app)).toMatchObject({ isolated: true });
    }
    for (const app of [first, second]) await killable.remove(app);
    expect(await killable.traces()).toEqual(earlier);
    // A half of one is not kept beside a whole one.
    expect((await templates()).length).toBe(1);
  });

  it.each(ISOLATED)(
    'of an application, when %s: leaves it as it was, and moves it when asked again',
    async (_when, point) => {
      const { host } = killable;
      const name = shared.shift() as string;
      const earlier = await killable.traces();
      expect(await isolation(name)).toMatchObject({ isolated: false, reason: 'not-moved' });
      await killable.dyingOf(point, () => host.act('isolate', { filterByTk: name }));
      expect(await visit(name)).toBe(200);
      expect(await isolation(name)).toMatchObject({ isolated: false });
      expect((await host.act('isolate', { filterByTk: name })).status).toBe(200);
      expect(await isolation(name)).toMatchObject({ isolated: true });
      expect(await visit(name)).toBe(200);
      expect(await signIn(name)).toBe(200);
      // Each attempt is at the role that the row names.
      expect((await killable.roles()).length).toBe(earlier.roles.length + 1);
    },
  );
});
