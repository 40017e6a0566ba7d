import type { Locator } from 'playwright-core';
import { AdminScreens, CLIENTS } from '../helpers/admin-screens';
import { describeInBrowser } from '../helpers/browser';

const COLUMNS = ['Application', 'Status', 'Address', 'Database', 'Last visited', 'Actions'];

/** The list of applications at the usual widths, and the forms where something in them is refused. */
describeInBrowser('forms and list of applications', () => {
  let screens: AdminScreens;

  beforeAll(async () => {
    screens = await AdminScreens.open();
    const { host } = screens;
    const first = { name: 'first', displayName: 'First', cname: 'first.example.test' };
    expect((await host.create(first)).status).toBe(200);
    expect((await host.create({ name: 'second', displayName: 'Second' })).status).toBe(200);
  });

  beforeEach(() => screens.visitor.forget());

  afterEach(async () => {
    await screens.page.setViewportSize({ width: 1_280, height: 800 });
    await screens.visitor.screenshot(`last-of-${expect.getState().currentTestName?.replace(/\W+/g, '-').slice(-90)}`);
  });

  afterAll(() => screens?.close());

  const openForm = async () => {
    await screens.page.getByRole('button', { name: /Create application|创建应用/ }).click();
    const drawer = screens.dialog(/Create application|创建应用/);
    await drawer.getByLabel(/^Name$|^名称$/).waitFor();
    return drawer;
  };
  const isInView = (element: Locator) =>
    element.evaluate((one) => {
      const { top, bottom } = one.getBoundingClientRect();
      return top >= 0 && bottom <= window.innerHeight;
    });

  describe.each(CLIENTS)('in the $client client', ({ client, list }) => {
    it.each([1_280, 1_440])('the list shows all columns at %d pixels', async (width) => {
      const { page } = screens;
      await page.setViewportSize({ width, height: 800 });
      await screens.goto(list);
      await screens.row('First').waitFor();
      const headers = await page.locator('thead').first().getByRole('columnheader').allInnerTexts();
      expect(headers.map((text) => text.trim()).filter(Boolean)).toEqual(COLUMNS);
      const hidden = await page
        .locator('.ant-table-content')
        .first()
        .evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
      expect(hidden).toBe(0);
      if (client === 'v1') await screens.picture(`list-${width}`);
      screens.assertQuiet();
    });

    it('the list shows the address as a full URL that leads there, with a button that copies it', async () => {
      await screens.goto(list);
      const row = screens.row('First');
      const expected = `http://first.example.test:${screens.host.host.port}${list.startsWith('/v') ? '/v' : ''}/admin/`;
      const link = row.getByRole('link', { name: expected });
      expect(await link.getAttribute('href')).toBe(expected);
      await row.getByRole('button', { name: 'Copy' }).click();
      await row.getByRole('button', { name: 'Copied' }).waitFor();
      screens.assertQuiet();
    });

    it('a custom domain is checked while it is typed', async () => {
      await screens.goto(list);
      const drawer = await openForm();
      await screens.unfold(drawer, /Address$/);
      const domain = drawer.getByLabel('Custom domain');
      await domain.fill('First.example.test');
      await drawer.getByText('The domain "first.example.test" belongs to the application "first"').waitFor();
      await domain.fill('no domain');
      await drawer.getByText('"no domain" is not a valid custom domain').waitFor();
      await domain.fill('new.example.test');
      await drawer.getByText('is not a valid custom domain').waitFor({ state: 'detached' });
      screens.assertQuiet();
    });

    it('a refusal of the server is shown at its field, which is unfolded and in view', async () => {
      const { page } = screens;
      await screens.goto(list);
      const drawer = await openForm();
      await drawer.getByLabel('Name', { exact: true }).fill('Third');
      await screens.unfold(drawer, /Database$/);
      await drawer.getByLabel('Database name').fill('second');
      await screens.unfold(drawer, /Database$/);
      await drawer.getByRole('button', { name: 'Create', exact: true }).click();
      const refusal = drawer.locator('.ant-form-item-explain-error').filter({ hasText: 'APP_DATABASE_IN_USE' });
      await refusal.waitFor();
      await screens.host.until('it is in view', () => isInView(refusal));
      expect(await drawer.getByRole('alert').filter({ hasText: 'APP_DATABASE_IN_USE' }).count()).toBeLessThanOrEqual(1);
      if (client === 'v1') await screens.picture('create-refused');
      // What is changed is not refused any more.
      await drawer.getByLabel('Database name').fill('third');
      await refusal.waitFor({ state: 'detached' });
      await page.keyboard.press('Escape');
      await drawer.waitFor({ state: 'hidden' });
      screens.assertQuiet(['409 /api/applications:create']);
    });

    it('a restored application leaves its drawer, which Escape closes then', async () => {
      const { page } = screens;
      await screens.goto(list);
      await screens.choose('Delete', 'Second');
      const dialog = screens.dialog('Delete the application');
      await dialog
        .getByText('You can restore it for 7 days; then it is permanently deleted. Its database is kept.')
        .waitFor();
      await dialog.getByLabel('Also drop its database on permanent deletion').check();
      await dialog
        .getByText('You can restore it for 7 days; then it is permanently deleted with its database.')
        .waitFor();
      await dialog.getByLabel('Delete permanently now').check();
      await dialog.getByText('The application and its database are deleted at once.').waitFor();
      if (client === 'v1') await screens.picture('delete-for-good');
      await dialog.getByLabel('Also drop its database on permanent deletion').uncheck();
      await dialog.getByLabel('Delete permanently now').uncheck();
      await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
      await screens.row('Second').waitFor({ state: 'detached' });

      await page.getByRole('button', { name: 'More', exact: true }).click();
      await page.getByRole('menuitem', { name: 'Deleted applications' }).click();
      const drawer = screens.dialog('Deleted applications');
      await drawer.getByText('in 7 days').waitFor();
      await drawer.getByLabel('Restore: Second').click();
      await drawer.getByText('No deleted applications').waitFor();
      await page.keyboard.press('Escape');
      await drawer.waitFor({ state: 'hidden' });
      await screens.row('Second').waitFor();
      screens.assertQuiet();
    });
  });

  it('speaks Chinese', async () => {
    await screens.speak('zh-CN');
    await screens.goto(CLIENTS[0]?.list ?? '');
    const drawer = await openForm();
    await screens.unfold(drawer, /地址$/);
    await drawer.getByLabel('自定义域名').fill('first.example.test');
    await drawer.locator('.ant-form-item-explain-error').filter({ hasText: 'first.example.test' }).waitFor();
    const told = await drawer.locator('.ant-form-item-explain-error').innerText();
    expect(told).not.toMatch(/belongs|choose/);
    await screens.picture('create-domain-taken-chinese');
    screens.assertQuiet();
  });
});
