import { readFile, realpath, rename, writeFile } from 'node:fs/promises';
import request from 'supertest';
import { noBrowser, TestBrowser } from '../helpers/browser';
import { StockHost } from '../helpers/stock-host';
import { TestHost } from '../helpers/test-host';

const PLUGIN = 'nocobase-plugin-app-supervisor';

/** A stock NocoBase, and the package of `npm pack` on its way into it by the plugin manager's upload. */
describe('the package in a stock NocoBase', () => {
  let stock: StockHost;
  let host: TestHost;

  beforeAll(async () => {
    stock = await StockHost.make();
    host = await TestHost.start({ pluginAvailable: false, pluginEnabled: false, hostModule: stock.module });
  });

  afterAll(async () => {
    await host?.end();
    await stock?.remove();
  });

  const asRoot = () => host.bearer('main');
  const plugin = async () => {
    const { body } = await host.get('/api/pm:list', await asRoot());
    // While NocoBase takes a package in, it answers nothing else.
    return (body.data as { name: string }[] | undefined)?.find(({ name }) => name === PLUGIN);
  };
  const mainIsUp = () =>
    host.until('NocoBase is up', async () => (await host.get('/api/__health_check')).text === 'ok');
  const info = async () => (await host.get('/api/appSupervisor:info', await asRoot())).body.data;

  it('is not there before', async () => {
    expect(await plugin()).toBeUndefined();
    expect((await host.get('/api/appSupervisor:info', await asRoot())).status).toBe(404);
  });

  it('is taken by the upload, and listed as compatible', async () => {
    const file = await stock.pack();
    const answer = await request(host.host.url)
      .post('/api/pm:add')
      .set(await asRoot())
      .attach('file', file);
    expect(answer.status).toBe(200);
    await host.until('the plugin is listed', async () => (await plugin()) !== undefined);
    await mainIsUp();
    const { body } = await host.get(`/api/pm:get?filterByTk=${PLUGIN}`, await asRoot());
    expect(body.data).toMatchObject({ isCompatible: true });
    expect(await plugin()).toMatchObject({ packageName: PLUGIN, displayName: 'App Supervisor', enabled: false });
  });

  it('can be enabled, says that NocoBase must be restarted, and does nothing by halves until then', async () => {
    const enabled = await host.post(`/api/pm:enable?filterByTk=${PLUGIN}&awaitResponse=true`, {}, await asRoot());
    expect(enabled.status).toBe(200);
    await mainIsUp();
    expect(await info()).toMatchObject({
      state: 'restart_required',
      reasonCode: 'APP_SUPERVISOR_RESTART_REQUIRED',
      message: expect.stringContaining('restart NocoBase'),
    });
    const early = await host.create({ name: 'early' });
    expect([early.status, early.body.errors[0].code]).toEqual([503, 'APP_SUPERVISOR_RESTART_REQUIRED']);
    expect(await host.databases()).not.toContain('early');
    expect((await host.get('/api/app:getInfo')).body.data.name).toBe('main');
  });

  const inBrowser = noBrowser ? it.skip : it;
  const why = noBrowser ? ` (${noBrowser})` : '';

  /** Looks for an alert on the page of App Supervisor in both clients. */
  async function seeAlert(text: string, picture: string): Promise<void> {
    const browser = await TestBrowser.launch();
    try {
      const visitor = await browser.visitor();
      await visitor.remember(await host.token('main'));
      for (const prefix of ['', '/v']) {
        await visitor.page.goto(`${host.host.url}${prefix}/admin/settings/app-supervisor`);
        await visitor.page.getByRole('alert').filter({ hasText: text }).waitFor();
        await visitor.screenshot(`${picture}${prefix.replace('/', '-')}`);
      }
      expect(visitor.errors).toEqual([]);
    } finally {
      await browser.close();
    }
  }

  inBrowser(`says so on its page in both clients${why}`, () =>
    seeAlert('NocoBase must be restarted', 'restart-required'),
  );

  it('works after the restart', async () => {
    await host.host.restart();
    expect(await info()).toMatchObject({ state: 'active', adapter: { discovery: 'local', process: 'local' } });
    expect((await host.show('early')).status).toBe(404);
    const made = await host.create({ name: 'uploaded' });
    expect(made.body.data).toMatchObject({ name: 'uploaded', state: 'running' });
    expect((await host.get('/api/app:getInfo', { Host: 'uploaded.localhost' })).body.data.name).toBe('uploaded');
    const { email, password } = host.host.credentials;
    expect((await host.signIn('uploaded', email, password)).status).toBe(200);
    expect((await host.signIn('uploaded', email, 'admin123')).status).not.toBe(200);
  });

  describe('after another version was installed', () => {
    const NEWER = '99.0.0';

    beforeAll(async () => {
      const { version, installedVersion } = await info();
      expect(installedVersion).toBe(version);
      // NocoBase replaces the files of a package while it runs.
      const file = await realpath(stock.path(`node_modules/${PLUGIN}/package.json`));
      const content = JSON.parse(await readFile(file, 'utf8')) as object;
      await writeFile(`${file}.new`, JSON.stringify({ ...content, version: NEWER }));
      await rename(`${file}.new`, file);
    });

    it('says which version runs until NocoBase is restarted', async () => {
      const { version, installedVersion, state } = await info();
      expect([state, installedVersion, version === NEWER]).toEqual(['active', NEWER, false]);
    });

    inBrowser(`says so on its page in both clients${why}`, () =>
      seeAlert(`Version ${NEWER} is installed`, 'newer-version'),
    );
  });
});
