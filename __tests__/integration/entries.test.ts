import { TestHost } from '../helpers/test-host';

const OURS = 'nocobase-plugin-app-supervisor';
const MEMBER = { username: 'member', password: 'Member-4712' };

interface Entry {
  name: string;
  title: string;
  path: string;
  domain: string | null;
  hosts: string[];
  available: boolean;
  here: boolean;
}

interface ListedPlugin {
  name: string;
  packageName: string;
  options: unknown;
  url: string;
  clientV2Url?: string;
}

/** What everyone who is signed in is offered: the entries of block and switcher, in main and in sub-applications. */
describe('entries', () => {
  let host: TestHost;

  beforeAll(async () => {
    host = await TestHost.start();
    const applications = [
      { name: 'crm', displayName: 'Zebra', pinned: true, cname: 'crm.example.test' },
      { name: 'erp', displayName: 'Ant', pinned: true },
      { name: 'tenant', displayName: 'Tenant' },
    ];
    for (const values of applications) expect((await host.create(values)).status).toBe(200);
    for (const app of ['main', 'tenant']) {
      const headers = { ...(await host.bearer(app)), 'X-App': app };
      const made = await host.post('/api/users:create', { ...MEMBER, roles: ['member'] }, headers);
      expect(made.status).toBe(200);
    }
  });

  afterAll(() => host?.end());

  const member = async (app: string) => {
    const { body } = await host.signIn(app, MEMBER.username, MEMBER.password);
    return { Authorization: `Bearer ${body.data.token as string}` };
  };
  const entries = async (place: string, headers: Record<string, string>, app = 'main') => {
    const url = `/api/appSupervisor:entries?place=${place}`;
    const { status, body } = await host.get(url, { ...headers, 'X-App': app });
    return { status, body, entries: (body.data ?? []) as Entry[] };
  };
  const names = async (place: string, headers: Record<string, string>, app?: string) =>
    (await entries(place, headers, app)).entries.map(({ name }) => name);

  it('are the same for an administrator and for a member of the main application', async () => {
    for (const headers of [await host.bearer('main'), await member('main')]) {
      const sorted = (await names('block', headers)).sort();
      expect(sorted).toEqual(['crm', 'erp', 'tenant']);
      expect((await names('switcher', headers)).sort()).toEqual(['crm', 'erp']);
    }
  });

  it('say where each is reached, and nothing else of it', async () => {
    const { entries: listed } = await entries('block', await member('main'));
    expect(listed.find(({ name }) => name === 'crm')).toEqual({
      name: 'crm',
      title: 'Zebra',
      icon: null,
      iconUrl: null,
      path: '/apps/crm/',
      domain: 'crm.example.test',
      hosts: ['crm.example.test', 'crm.localhost', 'crm.apps.test'],
      available: true,
      here: false,
    });
  });

  it('show a sub-application only what is pinned, with the way back; itself among it', async () => {
    for (const place of ['block', 'switcher']) {
      for (const headers of [await host.bearer('tenant'), await member('tenant')]) {
        expect(await names(place, headers, 'tenant')).toEqual(['main', 'crm', 'erp']);
      }
    }
    const { entries: inside } = await entries('switcher', await host.bearer('erp'), 'erp');
    expect(inside.filter(({ here }) => here).map(({ name }) => name)).toEqual(['erp']);
    expect(inside[0]).toMatchObject({ name: 'main', title: 'Main application', path: '/', available: true });
    // A language that nobody has used in the main application yet.
    const { entries: chinese } = await entries(
      'switcher',
      { ...(await host.bearer('erp')), 'X-Locale': 'zh-CN' },
      'erp',
    );
    expect(chinese[0]?.title).toBe('主应用');
  });

  it('are nothing at all in a sub-application where none is pinned', async () => {
    const pin = (name: string, pinned: boolean) => host.act('update', { filterByTk: name }, { pinned });
    for (const name of ['crm', 'erp']) expect((await pin(name, false)).status).toBe(200);
    expect(await names('switcher', await member('tenant'), 'tenant')).toEqual([]);
    expect(await names('block', await member('tenant'), 'tenant')).toEqual([]);
    for (const name of ['crm', 'erp']) await pin(name, true);
  });

  it('are for whoever is signed in: 401 for a guest and for a token of another application', async () => {
    for (const app of ['main', 'tenant']) expect((await entries('block', {}, app)).status).toBe(401);
    expect((await entries('block', await host.bearer('main'), 'tenant')).status).toBe(401);
    expect((await entries('block', await member('tenant'), 'main')).status).toBe(401);
  });

  it('leave a member of the main application, and everyone in a sub-application, without administration', async () => {
    const [inMain, inTenant] = [await member('main'), await host.bearer('tenant')];
    for (const action of ['applications:list', 'appSupervisor:info']) {
      expect((await host.get(`/api/${action}`, inMain)).status).toBe(403);
      expect((await host.get(`/api/${action}`, { ...inTenant, 'X-App': 'tenant' })).status).toBe(404);
    }
  });

  it('refuse another place', async () => {
    for (const app of ['main', 'tenant']) {
      const { status, body } = await entries('elsewhere', await host.bearer(app), app);
      expect([status, body.errors?.[0]?.code]).toEqual([400, 'APP_VALUE_INVALID']);
    }
  });

  it('keep one that was stopped, as not available, and leave out one that was removed', async () => {
    await host.act('stop', { filterByTk: 'erp', wait: 'true' });
    const { entries: listed } = await entries('block', await member('main'));
    expect(listed.find(({ name }) => name === 'erp')).toMatchObject({ available: false });
    await host.act('start', { filterByTk: 'erp', wait: 'true' });
    await host.act('destroy', { filterByTk: 'erp' });
    expect(await names('block', await member('main'))).not.toContain('erp');
    await host.act('restore', { filterByTk: 'erp' });
    await host.until('it is back', async () => (await names('block', await member('main'))).includes('erp'));
  });

  describe('the client part in a sub-application', () => {
    const plugins = async (action: string, app: string) =>
      (await host.get(`/api/pm:${action}`, { 'X-App': app })).body.data as ListedPlugin[];
    const lang = async (app: string, query = '') =>
      (await host.get(`/api/app:getLang?${query}`, { 'X-App': app })).body.data as {
        resources: Record<string, Record<string, string>>;
      };
    const byName = (list: ListedPlugin[]) => [...list].sort((a, b) => a.name.localeCompare(b.name));

    it.each(['listEnabled', 'listEnabledV2'])('is what the main application lists in pm:%s', async (action) => {
      const [inMain, inTenant] = [await plugins(action, 'main'), await plugins(action, 'tenant')];
      const ours = inTenant.find(({ packageName }) => packageName === OURS);
      expect(ours?.options).toEqual({ application: 'tenant' });
      const withOptions = inMain.map((row) => (row.packageName === OURS ? { ...row, options: ours?.options } : row));
      expect(byName(inTenant)).toEqual(byName(withOptions));
      // It is not in the database: NocoBase would load it there.
      const stored = await host.sql(`SELECT name FROM "applicationPlugins" WHERE name = $1`, [OURS], 'tenant');
      expect(stored).toEqual([]);
    });

    it('brings its texts, in the language that is asked for, and changes no others', async () => {
      for (const app of ['main', 'tenant']) {
        const languages = { enabledLanguages: ['en-US', 'zh-CN'] };
        const headers = { ...(await host.bearer(app)), 'X-App': app };
        expect((await host.post('/api/systemSettings:update?filterByTk=1', languages, headers)).status).toBe(200);
      }
      for (const query of ['', 'locale=zh-CN', `ns=${OURS}`, 'ns=client', `ns=client,${OURS}&locale=zh-CN`]) {
        const [inMain, inTenant] = [await lang('main', query), await lang('tenant', query)];
        expect(inTenant).toEqual(inMain);
        expect(OURS in inTenant.resources).toBe(query !== 'ns=client');
      }
      const { resources } = await lang('tenant', 'locale=zh-CN');
      expect(resources[OURS]?.Applications).toBe('应用');
    });
  });
});
