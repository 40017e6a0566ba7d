import { after, before, KillableHost, ROLE, type KillPoint } from '../helpers/killable-host';
import { PLANTED } from '../helpers/test-host';

type Points = [string, KillPoint][];

/** The first of a creation by either way. */
const OWN_ROLE: Points = [
  ['its role is only in its row', before(`CREATE ROLE ${ROLE} LOGIN`)],
  ['its role is not committed', after(`CREATE ROLE ${ROLE} LOGIN`)],
];

/** Between the creation of a database and its marker. */
const ADMITTED: Points = [
  ['its database is open to every role', before('^REVOKE ALL ON DATABASE')],
  ['its database is open to its role only', after('^REVOKE ALL ON DATABASE')],
];

/** The last of a creation by either way. */
const ADMINISTRATOR: Points = [
  ['its administrator has a well-known password', before('^UPDATE .*"users" SET')],
  ['its administrator is set', after('^UPDATE .*"users" SET')],
  ['it is not said to be ready', before('^UPDATE "applications" SET', 'readyAt')],
  ['it is said to be ready', after('^UPDATE "applications" SET', 'readyAt')],
];

const INSTALLED: Points = [
  ...OWN_ROLE,
  ['its row is not committed', after('INSERT INTO "applications"')],
  ['its database has been asked for', before('^CREATE DATABASE')],
  ['its database carries no mark', after('^CREATE DATABASE')],
  ...ADMITTED,
  ["its schema is not committed to be its role's", after(`^ALTER SCHEMA public OWNER TO ${ROLE}`)],
  ['its database carries no name', after('^COMMENT ON DATABASE')],
  ['its database is there', after('^ALTER DATABASE')],
  ['its first table is there', after('CREATE TABLE .*"users"')],
  ...ADMINISTRATOR,
];

const COPIED: Points = [
  ...OWN_ROLE,
  ['its copy carries no mark', after('^CREATE DATABASE')],
  ...ADMITTED,
  ['its copy carries no name', after('^COMMENT ON DATABASE')],
  ...ADMINISTRATOR,
];

const REMOVED: Points = [
  ['nothing is written', before('^UPDATE "applications" SET .*"removedAt"')],
  ['its removal is written', after('^UPDATE "applications" SET .*"removedAt"')],
  ['its database is about to be dropped', before('^DROP DATABASE')],
  ['its database is dropped', after('^DROP DATABASE')],
  ['its role is about to be dropped', before(`^DROP ROLE (IF EXISTS )?${ROLE}`)],
  ['its role is dropped', after(`^DROP ROLE (IF EXISTS )?${ROLE}`)],
  ['its row is about to go', before('^DELETE FROM "applications"')],
  ['its row is gone', after('^DELETE FROM "applications"')],
];

/** A removal is the same of both, and shared between them. */
interface Way {
  way: string;
  settings: Record<string, string>;
  creation: Points;
  removal: Points;
}

/** `kill -9` at every step of a creation and of a removal: afterwards it is done, or it never was. */
describe.each<Way>([
  {
    way: 'is installed',
    settings: { APP_SUPERVISOR_TEMPLATES: 'off' },
    creation: INSTALLED,
    removal: REMOVED.slice(0, 3),
  },
  { way: 'is copied', settings: {}, creation: COPIED, removal: REMOVED.slice(3) },
])('a process that is killed, with an application that $way', ({ settings, creation, removal }) => {
  let killable: KillableHost;

  beforeAll(async () => {
    killable = await KillableHost.start(settings);
    // Leaves the template, where there are any.
    const first = killable.newName();
    expect((await killable.host.create({ name: first })).status).toBe(200);
    await killable.remove(first);
  });

  afterAll(() => killable?.end());

  it.each(creation)('while it creates it, when %s: makes it, or has not begun', async (_when, point) => {
    const { host } = killable;
    const name = killable.newName();
    const earlier = await killable.traces();
    await killable.dyingOf(point, () => killable.create(name));
    if ((await host.show(name)).status === 404) {
      expect(await killable.traces()).toEqual(earlier);
      expect((await killable.create(name)).status).toBe(200);
    }
    await killable.created(name);
    expect((await host.show(name)).body.data.isolation).toMatchObject({ isolated: true });
    expect((await killable.roles()).length).toBe(earlier.roles.length + 1);
    expect((await host.signIn(name, 'somebody', PLANTED)).status).toBe(200);
    for (const known of ['admin123', host.host.credentials.password]) {
      expect((await host.signIn(name, 'nocobase', known)).status).not.toBe(200);
    }
    await killable.remove(name);
    expect(await killable.traces()).toEqual(earlier);
  });

  it.each(removal)('while it removes it, when %s: removes all of it, or nothing', async (_when, point) => {
    const { host } = killable;
    const name = killable.newName();
    const earlier = await killable.traces();
    expect((await host.create({ name })).status).toBe(200);
    await killable.dyingOf(point, () => host.act('destroy', { filterByTk: name, dropDatabase: 'true', purge: 'true' }));
    if ((await host.show(name)).status === 200) {
      expect((await host.get('/api/app:getInfo', { 'X-App': name })).status).toBe(200);
      await killable.remove(name);
    }
    await host.until('it is gone', async () => !(await killable.rows()).includes(name));
    expect(await killable.traces()).toEqual(earlier);
  });
});
