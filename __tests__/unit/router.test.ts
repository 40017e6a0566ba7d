import fc from 'fast-check';
import type { AppService } from '../../server/app-service';
import { readConfig } from '../../server/config';
import { Router } from '../../server/routing/router';
import { FakeRequest } from './helpers/http';

const names = new Set(['crm', 'erp']);

function makeRouter(supervisor: object = {}, publicPath = '/') {
  const has = jest.fn((name: string) => names.has(name));
  const domains = new Map([['crm.example.com', 'crm']]);
  const service = {
    active: true,
    routes: true,
    supervisor,
    config: readConfig({ APP_SUPERVISOR_BASE_DOMAIN: 'localhost', APP_PUBLIC_PATH: publicPath }, () => undefined),
    registry: { has, byDomain: (host: string) => domains.get(host), version: 0 },
  };
  return { router: new Router(service as unknown as AppService), service, has };
}

describe('Router', () => {
  it('reads and decides', () => {
    const { router } = makeRouter();
    const request = new FakeRequest({ url: '/api/__app/erp/x', headers: { host: 'localhost', 'x-app': 'crm' } });
    expect(router.route(request)).toEqual({ kind: 'app', name: 'erp', via: 'path' });
  });

  it('decides once a request, also when the core has rewritten it meanwhile', () => {
    const { router, has } = makeRouter();
    const request = new FakeRequest({ url: '/api/__app/erp/x' });
    const first = router.route(request);
    request.url = '/api/x';
    const asked = has.mock.calls.length;
    expect(router.route(request)).toBe(first);
    expect(has).toHaveBeenCalledTimes(asked);
  });

  it('decides anew for another request', () => {
    const { router } = makeRouter();
    expect(router.route(new FakeRequest({ headers: { 'x-app': 'crm' } }))).toMatchObject({ name: 'crm' });
    expect(router.route(new FakeRequest({ headers: { 'x-app': 'erp' } }))).toMatchObject({ name: 'erp' });
  });

  it('takes a socket, of which only address and headers are known', () => {
    const { router } = makeRouter();
    expect(router.route({ url: '/ws?__appName=crm', headers: {} })).toMatchObject({ kind: 'app', name: 'crm' });
  });

  it("knows one application only in the core's single mode", () => {
    const { router } = makeRouter({ runningMode: 'single', singleAppName: 'crm' });
    expect(router.route(new FakeRequest({ headers: { 'x-app': 'erp' } }))).toMatchObject({ kind: 'app', name: 'crm' });
  });

  it('is ready when the applications are known', () => {
    const { router, service } = makeRouter();
    service.routes = false;
    expect(router.ready).toBe(false);
    service.routes = true;
    expect(router.ready).toBe(true);
  });

  describe('at a glance', () => {
    const word = fc.constantFrom(
      ...[
        'api',
        'files',
        'apps',
        'v',
        'nb',
        'crm',
        'main',
        'nobody',
        '__app',
        '__APP',
        '%5F_app',
        'storage',
        'uploads',
      ],
      ...['', '\\', '#', '?', '&', '=', '__appName=crm', '%5f_appName=crm', 'x=1', 'admin', 'users:list', '..', 'ä'],
    );
    const words = (max: number, between: string) =>
      fc.array(word, { maxLength: max }).map((several) => several.join(between));
    const url = fc.oneof(
      fc.constantFrom('/', '/api/users:list?page=2', '/api/__health_check', '/admin/', '/nb/api/x'),
      words(4, '/').map((path) => `/${path}`),
      words(4, ''),
      words(3, '').map((rest) => `/apps/${rest}`),
      fc.string(),
    );
    const host = fc.constantFrom(
      ...['localhost:13000', '127.0.0.1', 'www.localhost', 'crm.localhost', 'nobody.localhost', 'crm.example.com'],
      ...['::1', 'not a host', ''],
    );
    const said = fc.constantFrom('', 'crm', 'main', 'nobody', 'crm.localhost', 'crm.example.com');
    const sometimes = fc.option(said, { nil: undefined, freq: 1 });
    const request = fc.record({
      url,
      host,
      'x-app': sometimes,
      'x-hostname': sometimes,
      'x-forwarded-host': sometimes,
      from: fc.constantFrom('127.0.0.1', '192.0.2.1'),
    });

    it.each(['/', '/nb/'])('tells what a whole reading tells (below %s)', (publicPath) => {
      const { router } = makeRouter({}, publicPath);
      let glances = 0;
      fc.assert(
        fc.property(request, ({ url: address, from, ...headers }) => {
          const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
          const make = () => new FakeRequest({ url: address, from, headers: given });
          const whole = make();
          const expected = router.route(whole).kind === 'main' && router.place(whole).pageApp === undefined;
          const glanced = make();
          expect(router.isForMain(glanced)).toBe(expected);
          // The selector, which asks next about the same request, is told the same.
          expect(router.route(glanced).kind).toBe(router.route(whole).kind);
          const marks = Object.getOwnPropertySymbols(glanced).map(({ description }) => description);
          if (marks.includes('plainly for the main application')) glances += 1;
        }),
        { numRuns: 1_000 },
      );
      expect(glances).toBeGreaterThan(20);
    });

    it('knows one application only in the single mode', () => {
      const { router } = makeRouter({ runningMode: 'single', singleAppName: 'crm' });
      expect(router.isForMain(new FakeRequest())).toBe(false);
    });
  });
});
