import { AdminScreens, CLIENTS } from '../helpers/admin-screens';
import { describeInBrowser } from '../helpers/browser';

const TEN = Array.from({ length: 10 }, (_, index) => `crew-${index}`);

/** Many applications at once: bulk actions, removal and return, and a thousand of them. */
describeInBrowser('a fleet', () => {
  let screens: AdminScreens;

  beforeAll(async () => {
    screens = await AdminScreens.open();
    // The first one becomes the template of the others.
    for (const batch of [TEN.slice(0, 1), TEN.slice(1)]) {
      const made = await Promise.all(batch.map((name) => screens.host.create({ name, displayName: name })));
      expect(made.map(({ status }) => status)).toEqual(batch.map(() => 200));
    }
  });

  beforeEach(() => screens.visitor.forget());

  afterEach(async () => {
    await screens.visitor.screenshot(`last-of-${expect.getState().currentTestName?.replace(/\W+/g, '-').slice(-90)}`);
  });

  afterAll(() => screens?.close());

  const selectAll = () => screens.page.locator('thead').getByRole('checkbox').check();
  const bulk = async (action: string, title: RegExp) => {
    const { page } = screens;
    await page
      .getByRole('group', { name: 'Selected applications' })
      .getByRole('button', { name: action, exact: true })
      .click();
    await screens.dialog(title).getByRole('button', { name: action, exact: true }).click();
  };

  describe.each(CLIENTS)('in the $client client', ({ client, list }) => {
    it('stops ten at once, starts them again, and tells what became of each', async () => {
      const { page, host } = screens;
      await screens.goto(list);
      await screens.shows('crew-0', 'Running');
      await selectAll();
      await page.getByText('Selected: 10').waitFor();
      await bulk('Stop', /Stop the selected/);
      await page.getByText('Stop: done for 10 of 10').waitFor();
      for (const name of TEN) await screens.shows(name, 'Stopped');
      expect(await Promise.all(TEN.map((name) => screens.state(name)))).toEqual(TEN.map(() => 'stopped'));
      if (client === 'v1') await screens.picture('bulk');

      // One of them is gone by the time that it is started.
      await selectAll();
      await host.act('destroy', { filterByTk: 'crew-9' });
      await screens.row('crew-9').waitFor({ state: 'detached' });
      await bulk('Start', /Start the selected/);
      await page.getByText('Start: done for 9 of 10').waitFor();
      const told = page.getByRole('status').getByRole('listitem');
      expect(await told.allInnerTexts()).toEqual([expect.stringMatching(/crew-9.*does not exist.*APP_NOT_FOUND/)]);
      if (client === 'v1') await screens.picture('bulk-failed');
      for (const name of TEN.slice(0, 9)) await screens.shows(name, 'Running');
      screens.assertQuiet();
    });

    it('brings back what was deleted, or deletes it for good', async () => {
      const { page, host } = screens;
      await screens.goto(list);
      const open = async () => {
        await page.getByRole('button', { name: 'More', exact: true }).click();
        await page.getByRole('menuitem', { name: 'Deleted applications' }).click();
      };
      await open();
      const drawer = screens.dialog('Deleted applications');
      await drawer.getByLabel('Restore: crew-9').waitFor();
      if (client === 'v1') await screens.picture('removed');
      await drawer.getByLabel('Restore: crew-9').click();
      await drawer.getByText('No deleted applications').waitFor();
      await drawer.getByRole('button', { name: 'Close' }).first().click();
      await screens.row('crew-9').waitFor();

      await screens.choose('Delete', 'crew-9');
      await screens.dialog('Delete the application').getByRole('button', { name: 'Delete', exact: true }).click();
      await screens.row('crew-9').waitFor({ state: 'detached' });
      await open();
      await drawer.getByLabel('Delete permanently: crew-9').click();
      const dialog = screens.dialog('Permanently delete "crew-9"?');
      expect(await dialog.getByRole('button', { name: 'Delete permanently' }).isDisabled()).toBe(true);
      await dialog.getByLabel(/Type the ID/).fill('crew-9');
      await dialog.getByRole('button', { name: 'Delete permanently' }).click();
      await drawer.getByText('No deleted applications').waitFor();
      screens.assertQuiet();
      await host.sql('DROP DATABASE IF EXISTS "crew-9" WITH (FORCE)', [], 'postgres');
      expect((await host.create({ name: 'crew-9', displayName: 'crew-9' })).status).toBe(200);
    });
  });

  describe('of a thousand', () => {
    beforeAll(async () => {
      const { host } = screens;
      await host.sql(
        `INSERT INTO applications (name, "displayName", options, "createdAt", "updatedAt")
         SELECT 'tenant-' || to_char(n, 'FM0000'), 'Tenant ' || to_char(n, 'FM0000'),
                json_build_object('database', json_build_object('database', 'tenant-' || n)), now(), now()
         FROM generate_series(1, 1000) AS n`,
      );
      await host.host.restart();
    });

    it.each(CLIENTS)('is listed, searched, filtered and sorted quickly in the $client client', async (which) => {
      const { page } = screens;
      await screens.goto(which.list);
      await page.getByText('Total: 1010').waitFor();
      const times: Record<string, number> = {};
      const timed = async (what: string, act: () => Promise<void>, seen: () => Promise<void>) => {
        const start = Date.now();
        await act();
        await seen();
        times[what] = Date.now() - start;
      };
      const search = page.getByLabel('Search applications');
      await timed(
        'search',
        () => search.fill('tenant-0777'),
        async () => {
          await screens.row('Tenant 0777').waitFor();
          await page.getByText('Total: 1', { exact: true }).waitFor({ state: 'hidden' });
        },
      );
      expect(await page.locator('tbody tr.ant-table-row').count()).toBe(1);
      await timed(
        'clear',
        () => search.fill(''),
        () => page.getByText('Total: 1010').waitFor(),
      );
      await timed(
        'page',
        () => page.locator('.ant-pagination-item-51').click(),
        () => page.locator('.ant-pagination-item-51.ant-pagination-item-active').waitFor(),
      );
      await page.waitForURL((url) => url.searchParams.get('page') === '51');
      await screens.row('Tenant').first().waitFor();
      await page.locator('.ant-select[aria-label="Filter by status"]').click();
      await page
        .getByText(/^Asleep \(1\d{3}\)$/)
        .first()
        .click();
      await page.keyboard.press('Escape');
      await page.waitForURL((url) => url.searchParams.get('state') === 'asleep');
      await timed(
        'sort',
        () => page.getByRole('columnheader', { name: 'Application' }).click(),
        async () => {
          await page.waitForURL((url) => url.searchParams.get('sort') === 'displayName');
          await page.locator('tbody tr.ant-table-row').first().waitFor();
        },
      );
      await search.fill('no such application');
      await page.getByText('No application matches').waitFor();
      if (which.client === 'v1') await screens.picture('list-no-match');
      await page.getByRole('button', { name: 'Show all' }).click();
      await page.getByText('Total: 1010').waitFor();
      console.log(`1,010 applications in ${which.client}: ${JSON.stringify(times)} ms`);
      for (const [what, ms] of Object.entries(times)) expect([what, ms < 8_000]).toEqual([what, true]);
      screens.assertQuiet();
    });

    it('is seen at a glance', async () => {
      const { page } = screens;
      await screens.goto('/admin/settings/app-supervisor/overview');
      await page.getByText('1,010').first().waitFor();
      await screens.picture('overview-thousand');
      await page.getByRole('link', { name: /Asleep/ }).click();
      await page.waitForURL((url) => url.searchParams.get('state') === 'asleep');
      await screens.row('Tenant').first().waitFor();
      screens.assertQuiet();
    });
  });
});
