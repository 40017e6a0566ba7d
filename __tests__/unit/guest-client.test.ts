import { serveGuestClient } from '../../server/guest-client';

const OURS = 'nocobase-plugin-app-supervisor';

jest.mock('../../server/core', () => ({
  clientUrl: (name: string, lane: string) => Promise.resolve(`/static/plugins/${name}/dist/${lane}/index.js?hash=1`),
  readTexts: (_name: string, language: string) => Promise.resolve({ Stopped: `Stopped in ${language}` }),
}));

type Middleware = (ctx: object, next: () => Promise<void>) => Promise<void>;

/** An application of which only what is registered matters. */
function guest(active: boolean) {
  const state = { middleware: undefined as Middleware | undefined, allowed: [] as unknown[], defined: [] as string[] };
  const app = {
    name: 'crm',
    acl: { allow: (...rule: unknown[]) => state.allowed.push(rule) },
    resourceManager: {
      define: ({ name, actions }: { name: string; actions: object }) =>
        state.defined.push(...Object.keys(actions).map((action) => `${name}:${action}`)),
      use: (middleware: Middleware) => (state.middleware = middleware),
    },
  };
  serveGuestClient(app as never, { active } as never);
  return state;
}

async function answer(
  action: [resourceName: string, actionName: string],
  body: unknown,
  { active = true, ns }: { active?: boolean; ns?: unknown } = {},
) {
  const ctx = {
    action: { resourceName: action[0], actionName: action[1] },
    request: { query: { ns } },
    body: undefined as unknown,
  };
  await guest(active).middleware?.(ctx, async () => {
    ctx.body = body;
  });
  return ctx.body;
}

const LISTED = [{ name: 'client', packageName: '@nocobase/plugin-client', options: {}, url: '/client.js' }];
const LANG = { lang: 'zh-CN', resources: { client: { Save: '保存' } }, antd: {} };

/** What a sub-application's clients are answered, with and without us. */
describe('the client part in a sub-application', () => {
  it('is one action for members, and one for everybody that tells a picture by its address', () => {
    const { defined, allowed } = guest(true);
    expect([defined, allowed]).toEqual([
      ['appSupervisor:entries', 'appSupervisor:icon'],
      [
        ['appSupervisor', 'entries', 'loggedIn'],
        ['appSupervisor', 'icon', 'public'],
      ],
    ]);
  });

  it('adds one row to the list of each client, and nothing else', async () => {
    const row = { name: OURS, packageName: OURS, options: { application: 'crm' } };
    const url = `/static/plugins/${OURS}/dist/client/index.js?hash=1`;
    const clientV2Url = url.replace('/client/', '/client-v2/');
    expect(await answer(['pm', 'listEnabled'], LISTED)).toEqual([...LISTED, { ...row, url, clientV2Url }]);
    expect(await answer(['pm', 'listEnabledV2'], LISTED)).toEqual([...LISTED, { ...row, url: clientV2Url }]);
  });

  it('is listed once where the application lists it already', async () => {
    const listed = [...LISTED, { name: OURS, packageName: OURS, options: null, url: '/old.js' }];
    expect(await answer(['pm', 'listEnabled'], listed)).toEqual(await answer(['pm', 'listEnabled'], LISTED));
  });

  it('adds its texts to those that are asked for, without touching what NocoBase keeps', async () => {
    const kept = structuredClone(LANG);
    const ours = { ...LANG, resources: { ...LANG.resources, [OURS]: { Stopped: 'Stopped in zh-CN' } } };
    expect(await answer(['app', 'getLang'], LANG)).toEqual(ours);
    expect(await answer(['app', 'getLang'], LANG, { ns: `client, ${OURS}` })).toEqual(ours);
    expect(await answer(['app', 'getLang'], LANG, { ns: ['client', OURS] })).toEqual(ours);
    expect(await answer(['app', 'getLang'], LANG, { ns: 'client' })).toBe(LANG);
    expect(LANG).toEqual(kept);
  });

  it.each([
    [['pm', 'list'], LISTED],
    [['app', 'getInfo'], { name: 'crm' }],
    [['users', 'listEnabled'], LISTED],
    [['pm', 'listEnabled'], { error: 'no list' }],
    [['app', 'getLang'], undefined],
  ] as const)('changes nothing of %p', async (action, body) => {
    expect(await answer([...action], body)).toBe(body);
  });

  it('changes nothing while no applications are managed', async () => {
    expect(await answer(['pm', 'listEnabled'], LISTED, { active: false })).toBe(LISTED);
    expect(await answer(['app', 'getLang'], LANG, { active: false })).toBe(LANG);
  });

  it('leaves a refusal as it is', async () => {
    const refused = new Error('refused');
    const { middleware } = guest(true);
    const ctx = { action: { resourceName: 'pm', actionName: 'listEnabled' }, request: { query: {} }, body: undefined };
    await expect(middleware?.(ctx, () => Promise.reject(refused))).rejects.toBe(refused);
  });
});
