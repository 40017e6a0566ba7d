import { readFile } from 'node:fs/promises';
import { get } from 'node:http';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { missingDumpProgram } from '../helpers/dump-programs';
import { describeInBrowser, TestBrowser, type Visitor } from '../helpers/browser';
import { DataFolder, freePort, Launcher, sleep } from '../helpers/launcher';
import { ShellLine, type Ended } from '../helpers/shell';

const TITLES: Record<string, string> = { crm: 'Customer relations', shop: 'Web shop' };

const CLIENTS = [
  { client: 'v1', prefix: '' },
  { client: 'v2', prefix: '/v' },
];
const PAGES = [
  {
    app: 'crm',
    menu: ['Sales', 'Customers'],
    charts: ['Customers by stage', 'Revenue by city'],
    form: 'New customer',
    rows: ['Ada Brandt', 'Zhang Min'],
  },
  {
    app: 'shop',
    menu: ['Catalogue', 'Products'],
    charts: ['Products by category', 'In stock by category'],
    form: 'New product',
    rows: ['Desk lamp', 'Sideboard'],
  },
];

/** In docs/screens.md; the others are left in `test-results`. */
const DOCUMENTED = ['demo-main-v1', 'demo-crm-v1', 'demo-crm-v2', 'demo-shop-v2'];

/** NocoBase is installed, and both applications are created; a busy machine takes minutes. */
const COMES_UP_MS = 480_000;

/** Asks as curl does; a `Host` of one's own is nothing that `fetch` would send. */
function curl(url: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    get(
      url,
      { headers, lookup: (_host, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }]) },
      (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (part: string) => (text += part));
        res.on('end', () => resolve(text));
      },
    ).on('error', reject);
  });
}

/** Waits until this many charts have drawn something. */
async function chartsDrawn(page: Page, count: number): Promise<void> {
  await page.waitForFunction((wanted) => {
    const drawn = [...document.querySelectorAll('canvas')].filter((canvas) => {
      const pixels = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      return pixels.some((value) => value !== 0);
    });
    return drawn.length >= wanted;
  }, count);
}

/** Which of the two demo applications a line is about. */
function appIn(line: string): string {
  return Object.keys(TITLES).find((name) => line.includes(name)) ?? 'none';
}

describeInBrowser('npm start -- --demo', () => {
  let folder: DataFolder;
  let launcher: Launcher;
  let browser: TestBrowser;
  let visitor: Visitor;
  let base: string;

  beforeAll(async () => {
    folder = await DataFolder.make();
    const port = await freePort();
    base = `http://localhost:${port}`;
    launcher = Launcher.start({ args: ['--demo'], dataDir: folder.path, env: { APP_PORT: String(port) } });
    browser = await TestBrowser.launch();
    await launcher.says('/api/applications:list', COMES_UP_MS);
    visitor = await browser.visitor();
  });

  beforeEach(() => visitor.forget());

  afterAll(async () => {
    await browser?.close();
    await launcher?.end();
    await folder?.remove();
  });

  const post = async (action: string, body: object = {}, token = '', app = 'main') => {
    const headers = {
      'Content-Type': 'application/json',
      'X-Authenticator': 'basic',
      'X-App': app,
      Authorization: `Bearer ${token}`,
    };
    const answer = await fetch(`${base}/api/${action}`, { method: 'POST', headers, body: JSON.stringify(body) });
    return ((await answer.json()) as { data: unknown }).data;
  };
  const signIn = async (app = 'main') => {
    const { token } = (await post('auth:signIn', launcher.credentials, '', app)) as { token: string };
    return token;
  };
  const list = async (action: string, token: string, app?: string) =>
    (await post(action, {}, token, app)) as Array<Record<string, unknown>>;
  /** A browser that is signed in to main and to both applications. */
  const signedIn = async () => {
    await visitor.leave();
    visitor = await browser.visitor();
    for (const app of [undefined, 'crm', 'shop']) await visitor.remember(await signIn(app), app);
    await visitor.page.setViewportSize({ width: 1440, height: 900 });
    return visitor.page;
  };
  /** In the folder of the repository, as the printed text says. */
  const shell = (line: string): Promise<Ended> => new ShellLine(line, { HOST_DATA_DIR: folder.path }).ended;
  const restart = async () => {
    expect(await launcher.interrupt()).toBe(0);
    launcher = Launcher.start({ args: ['--demo'], dataDir: folder.path, env: { APP_PORT: new URL(base).port } });
    await launcher.says('/api/applications:list', COMES_UP_MS);
  };

  const picture = (name: string, height: number) =>
    DOCUMENTED.includes(name) ? visitor.documentScreen(name, visitor.page, height) : visitor.screenshot(name);

  const lines = (pattern: RegExp) => [...launcher.output.matchAll(pattern)].map((found) => found[1] as string);

  it('tells the address, the sign-in, and a line for each way of reaching an application', () => {
    expect(launcher.told('Address')).toBe(`${base}/`);
    expect(launcher.credentials.account).toMatch(/@/);
    expect(launcher.credentials.password).not.toBe('');
    expect(lines(/^ +(by .+?) {2,}/gm)).toEqual([
      ...['by path', 'by subdomain', 'by custom domain'],
      ...['by path', 'by header', 'by query', 'by subdomain', 'by custom domain'],
    ]);
  });

  it('is reached at every printed address', async () => {
    const addresses = lines(/^ +by path +(http\S+)$/gm).concat(lines(/^ +(http\S+\/)$/gm));
    const all = new Set([...addresses, ...lines(/^ +by (?:subdomain|custom domain) +(http\S+)$/gm)]);
    expect(all.size).toBe(4);
    for (const address of all) {
      await visitor.page.goto(address);
      await visitor.reachSignIn();
      await visitor.page.waitForFunction((title) => document.title.includes(title), TITLES[appIn(address)] as string);
    }
  });

  it('leads to the admin screen of the main application', async () => {
    const { page } = visitor;
    await page.goto(launcher.told('Address'));
    await visitor.reachSignIn();
    expect(await page.title()).toContain('NocoBase');
    const { account, password } = launcher.credentials;
    await visitor.signIn(account, password);
    await page.getByTestId('user-center-button').waitFor();
    expect(new Set(visitor.calls.map((call) => call.app))).toEqual(new Set([undefined]));
    await page.goto(`${base}/admin/settings/app-supervisor`);
    for (const title of Object.values(TITLES)) await page.getByRole('link', { name: title, exact: true }).waitFor();
    await visitor.screenshot('demo-main');
  });

  it.each([
    { way: 'its subdomain', app: 'crm', url: (at: string) => at.replace('localhost', 'crm.localhost') },
    { way: 'its path', app: 'crm', url: (at: string) => `${at}/apps/crm/admin/` },
    { way: 'its custom domain', app: 'shop', url: (at: string) => at.replace('localhost', 'shop.test.localhost') },
  ])('leads to $app by $way, where the same sign-in works and only its own data is', async ({ app, url }) => {
    const { page } = visitor;
    const address = url(base);
    await page.goto(address);
    await visitor.reachSignIn();
    await page.waitForFunction((title) => document.title.includes(title), TITLES[app] as string);
    const { account, password } = launcher.credentials;
    await visitor.signIn(account, password);
    await page.getByTestId('user-center-button').waitFor();
    // At an application's own address the host says it all; below the main one's, a header does.
    const byPath = address.includes('/apps/');
    expect(visitor.calls.length).toBeGreaterThan(3);
    for (const call of visitor.calls) {
      expect([call.url.href, call.url.host, call.app]).toEqual([
        call.url.href,
        new URL(address).host,
        byPath ? app : undefined,
      ]);
    }
    await page.goto(`${byPath ? address : `${address}/admin/`}settings/data-source-manager/main/collections`);
    const own = { crm: 'Customers', shop: 'Products' }[app] as string;
    await page.getByText(own, { exact: true }).first().waitFor();
    for (const other of ['Customers', 'Products'].filter((title) => title !== own)) {
      expect(await page.getByText(other, { exact: true }).count()).toBe(0);
    }
    await visitor.screenshot(`demo-${new URL(address).hostname}`);
  });

  it('answers every printed curl line with the application that the line names', async () => {
    const printed = lines(/^ +by .+? (curl .+)$/gm);
    expect(printed).toHaveLength(5);
    for (const line of printed) {
      const [, name = '', value = ''] = /-H '([^:]+): ([^']+)'/.exec(line) ?? [];
      const address = /http[^' ]+/.exec(line)?.[0] as string;
      const answer = JSON.parse(await curl(address, name ? { [name]: value } : {})) as { data: { title: string } };
      expect([line, answer.data.title]).toEqual([line, TITLES[appIn(line)]]);
    }
  });

  it.each(CLIENTS)('opens the main application on the Applications block, in $client', async ({ client, prefix }) => {
    const page = await signedIn();
    await page.goto(`${base}${prefix}/admin/`);
    const block = page.getByRole('list', { name: 'Applications' });
    for (const title of Object.values(TITLES)) await block.getByRole('link', { name: title }).waitFor();
    const pictures = block.locator('img');
    await expect(pictures.count()).resolves.toBe(2);
    await page.waitForFunction(() =>
      [...document.querySelectorAll<HTMLImageElement>('ul img, [role=list] img')].every(
        (image) => image.naturalWidth > 0,
      ),
    );
    await page.getByText('Try this').waitFor();
    await picture(`demo-main-${client}`, 420);
    await page.getByRole('link', { name: 'App Supervisor' }).click();
    await page.waitForURL(`${base}${prefix}/admin/settings/app-supervisor`);
    await page.getByRole('link', { name: TITLES.crm, exact: true }).waitFor();
    expect(visitor.errors).toEqual([]);
  });

  describe.each(CLIENTS)('in the $client client', ({ client, prefix }) => {
    it.each(PAGES)(
      '$app has a menu, charts, a form, a table, and the switcher',
      async ({ app, menu, charts, form, rows }) => {
        const page = await signedIn();
        await page.goto(`${base}${prefix}/apps/${app}/admin/`);
        for (const title of menu) {
          const entry = page.getByRole('menuitem').filter({ hasText: title, visible: true }).first();
          await entry.locator('.anticon').waitFor();
        }
        for (const title of [...charts, form]) await page.getByText(title, { exact: true }).waitFor();
        await page.getByRole('button', { name: 'Submit' }).waitFor();
        for (const text of rows) await page.getByRole('cell', { name: text, exact: true }).waitFor();
        expect(await page.locator('tbody tr.ant-table-row').count()).toBe(12);
        await chartsDrawn(page, charts.length);
        await page.waitForTimeout(2_000); // the bars grow
        expect(await page.title()).toContain(menu[1]);
        await picture(`demo-${app}-${client}`, 900);

        await page.locator('.ant-pro-layout-apps-icon').click();
        const other = page.getByRole('tooltip').getByRole('link', { name: TITLES[app === 'crm' ? 'shop' : 'crm'] });
        await other.locator('img').waitFor();
        expect([visitor.errors, visitor.refusals]).toEqual([[], []]);
      },
    );
  });

  it('is shown in Chinese, and in a narrow window', async () => {
    const page = await signedIn();
    await page.addInitScript(() => {
      if (location.protocol.startsWith('http')) localStorage.setItem('NOCOBASE_LOCALE', 'zh-CN');
    });
    await page.goto(`${base}/v/admin/`);
    await page.getByText('试一试').waitFor();
    await page.getByRole('list', { name: '应用' }).getByRole('link', { name: TITLES.crm }).waitFor();
    await visitor.documentScreen('demo-main-chinese', page, 420);
    await page.goto(`${base}/apps/crm/admin/`);
    await page.getByText('Ada Brandt').waitFor();
    await page.setViewportSize({ width: 390, height: 1300 });
    await page.waitForTimeout(2_000);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await visitor.documentScreen('demo-crm-narrow', page, 1300);
  });

  it('prints commands that work as they stand there', async () => {
    const commands = lines(/^ {4}((?:HOST_DATA_DIR|TOKEN|npm|curl -H "Auth).+)$/gm);
    expect(commands).toHaveLength(7);
    const [update = '', all = '', clone = '', exported = '', create = '', ...rest] = commands;
    expect(await shell(update)).toMatchObject({ code: 0, out: expect.stringContaining('shop') });
    expect(await shell(all)).toMatchObject({ code: 0, out: expect.stringContaining('Customer relations') });
    expect(await shell(clone)).toMatchObject({ code: 0, out: expect.stringContaining('running') });
    expect(await shell(create)).toMatchObject({ code: 0, out: expect.stringContaining('诊所') });
    expect(await shell(rest.join('\n'))).toMatchObject({ code: 0, out: expect.stringContaining('"name":"clinic"') });
    const file = path.join(folder.path, 'crm.tar');
    const packed = await shell(exported.replace('crm.tar', file));
    const isMissing = missingDumpProgram() !== undefined;
    expect(packed).toMatchObject(isMissing ? { err: expect.stringContaining('postgresql-client') } : { code: 0 });

    const state = async () => {
      const { out } = await shell(`${all} --json`);
      return (JSON.parse(out) as Array<{ name: string; state: string }>).find(({ name }) => name === 'shop')?.state;
    };
    for (const end = Date.now() + 120_000; (await state()) !== 'asleep';) {
      if (Date.now() > end) throw new Error('shop did not fall asleep');
      await sleep(2_000);
    }
    expect(await curl(`${base}/api/systemSettings:get`, { 'X-App': 'shop' })).toContain(TITLES.shop);
    expect(await state()).toBe('running');
  });

  it('can be tried with the commands of README', async () => {
    const readme = await readFile(path.join(__dirname, '../../README.md'), 'utf8');
    const blocks = [...readme.matchAll(/^```bash\n([^]+?)^```$/gm)].map(([, text = '']) => text);
    const rest = blocks.find((text) => text.includes('TOKEN=')) as string;
    const local = rest.replaceAll('http://localhost:13000', base).replace('<password>', launcher.credentials.password);
    const created = await shell(local);
    expect(created.code).toBe(0);
    expect(JSON.parse(created.out)).toMatchObject({ data: { name: 'sales', displayName: 'Sales', state: 'running' } });
    const command = blocks.find((text) => text.includes('yarn nocobase')) as string;
    const answer = await shell(command.replaceAll('yarn nocobase', 'npm run -s nocobase --'));
    expect(answer).toMatchObject({ code: 0, out: expect.stringContaining('Human resources') });
  });

  it('leaves what is there, and completes what its first version made', async () => {
    const [main, crm, shop] = await Promise.all(['main', 'crm', 'shop'].map((app) => signIn(app)));
    const destroyPages = async (token = '', app = '') => {
      for (const { id } of await list('desktopRoutes:list', token, app)) {
        await post(`desktopRoutes:destroy?filterByTk=${String(id)}`, {}, token, app);
      }
    };
    await destroyPages(crm, 'crm');
    // The first version made no page, picture, category and price, and three rows.
    await destroyPages(shop, 'shop');
    for (const field of ['category', 'price']) {
      await post(`collections/products/fields:destroy?filterByTk=${field}`, {}, shop, 'shop');
    }
    await post('products:destroy?filter={"id":{"$gt":3}}', {}, shop, 'shop');
    await post('systemSettings:update?filterByTk=1', { options: {} }, shop, 'shop');
    await post('applications:update?filterByTk=shop', { pinned: false, iconImage: null }, main);
    await restart();

    const again = await Promise.all(['main', 'crm', 'shop'].map((app) => signIn(app)));
    const pages = async (index: number, app: string) =>
      (await list('desktopRoutes:list?paginate=false', again[index] ?? '', app))
        .filter(({ type }) => type === 'flowPage')
        .map(({ title }) => title);
    expect(await pages(0, 'main')).toHaveLength(1);
    expect(await pages(1, 'crm')).toEqual([]);
    expect(await pages(2, 'shop')).toEqual(['Products']);
    const products = await list('products:list?pageSize=50&sort=id', again[2] ?? '', 'shop');
    expect(products).toHaveLength(12);
    expect(products[0]).toMatchObject({ id: 1, name: 'Desk lamp', category: 'Lighting', price: 49, stock: 12 });
    expect(await list('applications:list?sort=name', again[0] ?? '')).toContainEqual(
      expect.objectContaining({ name: 'shop', pinned: true, iconUrl: expect.any(String) }),
    );
  });

  it('comes up again as it was left: with one application stopped, and the other removed', async () => {
    const token = await signIn();
    for (const name of ['clinic', 'crm-copy', 'hr', 'sales', 'crm']) {
      await post(`applications:destroy?filterByTk=${name}`, {}, token);
    }
    await post('applications:stop?filterByTk=shop&wait=true', {}, token);
    await restart();
    expect(await list('applications:list', await signIn())).toMatchObject([{ name: 'shop', state: 'stopped' }]);
  });

  it('leaves no process and no lock behind after Ctrl-C', async () => {
    expect(await folder.processes()).not.toEqual([]);
    expect(await launcher.interrupt()).toBe(0);
    expect(launcher.errorOutput).toBe('');
    expect(await folder.leftovers()).toEqual([]);
    await expect(fetch(base)).rejects.toThrow();
  });
});
