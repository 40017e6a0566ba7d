import path from 'node:path';
import type { Page } from 'playwright-core';
import { CLIENTS } from '../helpers/admin-screens';
import { describeInBrowser, TestBrowser, type Visitor } from '../helpers/browser';
import { TestHost } from '../helpers/test-host';

const SLEEP_HOOK = path.resolve(__dirname, '../helpers/put-to-sleep.cjs');

/** What visitors see of stop, start, sleep and wake, in both of NocoBase's clients; and the page where nothing is managed. */
describeInBrowser('in the browser', () => {
  let host: TestHost;
  let browser: TestBrowser;
  let visitor: Visitor;
  let page: Page;

  const address = (url: string) => host.host.url.replace('127.0.0.1', 'localhost') + url;
  const settings = (prefix: string) => address(`${prefix}/admin/settings/app-supervisor`);
  const row = (text: string) => page.getByRole('row').filter({ hasText: text });
  const state = async (name: string) => (await host.show(name)).body.data.state as string;
  /** NocoBase's dialog over the page of an open tab. */
  const stopped = (tab: Page) => tab.getByRole('dialog').getByText('App stopped');

  beforeAll(async () => {
    host = await TestHost.start({ env: { NODE_OPTIONS: `--require "${SLEEP_HOOK}"` } });
    browser = await TestBrowser.launch();
    for (const name of ['tabs', 'halted']) expect((await host.create({ name })).status).toBe(200);
    const languages = { enabledLanguages: ['en-US', 'zh-CN'] };
    await host.post('/api/systemSettings:update?filterByTk=1', languages, await host.bearer('main'));
  });

  /** The administrator, in a profile that keeps what it has loaded. */
  const arrive = async () => {
    visitor = await browser.visitor();
    await visitor.remember(await host.token('main'));
    for (const app of ['tabs', 'halted']) await visitor.remember(await host.token(app), app);
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

  describe.each(CLIENTS)('the $client client', ({ client, prefix }) => {
    beforeAll(arrive);
    afterAll(() => visitor.leave());

    it('is not in the settings of an application, for its administrator', async () => {
      await page.goto(address(`${prefix}/apps/tabs/admin/settings/system-settings`));
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
