import '../../helpers/in-process-environment';
import { readdir } from 'node:fs/promises';
import type { Application } from '@nocobase/server';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import type { Answer } from '../../helpers/test-host';

const plugins = ['error-handler'];
const PLANTED = 'Planted-4712';

const secretOf = (instance: Application) =>
  String((instance.authManager.jwt as unknown as { secret(): unknown }).secret());

/** Options by REST, by the repository, and in rows that others wrote, of a real NocoBase on a real database. */
describeWithPostgres('options of an application', () => {
  let app: InProcessApp;
  let crm: string;

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
    crm = app.name('crm');
    await app.create({ name: crm, options: { plugins } });
  });

  afterAll(() => app?.end());

  const outcome = ({ status, body }: Answer) => [
    status,
    (body as { errors?: { code?: string }[]; error?: { code?: string } }).errors?.[0]?.code,
  ];
  const messageOf = ({ body }: Answer) => (body as { errors?: { message?: string }[] }).errors?.[0]?.message ?? '';
  const act = (action: string, body: unknown, query = '') =>
    app.post(`/api/applications:${action}${query}`, body as object);
  const visit = async (name: string) => {
    const { status, body } = await app.get('/api/pm:listEnabled', { 'X-App': name });
    return [status, (body as { error?: { code?: string } }).error?.code];
  };
  const names = async () =>
    (await app.sql<{ name: string }>('SELECT name FROM applications ORDER BY 1')).map(({ name }) => name);

  /** A row as another plugin writes it, past all that checks; its database holds a NocoBase. */
  async function foreignRow(name: string, options: object): Promise<void> {
    await app.create({ name, options: { plugins } });
    await app.service.runner(name)?.stop('sleep');
    await rewrite(name, options, true);
  }

  async function rewrite(name: string, options: object, foreign = false): Promise<void> {
    const more = foreign ? ', provisioning = NULL, secrets = NULL' : '';
    await app.sql(`UPDATE applications SET options = $2${more} WHERE name = $1`, [name, JSON.stringify(options)]);
    await app.service.registry.load(app.main);
    await app.service.runner(name)?.stop('sleep');
  }

  it.each<[string, unknown, string]>([
    ['create', [], 'values'],
    ['create', [{ name: 'x' }], 'values'],
    ['create', { a: 1 }, 'a'],
    ['create', { displayname: 'x' }, 'displayname'],
    ['create', { options: { databse: {} } }, 'options.databse'],
    ['create', { options: { logger: { system: { dirname: '/tmp/x' } } } }, 'options.logger'],
    ['create', { options: { skipSupervisor: true } }, 'options.skipSupervisor'],
    ['create', { options: { acl: false } }, 'options.acl'],
    ['create', { options: { database: { timezone: "x'; SELECT 1; --" } } }, 'options.database.timezone'],
    ['create', { options: { database: { clientMinMessages: 'x' } } }, 'options.database.clientMinMessages'],
    ['create', { options: { authManager: { jwt: false } } }, 'authManager.jwt'],
    ['create', { options: { authManager: { jwt: [] } } }, 'authManager.jwt'],
    ['create', { options: { plugins: ['no-such-plugin'] } }, 'no-such-plugin'],
    ['create', { options: { plugins: ['lodash'] } }, 'lodash'],
    ['checkDatabase', { nme: 'x' }, 'nme'],
    ['import', { archive: 'none.tar', adopt: true }, 'adopt'],
    ['import', [], 'values'],
  ])('%s refuses %j with 400, names the field and makes nothing', async (action, body, field) => {
    const before = await names();
    const answer = await act(action, body);
    expect(answer.status).toBe(400);
    expect(messageOf(answer)).toContain(field);
    expect(await names()).toEqual(before);
  });

  it.each<[string, object]>([
    ['update', { displayNme: 'x' }],
    ['update', { options: { theme: 'dark' } }],
    ['clone', { pinned: true }],
    ['start', { name: 'x' }],
    ['stop', { all: true }],
    ['restart', { wait: true }],
    ['isolate', { all: true }],
    ['acceptDatabase', { x: 1 }],
    ['destroy', { dropDatabse: true }],
    ['upgrade', { forced: true }],
    ['restore', { x: 1 }],
    ['purge', { x: 1 }],
    ['export', { to: '/tmp' }],
  ])('%s refuses the unknown field in %j', async (action, body) => {
    const answer = await act(action, body, `?filterByTk=${crm}`);
    expect(outcome(answer)).toEqual([400, 'APP_FIELD_UNKNOWN']);
    expect(app.service.registry.has(crm)).toBe(true);
  });

  it('an update takes back an application as it was read', async () => {
    const read = (await app.get(`/api/applications:get?filterByTk=${crm}`)).body.data as Record<string, unknown>;
    const answer = await act('update', { ...read, displayName: 'CRM' }, `?filterByTk=${crm}`);
    expect(outcome(answer)).toEqual([200, undefined]);
    expect(answer.body.data).toMatchObject({
      name: crm,
      displayName: 'CRM',
      options: read.options,
      ignoredOptions: [],
    });
  });

  it.each([{ authManager: null }, { authManager: { jwt: null } }, { authManager: { jwt: { secret: null } } }])(
    'null in %j touches no secret',
    async (authManager) => {
      const name = app.name(`null${Math.random().toString(36).slice(2, 7)}`);
      await app.create({ name, options: { plugins, ...authManager } });
      const secret = secretOf(await app.supervisor.getApp(name));
      expect(secret).not.toBe(secretOf(app.main));
      expect(outcome(await act('update', { options: authManager }, `?filterByTk=${name}`))).toEqual([200, undefined]);
      await app.service.runner(name)?.stop('sleep');
      expect(secretOf(await app.supervisor.getApp(name))).toBe(secret);
    },
  );

  it('a row of ours that was changed past us keeps its secret and its options', async () => {
    const secret = secretOf(await app.supervisor.getApp(crm));
    const row = app.service.registry.get(crm)?.options ?? {};
    const changes = [
      { authManager: null },
      { authManager: { jwt: null } },
      { authManager: { jwt: false } },
      { authManager: { jwt: [] } },
      { authManager: { jwt: { secret: '' } } },
      { authManager: { jwt: { secret: PLANTED } } },
      { acl: false, skipSupervisor: true, name: 'main', logger: { system: { dirname: `${app.storage}/planted` } } },
      { database: { ...row.database, timezone: "x'; SELECT pg_sleep(9) --", clientMinMessages: 'x', logging: true } },
    ];
    for (const change of changes) {
      await rewrite(crm, { ...row, ...change });
      expect(await visit(crm)).toEqual([200, undefined]);
      const instance = await app.supervisor.getApp(crm);
      expect(secretOf(instance)).toBe(secret);
      expect(instance.options.acl).toBeUndefined();
      expect((instance.db.options as { timezone?: string }).timezone ?? '').not.toContain('pg_sleep');
    }
    await rewrite(crm, row);
    expect(await readdir(app.storage)).not.toContain('planted');
  });

  it.each<[string, object]>([
    ['an address as one text', { url: `postgres://nb:${PLANTED}@127.0.0.1/x` }],
    ['a search path', { searchPath: 'public' }],
    ['servers to read from', { replication: { read: [] } }],
    ['another server', { host: '127.0.0.2' }],
    ['another driver', { dialectModulePath: '/tmp/x' }],
  ])('a row with %s does not boot, and says why', async (_what, more) => {
    const options = app.service.registry.get(crm)?.options ?? {};
    await rewrite(crm, { ...options, database: { ...options.database, ...more } });
    try {
      const [status, code] = await visit(crm);
      expect([status, code]).toEqual([503, 'APP_OPTION_UNSUPPORTED']);
      const shown = (await app.get(`/api/applications:get?filterByTk=${crm}`)).body.data as Record<string, unknown>;
      expect(shown.ignoredOptions).toEqual([`database.${Object.keys(more)[0]}`]);
      expect(JSON.stringify(shown)).not.toContain(PLANTED);
      expect(app.supervisor.hasApp(crm)).toBe(false);
    } finally {
      await rewrite(crm, options);
    }
    await (
      await app.service.start(crm)
    ).done;
    expect(await visit(crm)).toEqual([200, undefined]);
  });

  it('a row of another plugin works, and its further options are named', async () => {
    const name = app.name('foreign');
    await foreignRow(name, { plugins, standaloneDeployment: true, sso: { enabled: false }, theme: 'dark', acl: false });
    expect(await visit(name)).toEqual([200, undefined]);
    const shown = (await app.get(`/api/applications:get?filterByTk=${name}`)).body.data as Record<string, unknown>;
    expect(shown).toMatchObject({ ignoredOptions: ['theme', 'acl'], ownSecret: false });
    const cleaned = await act('update', { options: { theme: null, acl: null } }, `?filterByTk=${name}`);
    expect(cleaned.body.data).toMatchObject({ ignoredOptions: [] });
  });

  it('an instance whose secret or database is not the registered one is given up', async () => {
    const { supervisor } = app;
    await app.service.runner(crm)?.stop('sleep');
    const register = supervisor.registerApp.bind(supervisor);
    const planted = [{ authManager: { jwt: { secret: PLANTED } } }, { database: { database: app.address.database } }];
    for (const options of planted) {
      const spy = jest
        .spyOn(supervisor, 'registerApp')
        .mockImplementation((order) => register({ ...order, appModel: { ...order.appModel, options } }));
      try {
        expect(await visit(crm)).toEqual([503, 'APP_INSTANCE_MISMATCH']);
        expect(supervisor.hasApp(crm)).toBe(false);
      } finally {
        spy.mockRestore();
      }
      await (
        await app.service.start(crm)
      ).done;
      await app.service.runner(crm)?.stop('sleep');
    }
  });
});
