import path from 'node:path';
import type { Page } from 'playwright-core';
import { describeInBrowser, TestBrowser, type Visitor } from '../helpers/browser';
import { TestHost } from '../helpers/test-host';

const SLEEP_HOOK = path.resolve(__dirname, '../helpers/put-to-sleep.cjs');

/** What NocoBase's clients print before a sign-in: they ask for what only the signed-in get. The class is minified. */
const NOT_SIGNED_IN = /^(AxiosError|[A-Z])\s*$/;

const CLIENTS = [
  { client: 'v1', prefix: '' },
  { client: 'v2', prefix: '/v' },
];

/** The page of the administrator in both of NocoBase's clients, and what visitors see of stop, start, sleep and wake. */
describeInBrowser('in the browser', () => {
  let host: TestHost;
  let browser: TestBrowser;
  let visitor: Visitor;
  let page: Page;

  const address = (url: string) => host.host.url.replace('127.0.0.1', 'localhost') + url;
  const settings = (prefix: string) => address(`${prefix}/admin/settings/app-supervisor`);
  const row = (text: string) => page.getByRole('row').filter({ hasText: text });
  const shows = (name: string, state: string) => row(name).getByText(state, { exact: true }).waitFor();
  const press = (action: string, name: string) => page.getByLabel(`${action}: ${name}`, { exact: true }).click();
  const state = async (name: string) => (await host.show(name)).body.data.state as string;
  /** NocoBase's dialog over the page of an open tab. */
  const stopped = (tab: Page) => tab.getByRole('dialog').getByText('App stopped');

  beforeAll(async () => {
    [browser, host] = await Promise.all([
      TestBrowser.launch(),
      TestHost.start({ env: { NODE_OPTIONS: `--require "${SLEEP_HOOK}"` } }),
    ]);
    for (const name of ['tabs', 'halted']) expect((await host.create({ name })).status).toBe(200);
    const languages = { enabledLanguages: ['en-US', 'zh-CN'] };
    await host.post('/api/systemSettings:update?filterByTk=1', languages, await host.bearer('main'));
  });

  /** The administrator, in a profile that keeps what it has loaded. */
  const arrive = async () => {
    visitor = await browser.visitor();
    await visitor.remember(await host.token('main'));
  };

  beforeEach(async () => {
    page = await visitor.context.newPage();
    visitor.forget();
  });

  afterEach(async () => {
    await visitor.screenshot(`last-of-${expect.getState().currentTestName?.replace(/\W+/g, '-').slice(-90)}`, page);
    await page.close();
  });

  afterAll(async () => {
    await browser?.close();
    await host?.end();
  });

  describe.each(CLIENTS)('the settings page of the $client client', ({ client, prefix }) => {
    const title = `Front office ${client}`;
    const name = `front-office-${client}`;

    beforeAll(arrive);
    afterAll(() => visitor.leave());

    it('creates an application from a name alone, shows its state, visits, stops, starts and deletes it', async () => {
      await page.goto(settings(prefix));
      await shows('halted', 'Running');

      await page.getByRole('button', { name: 'Create application' }).click();
      await page.getByLabel('Name', { exact: true }).fill(title);
      await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      await row(title).waitFor();
      await visitor.screenshot(`settings-${client}-creating`, page);
      await shows(title, 'Running');
      expect(await row(title).innerText()).toContain(name);
      await visitor.screenshot(`settings-${client}-running`, page);

      await page.getByRole('button', { name: 'Create application' }).click();
      await page.getByLabel('Name', { exact: true }).fill('Another');
      await page.getByLabel('ID', { exact: true }).fill(name);
      await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
      const sentence = `An application with the ID "${name}" exists already; choose another ID.`;
      await page.getByRole('alert').filter({ hasText: sentence }).waitFor();
      await visitor.screenshot(`settings-${client}-duplicate`, page);
      await page.getByLabel('ID', { exact: true }).fill('Not allowed');
      await page.getByText('The application ID "Not allowed" is not allowed').waitFor();
      // What was said of the former ID is no longer true.
      expect(await page.getByText(sentence).count()).toBe(0);
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
      expect(visitor.refusals).toEqual(['409 /api/applications:create']);

      const opening = visitor.context.waitForEvent('page');
      await press('Visit', title);
      const tab = await opening;
      const { email, password } = host.host.credentials;
      visitor.calls.length = 0;
      await visitor.reachSignIn(tab);
      expect(new URL(tab.url()).pathname).toBe(`${prefix}/apps/${name}/signin`);
      const errors = [...visitor.errors];
      await visitor.signIn(email, password, tab);
      await tab.getByTestId('user-center-button').waitFor();
      const apps = visitor.calls.filter((call) => !call.url.pathname.includes('applications:')).map((call) => call.app);
      expect(new Set(apps)).toEqual(new Set([name]));
      await tab.close();
      visitor.forget();
      expect(errors.filter((text) => !NOT_SIGNED_IN.test(text))).toEqual([]);

      await press('Stop', title);
      await shows(title, 'Stopped');
      expect(await page.getByLabel(`Visit: ${title}`).getAttribute('href')).toBeNull();
      await visitor.screenshot(`settings-${client}-stopped`, page);
      await press('Start', title);
      await shows(title, 'Running');
      await press('Restart', title);
      await page.waitForTimeout(500);
      await shows(title, 'Running');

      await press('Delete', title);
      await page.getByRole('button', { name: 'Delete', exact: true }).last().waitFor();
      await visitor.screenshot(`settings-${client}-delete`, page);
      await page.locator('.ant-popconfirm-buttons').getByRole('button', { name: 'Delete' }).click();
      await row(title).waitFor({ state: 'detached' });
      expect((await host.show(name)).status).toBe(404);
      expect([visitor.errors, visitor.refusals]).toEqual([[], []]);
    });

    it('speaks Chinese', async () => {
      await page.addInitScript(() => localStorage.setItem('NOCOBASE_LOCALE', 'zh-CN'));
      await page.goto(settings(prefix));
      await shows('halted', '运行中');
      await page.getByRole('button', { name: '创建应用' }).click();
      await page.getByLabel('标识', { exact: true }).fill('api');
      await page.getByText('应用标识“api”为 NocoBase 保留').waitFor();
      await visitor.screenshot(`settings-${client}-chinese`, page);
      const text = await page.locator('body').innerText();
      for (const words of ['应用管理器', '应用标识“api”为 NocoBase 保留']) expect(text).toContain(words);
      expect(text).not.toMatch(/Create application|On first visit|Start mode|reserved/);
      expect([visitor.errors, visitor.refusals]).toEqual([[], []]);
      await page.evaluate(() => localStorage.removeItem('NOCOBASE_LOCALE'));
    });

    it('is not in the settings of an application, where the administrator signs in', async () => {
      await page.goto(address(`${prefix}/apps/tabs/admin/settings/system-settings`));
      const { email, password } = host.host.credentials;
      await visitor.signIn(email, password, page);
      await page.getByText('System settings').first().waitFor();
      await page.getByText('Plugin manager').first().waitFor();
      expect(await page.getByText('App Supervisor').count()).toBe(0);
    });

    it('lets an open tab notice nothing of a sleep and a wake', async () => {
      await host.get('/api/app:getInfo', { 'X-App': 'tabs' });
      await page.goto(address(`${prefix}/apps/tabs/admin/`));
      await page.getByTestId('user-center-button').waitFor();
      await visitor.settled();
      await page.evaluate(() => {
        // Everything that comes up, however shortly.
        const seen: string[] = [];
        Object.assign(window, { seen });
        new MutationObserver((changes) => {
          for (const { addedNodes } of changes)
            for (const node of addedNodes) seen.push((node as HTMLElement).innerText ?? '');
        }).observe(document.body, { childList: true, subtree: true });
      });
      const loads: string[] = [];
      page.on('load', () => loads.push(page.url()));
      visitor.forget();

      process.kill(host.host.pid, 'SIGUSR2');
      await host.until('it sleeps', async () => (await state('tabs')) === 'asleep');
      await page.waitForTimeout(2_500);
      expect(await state('tabs')).toBe('asleep');
      const answer = await page.evaluate(async () => {
        const response = await fetch('/api/users:list', {
          headers: { 'X-App': 'tabs', Authorization: `Bearer ${localStorage.getItem('NOCOBASE_TABS_TOKEN')}` },
        });
        return response.status;
      });
      expect(answer).toBe(200);
      await host.until('it is awake', async () => (await state('tabs')) === 'running');
      await page.waitForTimeout(2_500);
      const seen = await page.evaluate(() => (window as unknown as { seen: string[] }).seen.filter(Boolean));
      expect(seen).toEqual([]);
      expect([loads, visitor.errors, visitor.refusals]).toEqual([[], [], []]);
      await visitor.screenshot(`tab-${client}-after-wake`, page);
    });

    it('shows a stopped application as such, in an open tab and in a new one, and both come back after Start', async () => {
      await page.goto(address(`${prefix}/apps/halted/admin/`));
      const { email, password } = host.host.credentials;
      await visitor.signIn(email, password, page);
      await page.getByTestId('user-center-button').waitFor();

      await host.act('stop', { filterByTk: 'halted', wait: 'true' });
      await stopped(page).waitFor();
      await visitor.screenshot(`tab-${client}-stopped`, page);
      // Somebody else: this browser may still have the page that it was given a moment ago.
      const other = await browser.visitor();
      const answer = await other.page.goto(address(`${prefix}/apps/halted/admin/`));
      expect([answer?.status(), answer?.headers()['retry-after']]).toEqual([503, '5']);
      await other.page.getByText('This application was stopped by its administrator.').waitFor();
      // It looks again by itself, every half minute.
      expect(await other.page.locator('meta[http-equiv=refresh]').getAttribute('content')).toBe('30');
      await other.screenshot(`plain-page-${client}`);

      await host.act('start', { filterByTk: 'halted', wait: 'true' });
      await stopped(page).waitFor({ state: 'hidden' });
      await page.getByTestId('user-center-button').waitFor();
      await visitor.screenshot(`tab-${client}-started`, page);
      await other.page.reload();
      await other.reachSignIn();
      await other.leave();
    });
  });

  describe('beside multi-app-manager', () => {
    beforeAll(arrive);
    afterAll(() => visitor.leave());

    it('says on both pages why it is inert while multi-app-manager is enabled, and works again afterwards', async () => {
      const manager = async (action: string) => {
        const url = `/api/pm:${action}?filterByTk=multi-app-manager&awaitResponse=true`;
        expect((await host.post(url, {}, await host.bearer('main'))).status).toBe(200);
        await host.until('NocoBase is up', async () => (await host.get('/api/__health_check')).text === 'ok');
      };
      await manager('enable');
      const whileBothRun = await host.get('/api/appSupervisor:info', await host.bearer('main'));
      expect(whileBothRun.body.data).toMatchObject({ state: 'inert', reasonCode: 'APP_SUPERVISOR_PEER_ENABLED' });
      await host.host.restart();
      for (const { client, prefix } of CLIENTS) {
        await page.goto(settings(prefix));
        const alert = page.getByRole('alert').filter({ hasText: 'App Supervisor is not active' });
        await alert.waitFor();
        expect(await alert.innerText()).toContain('APP_SUPERVISOR_PEER_ENABLED');
        expect(await alert.innerText()).toContain('Disable "Multi-app manager" in the plugin manager');
        await visitor.screenshot(`settings-${client}-inert`, page);
      }
      // NocoBase makes an open page reload itself after this, which would cross the way there.
      await page.goto('about:blank');
      await manager('disable');
      await page.goto(settings(''));
      await row('halted').waitFor();
      expect((await host.get('/api/app:getInfo', { 'X-App': 'tabs' })).body.data.name).toBe('tabs');
    });
  });
});
