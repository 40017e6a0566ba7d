import { get } from 'node:http';
import { describeInBrowser, TestBrowser, type Visitor } from '../helpers/browser';
import { DataFolder, freePort, Launcher } from '../helpers/launcher';

const TITLES: Record<string, string> = { crm: 'Customer relations', shop: 'Web shop' };

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
    await launcher.says("-H 'Host: crm.test.localhost'", COMES_UP_MS);
    visitor = await browser.visitor();
  });

  beforeEach(() => visitor.forget());

  afterAll(async () => {
    await browser?.close();
    await launcher?.end();
    await folder?.remove();
  });

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

  it('comes up again as it was left: with one application stopped, and the other removed', async () => {
    const post = async (action: string, body: object = {}, token = '') => {
      const headers = {
        'Content-Type': 'application/json',
        'X-Authenticator': 'basic',
        Authorization: `Bearer ${token}`,
      };
      const answer = await fetch(`${base}/api/${action}`, { method: 'POST', headers, body: JSON.stringify(body) });
      return ((await answer.json()) as { data: Record<string, unknown> }).data;
    };
    const { token } = await post('auth:signIn', launcher.credentials);
    await post('applications:stop?filterByTk=shop&wait=true', {}, String(token));
    await post('applications:destroy?filterByTk=crm', {}, String(token));
    expect(await launcher.interrupt()).toBe(0);

    launcher = Launcher.start({ args: ['--demo'], dataDir: folder.path, env: { APP_PORT: new URL(base).port } });
    await launcher.says("-H 'Host: crm.test.localhost'");
    const left = await post('applications:list', {}, String((await post('auth:signIn', launcher.credentials)).token));
    expect(left).toMatchObject([{ name: 'shop', state: 'stopped' }]);
  });

  it('leaves no process and no lock behind after Ctrl-C', async () => {
    expect(await folder.processes()).not.toEqual([]);
    expect(await launcher.interrupt()).toBe(0);
    expect(launcher.errorOutput).toBe('');
    expect(await folder.leftovers()).toEqual([]);
    await expect(fetch(base)).rejects.toThrow();
  });
});
