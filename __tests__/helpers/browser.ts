import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const SCREENSHOTS = path.resolve(__dirname, '../../test-results');
const DOCUMENTED_SCREENS = path.resolve(__dirname, '../../docs/screens');
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** On a machine that other tests keep busy, NocoBase's admin UI takes its time. */
const SOON_MS = 40_000;

const wanted = process.env.CHROMIUM_PATH;
const executablePath = wanted ?? PLACES.find((place) => existsSync(place));

/** Why there is no browser here; undefined where there is one. */
export const noBrowser = executablePath
  ? undefined
  : 'skipped: no Chromium on this machine; install the package chromium, or name one with CHROMIUM_PATH';

/** A `describe` whose tests need a browser: where there is none, they are skipped, and the title says why. */
export function describeInBrowser(title: string, body: () => void): void {
  if (noBrowser) describe.skip(`${title} (${noBrowser})`, body);
  else describe(title, body);
}

/** Runs in every page before its scripts do. A tab that is still empty has no storage. */
export function storeToken({ token, app }: { token: string; app?: string }): void {
  if (!location.protocol.startsWith('http')) return;
  const [, own] = /^(.+)\.localhost$/.exec(location.hostname) ?? [];
  if (own === app) localStorage.setItem('NOCOBASE_TOKEN', token);
  else if (own === undefined) localStorage.setItem(`NOCOBASE_${(app ?? '').toUpperCase()}_TOKEN`, token);
}

/** Chromium, one a test file. */
export class TestBrowser {
  private constructor(private readonly browser: Browser) {}

  static async launch(): Promise<TestBrowser> {
    return new TestBrowser(await chromium.launch({ executablePath, args: ARGUMENTS }));
  }

  /** Somebody with a clean browser profile. */
  async visitor({ locale = 'en-US' } = {}): Promise<Visitor> {
    const context = await this.browser.newContext({ locale, viewport: { width: 1280, height: 800 } });
    context.setDefaultTimeout(SOON_MS);
    context.setDefaultNavigationTimeout(SOON_MS);
    return new Visitor(context, await context.newPage());
  }

  async close(): Promise<void> {
    await this.browser.close();
  }
}

export interface ApiCall {
  url: URL;
  /** The application that the client names in its header. */
  app?: string;
}

/** Somebody in front of a browser, and what the browser has to complain of. */
export class Visitor {
  /** What pages print as errors, and what they throw. */
  readonly errors: string[] = [];
  /** Answers of 400 and above, but for the one icon that NocoBase's v2 client is known to miss. */
  readonly refusals: string[] = [];
  /** Calls of NocoBase's API. */
  readonly calls: ApiCall[] = [];

  constructor(
    readonly context: BrowserContext,
    readonly page: Page,
  ) {
    context.on('console', (message) => {
      // The browser's own word for an answer of 400 and above: these are kept apart.
      const isRefusal = message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !isRefusal) this.errors.push(message.text());
    });
    context.on('weberror', (failure) => this.errors.push(String(failure.error())));
    context.on('response', (response) => {
      const url = new URL(response.url());
      if (response.status() < 400 || url.pathname.endsWith('/favicon_no_exist.ico')) return;
      this.refusals.push(`${response.status()} ${url.pathname}`);
    });
    context.on('request', (request) => {
      const url = new URL(request.url());
      if (url.pathname.startsWith('/api/')) this.calls.push({ url, app: request.headers()['x-app'] });
    });
  }

  /** Forgets what was seen so far. */
  forget(): void {
    for (const list of [this.errors, this.refusals, this.calls]) list.length = 0;
  }

  /**
   * Comes with a sign-in, to the main application or another one, as a browser that was here before. An application at
   * a host of its own keeps it there; below the main application's address it has a name of its own.
   */
  async remember(token: string, app?: string): Promise<void> {
    await this.context.addInitScript(storeToken, { token, app });
  }

  /**
   * Waits until no call of the API has begun for a while. A busy machine thinks longer between two of them than the
   * browser's own "network idle" allows for.
   */
  async settled(quietMs = 4_000): Promise<void> {
    for (let seen = -1; seen !== this.calls.length;) {
      seen = this.calls.length;
      await this.page.waitForTimeout(quietMs);
    }
  }

  /** Waits for the sign-in page. */
  async reachSignIn(page = this.page): Promise<void> {
    await page.waitForURL(/\/signin/);
    await page.locator('input[type=password]').waitFor();
  }

  async signIn(account: string, password: string, page = this.page): Promise<void> {
    await this.reachSignIn(page);
    await page.getByPlaceholder('Username/Email').fill(account);
    await page.getByPlaceholder('Password').fill(password);
    await page.getByRole('button', { name: /Sign in$/ }).click();
    await page.waitForURL((url) => /\/admin\b/.test(url.pathname));
  }

  /** For whoever looks into a failure, or at the looks: `test-results/<name>.png`. */
  async screenshot(name: string, page = this.page): Promise<void> {
    await mkdir(SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) });
  }

  /** The upper part of a page, for the documents: `docs/screens/<name>.png`, with `UPDATE_SCREENS=1`. */
  async documentScreen(name: string, page: Page, height: number): Promise<void> {
    if (process.env.UPDATE_SCREENS !== '1') return this.screenshot(name, page);
    await mkdir(DOCUMENTED_SCREENS, { recursive: true });
    const width = page.viewportSize()?.width ?? 0;
    await page.screenshot({
      path: path.join(DOCUMENTED_SCREENS, `${name}.png`),
      clip: { x: 0, y: 0, width, height },
    });
  }

  async leave(): Promise<void> {
    await this.context.close();
  }
}
