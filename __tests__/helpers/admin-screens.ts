import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { TestBrowser, type Visitor } from './browser';
import { TestHost } from './test-host';

export interface ClientScreens {
  client: string;
  /** In front of every path of this client. */
  prefix: string;
  /** Where the applications are listed. */
  list: string;
}

export const CLIENTS: ClientScreens[] = [
  { client: 'v1', prefix: '', list: '/admin/settings/app-supervisor/applications' },
  { client: 'v2', prefix: '/v', list: '/v/admin/settings/app-supervisor' },
];

/** What NocoBase's clients print before a sign-in: they ask for what only the signed-in get. The class is minified. */
export const NOT_SIGNED_IN = /^(AxiosError|[A-Z])\s*$/;

const DOCUMENTED = path.resolve(__dirname, '../../docs/screens');

/** The administrator in front of the plugin's screens, in a real host and a real browser. */
export class AdminScreens {
  private constructor(
    readonly host: TestHost,
    private readonly browser: TestBrowser,
    readonly visitor: Visitor,
  ) {}

  static async open(env: Record<string, string> = {}): Promise<AdminScreens> {
    const host = await TestHost.start({ env });
    try {
      const languages = { enabledLanguages: ['en-US', 'zh-CN'] };
      await host.post('/api/systemSettings:update?filterByTk=1', languages, await host.bearer('main'));
      const token = await host.token('main');
      // Last: a browser that is left open keeps the tests from ending.
      const browser = await TestBrowser.launch();
      const visitor = await browser.visitor();
      await visitor.remember(token);
      return new AdminScreens(host, browser, visitor);
    } catch (error) {
      await host.end();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.browser?.close();
    await this.host?.end();
  }

  get page(): Page {
    return this.visitor.page;
  }

  address(url: string): string {
    return this.host.host.url.replace('127.0.0.1', 'localhost') + url;
  }

  async goto(url: string): Promise<void> {
    await this.page.goto(this.address(url));
  }

  row(text: string): Locator {
    // A plain text would match without regard to case: "Second" also in "5 seconds ago".
    return this.page.getByRole('row').filter({ hasText: new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) });
  }

  async shows(name: string, state: string, timeout?: number): Promise<void> {
    await this.row(name).getByText(state, { exact: true }).waitFor({ timeout });
  }

  async press(action: string, title: string): Promise<void> {
    await this.page.getByLabel(`${action}: ${title}`, { exact: true }).click();
  }

  /** Chooses from the menu of a row. */
  async choose(action: string, title: string, { more = 'More actions' } = {}): Promise<void> {
    await this.press(more, title);
    const item = this.page.getByRole('menuitem', { name: action, exact: true });
    await item.waitFor();
    // It unfolds: what is under the pointer meanwhile is not what will be.
    await this.page.waitForTimeout(400);
    await item.click();
  }

  /** Opens a section of a form, and waits until it has unfolded. */
  async unfold(drawer: Locator, section: RegExp): Promise<void> {
    await drawer.getByRole('button', { name: section }).click();
    await this.page.waitForTimeout(600);
  }

  /** The drawer or dialog of this title. */
  dialog(title: string | RegExp): Locator {
    return this.page.getByRole('dialog').filter({ hasText: title });
  }

  async state(name: string): Promise<string> {
    const { body } = await this.host.show(name);
    return (body as { data: { state: string } }).data.state;
  }

  /** Where an application is reached: at the host that is its own, below the first base domain. */
  own(name: string, url: string): string {
    return `http://${name}.localhost:${this.host.host.port}${url}`;
  }

  /** Signs in where an application is visited, and comes back with the tab closed. @param expected without a query */
  async visit(open: () => Promise<void>, expected: string): Promise<void> {
    const { visitor } = this;
    const opening = visitor.context.waitForEvent('page');
    await open();
    const tab = await opening;
    await visitor.reachSignIn(tab);
    const { origin, pathname } = new URL(tab.url());
    expect(origin + pathname).toBe(expected);
    const errors = visitor.errors.filter((text) => !NOT_SIGNED_IN.test(text));
    const { email, password } = this.host.host.credentials;
    await visitor.signIn(email, password, tab);
    await tab.getByTestId('user-center-button').waitFor();
    await tab.close();
    visitor.forget();
    expect(errors).toEqual([]);
  }

  /** Nothing was printed as an error, and nothing was refused but what is named. */
  assertQuiet(refusals: string[] = []): void {
    const { visitor } = this;
    const seen = { errors: visitor.errors.slice(), refusals: visitor.refusals.slice() };
    visitor.forget();
    expect(seen).toEqual({ errors: [], refusals });
  }

  /** From the next load on. */
  async speak(language: 'en-US' | 'zh-CN'): Promise<void> {
    // Of several such scripts the last one has the last word.
    await this.page.addInitScript((code) => {
      if (location.protocol.startsWith('http')) localStorage.setItem('NOCOBASE_LOCALE', code);
    }, language);
  }

  /** NocoBase's themes are known by name; the user's own one is used from the next load on. */
  async wear(theme: 'Default' | 'Dark' | 'Compact'): Promise<void> {
    const bearer = await this.host.bearer('main');
    const { body } = await this.host.get('/api/themeConfig:list', bearer);
    const themes = (body as { data: { id: number; config: { name: string } }[] }).data;
    const themeId = themes.find(({ config }) => config.name === theme)?.id;
    expect((await this.host.post('/api/users:updateTheme', { themeId }, bearer)).status).toBe(200);
  }

  /** A picture of the screen: `test-results/<name>.png`, and with `UPDATE_SCREENS=1` also `docs/screens/<name>.png`. */
  async picture(name: string, { documented = true } = {}): Promise<void> {
    // What slides in, or fades, has arrived.
    await this.page.waitForTimeout(600);
    await this.visitor.screenshot(`screen-${name}`, this.page);
    if (process.env.UPDATE_SCREENS !== '1' || !documented) return;
    await mkdir(DOCUMENTED, { recursive: true });
    await this.page.screenshot({ path: path.join(DOCUMENTED, `${name}.png`) });
  }
}
