import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AdminScreens, type ClientScreens } from './admin-screens';
import { describeInBrowser } from './browser';

/** A picture of one blue pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const MAKING_MS = 120_000;

/** What an administrator does with one application, in one of NocoBase's clients. */
export function describeApplications({ client, prefix, list }: ClientScreens): void {
  describeInBrowser(`applications in the ${client} client`, () => {
    let screens: AdminScreens;

    beforeAll(async () => {
      // A copy of a template is made before anybody could look: these are installed, step by step.
      screens = await AdminScreens.open({ APP_SUPERVISOR_TEMPLATES: 'off' });
      expect((await screens.host.create({ name: 'resident', displayName: 'Resident' })).status).toBe(200);
    });

    beforeEach(() => screens.visitor.forget());

    /** An archive as an export leaves it, in the folder where the server keeps them. */
    const placeArchive = async () => {
      const folder = path.join(screens.host.host.storageDir, 'apps/main/exports');
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(path.join(folder, `${name}-20260102T030405Z-ab12.tar`), 'archived');
    };

    afterEach(async () => {
      await screens.visitor.screenshot(`last-of-${expect.getState().currentTestName?.replace(/\W+/g, '-').slice(-90)}`);
    });

    afterAll(() => screens?.close());

    const title = `Front office ${client}`;
    const name = `front-office-${client}`;

    it('are created from a name alone, step by step, and lead to a sign-in that works', async () => {
      const { page } = screens;
      await screens.goto(list);
      await page.getByRole('button', { name: 'Create application' }).click();
      const drawer = screens.dialog('Create application');
      await drawer.getByLabel('Name', { exact: true }).fill(title);
      expect(await drawer.getByLabel('ID', { exact: true }).inputValue()).toBe(name);
      await drawer.getByRole('button', { name: 'Create', exact: true }).click();

      await drawer.getByText(`"${title}" is being created`).waitFor();
      await screens.row(title).waitFor();
      const steps = drawer.locator('.ant-steps-item-title');
      const seen = new Set<string>();
      const ready = drawer.getByText(`"${title}" is ready`);
      for (const end = Date.now() + MAKING_MS; Date.now() < end && !(await ready.isVisible());) {
        seen.add((await steps.allInnerTexts()).join(', '));
        await page.waitForTimeout(200);
      }
      await ready.waitFor();
      // They came one after the other, not all at the end.
      expect(seen.size).toBeGreaterThan(2);
      expect((await steps.allInnerTexts()).at(-1)).toBe('Starting services');
      const signIn = screens.own(name, `${prefix}/signin`);
      await screens.visit(() => drawer.getByRole('link', { name: 'Visit' }).click(), signIn);
      await drawer.locator('.ant-drawer-footer').getByRole('button', { name: 'Close' }).click();
      await screens.shows(title, 'Running');
      expect(await screens.row(title).innerText()).toContain(name);
      screens.assertQuiet();
    });

    it('are stopped, started, restarted and visited from their row', async () => {
      const { page } = screens;
      await screens.goto(list);
      await screens.press('Stop', title);
      await page.locator('.ant-popconfirm-buttons').getByRole('button', { name: 'Stop' }).click();
      await screens.shows(title, 'Stopped');
      expect(await page.getByLabel(`Visit: ${title}`).getAttribute('href')).toBeNull();
      await screens.press('Start', title);
      await screens.shows(title, 'Running');
      await screens.choose('Restart', title);
      await screens.host.until('it was restarted', async () => {
        const { body } = await screens.host.get(
          `/api/applications:events?filterByTk=${name}&pageSize=1`,
          await screens.host.bearer('main'),
        );
        return (body as { data: { type: string }[] }).data[0]?.type === 'restarted';
      });
      await screens.shows(title, 'Running');
      const [tab] = await Promise.all([screens.visitor.context.waitForEvent('page'), screens.press('Visit', title)]);
      // Who was there before is still signed in.
      await tab.getByTestId('user-center-button').waitFor();
      expect(tab.url().startsWith(screens.own(name, `${prefix}/admin`))).toBe(true);
      await tab.close();
    });

    it('are edited: name, icon, places where they are shown', async () => {
      const { page, host } = screens;
      await screens.goto(list);
      await screens.choose('Edit', title);
      const drawer = screens.dialog(`Edit "${title}"`);
      await drawer.getByLabel('Name', { exact: true }).fill(`${title}!`);
      await drawer.getByText('Picture', { exact: true }).click();
      await drawer.locator('input[type=file]').setInputFiles({ name: 'p.png', mimeType: 'image/png', buffer: PIXEL });
      await drawer.locator('img[src^="data:image/png"]').waitFor();
      await drawer.getByLabel('Show in the app switcher').check();
      await drawer.getByText('After a custom time').click();
      await drawer.getByLabel('Seconds without use').fill('900');
      await drawer.getByRole('button', { name: 'Save' }).click();
      await drawer.waitFor({ state: 'hidden' });
      await screens.row(`${title}!`).locator('img[src*="appSupervisor:icon?id="]').waitFor();
      const { data } = (await host.show(name)).body as { data: Record<string, unknown> };
      expect(data).toMatchObject({ displayName: `${title}!`, pinned: true, idleTimeout: 900 });
      expect(data.hidden).not.toBe(true);
      const side = await page.evaluate(async (src) => {
        const image = new Image();
        image.src = src;
        await image.decode();
        return [image.width, image.height];
      }, String(data.iconImage));
      expect(side).toEqual([128, 128]);
      await screens.choose('Edit', `${title}!`);
      const again = screens.dialog(`Edit "${title}!"`);
      await again.getByLabel('Name', { exact: true }).fill(title);
      await again.getByRole('button', { name: 'Save' }).click();
      await again.waitFor({ state: 'hidden' });
      screens.assertQuiet();
    });

    it('are cloned, and deleted with their database after their ID was typed', async () => {
      const { page, host } = screens;
      await screens.goto(list);
      await screens.choose('Clone', title);
      const drawer = screens.dialog(`Clone "${title}"`);
      await drawer.getByRole('button', { name: 'Clone', exact: true }).click();
      await drawer.getByText(`"${title} (copy)" is ready`).waitFor({ timeout: MAKING_MS });
      await drawer.locator('.ant-drawer-footer').getByRole('button', { name: 'Close' }).click();
      await drawer.waitFor({ state: 'hidden' });
      const copy = `${name}-copy`;
      expect(await host.databases()).toContain(copy);

      await screens.choose('Delete', `${title} (copy)`);
      const dialog = screens.dialog('Delete the application');
      await dialog.getByLabel(/Also drop its database/).check();
      await dialog.getByLabel(/Delete permanently now/).check();
      const confirm = dialog.getByRole('button', { name: 'Delete permanently', exact: true });
      for (const typed of ['', name, `${copy} `]) {
        await dialog.getByLabel(/Type the ID/).fill(typed);
        expect(await confirm.isDisabled()).toBe(true);
      }
      await dialog.getByLabel(/Type the ID/).fill(copy);
      await confirm.click();
      await screens.row(`${title} (copy)`).waitFor({ state: 'detached' });
      await host.until('its database is dropped', async () => !(await host.databases()).includes(copy));
      await dialog.waitFor({ state: 'hidden' });
      await page.waitForTimeout(500);
      screens.assertQuiet();
    });

    it('have a page of their own, with events, log, configuration and archives', async () => {
      const { page } = screens;
      await screens.goto(list);
      await page.getByRole('link', { name: title, exact: true }).click();
      await page.waitForURL((url) => url.searchParams.get('app') === name);
      await page.getByText('Size of the database').waitFor();
      await page.getByRole('table', { name: 'Steps and their times' }).waitFor();
      await page.getByRole('tab', { name: 'Events' }).click();
      await page.getByRole('cell', { name: 'Created' }).waitFor();
      await page.getByRole('tab', { name: 'Log' }).click();
      await page.getByRole('log').getByText('info').first().waitFor();
      await page.getByRole('tab', { name: 'Configuration' }).click();
      await page.getByText('After 900 seconds').waitFor();
      await page.getByRole('tab', { name: 'Archives' }).click();
      await page.getByRole('button', { name: 'Export now' }).click();
      const download = page.getByLabel(new RegExp(`Download: ${name}-`));
      // The PostgreSQL that comes with the host is newer than the programs of many a machine.
      const refusal = page.getByRole('alert').filter({ hasText: /APP_DUMP_TOOL_(OLD|MISSING)/ });
      await download.or(refusal).first().waitFor({ timeout: MAKING_MS });
      const refused = await refusal.isVisible();
      if (refused) await placeArchive();
      // Its address leads back to the same place.
      await page.reload();
      await page.getByRole('tab', { name: 'Archives', selected: true }).waitFor();
      const [file] = await Promise.all([page.waitForEvent('download'), download.click()]);
      expect(file.suggestedFilename()).toMatch(new RegExp(`^${name}-\\d{8}T\\d{6}Z-\\w+\\.tar$`));
      await page.getByLabel(new RegExp(`Delete: ${name}-`)).click();
      await page.locator('.ant-popconfirm-buttons').getByRole('button', { name: 'Delete' }).click();
      await page.getByText('No archives').waitFor();
      await page.getByRole('button', { name: 'All applications' }).click();
      await screens.shows(title, 'Running');
      screens.assertQuiet(refused ? ['503 /api/applications:export'] : []);
    });

    it('refuse a name that is not allowed, reserved or taken, as one types', async () => {
      const { page } = screens;
      await screens.goto(list);
      await page.getByRole('button', { name: 'Create application' }).click();
      const drawer = screens.dialog('Create application');
      await drawer.getByLabel('Name', { exact: true }).fill('Another');
      const id = drawer.getByLabel('ID', { exact: true });
      for (const [typed, sentence] of [
        ['Not allowed', 'The application ID "Not allowed" is not allowed'],
        ['api', 'The application ID "api" is reserved by NocoBase'],
        [name, `An application with the ID "${name}" exists already; choose another ID.`],
      ] as const) {
        await id.fill(typed);
        await drawer.getByText(sentence).waitFor();
      }
      await drawer.getByRole('button', { name: 'Create', exact: true }).click();
      await page.waitForTimeout(1_000);
      expect(screens.visitor.calls.filter(({ url }) => url.pathname.endsWith(':create'))).toEqual([]);
      await id.fill('another');
      await drawer.getByText('exists already').waitFor({ state: 'detached' });
      screens.assertQuiet();
    });

    it('tell, check by check, why a database cannot be used', async () => {
      const { page } = screens;
      await screens.goto(list);
      await page.getByRole('button', { name: 'Create application' }).click();
      const drawer = screens.dialog('Create application');
      await drawer.getByLabel('Name', { exact: true }).fill('Elsewhere');
      await screens.unfold(drawer, /Database/);
      const test = drawer.getByRole('button', { name: 'Test connection' });
      const check = (text: string) => drawer.getByRole('listitem').filter({ hasText: text });
      await test.click();
      await check('The server can be reached').getByLabel('passed').waitFor();
      await check('The user has the required privileges').getByLabel('passed').waitFor();

      await drawer.getByText('Another server').click();
      // What was found is no longer true.
      await check('The server can be reached').waitFor({ state: 'detached' });
      await drawer.getByLabel('Host', { exact: true }).fill('127.0.0.1');
      await drawer.getByLabel('Port').fill('1');
      await drawer.getByLabel('Database user').fill('somebody');
      await drawer.getByLabel('Database password').fill('Planted-4712');
      await test.click();
      const failing = check('The server can be reached');
      await failing.getByLabel('failed').waitFor();
      expect(await failing.innerText()).toContain('APP_DATABASE_UNREACHABLE');
      expect(await failing.innerText()).toContain('Correct the connection settings, or start the database server.');
      await check('The encoding is correct').getByLabel('not reached').waitFor();
      screens.assertQuiet();
    });

    it('change on screen when somebody else changes them', async () => {
      const { page, host } = screens;
      await screens.goto(list);
      await screens.shows('Resident', 'Running');
      await page.waitForTimeout(1_500);
      const before = screens.visitor.calls.length;
      await host.act('stop', { filterByTk: 'resident', wait: 'true' });
      await screens.shows('Resident', 'Stopped', 3_000);
      await host.act('start', { filterByTk: 'resident', wait: 'true' });
      await screens.shows('Resident', 'Running', 3_000);
      await host.act('update', { filterByTk: 'resident' }, { displayName: 'Resident' });
      // By being told, not by asking all the time.
      expect(screens.visitor.calls.length - before).toBeLessThan(20);
      screens.assertQuiet();
    });

    it('speak Chinese', async () => {
      const { page } = screens;
      await screens.goto(list);
      await screens.speak('zh-CN');
      await screens.goto(list);
      await screens.shows('Resident', '运行中');
      await page.getByRole('button', { name: '创建应用' }).click();
      await page.getByLabel('标识', { exact: true }).fill('api');
      await page.getByText('应用标识“api”为 NocoBase 保留').waitFor();
      for (const section of ['数据库', '初始管理员', '地址', '休眠', '显示']) {
        await page
          .getByRole('dialog')
          .getByRole('button', { name: new RegExp(section) })
          .first()
          .click();
      }
      await page.getByRole('button', { name: '测试连接' }).waitFor();
      if (client === 'v2') await screens.picture('create-chinese');
      const said = [await page.locator('body').innerText()];
      await screens.goto(`${list}?app=resident`);
      await page.getByText('数据库大小').waitFor();
      for (const tab of ['事件', '日志', '配置', '归档']) {
        await page.getByRole('tab', { name: tab }).click();
        await page.waitForTimeout(500);
        if (tab !== '日志') said.push(await page.locator('.ant-card').first().innerText());
      }
      await screens.goto(`${prefix}/admin/settings/app-supervisor/overview`);
      await page.getByText('最近一小时的启动与创建').waitFor();
      said.push(await page.locator('.ant-card').first().innerText());
      await screens.speak('en-US');
      expect(said.join('\n')).not.toMatch(/Create|Start mode|Status|reserved|Database|Address|Sleep|Events|Overview/);
      screens.assertQuiet();
    });
  });
}
