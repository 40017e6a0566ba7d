import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { AdminScreens, CLIENTS, NOT_SIGNED_IN, type ClientScreens } from '../helpers/admin-screens';
import { describeInBrowser } from '../helpers/browser';
import { missingDumpProgram } from '../helpers/dump-programs';
import { postgresServer } from '../helpers/server-environment';
import { PLANTED } from '../helpers/test-host';

const { env, missing } = postgresServer();
const reason = missing ?? missingDumpProgram();
const MAKING_MS = 120_000;
const PERSON = { username: 'grace', email: 'grace@example.com', password: PLANTED };

/** Applications that are made of what is there already: an archive, a database; and one that somebody else is to own. */
(reason ? describe.skip : describeInBrowser)(
  `applications of existing data${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let screens: AdminScreens;
    let archive: string;
    const tabs: Page[] = [];
    /** The server is shared with others. */
    const named = (name: string) => `${name}-${process.pid}`;
    const former = named('former');

    beforeAll(async () => {
      screens = await AdminScreens.open({ ...(env as Record<string, string>), APP_SUPERVISOR_TEMPLATES: 'off' });
      const { host } = screens;
      // Who has an account there is known by the data alone.
      expect((await host.create({ name: former, displayName: 'Former', admin: PERSON })).status).toBe(200);
      const { body } = await host.act('export', { filterByTk: former, wait: 'true' });
      expect(body.data).toMatchObject({ outcome: 'done' });
      archive = body.data.archive as string;
      expect((await host.act('destroy', { filterByTk: former }, { purge: true })).status).toBe(200);
      await host.until('it is gone, its database is not', async () => (await host.show(former)).status === 404);
      expect(await host.databases()).toContain(former);
    });

    beforeEach(() => screens.visitor.forget());

    afterEach(async () => {
      const test = expect.getState().currentTestName?.replace(/\W+/g, '-').slice(-90);
      await screens.visitor.screenshot(`last-of-${test}`);
      // Behind another tab, pages do not go on as they do in front.
      for (const tab of tabs.splice(0)) await tab.close();
    });

    afterAll(() => screens?.close());

    /** Where the person of the data signs in, as she did before. */
    const enter = async (name: string, prefix: string, open: () => Promise<void>) => {
      const { visitor } = screens;
      const opening = visitor.context.waitForEvent('page');
      await open();
      const tab = await opening;
      tabs.push(tab);
      await visitor.reachSignIn(tab);
      const unexpected = visitor.errors.filter((text) => !NOT_SIGNED_IN.test(text));
      await visitor.signIn(PERSON.username, PERSON.password, tab);
      await tab.getByTestId('user-center-button').waitFor();
      expect(tab.url().startsWith(screens.own(name, `${prefix}/admin`))).toBe(true);
      await tab.close();
      visitor.forget();
      expect(unexpected).toEqual([]);
    };
    /** On a busy machine the sign of a former attempt, which has a name as well, is still fading out. */
    const handIn = (drawer: Locator, text: string) =>
      drawer.getByRole('button', { name: new RegExp(`^(loading )?${text}$`) });
    const leave = async (drawer: Locator) => {
      await drawer.locator('.ant-drawer-footer').getByRole('button', { name: 'Close' }).click();
      await drawer.waitFor({ state: 'hidden' });
    };
    const openImport = async (list: string): Promise<Locator> => {
      const { page } = screens;
      await screens.goto(list);
      await page.getByRole('button', { name: 'More', exact: true }).click();
      await page.waitForTimeout(400);
      await page.getByRole('menuitem', { name: 'Import an archive' }).click();
      const drawer = screens.dialog('Import an archive');
      await drawer.getByLabel('Name', { exact: true }).waitFor();
      return drawer;
    };
    const openCreate = async (list: string, title: string): Promise<Locator> => {
      await screens.goto(list);
      await screens.page.getByRole('button', { name: 'Create application' }).click();
      const drawer = screens.dialog('Create application');
      await drawer.getByLabel('Name', { exact: true }).fill(title);
      return drawer;
    };
    const create = async (drawer: Locator, title: string) => {
      await handIn(drawer, 'Create').click();
      await drawer.getByText(`"${title}" is ready`).waitFor({ timeout: MAKING_MS });
    };

    describe.each(CLIENTS)('in the $client client', ({ client, prefix, list }: ClientScreens) => {
      it('are imported from an archive on the server', async () => {
        const drawer = await openImport(list);
        const title = `Imported ${client}`;
        const name = named(`imported-${client}`);
        await drawer.getByLabel('Name', { exact: true }).fill(title);
        await drawer.getByLabel('ID', { exact: true }).fill(name);
        const importing = handIn(drawer, 'Import');
        await importing.click();
        await drawer.locator('.ant-form-item-explain-error').getByText('Choose an archive.').waitFor();
        await drawer.getByRole('combobox', { name: 'Archive' }).click();
        await screens.page.getByTitle(archive).click();
        await screens.picture(`import-${client}`, { documented: client === 'v1' });
        await importing.click();
        await drawer.getByText(`Import as ${name}: done.`).waitFor({ timeout: MAKING_MS });
        await screens.picture(`import-done-${client}`, { documented: false });
        await screens.row(title).waitFor();
        screens.assertQuiet();
        await enter(name, prefix, () => drawer.getByRole('link', { name: 'Visit' }).click());
        await leave(drawer);
      });

      it('are imported from a file that is uploaded, which may be the wrong one', async () => {
        const { page, host } = screens;
        const drawer = await openImport(list);
        const title = `Uploaded ${client}`;
        const name = named(`uploaded-${client}`);
        const choose = drawer.locator('input[type=file]');
        const importing = handIn(drawer, 'Import');
        await drawer.getByText('Upload a file').click();
        await drawer.getByLabel('Name', { exact: true }).fill(title);
        await drawer.getByLabel('ID', { exact: true }).fill(name);
        await importing.click();
        await drawer.locator('.ant-form-item-explain-error').getByText('Choose an archive.').waitFor();

        const wrong = { name: 'notes.tar', mimeType: 'application/x-tar', buffer: Buffer.from('no archive\n') };
        await choose.setInputFiles(wrong);
        await importing.click();
        const told = drawer.getByRole('alert').filter({ hasText: 'APP_ARCHIVE_INVALID' });
        await told.waitFor();
        expect(await told.innerText()).toContain('The archive cannot be used');
        await page.waitForTimeout(500);
        await screens.picture(`import-wrong-${client}`, { documented: client === 'v2' });
        expect((await host.show(name)).status).toBe(404);
        expect(await host.databases()).not.toContain(name);

        const exports = path.join(host.host.storageDir, 'apps/main/exports');
        const stored = async () => (await readdir(exports)).filter((file) => file.endsWith('.tar'));
        expect(await stored()).toEqual([archive]);
        await choose.setInputFiles(path.join(exports, archive));
        await importing.click();
        await drawer.getByText(`Import as ${name}: done.`).waitFor({ timeout: MAKING_MS });
        await screens.row(title).waitFor();
        screens.assertQuiet(['422 /api/applications:import']);
        await enter(name, prefix, () => drawer.getByRole('link', { name: 'Visit' }).click());
        await leave(drawer);
        // What was uploaded is kept only for as long as it is read.
        expect(await stored()).toEqual([archive]);
      });
    });

    it('are made of a database that holds one, after that was asked for', async () => {
      const [, { prefix, list }] = CLIENTS as [ClientScreens, ClientScreens];
      const drawer = await openCreate(list, 'Taken in');
      const name = named('taken-in');
      await drawer.getByLabel('ID', { exact: true }).fill(name);
      await screens.unfold(drawer, /Database/);
      await drawer.getByLabel('Database name').fill(former);
      const test = drawer.getByRole('button', { name: 'Test connection' });
      const check = drawer.getByRole('listitem').filter({ hasText: 'can be adopted' });
      await test.click();
      await check.getByLabel('failed').waitFor();
      expect(await check.innerText()).toContain('APP_DATABASE_ADOPTABLE');
      await check.scrollIntoViewIfNeeded();
      await screens.picture('create-adoptable');
      // Without it, nothing is taken in.
      await handIn(drawer, 'Create').click();
      await drawer.getByRole('alert').filter({ hasText: 'APP_DATABASE_ADOPTABLE' }).waitFor();
      await drawer.getByLabel(/use it as it is/).check();
      await test.click();
      await check.getByLabel('passed').waitFor();
      await create(drawer, 'Taken in');
      screens.assertQuiet(['409 /api/applications:create']);
      await enter(name, prefix, () => drawer.getByRole('link', { name: 'Visit' }).click());
      await leave(drawer);
    });

    it('belong to a first administrator that the form names', async () => {
      const [{ prefix, list }] = CLIENTS as [ClientScreens];
      const { host } = screens;
      const drawer = await openCreate(list, 'Of somebody else');
      const name = named('of-somebody-else');
      await drawer.getByLabel('ID', { exact: true }).fill(name);
      await screens.unfold(drawer, /First administrator/);
      await drawer.getByRole('radio', { name: 'Another person' }).check();
      await handIn(drawer, 'Create').click();
      await drawer.getByText('Enter an e-mail address or a user name.').waitFor();
      await drawer.getByText('Enter a password.').waitFor();
      await drawer.getByLabel('E-mail').fill('grace');
      await drawer.getByText('Enter a valid e-mail address.').waitFor();
      await drawer.getByLabel('E-mail').fill(PERSON.email);
      await drawer.getByLabel('User name').fill(PERSON.username);
      await drawer.getByLabel('Nickname').fill('Grace');
      await drawer.getByLabel('Password', { exact: true }).fill(PERSON.password);
      await screens.picture('create-administrator');
      await create(drawer, 'Of somebody else');
      screens.assertQuiet();
      await enter(name, prefix, () => drawer.getByRole('link', { name: 'Visit' }).click());
      // Who made it has no account in it.
      const { email, password } = host.host.credentials;
      expect((await host.signIn(name, email, password)).status).toBe(401);
      await leave(drawer);
    });
  },
);
