import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Locator, Route } from 'playwright-core';
import { AdminScreens, CLIENTS, type ClientScreens } from '../helpers/admin-screens';
import { describeInBrowser } from '../helpers/browser';

const LONG = 'W'.repeat(255);

/** What becomes of a dialog: opened again, left early, met by an answer that is meant for another one. */
describeInBrowser('the life of a dialog', () => {
  let screens: AdminScreens;
  const { list } = CLIENTS[0] as ClientScreens;

  beforeAll(async () => {
    screens = await AdminScreens.open();
    for (const name of ['resident', 'second', 'third']) {
      const displayName = `${name[0]?.toUpperCase()}${name.slice(1)}`;
      expect((await screens.host.create({ name, displayName })).status).toBe(200);
    }
  });

  beforeEach(async () => {
    screens.visitor.forget();
    await screens.goto(list);
    await screens.row('Resident').first().waitFor();
  });

  afterEach(async () => {
    await screens.page.unrouteAll({ behavior: 'wait' });
    await screens.visitor.screenshot(`last-of-${expect.getState().currentTestName?.replace(/\W+/g, '-').slice(-90)}`);
  });

  afterAll(() => screens?.close());

  const update = (name: string, values: object) => screens.host.act('update', { filterByTk: name }, values);
  const nameOf = (dialog: Locator) => dialog.getByLabel('Name', { exact: true });
  const idOf = (dialog: Locator) => dialog.getByLabel('ID', { exact: true });
  const called = (action: string) => screens.visitor.calls.filter(({ url }) => url.pathname.endsWith(`:${action}`));

  const openCreate = async () => {
    await screens.page.getByRole('button', { name: 'Create application' }).click();
    const drawer = screens.dialog('Create application');
    await nameOf(drawer).waitFor();
    return drawer;
  };
  const openMore = async (item: string) => {
    await screens.page.getByRole('button', { name: 'More', exact: true }).click();
    await screens.page.getByRole('menuitem', { name: item }).click();
    const drawer = screens.dialog(item);
    await drawer.waitFor();
    return drawer;
  };
  const cancel = async (dialog: Locator) => {
    await dialog.getByRole('button', { name: 'Cancel', exact: true }).click();
    await dialog.waitFor({ state: 'hidden' });
  };

  /** By Escape, from what shows how an application came up: it asks for it as long as it is open. */
  const leave = async (drawer: Locator) => {
    await screens.page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'hidden' });
  };

  /** Lets the next calls of an action go on only when it is told. */
  const hold = async (action: string, goOn: (route: Route) => Promise<void> = (route) => route.continue()) => {
    let release = () => undefined as void;
    const released = new Promise<void>((resolve) => (release = resolve));
    await screens.page.route(`**/api/applications:${action}*`, async (route) => {
      await released;
      await goOn(route);
    });
    const answered = screens.page.waitForResponse(new RegExp(`applications:${action}`));
    return async () => {
      release();
      await answered;
    };
  };
  /** What an action is asked for, while `act` is done. */
  const asked = async (action: string, act: () => Promise<void>): Promise<Record<string, unknown>> => {
    const [request] = await Promise.all([screens.page.waitForRequest(new RegExp(`applications:${action}`)), act()]);
    return request.postDataJSON() as Record<string, unknown>;
  };
  /** How many pixels of it do not fit. */
  const overflow = (element: Locator) => element.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);

  it('opened again to edit: it shows what is, and takes nothing back that others changed', async () => {
    await screens.choose('Edit', 'Second');
    const first = screens.dialog('Edit "Second"');
    await nameOf(first).fill('Second b');
    await first.getByRole('button', { name: 'Save' }).click();
    await first.waitFor({ state: 'hidden' });
    await update('second', { startMode: 'eager', pinned: true });
    // The start mode has a column in a wide window only.
    await screens.page.setViewportSize({ width: 1_700, height: 800 });
    await screens.row('Second b').getByText('With NocoBase').waitFor();
    await screens.page.setViewportSize({ width: 1_280, height: 800 });

    await screens.choose('Edit', 'Second b');
    const again = screens.dialog('Edit "Second b"');
    expect(await again.getByRole('radio', { name: /With NocoBase/ }).isChecked()).toBe(true);
    await nameOf(again).fill('Left');
    await cancel(again);

    await screens.choose('Edit', 'Second b');
    const last = screens.dialog('Edit "Second b"');
    expect(await nameOf(last).inputValue()).toBe('Second b');
    await nameOf(last).fill('Second');
    const sent = await asked('update', () => last.getByRole('button', { name: 'Save' }).click());
    expect(sent).toEqual({ displayName: 'Second' });
    await last.waitFor({ state: 'hidden' });
    expect((await screens.host.show('second')).body).toMatchObject({ data: { startMode: 'eager', pinned: true } });
    screens.assertQuiet();
  });

  it('closed while it deletes: the one that was opened since stays as it is', async () => {
    const goOn = await hold('destroy');
    await screens.choose('Delete', 'Third');
    const dialog = screens.dialog('Delete the application');
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
    await cancel(dialog);
    const drawer = await openCreate();
    await nameOf(drawer).fill('Half typed');
    await goOn();
    await screens.row('Third').waitFor({ state: 'detached' });
    await screens.page.waitForTimeout(500);
    expect(await nameOf(drawer).inputValue()).toBe('Half typed');
    screens.assertQuiet();
    await screens.host.act('restore', { filterByTk: 'third' });
  });

  it('closed before it failed: the page tells it, and the next dialog knows nothing of it', async () => {
    const errors = [{ code: 'APP_DATABASE_UNREACHABLE', message: 'no server there' }];
    const goOn = await hold('create', (route) => route.fulfill({ status: 503, json: { errors } }));
    const left = await openCreate();
    await nameOf(left).fill('Closed early');
    await left.getByRole('button', { name: 'Create', exact: true }).click();
    await cancel(left);
    const drawer = await openCreate();
    await goOn();
    await screens.page.getByRole('alert').filter({ hasText: 'APP_DATABASE_UNREACHABLE' }).waitFor();
    expect(await drawer.getByRole('alert').count()).toBe(0);
    expect(await nameOf(drawer).inputValue()).toBe('');
    screens.assertQuiet(['503 /api/applications:create']);
  });

  it('closed with an ID that somebody typed: the next ID is made from the name again', async () => {
    const left = await openCreate();
    await nameOf(left).fill('Alpha');
    await idOf(left).fill('own-id');
    await nameOf(left).fill('Beta');
    expect(await idOf(left).inputValue()).toBe('own-id');
    await cancel(left);
    const drawer = await openCreate();
    await nameOf(drawer).fill('Beta Gamma');
    expect(await idOf(drawer).inputValue()).toBe('beta-gamma');
    await idOf(drawer).fill('');
    await nameOf(drawer).fill('Delta');
    expect(await idOf(drawer).inputValue()).toBe('delta');
    screens.assertQuiet();
  });

  it('with a name in Chinese alone: the server makes the ID', async () => {
    const drawer = await openCreate();
    await nameOf(drawer).fill('客户管理');
    expect(await idOf(drawer).getAttribute('placeholder')).toBe('Created from the name');
    const sent = await asked('create', () => drawer.getByRole('button', { name: 'Create', exact: true }).click());
    expect(sent).toMatchObject({ displayName: '客户管理' });
    expect(sent).not.toHaveProperty('name');
    await drawer.getByText('"客户管理" is ready').waitFor({ timeout: 60_000 });
    await drawer.getByText(/^First administrator: Super Admin \(/).waitFor();
    expect(await screens.row('客户管理').innerText()).toMatch(/app-\w{6}/);
    screens.assertQuiet();
  });

  it('with a name whose ID is taken, handed in by Enter: it is asked for once, and gets another', async () => {
    const drawer = await openCreate();
    await nameOf(drawer).pressSequentially('Resident', { delay: 60 });
    await screens.host.until('the ID is known as taken', async () => (await idOf(drawer).inputValue()) === '');
    const checks = screens.visitor.calls.filter(({ url }) => url.searchParams.get('filter'));
    // Among what is there, and among what was deleted: each letter by itself would be 16. On a busy machine typing pauses.
    expect(checks.length).toBeLessThan(12);
    await nameOf(drawer).press('Enter');
    await drawer.getByText('"Resident" is ready').waitFor({ timeout: 60_000 });
    expect(called('create')).toHaveLength(1);
    await screens.page
      .getByText(/resident-\w{6}/)
      .first()
      .waitFor();
    await leave(drawer);
    const [name] = /resident-\w{6}/.exec(await screens.page.locator('tbody').innerText()) ?? [];
    await screens.host.act('destroy', { filterByTk: String(name), purge: 'true', dropDatabase: 'true' });
    screens.assertQuiet();
  });

  it('to clone in Chinese: the ID of the original is not suggested', async () => {
    const { page } = screens;
    await screens.speak('zh-CN');
    await screens.goto(list);
    await screens.choose('克隆', 'Resident', { more: '更多操作' });
    const drawer = screens.dialog('克隆“Resident”');
    const id = drawer.getByLabel('标识', { exact: true });
    await screens.host.until('the ID is known as taken', async () => (await id.inputValue()) === '');
    const [answer, sent] = await Promise.all([
      page.waitForResponse(/applications:clone/),
      asked('clone', () => drawer.locator('.ant-drawer-footer').getByRole('button').last().click()),
    ]);
    expect(sent).toEqual({ displayName: 'Resident（副本）', startMode: 'lazy' });
    const { name } = ((await answer.json()) as { data: { name: string } }).data;
    expect(name).toMatch(/^resident-\w{6}$/);
    await drawer.getByText('“Resident（副本）”已就绪').waitFor({ timeout: 60_000 });
    await screens.speak('en-US');
    await leave(drawer);
    await screens.host.act('destroy', { filterByTk: name, purge: 'true', dropDatabase: 'true' });
    screens.assertQuiet();
  });

  it('opened from a menu, by keyboard: the focus goes into it, and back to the button of the menu', async () => {
    const { page } = screens;
    const more = page.getByLabel('More actions: Resident', { exact: true });
    await more.focus();
    await page.keyboard.press('Enter');
    const edit = page.getByRole('menuitem', { name: 'Edit', exact: true });
    await edit.waitFor();
    await page.waitForTimeout(400);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const drawer = screens.dialog('Edit "Resident"');
    await drawer.waitFor();
    const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.ariaLabel);
    await screens.host.until('the focus is in it', async () => (await focused()) === 'displayName');
    await page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'hidden' });
    await screens.host.until('it is back', async () => (await focused()) === 'More actions: Resident');
    await page.waitForTimeout(500);
    // The Enter that chose has not opened the menu anew.
    expect(await edit.isVisible()).toBe(false);

    await openMore('Import an archive');
    await page.waitForTimeout(500);
    await page.keyboard.press('Escape');
    await screens.host.until('it is back', async () => (await focused()) === 'More');
    screens.assertQuiet();
  });

  it('of an application with a name without end: everything fits', async () => {
    const { page, host } = screens;
    await update('second', { displayName: LONG });
    await host.act('stop', { filterByTk: 'second', wait: 'true' });
    await host.sql('DROP DATABASE "second" WITH (FORCE)', [], 'postgres');
    await host.act('start', { filterByTk: 'second', wait: 'true' });
    await screens.shows('WWWW', 'Failed');
    await page.getByLabel(`Why ${LONG} failed`).click();
    await page.getByRole('button', { name: 'Retry now', exact: true }).waitFor();
    expect(await overflow(page.locator('.ant-popover-inner'))).toBeLessThanOrEqual(0);
    await page.keyboard.press('Escape');
    await screens.choose('Edit', LONG);
    const drawer = screens.dialog('Edit "WWW');
    await nameOf(drawer).waitFor();
    expect(await overflow(drawer.locator('.ant-drawer-header'))).toBeLessThanOrEqual(0);
    await screens.visitor.screenshot('dialog-long-name');
    await cancel(drawer);
    await update('second', { displayName: 'Second' });
    screens.assertQuiet();
  });

  it('to set a new database password: nothing but the password is sent', async () => {
    const options = { dbConnType: 'new_connection', database: { host: 'db', database: 'd', username: 'u' } };
    await screens.host.sql(`UPDATE applications SET options = $1 WHERE name = 'third'`, [JSON.stringify(options)]);
    await screens.goto(list);
    await screens.page.route('**/api/applications:update*', (route) => route.fulfill({ json: { data: {} } }));
    await screens.choose('Edit', 'Third');
    const drawer = screens.dialog('Edit "Third"');
    await drawer.getByRole('button', { name: /Database/ }).click();
    await drawer.getByLabel('New database password').fill('Planted-4712');
    const sent = await asked('update', () => drawer.getByRole('button', { name: 'Save' }).click());
    expect(sent).toEqual({ options: { database: { password: 'Planted-4712' } } });
    await drawer.waitFor({ state: 'hidden' });
    screens.assertQuiet();
  });

  it('of bulk actions, asked and left: what became of the last one keeps its name', async () => {
    const { page } = screens;
    const bulk = page.getByRole('group', { name: 'Selected applications' });
    await page.getByLabel('Select: Resident', { exact: true }).check();
    await bulk.getByRole('button', { name: 'Restart', exact: true }).click();
    await screens
      .dialog(/Restart the selected/)
      .getByRole('button', { name: 'Restart', exact: true })
      .click();
    await page.getByText('Restart: done for 1 of 1').waitFor();
    await page.getByLabel('Select: Resident', { exact: true }).check();
    await bulk.getByRole('button', { name: 'Delete', exact: true }).click();
    await cancel(screens.dialog(/Delete the selected/));
    expect(await page.getByText(/: done for 1 of 1/).innerText()).toBe('Restart: done for 1 of 1');
    await screens.shows('resident', 'Running');
    screens.assertQuiet();
  });

  it('of deleted applications: it leaves a page that is empty, purges once, and asks nothing when it is closed', async () => {
    const { page, host } = screens;
    await host.sql(`INSERT INTO applications (name, "displayName", options, "removedAt", "createdAt", "updatedAt")
      SELECT 'gone-' || n, 'Gone ' || n, '{}'::json, now() - n * interval '1 minute', now(), now()
      FROM generate_series(1, 11) AS n`);
    const drawer = await openMore('Deleted applications');
    // NocoBase's own button covers neither the pager nor, scrolled to the end, the last line.
    await drawer.getByLabel('Delete permanently: Gone 10', { exact: true }).click({ trial: true });
    await drawer.locator('.ant-pagination-item-2').click();
    await drawer.getByText('Gone 11').waitFor();
    await host.sql(`DELETE FROM applications WHERE name = 'gone-11'`);
    await update('resident', { icon: 'ShopOutlined' });
    await drawer.getByText('Gone 10').waitFor();

    const goOn = await hold('purge', (route) => route.fulfill({ json: { data: {} } }));
    await drawer.getByLabel('Delete permanently: Gone 1', { exact: true }).click();
    const dialog = screens.dialog('Permanently delete "Gone 1"?');
    const typed = dialog.getByLabel(/Type the ID/);
    await typed.fill('gone-1');
    await typed.press('Enter');
    await typed.press('Enter');
    await goOn();
    await dialog.waitFor({ state: 'hidden' });
    expect(called('purge')).toHaveLength(1);

    await drawer.getByRole('button', { name: 'Close' }).first().click();
    await drawer.waitFor({ state: 'hidden' });
    await page.waitForTimeout(500);
    screens.visitor.forget();
    for (const icon of ['CarOutlined', 'ShopOutlined']) {
      await update('resident', { icon });
      await page.waitForTimeout(700);
    }
    expect(screens.visitor.calls.length).toBeGreaterThan(0);
    expect(screens.visitor.calls.filter(({ url }) => url.searchParams.get('removed'))).toEqual([]);
    await host.sql(`DELETE FROM applications WHERE name LIKE 'gone-%'`);
    screens.assertQuiet();
  });

  const archive = 'resident-20260102T030405Z-ab12.tar';
  const folder = () => path.join(screens.host.host.storageDir, 'apps/main/exports');
  const placeArchive = async () => {
    await mkdir(folder(), { recursive: true, mode: 0o700 });
    await writeFile(path.join(folder(), archive), 'archived');
  };

  it('to import: it offers what lies on the server when it is opened', async () => {
    await cancel(await openMore('Import an archive'));
    await placeArchive();
    const drawer = await openMore('Import an archive');
    await drawer.getByRole('radiogroup', { name: 'Archive' }).waitFor();
    await drawer.getByRole('combobox', { name: 'Archive' }).click();
    await screens.page.locator('.ant-select-item-option').filter({ hasText: archive }).waitFor();
    screens.assertQuiet();
  });

  it('an archive that is gone since: the refusal of a download is told in words', async () => {
    const { page } = screens;
    await placeArchive();
    await screens.goto(`${list}?app=resident&view=archives`);
    const download = page.getByLabel(`Download: ${archive}`);
    await download.waitFor();
    await rm(path.join(folder(), archive));
    await download.click();
    const alert = page.getByRole('alert').filter({ hasText: 'APP_ARCHIVE_NOT_FOUND' });
    await alert.waitFor();
    expect(await alert.innerText()).toContain(archive);
    screens.assertQuiet(['404 /api/applications:linkArchive']);
  });

  it('to reset a password: it shows the new one once, with which the first administrator signs in', async () => {
    const signIn = async (account: string, password: string) => {
      const headers = { 'X-App': 'resident', 'X-Authenticator': 'basic' };
      return (await screens.host.post('/api/auth:signIn', { account, password }, headers)).status;
    };
    await screens.choose('Reset password', 'Resident');
    const dialog = screens.dialog('Reset a password of "Resident"');
    await dialog.getByLabel('Account').fill('nobody');
    await dialog.getByRole('button', { name: 'Reset password' }).click();
    await dialog.getByText('there is no such account').waitFor();
    await dialog.getByLabel('Account').fill('');
    await dialog.getByRole('button', { name: 'Reset password' }).click();
    const told = dialog.getByRole('status');
    await told.getByText('It is not shown again.').waitFor();
    await screens.picture('reset-password');
    const password = (await told.locator('code').textContent()) ?? '';
    const account = /The new password of (\S+) is/.exec((await told.textContent()) ?? '')?.[1] ?? '';
    expect(await signIn(account, password)).toBe(200);
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await dialog.waitFor({ state: 'hidden' });
    await screens.choose('Reset password', 'Resident');
    await dialog.getByLabel('New password').waitFor();
    expect(await dialog.textContent()).not.toContain(password);
    await cancel(dialog);
  });

  it('an upgrade and an export from the menu of a row say what has become of them', async () => {
    const { page } = screens;
    await screens.choose('Upgrade', 'Resident');
    await page.getByText('"Resident" is up to date.').waitFor();
    await page.route('**/api/applications:export*', (route) => route.fulfill({ json: { data: {} } }));
    await screens.choose('Export', 'Resident');
    await page.getByRole('tab', { name: 'Archives', selected: true }).waitFor();
    expect(new URL(page.url()).searchParams.get('app')).toBe('resident');
    screens.assertQuiet();
  });

  it('a page of an application: its database is not looked into at each change of others', async () => {
    const { page } = screens;
    await page.getByRole('link', { name: 'Resident', exact: true }).click();
    await page.getByText('Size of the database').waitFor();
    await page.waitForTimeout(1_500);
    screens.visitor.forget();
    for (const icon of ['a', 'b', 'c', 'd']) {
      await update('third', { icon });
      await page.waitForTimeout(700);
    }
    expect(called('get').length).toBeGreaterThan(2);
    // It has its own pace.
    expect(called('details').length).toBeLessThanOrEqual(1);
    screens.assertQuiet();
  });

  it('a page opened while NocoBase is away: it comes by itself, and at once when somebody wishes', async () => {
    const { page } = screens;
    const again = page.getByRole('button', { name: 'Try again' });
    for (const wish of [false, true]) {
      await page.route('**/api/appSupervisor:info*', (route) => route.abort());
      await screens.goto(list);
      await again.waitFor();
      await page.unroute('**/api/appSupervisor:info*');
      if (wish) await again.click();
      await screens
        .row('Resident')
        .first()
        .waitFor({ timeout: wish ? 4_000 : 20_000 });
      expect(await page.getByRole('alert').count()).toBe(0);
    }
    // The aborted calls are told by the browser itself.
    screens.visitor.forget();
  });
});
