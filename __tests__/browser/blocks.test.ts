import type { Page } from 'playwright-core';
import { describeInBrowser, storeToken, TestBrowser, type Visitor } from '../helpers/browser';
import { PageEditor } from '../helpers/page-editor';
import { TestHost } from '../helpers/test-host';

/** What NocoBase's clients print before a sign-in: they ask for what only the signed-in get. The class is minified. */
const NOT_SIGNED_IN = /^(AxiosError|[A-Z])\s*$/;
const MEMBER = { username: 'member', password: 'Member-4712' };
const DARK_THEME = 2;

/** The kinds of pages that NocoBase's two clients make. */
const PAGES = [
  { client: 'v1', prefix: '', kind: 'Classic page (v1)', title: 'Classic' },
  { client: 'v1', prefix: '', kind: 'Modern page (v2)', title: 'Modern' },
  { client: 'v2', prefix: '/v', kind: 'Page', title: 'Second' },
];
const CLIENTS = [
  { client: 'v1', prefix: '' },
  { client: 'v2', prefix: '/v' },
];

/** The Applications block and the switcher, for whoever is signed in, in both of NocoBase's clients. */
describeInBrowser('block and switcher', () => {
  let host: TestHost;
  let browser: TestBrowser;
  let admin: Visitor;
  let member: Visitor;

  /** @param app at the host that is its own; otherwise the main application */
  const address = (url: string, app?: string) => `http://${app ? `${app}.` : ''}localhost:${host.host.port}${url}`;
  const located = (page: Page) => {
    const { origin, pathname } = new URL(page.url());
    return origin + pathname;
  };
  const link = (page: Page, name: string) => page.getByRole('link', { name });
  const dots = (page: Page) => page.locator('.ant-pro-layout-apps-icon');
  /** Within what the switcher has opened. */
  const choice = (page: Page, name: string) => page.getByRole('tooltip').getByRole('link', { name });
  const signedIn = (page: Page) => page.getByTestId('user-center-button').waitFor();
  const unexpected = (visitor: Visitor) => visitor.errors.filter((text) => !NOT_SIGNED_IN.test(text));
  /** Signs in where the browser was led to, as the administrator of every application. */
  const enter = async (visitor: Visitor, page: Page) => {
    const { email, password } = host.host.credentials;
    await visitor.signIn(email, password, page);
    await signedIn(page);
  };
  /** Signed in to the application as well, in a tab that begins there. */
  const inside = async (name: string) => {
    const page = await member.context.newPage();
    await page.addInitScript(storeToken, { token: await host.token(name), app: name });
    return page;
  };
  const useTheme = async (themeId: number) => {
    const answer = await host.post('/api/users:updateTheme', { themeId }, await host.bearer('main'));
    expect(answer.status).toBe(200);
  };
  const pin = async (pinned: boolean) => {
    for (const name of ['crm', 'desk']) {
      expect((await host.act('update', { filterByTk: name }, { pinned })).status).toBe(200);
    }
  };

  beforeAll(async () => {
    host = await TestHost.start();
    browser = await TestBrowser.launch();
    const applications = [
      { name: 'crm', displayName: 'Customer relations', pinned: true },
      { name: 'desk', displayName: 'Service desk', pinned: true, icon: 'customerserviceoutlined' },
      { name: 'tenant', displayName: 'A tenant with a name that is longer than a card has room for' },
      { name: 'secret', displayName: 'Hidden application', hidden: true },
      { name: 'closed', displayName: 'Annual closing', startMode: 'manual' },
    ];
    for (const values of applications) expect((await host.create(values)).status).toBe(200);
    const main = await host.bearer('main');
    expect((await host.post('/api/users:create', { ...MEMBER, roles: ['member'] }, main)).status).toBe(200);
    for (const app of ['main', 'crm']) {
      const headers = { ...(await host.bearer(app)), 'X-App': app };
      const languages = { enabledLanguages: ['en-US', 'zh-CN'] };
      await host.post('/api/systemSettings:update?filterByTk=1', languages, headers);
    }
    admin = await browser.visitor();
    await admin.remember(await host.token('main'));
    member = await browser.visitor();
    const { body } = await host.signIn('main', MEMBER.username, MEMBER.password);
    await member.remember(body.data.token as string);
  });

  afterEach(async () => {
    const name = expect.getState().currentTestName?.replace(/\W+/g, '-').slice(-80);
    await admin.screenshot(`last-of-admin-${name}`);
    await member.screenshot(`last-of-member-${name}`);
    // The sign-in to an application ends with the test, at both of its addresses.
    const page = await member.context.newPage();
    await page.goto(address('/api/app:getInfo', 'crm'));
    await page.evaluate(() => localStorage.clear());
    await page.goto(address('/api/app:getInfo'));
    await page.evaluate(() => localStorage.clear());
    await page.close();
    for (const visitor of [admin, member]) visitor.forget();
  });

  afterAll(async () => {
    await browser?.close();
    await host?.end();
  });

  describe.each(PAGES)('the block on a page "$kind" of $client', ({ client, prefix, kind, title }) => {
    it('is put there by an administrator, and leads a member to the sign-in of an application', async () => {
      const { page } = admin;
      const editor = new PageEditor(page);
      await page.goto(address(`${prefix}/admin/`));
      await editor.addPage(kind, title);
      await editor.addBlock(/^Applications$/);
      await link(page, 'Customer relations').waitFor();
      await editor.end();
      await admin.documentScreen(`block-${client}-${title.toLowerCase()}`, page, 260);
      expect([admin.errors, admin.refusals]).toEqual([[], []]);

      const path = new URL(page.url()).pathname;
      await member.page.goto(address(path));
      await link(member.page, 'Customer relations').waitFor();
      const shown = await member.page.getByRole('list', { name: 'Applications' }).innerText();
      for (const name of ['Service desk', 'A tenant with', 'Annual closing', 'Not available']) {
        expect(shown).toContain(name);
      }
      expect(shown).not.toContain('Hidden application');
      expect(await link(member.page, 'Annual closing').count()).toBe(0);
      expect(member.calls.filter(({ url }) => url.pathname.includes('applications:'))).toEqual([]);
      expect([member.errors, member.refusals]).toEqual([[], []]);

      // By keyboard, into a tab of its own.
      const opening = member.context.waitForEvent('page');
      await link(member.page, 'Customer relations').focus();
      await member.page.keyboard.press('Enter');
      const tab = await opening;
      await member.reachSignIn(tab);
      expect(located(tab)).toBe(address(`${prefix}/signin`, 'crm'));
      await enter(member, tab);
      expect(located(tab).startsWith(address(`${prefix}/admin`, 'crm'))).toBe(true);
      expect(unexpected(member)).toEqual([]);
      await tab.close();
    });
  });

  describe.each(CLIENTS)('the looks in the $client client', ({ client, prefix }) => {
    it('follow a dark theme and a narrow window', async () => {
      const { page } = admin;
      await useTheme(DARK_THEME);
      await page.goto(address(`${prefix}/admin/`));
      await new PageEditor(page).open(client === 'v1' ? 'Classic' : 'Second');
      await link(page, 'Customer relations').waitFor();
      await dots(page).click();
      await page.waitForTimeout(1_000);
      await admin.documentScreen(`block-${client}-dark`, page, 300);
      await page.mouse.click(900, 700);
      await page.setViewportSize({ width: 400, height: 700 });
      await page.waitForTimeout(1_000);
      await admin.screenshot(`block-${client}-narrow`, page);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow).toBeLessThanOrEqual(0);
      await page.setViewportSize({ width: 1280, height: 800 });
      await useTheme(1);
      expect([admin.errors, admin.refusals]).toEqual([[], []]);
    });
  });

  describe.each(CLIENTS)('the switcher of the $client client', ({ client, prefix }) => {
    it('leads from the main application into a new tab, and from one application to another in the same one', async () => {
      const { page, context } = member;
      await page.goto(address(`${prefix}/admin/`));
      await dots(page).click();
      await choice(page, 'Service desk').waitFor();
      expect(await choice(page, 'A tenant with').count()).toBe(0);
      await page.waitForTimeout(1_000);
      await member.documentScreen(`switcher-${client}`, page, 260);
      const opening = context.waitForEvent('page');
      await choice(page, 'Customer relations').click();
      const opened = await opening;
      await member.reachSignIn(opened);
      expect(located(opened)).toBe(address(`${prefix}/signin`, 'crm'));
      await opened.close();

      const tab = await inside('crm');
      await tab.goto(address(`${prefix}/admin/`, 'crm'));
      const tabs = context.pages().length;
      await dots(tab).click();
      await choice(tab, 'Main application').waitFor();
      await tab.waitForTimeout(1_000);
      await member.documentScreen(`switcher-${client}-inside`, tab, 260);
      await choice(tab, 'Service desk').click();
      await member.reachSignIn(tab);
      expect(located(tab)).toBe(address(`${prefix}/signin`, 'desk'));

      // Also from the path below the main application's address, where it can be reached as well.
      for (const inside of [address(`${prefix}/admin/`, 'crm'), address(`${prefix}/apps/crm/admin/`)]) {
        await tab.goto(inside);
        await dots(tab).click();
        await choice(tab, 'Main application').click();
        await tab.waitForURL((url) => url.href.startsWith(address(`${prefix}/admin`)));
        await signedIn(tab);
      }
      expect(context.pages().length).toBe(tabs);
      expect(unexpected(member)).toEqual([]);
      await tab.close();
    });

    it('speaks Chinese inside an application', async () => {
      const page = await inside('crm');
      await page.addInitScript(() => localStorage.setItem('NOCOBASE_LOCALE', 'zh-CN'));
      await page.goto(address(`${prefix}/admin/`, 'crm'));
      await dots(page).click();
      await choice(page, '主应用').waitFor();
      await page.getByRole('tooltip').getByText('当前').waitFor();
      expect([member.errors, member.refusals]).toEqual([[], []]);
      await page.close();
    });

    it("leads by hosts from a host that is an application's own, where nothing of the administration is", async () => {
      const guest = await browser.visitor();
      const { page } = guest;
      await page.goto(address(`${prefix}/admin/`, 'crm'));
      await enter(guest, page);
      await page.goto(address(`${prefix}/admin/settings/system-settings`, 'crm'));
      await page.getByText('Plugin manager').first().waitFor();
      expect(await page.getByText('App Supervisor').count()).toBe(0);
      await page.goto(address(`${prefix}/admin/`, 'crm'));
      await dots(page).click();
      await choice(page, 'Service desk').click();
      await guest.reachSignIn(page);
      expect(page.url()).toContain(address(`${prefix}/signin`, 'desk'));
      expect(unexpected(guest)).toEqual([]);
      await guest.leave();
    });

    it('is not there where no application is pinned', async () => {
      await pin(false);
      try {
        for (const [page, url] of [
          [member.page, address(`${prefix}/admin/`)],
          [await inside('crm'), address(`${prefix}/admin/`, 'crm')],
        ] as const) {
          await page.goto(url);
          await signedIn(page);
          await member.settled();
          expect(await dots(page).count()).toBe(0);
          if (page !== member.page) await page.close();
        }
        expect([member.errors, member.refusals]).toEqual([[], []]);
      } finally {
        await pin(true);
      }
    });
  });
});
