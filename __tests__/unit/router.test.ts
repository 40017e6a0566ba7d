import type { AppService } from '../../server/app-service';
import { readConfig } from '../../server/config';
import { Router } from '../../server/routing/router';
import { FakeRequest } from './helpers/http';

const names = new Set(['crm', 'erp']);

function makeRouter(supervisor: object = {}) {
  const has = jest.fn((name: string) => names.has(name));
  const service = {
    active: true,
    supervisor,
    config: readConfig({ APP_SUPERVISOR_BASE_DOMAIN: 'localhost' }, () => undefined),
    registry: { has, byDomain: () => undefined },
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
    service.active = false;
    expect(router.ready).toBe(false);
    service.active = true;
    expect(router.ready).toBe(true);
  });
});
