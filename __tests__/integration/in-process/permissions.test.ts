import '../../helpers/in-process-environment';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import { signIn, WITH_PEOPLE } from '../../helpers/people';
import swagger from '../../../server/swagger';

/** Every administrative action asks for `pm.app-supervisor`, whatever else a role may do. */

const PASSWORD = 'Planted-4712';
const EVERYTHING = ['create', 'view', 'update', 'destroy', 'export', 'importXlsx'];
const ROLES = {
  // As NocoBase makes them.
  member: {},
  // May do everything with every collection, and nothing was said about settings.
  helper: { snippets: [], strategy: { actions: EVERYTHING } },
  // Was given the collections of ours by themselves.
  granted: {
    snippets: ['!pm', '!pm.*'],
    strategy: { actions: EVERYTHING },
    resources: ['applications', 'applicationEvents'].map((name) => ({
      name,
      usingActionsConfig: true,
      actions: EVERYTHING.map((action) => ({ name: action })),
    })),
  },
  operator: { snippets: ['pm.app-supervisor'], strategy: { actions: [] } },
};

describeWithPostgres('permissions', () => {
  let app: InProcessApp;
  const tokens: Record<string, string | undefined> = {};
  const keys: Record<string, string> = {};

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...new Set([...SMALL, ...WITH_PEOPLE]), OURS], acl: true });
    for (const [role, values] of Object.entries(ROLES)) {
      const roles = app.main.db.getRepository('roles');
      if (role !== 'member') await roles.create({ values: { name: role, title: role, ...values } });
      const person = { username: role, password: PASSWORD, roles: [{ name: role }] };
      await app.main.db.getRepository('users').create({ values: person });
      tokens[role] = await signIn(app, 'main', role, PASSWORD);
      const apiKeys = app.plugin('api-keys') as unknown as { generateAPIKey(order: object): Promise<string> };
      keys[role] = await apiKeys.generateAPIKey({ name: role, username: role, role, expiresIn: '1d' });
    }
  });

  afterAll(() => app?.end());

  const handlers = () => app.main.resourceManager.getRegisteredHandlers() as Map<string, unknown>;
  /** Open to members: what the Applications block and the switcher show; to all: files at addresses that cannot be guessed. */
  const open = ['appSupervisor:entries', 'appSupervisor:icon', 'appSupervisor:downloadArchive'];
  /** All that NocoBase would carry out: what we register, and its own actions of any collection. */
  const actions = () => {
    const { resourceManager } = app.main;
    const registered = [...handlers().keys()];
    // NocoBase opens these to everybody, and finds no file in collections without files.
    const ofFiles = ['getFile', 'createTemporaryURL'];
    const general = registered.filter((name) => !name.includes(':') && !ofFiles.includes(name));
    const own = registered.filter((name) => name.startsWith('applications:'));
    const supervisor = [...resourceManager.getResource('appSupervisor').actions.keys()]
      .map(String)
      // Each resource knows the handlers of all others, too.
      .filter((action) => !action.includes(':') && !ofFiles.includes(action))
      .map((action) => `appSupervisor:${action}`);
    const ofCollections = ['applications', 'applicationEvents'].flatMap((collection) =>
      general.map((action) => `${collection}:${action}`),
    );
    return [...new Set([...own, ...supervisor, ...ofCollections])].filter((name) => !open.includes(name)).sort();
  };
  const call = (action: string, role: string, headers: Record<string, string> = {}) =>
    app.post(
      `/api/${action}?filterByTk=nobody`,
      // Nothing comes of a call that is let in.
      { name: 'No name!' },
      { Authorization: `Bearer ${tokens[role]}`, 'X-Role': role, 'X-Authenticator': 'basic', ...headers },
    );

  it('knows what there is', () => {
    expect(Object.values(tokens).every(Boolean)).toBe(true);
    expect(actions()).toEqual(
      expect.arrayContaining([
        ...['list', 'get', 'details', 'logs', 'create', 'destroy', 'start', 'clone'].map(
          (name) => `applications:${name}`,
        ),
        ...['export', 'import', 'downloadArchive', 'linkArchive', 'deleteArchive'].map(
          (name) => `applications:${name}`,
        ),
        ...['appSupervisor:info', 'appSupervisor:metrics', 'applicationEvents:list', 'applications:updateOrCreate'],
      ]),
    );
  });

  it('offers the actions that the document of the API tells of, and no more', async () => {
    const documented = Object.keys(swagger.paths).map((path) => path.slice(1));
    const ours = actions().filter((name) => handlers().has(name) || name.startsWith('appSupervisor:'));
    // What a TLS proxy asks is answered before NocoBase sees it.
    expect([...ours, ...open, 'appSupervisor:ask'].sort()).toEqual([...documented].sort());
    const reading = ['applicationEvents:list', 'applicationEvents:get'];
    const others = actions().filter((name) => !documented.includes(name) && !reading.includes(name));
    expect(others).toEqual(expect.arrayContaining(['applications:move', 'applications:upload']));
    const root = await signIn(app, 'main', 'nocobase', process.env.INIT_ROOT_PASSWORD ?? '');
    const headers = { Authorization: `Bearer ${root}`, 'X-Authenticator': 'basic' };
    for (const action of [...others, 'applications:getFile', 'applicationEvents:getFile']) {
      // NocoBase asks the database for the row first, which would not take a word as the number of an event.
      const url = `/api/${action}?filterByTk=${action.startsWith('applications:') ? 'nobody' : 1}`;
      const statuses = [(await app.get(url, headers)).status, (await app.post(url, {}, headers)).status];
      expect([action, ...statuses]).toEqual([action, 404, 404]);
    }
  });

  it.each(['member', 'helper', 'granted'])('refuses every action to the role "%s"', async (role) => {
    const allowed: unknown[] = [];
    for (const action of actions()) {
      const { status } = await call(action, role);
      if (status !== 403) allowed.push([action, status]);
      const named = await call(action, role, { 'X-Data-Source': 'main' });
      if (named.status !== 403) allowed.push([action, named.status, 'by its data source']);
    }
    expect(allowed).toEqual([]);
    expect(await app.repository.count()).toBe(0);
  });

  it('refuses every action to who is not signed in', async () => {
    const allowed: unknown[] = [];
    for (const action of actions()) {
      const { status } = await app.post(`/api/${action}?filterByTk=nobody`);
      if (status !== 401 && status !== 403) allowed.push([action, status]);
    }
    expect(allowed).toEqual([]);
  });

  it('lets an operator take no host by which users work in the main application, also after a restart', async () => {
    const as = (role: string, host: string) => ({
      ...{ Authorization: `Bearer ${tokens[role]}`, 'X-Role': role, 'X-Authenticator': 'basic', Host: host },
    });
    const ask = async (domain: string) => {
      const { status, body } = await app.get(
        `/api/applications:checkDomain?domain=${domain}`,
        as('operator', 'localhost'),
      );
      return [domain, status, (body as { data?: { code?: string } }).data?.code];
    };
    expect(await ask('corp.example')).toEqual(['corp.example', 200, undefined]);
    // A stranger cannot keep a domain from the applications.
    expect((await app.get('/api/auth:check', { Host: 'corp.example' })).status).not.toBe(500);
    await app.get('/api/auth:check', { ...as('member', 'corp.example'), Authorization: 'Bearer no.such.token' });
    expect(await ask('corp.example')).toEqual(['corp.example', 200, undefined]);
    expect((await app.get('/api/auth:check', as('member', 'corp.example'))).status).toBe(200);
    for (const domain of ['corp.example', 'CORP.example.', 'example']) {
      expect(await ask(domain)).toEqual([domain, 200, 'APP_DOMAIN_MAIN']);
    }
    const taken = await app.post(
      '/api/applications:create',
      { name: app.name('thief'), cname: 'corp.example' },
      as('operator', 'localhost'),
    );
    expect([taken.status, (taken.body as { errors: { code: string }[] }).errors[0]?.code]).toEqual([
      409,
      'APP_DOMAIN_MAIN',
    ]);
    await app.restart();
    expect(await ask('corp.example')).toEqual(['corp.example', 200, 'APP_DOMAIN_MAIN']);
    expect(await app.repository.count()).toBe(0);
  });

  it('refuses none of our actions to who has the permission', async () => {
    const refused: unknown[] = [];
    for (const action of actions().filter((name) => !name.startsWith('applicationEvents:'))) {
      const { status } = await call(action, 'operator');
      if (status === 403 || status === 401) refused.push([action, status]);
    }
    expect(refused).toEqual([]);
  });

  it('binds an API key to the permission of its role, by POST and by GET', async () => {
    const wrong: unknown[] = [];
    const ours = actions().filter((name) => !name.startsWith('applicationEvents:'));
    for (const role of ['member', 'helper', 'granted', 'operator']) {
      const headers = { Authorization: `Bearer ${keys[role]}` };
      for (const action of ours) {
        const url = `/api/${action}?filterByTk=nobody`;
        const answers = [await app.post(url, { name: 'No name!' }, headers), await app.get(url, headers)];
        const refused = answers.map(({ status }) => status === 403);
        if (refused.some((is) => is !== (role !== 'operator'))) wrong.push([role, action, refused]);
      }
    }
    expect(wrong).toEqual([]);
    expect(await app.repository.count()).toBe(0);
  });
});
