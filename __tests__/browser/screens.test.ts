import { AdminScreens, CLIENTS, type ClientScreens } from '../helpers/admin-screens';
import { describeInBrowser } from '../helpers/browser';

const LONG = 'A name that nobody wanted to be this long, of the department for everything else (north and south)';
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 420, height: 800 };

/** Each screen as an administrator sees it: light and dark, narrow, empty, with long names, and with something wrong. */
describeInBrowser('the screens, by pictures', () => {
  let screens: AdminScreens;
  const [v1, v2] = CLIENTS as [ClientScreens, ClientScreens];

  beforeAll(async () => {
    screens = await AdminScreens.open();
    await screens.wear('Default');
  });

  beforeEach(async () => {
    await screens.page.setViewportSize(WIDE);
    screens.visitor.forget();
  });

  afterEach(async () => {
    await screens.visitor.screenshot(`last-of-${expect.getState().currentTestName?.replace(/\W+/g, '-').slice(-90)}`);
  });

  afterAll(() => screens?.close());

  /** Everything fits: no page is wider than its window; what is wider scrolls within. */
  const assertFits = async () => {
    const wider = await screens.page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(wider).toBeLessThanOrEqual(0);
  };

  it('an empty list', async () => {
    await screens.goto(v1.list);
    await screens.page.getByRole('button', { name: 'Create the first one' }).waitFor();
    await screens.picture('list-empty');
    screens.assertQuiet();
  });

  it('a drawer to create with a connection that fails', async () => {
    const { page } = screens;
    await screens.goto(v1.list);
    await page.getByRole('button', { name: 'Create application' }).click();
    const drawer = screens.dialog('Create application');
    await drawer.getByLabel('Name', { exact: true }).fill('Customer relations');
    await screens.picture('create');
    await screens.unfold(drawer, /Database/);
    await drawer.getByText('Another server').click();
    await drawer.getByLabel('Host', { exact: true }).fill('127.0.0.1');
    await drawer.getByLabel('Port').fill('1');
    await drawer.getByLabel('Database user').fill('somebody');
    await drawer.getByRole('button', { name: 'Test connection' }).click();
    await drawer.getByText('APP_DATABASE_UNREACHABLE').waitFor();
    await drawer.getByText('APP_DATABASE_UNREACHABLE').scrollIntoViewIfNeeded();
    await screens.picture('create-connection-fails');
    for (const section of ['First administrator', 'Address', 'Sleep', 'Display']) {
      await screens.unfold(drawer, new RegExp(section));
    }
    await drawer.getByLabel('Show in the app switcher').scrollIntoViewIfNeeded();
    await screens.picture('create-more');
    screens.assertQuiet();
  });

  it('steps of a creation, and an application that is ready', async () => {
    const { page } = screens;
    await screens.goto(v1.list);
    await page.getByRole('button', { name: 'Create application' }).click();
    const drawer = screens.dialog('Create application');
    await drawer.getByLabel('Name', { exact: true }).fill('Customer relations');
    await drawer.getByRole('button', { name: 'Create', exact: true }).click();
    await drawer.getByText('is being created').waitFor();
    await screens.picture('create-steps');
    await drawer.getByText('is ready').waitFor({ timeout: 120_000 });
    await screens.picture('create-ready');
    screens.assertQuiet();
  });

  it('a list with every state', async () => {
    const { host, page } = screens;
    const apps = [
      { name: 'shop', displayName: 'Web shop', icon: 'ShopOutlined', cname: 'shop.test.localhost', pinned: true },
      { name: 'a-name-that-is-as-long-as-an-id-may-be-in-all-00', displayName: LONG, startMode: 'manual' },
      { name: 'kitchen', displayName: '厨房管理' },
      { name: 'broken', displayName: 'Broken' },
    ];
    for (const app of apps) expect((await host.create(app)).status).toBe(200);
    await host.act('stop', { filterByTk: 'kitchen', wait: 'true' });
    await host.act('stop', { filterByTk: 'broken', wait: 'true' });
    await host.sql('DROP DATABASE "broken" WITH (FORCE)', [], 'postgres');
    await host.act('start', { filterByTk: 'broken', wait: 'true' });
    await screens.goto(v1.list);
    await screens.shows('Web shop', 'Running');
    await screens.shows('broken', 'Failed');
    await screens.picture('list');
    await page.getByLabel('Why Broken failed').click();
    await page.getByRole('button', { name: 'Retry now', exact: true }).waitFor();
    await screens.picture('list-failure');
    await page.keyboard.press('Escape');
    await page.setViewportSize(NARROW);
    await assertFits();
    await screens.picture('list-narrow');
    screens.assertQuiet();
  });

  it('dialogs', async () => {
    const { page } = screens;
    await screens.goto(v1.list);
    await screens.shows('Web shop', 'Running');
    await screens.press('More actions', 'Web shop');
    await page.getByRole('menuitem', { name: 'Clone' }).waitFor();
    await screens.picture('row-menu');
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    const dialog = screens.dialog('Delete the application');
    await dialog.getByLabel(/Also drop its database/).check();
    await dialog.getByLabel(/Type the ID/).fill('sho');
    expect(await dialog.getByRole('button', { name: 'Delete', exact: true }).isDisabled()).toBe(true);
    await screens.picture('delete');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await screens.choose('Edit', 'Web shop');
    await screens.dialog('Edit "Web shop"').getByLabel('Name', { exact: true }).waitFor();
    await screens.picture('edit');
    screens.assertQuiet();
  });

  it.each([
    { client: v1, theme: 'light' },
    { client: v2, theme: 'light' },
    { client: v2, theme: 'dark' },
  ] as const)('the page of an application in $client.client, $theme', async ({ client, theme }) => {
    const { page } = screens;
    const suffix = `${client.client}-${theme}`;
    await screens.wear(theme === 'dark' ? 'Dark' : 'Default');
    await screens.goto(`${client.list}?app=shop`);
    await page.getByText('Size of the database').waitFor();
    await page.getByText('MB').first().waitFor();
    await screens.picture(`application-${suffix}`);
    for (const tab of ['Events', 'Log', 'Configuration', 'Archives']) {
      await page.getByRole('tab', { name: tab, exact: true }).click();
      await page.waitForTimeout(1_000);
      const name = `application-${tab.toLowerCase()}-${suffix}`;
      // A log names paths of the machine that it was written on: it goes into no document.
      if (tab === 'Log') await screens.visitor.screenshot(`screen-${name}`);
      else if (client === v1) await screens.picture(name);
    }
    expect(page.url()).toMatch(/view=archives/);
    await page.goto(screens.address(`${client.list}?app=broken`));
    await page.getByText('APP_DATABASE_MISSING').first().waitFor();
    await screens.picture(`application-failed-${suffix}`);
    await page.setViewportSize(NARROW);
    await assertFits();
    await screens.picture(`application-narrow-${suffix}`);
    screens.assertQuiet();
  });

  it.each([
    { client: v1, theme: 'light' },
    { client: v2, theme: 'dark' },
  ] as const)('the overview in $client.client, $theme', async ({ client, theme }) => {
    const { page } = screens;
    await screens.wear(theme === 'dark' ? 'Dark' : 'Default');
    await screens.goto(`${client.prefix}/admin/settings/app-supervisor/overview`);
    await page.locator('canvas').waitFor();
    await screens.picture(`overview-${client.client}-${theme}`);
    await page.setViewportSize(NARROW);
    await assertFits();
    await screens.picture(`overview-narrow-${client.client}-${theme}`);
    await page.setViewportSize(WIDE);
    await screens.goto(client.list);
    await screens.shows('Web shop', 'Running');
    await screens.picture(`list-${client.client}-${theme}`);
    screens.assertQuiet();
  });

  it('a list that cannot be read', async () => {
    const { page } = screens;
    await screens.wear('Default');
    await page.route('**/api/applications:list*', (route) => route.abort());
    await screens.goto(v1.list);
    await page.getByRole('alert').first().waitFor();
    await screens.picture('list-unreadable');
    await page.unroute('**/api/applications:list*');
    await page.getByRole('button', { name: 'Refresh' }).click();
    await screens.shows('Web shop', 'Running');
    expect(await page.getByRole('alert').count()).toBe(0);
    // The aborted calls are told by the browser itself.
    screens.visitor.forget();
  });
});
