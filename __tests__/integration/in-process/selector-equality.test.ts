import '../../helpers/in-process-environment';
import fc from 'fast-check';
import { Gateway } from '@nocobase/server';
import type { AppService } from '../../../server/app-service';
import { readConfig } from '../../../server/config';
import { Registry } from '../../../server/registry';
import { joinSelectors } from '../../../server/routing/doors';
import { Router } from '../../../server/routing/router';
import { setSelectorRouter } from '../../../server/routing/selector';
import { recordFromRow } from '../../../src/app-record';

/**
 * Our router decides before the core's selector chain does, and again in its place: for an application that is
 * registered, both have to name the same one, however the request names it. Where the host of the request is an
 * application's own address, or the name is one that nobody has, ours decides otherwise on purpose; that is not asked
 * here.
 */

interface Request {
  url: string;
  headers: Record<string, string>;
  originalUrl?: string;
}

/** Also names that ours would not create, but another plugin has. */
const NAMES = ['crm', 'crm-2', 'a_b', 'UPPER', 'Mixed_1', '1st', 'x', 'files', 'api', 'a'.repeat(48)];

function makeRouter(): Router {
  const registry = new Registry();
  for (const name of NAMES) registry.put(recordFromRow({ name }));
  const config = readConfig({ ...process.env, APP_SUPERVISOR_BASE_DOMAIN: 'apps.test' }, () => undefined);
  return new Router({
    routes: true,
    config,
    registry,
    supervisor: { runningMode: 'multiple', singleAppName: null },
  } as unknown as AppService);
}

/** What the core makes of a request by itself. It changes the request: each decision gets one of its own. */
function core({ url, headers }: Request): Promise<string> {
  return Gateway.getInstance().getRequestHandleAppName({ url, headers: { ...headers } });
}

function ours(router: Router, { url, headers }: Request): string {
  const route = router.route({ url, headers: { ...headers } });
  return route.kind === 'app' ? route.name : route.kind;
}

const HOST = { host: '127.0.0.1:13000' };

/** Every byte of a text as a percent escape. */
function escapedAll(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

afterEach(() => {
  setSelectorRouter(undefined);
  Gateway.getInstance().reset();
});

afterAll(() => Gateway.getInstance().destroy());

const PLACES = [
  { publicPath: '/', api: '/api/' },
  { publicPath: '/', api: '/api' },
  { publicPath: '/nb/', api: '/nb/api/' },
];

describe.each(PLACES)('below $publicPath with the API at $api', ({ publicPath, api }) => {
  const root = publicPath.replace(/\/$/, '');
  const apiRoot = api.replace(/\/$/, '');

  beforeAll(() => {
    Object.assign(process.env, { APP_PUBLIC_PATH: publicPath, API_BASE_PATH: api, WS_PATH: `${root}/ws` });
  });

  const cases: [what: string, url: string, headers: Record<string, string>, expected: string][] = [
    ['nothing', `${apiRoot}/app:getInfo`, {}, 'main'],
    ['the header', `${apiRoot}/app:getInfo`, { 'x-app': 'crm' }, 'crm'],
    ['the header, main', `${apiRoot}/app:getInfo`, { 'x-app': 'main' }, 'main'],
    ['an empty header', `${apiRoot}/app:getInfo`, { 'x-app': '' }, 'main'],
    ['a header of another case', `${apiRoot}/app:getInfo`, { 'x-app': 'UPPER' }, 'UPPER'],
    ['the query', `${apiRoot}/app:getInfo?__appName=crm`, {}, 'crm'],
    ['the query, main', `${apiRoot}/app:getInfo?__appName=main`, { 'x-app': 'crm' }, 'main'],
    ['an empty query', `${apiRoot}/app:getInfo?__appName=`, { 'x-app': 'crm' }, 'crm'],
    ['the query after others', `${apiRoot}/a:b?filter=%7B%7D&__appName=a_b&x=1`, {}, 'a_b'],
    ['the query with an escaped key', `${apiRoot}/a:b?${escapedAll('__appName')}=crm`, {}, 'crm'],
    ['the query with a half escaped key', `${apiRoot}/a:b?__app%4Eame=crm`, {}, 'crm'],
    ['the query with an escaped value', `${apiRoot}/a:b?__appName=${escapedAll('crm-2')}`, {}, 'crm-2'],
    ['a key of another case', `${apiRoot}/a:b?__APPNAME=crm`, {}, 'main'],
    ['the parameter of another name', `${apiRoot}/a:b?x__appName=crm&__appNames=x`, {}, 'main'],
    ['the socket', `${root}/ws?__appName=crm`, {}, 'crm'],
    ['the path', `${apiRoot}/__app/crm/app:getInfo`, {}, 'crm'],
    ['the path, main', `${apiRoot}/__app/main/app:getInfo`, { 'x-app': 'crm' }, 'main'],
    ['the path without more', `${apiRoot}/__app/crm`, {}, 'crm'],
    ['the path with a query only', `${apiRoot}/__app/crm?x=1`, {}, 'crm'],
    ['a path without a name', `${apiRoot}/__app/`, { 'x-app': 'crm' }, 'crm'],
    ['a path with an empty name', `${apiRoot}/__app//crm/x`, { 'x-app': 'x' }, 'x'],
    ['the path elsewhere', `/elsewhere${apiRoot}/__app/crm/x`, {}, 'main'],
    ['the files', `${root}/files/crm/main/1`, {}, 'crm'],
    ['the files, at the root', '/files/crm/main/1', {}, 'crm'],
    ['the files, escaped', `${root}/files/${escapedAll('a_b')}/main/1`, {}, 'a_b'],
    ['the files without a name', `${root}/files/`, { 'x-app': 'crm' }, 'crm'],
    ['the query over the header', `${apiRoot}/a:b?__appName=crm`, { 'x-app': 'x' }, 'crm'],
    ['the path over query and header', `${apiRoot}/__app/crm/a:b?__appName=x`, { 'x-app': 'a_b' }, 'crm'],
    ['the files over query and header', `${root}/files/crm/1?__appName=x`, { 'x-app': 'a_b' }, 'crm'],
    ['a page', `${root}/admin/settings`, { 'x-app': 'crm' }, 'crm'],
    ['what stands behind a number sign', `${apiRoot}/a:b#?__appName=crm`, {}, 'main'],
    ['a query before a number sign', `${apiRoot}/a:b?__appName=crm#x`, {}, 'crm'],
    ['a path before a number sign', `${root}/files/crm#x`, {}, 'crm'],
    ['an absolute address', `http://127.0.0.1:13000${apiRoot}/__app/crm/a:b`, {}, 'crm'],
    ['an absolute address of files', `http://127.0.0.1${root}/files/crm/1`, {}, 'crm'],
    ['an absolute address and the query', `http://127.0.0.1?__appName=crm`, {}, 'crm'],
    ['an address within the query', `${apiRoot}/a:b?to=http://h${apiRoot}/__app/crm/x`, {}, 'main'],
    ['a backslash', `${apiRoot}\\__app\\crm\\a:b`, {}, 'crm'],
  ];

  it.each(cases)('%s: %s', async (_what, url, headers, expected) => {
    const request = { url, headers: { ...HOST, ...headers } };
    expect(await core(request)).toBe(expected);
    expect(ours(makeRouter(), request)).toBe(expected);
  });

  const name = fc.constantFrom(...NAMES, 'main');
  const written = (value: fc.Arbitrary<string>) =>
    fc.tuple(value, fc.nat({ max: 2 })).map(([text, how]) => (how === 0 ? escapedAll(text) : text));
  const noise = fc.constantFrom(
    '',
    'a:b',
    'x/y',
    'users:list',
    '%2F',
    'a%20b',
    '..',
    '//',
    'x=1',
    'ä',
    '__app',
    'files',
  );
  const path = fc.oneof(
    fc.tuple(name, noise).map(([app, rest]) => `${apiRoot}/__app/${app}/${rest}`),
    name.map((app) => `${apiRoot}/__app/${app}`),
    fc.tuple(written(name), noise).map(([app, rest]) => `${root}/files/${app}/${rest}`),
    fc.tuple(written(name), noise).map(([app, rest]) => `/files/${app}/${rest}`),
    noise.map((rest) => `${apiRoot}/${rest}`),
    noise.map((rest) => `${root}/${rest}`),
  );
  const pair = fc.oneof(
    fc.tuple(written(fc.constant('__appName')), written(name)).map(([key, app]) => `${key}=${app}`),
    fc.constantFrom('x=1', '__appName=', 'filter=%7B%22a%22%3A1%7D', '%', 'a[b]=c', '__app=crm', 'x=%ZZ'),
  );
  const query = fc.array(pair, { maxLength: 3 }).filter((pairs) => {
    // Named twice, it is a list: the core hangs on it, ours refuses it.
    return (
      pairs.filter((text) => decodeURIComponent(text.split('=')[0]?.replace(/%$/, '') ?? '') === '__appName').length < 2
    );
  });
  const requests = fc.record({
    path,
    query,
    fragment: fc.constantFrom('', '', '', '#', '#x?__appName=crm', '#/files/crm/'),
    origin: fc.constantFrom('', '', '', '', 'http://127.0.0.1:13000', 'https://main.example.test'),
    header: fc.option(fc.oneof(name, fc.constant('')), { nil: undefined }),
  });

  it('anything', async () => {
    const router = makeRouter();
    await fc.assert(
      fc.asyncProperty(requests, async ({ path: where, query: pairs, fragment, origin, header }) => {
        const url = `${origin}${where}${pairs.length ? `?${pairs.join('&')}` : ''}${fragment}`;
        const request = { url, headers: { ...HOST, ...(header === undefined ? {} : { 'x-app': header }) } };
        expect([url, ours(router, request)]).toEqual([url, await core(request)]);
      }),
      { numRuns: 1_500 },
    );
  });

  it('the chain with ours in it names what the front door has named, however often it is asked', async () => {
    const router = makeRouter();
    const gateway = Gateway.getInstance();
    joinSelectors();
    setSelectorRouter(router);
    const host = fc.constantFrom('127.0.0.1', 'crm.apps.test', 'CRM.apps.test.:80', 'nobody.apps.test', 'apps.test');
    const value = fc.oneof(name, fc.constantFrom('nobody', '../x', 'a'.repeat(300)));
    await fc.assert(
      fc.asyncProperty(requests, host, value, async ({ path: where, query: pairs }, address, named) => {
        const url = `${where}${pairs.length ? `?${pairs.join('&')}` : ''}`;
        const request: Request = { url, headers: { host: address, 'x-app': named } };
        const door = router.route(request);
        const expected = door.kind === 'app' ? door.name : door.kind === 'main' ? 'main' : '-';
        expect(await gateway.getRequestHandleAppName(request as never)).toBe(expected);
        expect(await gateway.getRequestHandleAppName(request as never)).toBe(expected);
        // One that the front door has not seen, as on the way of a socket.
        const other = { url, headers: { host: address, 'x-app': named } };
        expect(await gateway.getRequestHandleAppName(other as never)).toBe(expected);
        expect(await gateway.getRequestHandleAppName(other as never)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });
});

it('the core alone forgets the application when it is asked twice; that is why ours remembers', async () => {
  const request = { url: '/api/__app/crm/a:b', headers: HOST } as never;
  process.env.API_BASE_PATH = '/api';
  expect(await Gateway.getInstance().getRequestHandleAppName(request)).toBe('crm');
  expect(await Gateway.getInstance().getRequestHandleAppName(request)).toBe('main');
});

it('joins the chain once, however often it is offered', () => {
  const gateway = Gateway.getInstance();
  const count = () => gateway.getAppSelectorMiddlewares().sort().length;
  const before = count();
  joinSelectors();
  joinSelectors();
  expect(count()).toBe(before + 1);
});
