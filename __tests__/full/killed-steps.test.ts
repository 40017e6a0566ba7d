import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PLANTED, TestHost } from '../helpers/test-host';

const HOOK = path.resolve(__dirname, '../helpers/kill-point.cjs');

interface Point {
  when: 'before' | 'after';
  /** A regular expression, as text. */
  sql: string;
}

const before = (sql: string): Point => ({ when: 'before', sql });
const after = (sql: string): Point => ({ when: 'after', sql });

/** The last of a creation by either way. */
const ADMINISTRATOR: [string, Point][] = [
  ['its administrator has a well-known password', before('^UPDATE .*"users" SET')],
  ['its administrator is set', after('^UPDATE .*"users" SET')],
  ['it is not said to be ready', before('^UPDATE "applications" SET .*"provisioning".*"secrets"')],
  ['it is said to be ready', after('^UPDATE "applications" SET .*"provisioning".*"secrets"')],
];

const INSTALLED: [string, Point][] = [
  ['its row is not committed', after('INSERT INTO "applications"')],
  ['its database has been asked for', before('^CREATE DATABASE')],
  ['its database carries no mark', after('^CREATE DATABASE')],
  ['its database carries no name', after('^COMMENT ON DATABASE')],
  ['its database is there', after('^ALTER DATABASE')],
  ['its first table is there', after('CREATE TABLE .*"users"')],
  ...ADMINISTRATOR,
];

const COPIED: [string, Point][] = [
  ['its copy carries no mark', after('^CREATE DATABASE')],
  ['its copy carries no name', after('^COMMENT ON DATABASE')],
  ...ADMINISTRATOR,
];

const REMOVED: [string, Point][] = [
  ['nothing is written', before('^UPDATE "applications" SET .*"removedAt"')],
  ['its removal is written', after('^UPDATE "applications" SET .*"removedAt"')],
  ['its database is about to be dropped', before('^DROP DATABASE')],
  ['its database is dropped', after('^DROP DATABASE')],
  ['its row is about to go', before('^DELETE FROM "applications"')],
  ['its row is gone', after('^DELETE FROM "applications"')],
];

/** A removal is the same of both, and shared between them. */
interface Way {
  way: string;
  settings: Record<string, string>;
  creation: [string, Point][];
  removal: [string, Point][];
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
  let host: TestHost;
  let folder: string;
  let counted = 0;
  const run = randomBytes(3).toString('hex');

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'app-supervisor-kill-'));
    const env = { NODE_OPTIONS: `--require "${HOOK}"`, KILL_POINT: path.join(folder, 'point.json') };
    host = await TestHost.start({ env: { ...env, ...settings } });
    // Leaves the template, where there are any.
    const first = newName();
    expect((await host.create({ name: first })).status).toBe(200);
    await remove(first);
  });

  afterAll(async () => {
    await host?.end();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  const newName = () => `k${(counted += 1)}-${run}`;
  const state = async (name: string) => (await host.show(name)).body.data?.state as string | undefined;
  const rows = () => host.sql<{ name: string }>('SELECT name FROM applications ORDER BY 1');
  const roles = () => host.sql<{ rolname: string }>(`SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1`);
  /** Everything that an application may leave outside of itself; what its installation uploads may be a template's. */
  const traces = async () => ({
    rows: (await rows()).map(({ name }) => name),
    databases: await host.databases(),
    roles: await roles(),
    files: (await host.files()).filter((file) => /^(uploads\/)?apps\/./.test(file) && !file.startsWith('apps/main')),
  });

  /** Says something, and the process dies of it. */
  async function dyingOf(point: Point, say: () => Promise<unknown>): Promise<void> {
    const ended = host.host.untilEnded();
    await writeFile(path.join(folder, 'point.json'), JSON.stringify(point));
    const said = say().catch(() => undefined);
    const late = AbortSignal.timeout(60_000);
    const never = new Promise<never>((_resolve, reject) => {
      late.addEventListener('abort', () => reject(new Error(`nothing matched ${point.sql}`)), { once: true });
    });
    await Promise.race([ended, never]);
    await said;
    await host.host.restart();
  }

  const create = (name: string) =>
    host.act('create', {}, { name, admin: { username: 'somebody', email: 's@example.test', password: PLANTED } });

  async function remove(name: string): Promise<void> {
    const removed = await host.act('destroy', { filterByTk: name, dropDatabase: 'true', purge: 'true' });
    expect([name, removed.status]).toEqual([name, 200]);
  }

  it.each(creation)('while it creates it, when %s: makes it, or has not begun', async (_when, point) => {
    const name = newName();
    const earlier = await traces();
    await dyingOf(point, () => create(name));
    if ((await host.show(name)).status === 404) {
      expect(await traces()).toEqual(earlier);
      expect((await create(name)).status).toBe(200);
    }
    await host.until('it is made', async () => ['running', 'asleep'].includes((await state(name)) ?? ''), 120_000);
    expect((await host.signIn(name, 'somebody', PLANTED)).status).toBe(200);
    for (const known of ['admin123', host.host.credentials.password]) {
      expect((await host.signIn(name, 'nocobase', known)).status).not.toBe(200);
    }
    await remove(name);
    expect(await traces()).toEqual(earlier);
  });

  it.each(removal)('while it removes it, when %s: removes all of it, or nothing', async (_when, point) => {
    const name = newName();
    const earlier = await traces();
    expect((await host.create({ name })).status).toBe(200);
    await dyingOf(point, () => host.act('destroy', { filterByTk: name, dropDatabase: 'true', purge: 'true' }));
    if ((await host.show(name)).status === 200) {
      expect((await host.get('/api/app:getInfo', { 'X-App': name })).status).toBe(200);
      await remove(name);
    }
    await host.until('it is gone', async () => !(await rows()).some((row) => row.name === name));
    expect(await traces()).toEqual(earlier);
  });
});
