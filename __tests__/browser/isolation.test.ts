import { LIMITS } from '../../src/policies/limits';
import { AdminScreens, CLIENTS } from '../helpers/admin-screens';
import { describeInBrowser } from '../helpers/browser';

/** The limits of an application, and its database role, as an administrator sees and changes them. */
describeInBrowser('isolation of an application', () => {
  let screens: AdminScreens;

  /** As another plugin created it: the row names no role, and all objects belong to the main application's. */
  const createShared = async (name: string) => {
    const { host } = screens;
    const [tables] = await host.sql<{ owner: string }>(
      `SELECT tableowner AS owner FROM pg_tables WHERE tablename = 'users'`,
      [],
      'guarded',
    );
    await host.sql(`CREATE DATABASE "${name}" TEMPLATE guarded`);
    await host.sql(`REASSIGN OWNED BY "${tables?.owner}" TO CURRENT_USER`, [], name);
    await host.sql(
      `INSERT INTO applications (name, "displayName", options, "createdAt", "updatedAt") VALUES ($1, $1, '{}', now(), now())`,
      [name],
    );
  };

  beforeAll(async () => {
    screens = await AdminScreens.open();
    const { host } = screens;
    expect((await host.create({ name: 'guarded', displayName: 'Guarded' })).status).toBe(200);
    await host.act('stop', { filterByTk: 'guarded', wait: 'true' });
    for (const { client } of CLIENTS) await createShared(`shared-${client}`);
    await host.host.restart();
    await host.act('start', { filterByTk: 'guarded', wait: 'true' });
    await screens.visitor.remember(await host.token('main'));
  });

  beforeEach(() => screens.visitor.forget());

  afterEach(async () => {
    await screens.visitor.screenshot(`last-of-${expect.getState().currentTestName?.replace(/\W+/g, '-').slice(-90)}`);
  });

  afterAll(() => screens?.close());

  const openForm = async (list: string) => {
    await screens.goto(list);
    await screens.choose('Edit', 'Guarded');
    const drawer = screens.dialog('Edit "Guarded"');
    await screens.unfold(drawer, /Limits/);
    return drawer;
  };
  const fieldOf = (drawer: ReturnType<AdminScreens['dialog']>, name: keyof typeof LIMITS) =>
    drawer.getByLabel(LIMITS[name].label, { exact: true });
  const ask = () => screens.host.get('/api/app:getInfo', { 'X-App': 'guarded' });
  const limitsOf = async () =>
    ((await screens.host.show('guarded')).body as { data: { limits: Record<string, number> | null } }).data.limits;

  it.each(CLIENTS)('limits are set, seen, and taken back in the $client client', async ({ client, list }) => {
    const { page } = screens;
    let drawer = await openForm(list);
    const rate = fieldOf(drawer, 'requestRate');
    expect([await rate.inputValue(), await rate.getAttribute('placeholder')]).toEqual(['', '100']);
    expect(await fieldOf(drawer, 'users').getAttribute('placeholder')).toBe('none');
    await rate.fill('-1');
    await drawer.getByText('A whole number from 0 to 100000.').waitFor();
    await drawer.getByRole('button', { name: 'Save' }).click();
    await page.waitForTimeout(300);
    expect(await drawer.isVisible()).toBe(true);
    await rate.fill('1');
    await fieldOf(drawer, 'requestBurst').fill('2');
    await screens.picture(`limits-form-${client}`, { documented: client === 'v2' });
    await drawer.getByRole('button', { name: 'Save' }).click();
    await drawer.waitFor({ state: 'hidden' });
    expect(await limitsOf()).toEqual({ requestRate: 1, requestBurst: 2 });

    const statuses: number[] = [];
    for (let count = 0; count < 6; count += 1) statuses.push((await ask()).status);
    expect(statuses).toContain(429);
    const refused = statuses.filter((status) => status === 429).length;

    await page.getByRole('link', { name: 'Guarded', exact: true }).click();
    const row = screens.row(LIMITS.requestRate.label);
    await row.waitFor();
    const cells = (await row.getByRole('cell').allInnerTexts()).map((text) => text.trim());
    expect([cells[0], cells[2]]).toEqual([LIMITS.requestRate.label, '1']);
    expect(Number(cells[3])).toBeGreaterThanOrEqual(refused);
    expect(await screens.row(LIMITS.body.label).innerText()).toContain('1,024 (default)');
    await screens.row(LIMITS.body.label).scrollIntoViewIfNeeded();
    await screens.picture(`limits-${client}`, { documented: client === 'v2' });

    drawer = await openForm(list);
    expect(await fieldOf(drawer, 'requestRate').inputValue()).toBe('1');
    await fieldOf(drawer, 'requestRate').fill('');
    await fieldOf(drawer, 'requestBurst').fill('');
    await drawer.getByRole('button', { name: 'Save' }).click();
    await drawer.waitFor({ state: 'hidden' });
    expect(await limitsOf()).toBeNull();
    expect((await ask()).status).toBe(200);
    screens.assertQuiet();
  });

  it.each(CLIENTS)('an application gets a role of its own in the $client client', async ({ client, list }) => {
    const { page, host } = screens;
    const name = `shared-${client}`;
    await screens.goto(list);
    await page.getByRole('link', { name, exact: true }).click();
    await page.getByText("Uses the main application's database role").waitFor();
    await page.getByText('It was not moved yet').waitFor();
    await screens.picture(`not-isolated-${client}`, { documented: client === 'v2' });
    await page.getByRole('button', { name: 'Isolate', exact: true }).click();
    const dialog = screens.dialog(`Isolate "${name}"?`);
    await dialog.getByText('It goes offline meanwhile and comes back by itself.').waitFor();
    await dialog.getByRole('button', { name: 'Isolate', exact: true }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.getByText('Has its own database role').first().waitFor();
    expect(await page.getByRole('button', { name: 'Isolate', exact: true }).count()).toBe(0);
    expect((await host.get('/api/app:getInfo', { 'X-App': name })).status).toBe(200);
    const [tables] = await host.sql<{ owner: string; me: string }>(
      `SELECT tableowner AS owner, current_user AS me FROM pg_tables WHERE tablename = 'users'`,
      [],
      name,
    );
    expect(tables?.owner).toMatch(/^as_/);
    screens.assertQuiet();
  });

  it('is said in Chinese', async () => {
    const { page } = screens;
    await screens.speak('zh-CN');
    await screens.goto(`${CLIENTS[1]?.list}`);
    await page.getByRole('link', { name: 'Guarded', exact: true }).click();
    await page.getByText('每秒请求数', { exact: true }).first().waitFor();
    const text = await page.locator('main, body').first().innerText();
    for (const { label } of Object.values(LIMITS)) expect(text).not.toContain(label);
    expect(text).not.toMatch(/Isolat|database role/);
    await screens.picture('limits-zh', { documented: false });
    screens.assertQuiet();
  });
});
