import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TestHost } from '../helpers/test-host';

interface Boot {
  error?: string;
  patches: string[];
  statements: number;
  connections: number;
  cpuMs: number;
  fingerprint: Record<string, unknown>;
}

const HOOK = path.resolve(__dirname, '../helpers/app-fingerprint.cjs');
const PATCHES = ['package-json', 'collection-files', 'ai-files', 'path-patterns'];

/** Collections of the application's own, with what makes Sequelize work: keys, unique ones, columns named otherwise. */
const PEOPLE = {
  name: 'people',
  autoGenId: false,
  filterTargetKey: 'code',
  fields: [
    { name: 'code', type: 'string', primaryKey: true, interface: 'input' },
    { name: 'mail', type: 'string', unique: true, interface: 'email' },
    { name: 'born', type: 'date', defaultToCurrentTime: true, interface: 'datetime' },
    { name: 'notes', type: 'json', defaultValue: { a: 1 }, interface: 'json' },
    { name: 'secret', type: 'password', interface: 'password' },
  ],
};
const ORDERS = {
  name: 'orders',
  autoGenId: true,
  sortable: true,
  createdBy: true,
  fields: [
    { name: 'total', type: 'double', field: 'sum_total', interface: 'number' },
    { name: 'open', type: 'boolean', defaultValue: true, interface: 'checkbox' },
    {
      name: 'buyer',
      type: 'belongsTo',
      target: 'people',
      targetKey: 'code',
      foreignKey: 'buyerCode',
      interface: 'm2o',
    },
    {
      name: 'readers',
      type: 'belongsToMany',
      target: 'users',
      through: 'ordersReaders',
      foreignKey: 'orderId',
      otherKey: 'readerId',
      interface: 'm2m',
    },
  ],
};

/** An application with the whole preset comes up the same, by the shortcuts and without them. */
describe('an application that starts by the shortcuts', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'app-supervisor-fingerprint-'));
  let host: TestHost;
  let jobs = 0;

  beforeAll(async () => {
    host = await TestHost.start({ env: { NODE_OPTIONS: `--require ${HOOK}`, FINGERPRINT_FOLDER: folder } });
    expect((await host.create({ name: 'same', startMode: 'manual' })).status).toBe(200);
    await host.act('start', { filterByTk: 'same', wait: 'true' });
    const headers = { 'X-App': 'same', ...(await host.bearer('same')) };
    for (const collection of [PEOPLE, ORDERS]) {
      expect((await host.post('/api/collections:create', collection, headers)).status).toBe(200);
    }
    await host.act('stop', { filterByTk: 'same', wait: 'true' });
  });

  afterAll(async () => {
    await host?.end();
    rmSync(folder, { recursive: true, force: true });
  });

  async function boot(fast: boolean): Promise<Boot> {
    const id = `job${(jobs += 1)}`;
    writeFileSync(path.join(folder, 'job.json'), JSON.stringify({ id, name: 'same', fast }));
    process.kill(host.host.pid, 'SIGUSR2');
    const file = path.join(folder, `${id}.json`);
    let found = '';
    await host.until(`${id} is done`, async () => (found = await readFile(file, 'utf8').catch(() => '')) !== '');
    const answer = JSON.parse(found) as Boot;
    expect(answer.error).toBeUndefined();
    return answer;
  }

  /** Part by part: a difference in one shall not hide in the size of the whole. */
  function expectSame(one: Boot, other: Boot): void {
    expect(Object.keys(one.fingerprint)).toEqual(Object.keys(other.fingerprint));
    for (const part of Object.keys(one.fingerprint)) {
      expect({ [part]: other.fingerprint[part] }).toEqual({ [part]: one.fingerprint[part] });
    }
  }

  it('is what it would be without: the first time, the second time, and with other plugins', async () => {
    const plainly = await boot(false);
    expect(plainly.patches).toEqual([]);
    expect(Object.keys(plainly.fingerprint.collections as object).length).toBeGreaterThan(80);
    const first = await boot(true);
    expect(first.patches).toEqual(PATCHES);
    expectSame(plainly, first);
    const second = await boot(true);
    expectSame(plainly, second);
    expect(second.statements).toBeLessThan(plainly.statements - 40);
    expect(second.connections).toBeLessThan(plainly.connections);

    const switchPlugin = (enabled: boolean) =>
      host.sql(`UPDATE "applicationPlugins" SET enabled = $1 WHERE name IN ('calendar', 'kanban')`, [enabled], 'same');
    await switchPlugin(false);
    const fewer = await boot(true);
    expect((fewer.fingerprint.plugins as unknown[]).length).toBe((plainly.fingerprint.plugins as unknown[]).length - 2);
    expectSame(await boot(false), fewer);
    await switchPlugin(true);
    expectSame(plainly, await boot(true));
  });

  it('gets AI skills and employees written where they differ from the packages', async () => {
    const skills = () =>
      host.sql<Record<string, unknown>>(
        `SELECT name, scope, description, content, tools::text AS tools, title, about FROM "aiSkills" ORDER BY name`,
        [],
        'same',
      );
    const employees = () =>
      host.sql<Record<string, unknown>>(
        `SELECT username, nickname, bio, greeting, "defaultPrompt", "skillSettings"::text AS given FROM "aiEmployees"
         ORDER BY username`,
        [],
        'same',
      );
    const before = [await skills(), await employees()];
    await host.sql(
      `UPDATE "aiSkills" SET content = 'changed' WHERE name = (SELECT min(name) FROM "aiSkills")`,
      [],
      'same',
    );
    await host.sql(`DELETE FROM "aiEmployees" WHERE username = (SELECT min(username) FROM "aiEmployees")`, [], 'same');
    expect([await skills(), await employees()]).not.toEqual(before);
    await boot(true);
    expect([await skills(), await employees()]).toEqual(before);
  });
});
