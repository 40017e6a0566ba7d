import { AdminScreens, CLIENTS, type ClientScreens } from '../helpers/admin-screens';
import { describeInBrowser } from '../helpers/browser';
import { PageEditor } from '../helpers/page-editor';

/** A picture of one blue pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const PAGES = [
  { client: 'v1', prefix: '', kind: 'Classic page (v1)', title: 'Classic', actions: /^Configure actions$/ },
  { client: 'v2', prefix: '/v', kind: 'Page', title: 'Second', actions: /^Actions$/ },
];
/** What NocoBase's v1 client prints when a pop-up of an action "Add new" is opened, whatever is in it. */
const OF_POPUP = /CollectionManager\.getFilterByTK/;

/** Where else block and switcher are met: in pop-ups, on mobile pages, by keyboard, with pictures, empty and in trouble. */
describeInBrowser('entries', () => {
  let screens: AdminScreens;

  const link = (name: string) => screens.page.getByRole('link', { name });
  const dots = () => screens.page.getByRole('button', { name: 'Applications' });
  const panel = () => screens.page.getByRole('tooltip');
  /** A link leads to the application's own host; the scheme is that of the page. */
  const own = (name: string, url: string) => screens.own(name, url).replace('http:', '');
  const settle = () => screens.page.getByTestId('user-center-button').waitFor();
  const change = async (values: object) => {
    for (const name of ['crm', 'desk']) {
      expect((await screens.host.act('update', { filterByTk: name }, values)).status).toBe(200);
    }
  };

  beforeAll(async () => {
    screens = await AdminScreens.open();
    for (const [name, displayName] of Object.entries({ crm: 'Customer relations', desk: 'Service desk' })) {
      expect((await screens.host.create({ name, displayName, pinned: true })).status).toBe(200);
    }
    await screens.visitor.remember(await screens.host.token('crm'), 'crm');
  });

  beforeEach(() => screens.visitor.forget());

  afterEach(async () => {
    await screens.visitor.screenshot(`last-of-${expect.getState().currentTestName?.replace(/\W+/g, '-').slice(-90)}`);
  });

  afterAll(() => screens?.close());

  describe.each(PAGES)('in the $client client', ({ client, prefix, kind, title, actions }) => {
    it('are in a block that says when there is none, and when they cannot be read', async () => {
      const { page } = screens;
      const editor = new PageEditor(page);
      await screens.goto(`${prefix}/admin/`);
      await editor.addPage(kind, title);
      await editor.addBlock(/^Applications$/);
      await link('Customer relations').waitFor();
      await editor.end();
      screens.assertQuiet();

      await change({ hidden: true });
      await page.reload();
      await page.getByText('No applications to show.').waitFor();
      await screens.picture(`block-${client}-empty`, { documented: client === 'v1' });
      await change({ hidden: false });
      screens.assertQuiet();

      const entries = '**/api/appSupervisor:entries?place=block';
      const error = { code: 'APP_SHUTTING_DOWN', message: 'NocoBase is shutting down; try again in a few seconds.' };
      await page.route(entries, (route) => route.fulfill({ status: 503, json: { errors: [error] } }));
      await page.reload();
      const alert = page.getByRole('alert').filter({ hasText: error.message });
      await alert.waitFor();
      await screens.picture(`block-${client}-failed`, { documented: client === 'v2' });
      await page.unroute(entries);
      await page.getByRole('button', { name: 'Try again' }).click();
      await link('Customer relations').waitFor();
      expect(await alert.count()).toBe(0);
      screens.assertQuiet(['503 /api/appSupervisor:entries']);
    });

    it('are in a block within a pop-up', async () => {
      const { page, visitor } = screens;
      const editor = new PageEditor(page);
      await screens.goto(`${prefix}/admin/`);
      await editor.begin();
      await editor.open(title);
      await editor.addBlock(/^Table$/, /^Users$/);
      await page.getByRole('columnheader').first().waitFor();
      await editor.choose(page.getByText(actions).first(), /^Add new$/);
      await page.waitForTimeout(1_000);
      await page.mouse.move(640, 700);
      await page
        .getByRole('button', { name: /Add new/ })
        .first()
        .click();
      const popup = page.locator('.ant-drawer-content').last();
      await popup.getByText('Add block').waitFor();
      await editor.addBlock(/^Applications$/);
      await popup.getByRole('link', { name: 'Service desk' }).waitFor();
      await page.mouse.move(900, 780);
      await screens.picture(`block-${client}-popup`, { documented: client === 'v1' });
      expect(await popup.getByRole('link', { name: 'Service desk' }).getAttribute('href')).toBe(
        own('desk', `${prefix}/admin/`),
      );
      // It is there when the pop-up is opened again.
      await page.reload();
      await popup.getByRole('link', { name: 'Service desk' }).waitFor();
      expect([visitor.errors.filter((text) => !OF_POPUP.test(text)), visitor.refusals]).toEqual([[], []]);
      await screens.goto(`${prefix}/admin/`);
      await page.getByText('Add menu item').waitFor();
      await editor.end();
    });

    it('load nothing of the administration inside an application', async () => {
      const { page } = screens;
      for (const inside of [screens.own('crm', `${prefix}/admin/`), screens.address(`${prefix}/apps/crm/admin/`)]) {
        const loaded: string[] = [];
        const note = (request: { url(): string }) => loaded.push(new URL(request.url()).pathname);
        page.on('request', note);
        await page.goto(inside);
        await dots().waitFor();
        page.off('request', note);
        const ours = loaded.filter((path) => path.includes('/nocobase-plugin-app-supervisor/'));
        expect(ours).toEqual([expect.stringMatching(/\/dist\/client(-v2)?\/index\.js$/)]);
      }
      screens.assertQuiet();
    });

    it('are reached by the nine dots with the keyboard alone', async () => {
      const { page } = screens;
      await screens.goto(`${prefix}/admin/`);
      await settle();
      await dots().waitFor();
      expect(await dots().getAttribute('aria-expanded')).toBe('false');
      const focused = () => page.evaluate(() => document.activeElement?.textContent);
      await page.keyboard.press('Tab');
      expect(await dots().evaluate((element) => element === document.activeElement)).toBe(true);
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.activeElement?.textContent?.endsWith('Customer relations'));
      expect(await dots().getAttribute('aria-expanded')).toBe('true');
      await screens.picture(`switcher-${client}-keyboard`, { documented: false });
      await page.keyboard.press('Tab');
      expect(await focused()).toContain('Service desk');
      await page.keyboard.press('Escape');
      await panel().waitFor({ state: 'hidden' });
      expect(await dots().evaluate((element) => element === document.activeElement)).toBe(true);
      expect(await dots().getAttribute('aria-expanded')).toBe('false');

      // Whoever walks on leaves nothing open behind.
      await page.keyboard.press('Space');
      await page.waitForFunction(() => document.activeElement?.textContent?.endsWith('Customer relations'));
      for (const key of ['Tab', 'Tab']) await page.keyboard.press(key);
      await panel().waitFor({ state: 'hidden' });
      expect(await dots().evaluate((element) => element === document.activeElement)).toBe(false);
      await page.keyboard.press('Shift+Tab');
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.activeElement?.textContent?.endsWith('Customer relations'));
      await page.keyboard.press('Tab');
      const [tab] = await Promise.all([screens.visitor.context.waitForEvent('page'), page.keyboard.press('Enter')]);
      await tab.waitForURL((url) => url.href.startsWith(screens.own('desk', `${prefix}/`)));
      await tab.close();
    });
  });

  it('are in a block on a mobile page of v1', async () => {
    const { page } = screens;
    await screens.goto('/m');
    const editor = new PageEditor(page);
    const bar = page.getByTestId('schema-initializer-MobileTabBar');
    await page.getByTestId('ui-editor-button').waitFor();
    await page.waitForTimeout(1_000);
    // Whoever edits pages of the admin UI edits these, too.
    if (!(await bar.isVisible())) await page.getByTestId('ui-editor-button').click();
    await editor.choose(bar, /^Page$/);
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox').first().fill('Pocket');
    await dialog.getByRole('button', { name: /Select icon/ }).click();
    await page.getByLabel('account-book').first().click();
    await dialog.getByRole('button', { name: 'Submit' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.getByTestId('mobile-tab-bar-Pocket').click();
    await editor.addBlock(/^Applications$/);
    await link('Customer relations').waitFor();
    await page.getByTestId('ui-editor-button').click();
    await page.mouse.move(10, 400);
    await screens.picture('block-mobile-editor', { documented: false });
    const place = page.url();
    // As somebody with a phone meets it.
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(place);
    await link('Service desk').waitFor();
    await screens.picture('block-mobile');
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(wider).toBeLessThanOrEqual(0);
    expect(await link('Service desk').getAttribute('href')).toBe(own('desk', '/admin/'));
    await page.setViewportSize({ width: 1280, height: 800 });
    screens.assertQuiet();
  });

  it('show the picture that was uploaded, in the table, the block and the switcher', async () => {
    const { page } = screens;
    const [{ list }] = CLIENTS as [ClientScreens];
    await screens.goto(list);
    await screens.choose('Edit', 'Customer relations');
    const drawer = screens.dialog('Edit "Customer relations"');
    await drawer.getByText('Picture', { exact: true }).click();
    await drawer.locator('input[type=file]').setInputFiles({ name: 'p.png', mimeType: 'image/png', buffer: PIXEL });
    await drawer.locator('img[src^="data:image/png"]').waitFor();
    await drawer.getByRole('button', { name: 'Save' }).click();
    await drawer.waitFor({ state: 'hidden' });
    const shown = screens.row('Customer relations').locator('img');
    const picture = await shown.getAttribute('src');
    expect(picture).toMatch(/^\/api\/appSupervisor:icon\?id=[0-9a-f]{32}$/);
    const isDrawn = (image: HTMLImageElement) => image.decode().then(() => image.naturalWidth > 0);
    expect(await shown.evaluate(isDrawn as never)).toBe(true);
    for (const { prefix, title } of PAGES) {
      await screens.goto(`${prefix}/admin/`);
      await settle();
      await new PageEditor(page).open(title);
      const block = page.getByRole('list', { name: 'Applications' }).first();
      const image = block.getByRole('link', { name: 'Customer relations' }).locator('img');
      expect([await image.getAttribute('src'), await image.evaluate(isDrawn as never)]).toEqual([picture, true]);
      await dots().click();
      const choice = panel().getByRole('link', { name: 'Customer relations' });
      expect(await choice.locator('img').getAttribute('src')).toBe(picture);
      await screens.picture(`entries-picture${prefix.replace('/', '-')}`, { documented: false });
    }
    screens.assertQuiet();
  });
});
