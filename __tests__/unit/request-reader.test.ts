import fc from 'fast-check';
import { readConfig } from '../../server/config';
import { RequestReader } from '../../server/routing/request-reader';
import { FakeRequest } from './helpers/http';

const silent = () => undefined;
const reader = (env: Record<string, string> = {}, modern = 'v') => new RequestReader(readConfig(env, silent), modern);
const read = (parts: ConstructorParameters<typeof FakeRequest>[0], env = {}) =>
  reader(env).read(new FakeRequest(parts));
const place = (url: string, env = {}) => reader(env).place(new FakeRequest({ url }));

describe('the host', () => {
  it('is the Host header', () => {
    expect(read({ headers: { host: 'crm.localhost:13000' } }).host).toBe('crm.localhost:13000');
  });

  it('is what a trusted proxy says', () => {
    const headers = { host: 'inside:80', 'x-forwarded-host': ' crm.example.com , proxy.example' };
    expect(read({ headers }).host).toBe('crm.example.com');
    expect(read({ headers, from: '::1' }).host).toBe('crm.example.com');
    expect(read({ headers, from: '::ffff:127.0.0.1' }).host).toBe('crm.example.com');
    const env = { APP_SUPERVISOR_TRUSTED_PROXIES: '10.0.0.0/8' };
    expect(read({ headers, from: '10.1.2.3' }, env).host).toBe('crm.example.com');
    expect(read({ headers, from: '::ffff:10.1.2.3' }, env).host).toBe('crm.example.com');
  });

  it('is not what anybody else says', () => {
    const headers = { host: 'inside:80', 'x-forwarded-host': 'crm.example.com' };
    expect(read({ headers, from: '192.0.2.1' }).host).toBe('inside:80');
    expect(read({ headers, from: '2001:db8::1' }).host).toBe('inside:80');
    expect(read({ headers, from: '' }).host).toBe('inside:80');
    expect(read({ headers }, { APP_SUPERVISOR_TRUSTED_PROXIES: '' }).host).toBe('inside:80');
  });

  it('stays where the proxy says nothing', () => {
    for (const forwarded of ['', ' , ', ',crm.example.com']) {
      expect(read({ headers: { host: 'a.b', 'x-forwarded-host': forwarded } }).host).toBe('a.b');
    }
  });
});

describe('the path of a page', () => {
  const completed = (url: string, env = {}) => reader(env).completedPage(new FakeRequest({ url }));

  it.each([
    ['/apps/crm', '/apps/crm/'],
    ['/v/apps/crm', '/v/apps/crm/'],
    ['/apps/crm?a=1&b=/x', '/apps/crm/?a=1&b=/x'],
    ['/apps/crm?', '/apps/crm/?'],
    ['/apps/crm#x', '/apps/crm/'],
    ['/apps/%D0%A1', '/apps/%D0%A1/'],
    ['http://elsewhere/apps/crm', '/apps/crm/'],
    ['\\apps\\crm', '/apps/crm/'],
  ])('that ends with the ID of an application gets a slash: %s', (url, expected) => {
    expect(completed(url)).toBe(expected);
  });

  it.each(['/', '/apps', '/apps/', '/apps/crm/', '/apps/crm/admin', '/v/apps/', '/x/apps/crm', '/api/apps/crm'])(
    'that names none, or goes on after it, stays as it is: %s',
    (url) => {
      expect(completed(url)).toBeUndefined();
    },
  );

  it('begins with the public path of NocoBase', () => {
    expect(completed('/nb/apps/crm', { APP_PUBLIC_PATH: '/nb/' })).toBe('/nb/apps/crm/');
    expect(completed('/apps/crm', { APP_PUBLIC_PATH: '/nb/' })).toBeUndefined();
  });

  it('leads to this server, whatever was asked for', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('/', '\\', 'apps', 'v', 'crm', '?', '#', ':', '%2f', '.') }),
        (url) => {
          const location = completed(url);
          if (location !== undefined) expect(location).toMatch(/^\/(v\/)?apps\/[^/]+\/(\?.*)?$/);
        },
      ),
    );
  });
});

describe('names in a request', () => {
  it.each([
    ['/api/users:list', {}],
    ['/api/__app/crm/users:list', { apiPathApp: 'crm' }],
    ['/api/__app/crm', { apiPathApp: 'crm' }],
    ['/api/__app/crm?x=1', { apiPathApp: 'crm' }],
    ['/api/__app/', {}],
    ['/api/__app//users:list', {}],
    ['/api/__app/%63rm/x', { apiPathApp: '%63rm' }],
    ['/api/__appx/crm/x', {}],
    ['/x/api/__app/crm/', {}],
    ['/files/crm/a.png', { filesPathApp: 'crm' }],
    ['/files/%D0%A1/a.png', { filesPathApp: 'С' }],
    ['/files/%/a.png', { filesPathApp: '%' }],
    ['/files/', {}],
    ['/?__appName=crm', { queryApp: 'crm' }],
    ['/?__appName=', { queryApp: '' }],
    ['/?__appName', { queryApp: '' }],
    ['/?%5F_appName=crm', { queryApp: 'crm' }],
    ['/?__appname=crm', {}],
    ['/?x=1#?__appName=crm', {}],
    ['/#?__appName=crm', {}],
    ['/?__appName=crm&__appName=erp', { queryApp: ['crm', 'erp'] }],
    ['/?__appName[]=crm', { queryApp: ['crm'] }],
    ['/?__appName[a]=crm', { queryApp: { a: 'crm' } }],
    ['/api/__app/crm/x?__appName=erp', { apiPathApp: 'crm', queryApp: 'erp' }],
    ['http://elsewhere/api/__app/crm/x', { apiPathApp: 'crm' }],
    ['', {}],
    ['*', {}],
  ])('of "%s"', (url, names) => {
    const { apiPathApp, filesPathApp, queryApp } = read({ url });
    expect({ apiPathApp, filesPathApp, queryApp }).toEqual(names);
  });

  it('are read of the address as it came, not of the one that the core has rewritten', () => {
    const request = new FakeRequest({ url: '/api/users:list' });
    request.originalUrl = '/api/__app/crm/users:list';
    expect(reader().read(request).apiPathApp).toBe('crm');
  });

  it('come with the headers', () => {
    expect(read({ headers: { 'x-app': 'crm', 'x-hostname': 'crm.localhost' } })).toMatchObject({
      xApp: 'crm',
      xHostname: 'crm.localhost',
    });
  });

  it('follow the paths of the environment', () => {
    const env = { API_BASE_PATH: '/nb/api/', APP_PUBLIC_PATH: '/nb/' };
    expect(read({ url: '/nb/api/__app/crm/x' }, env).apiPathApp).toBe('crm');
    expect(read({ url: '/api/__app/crm/x' }, env).apiPathApp).toBeUndefined();
    expect(read({ url: '/nb/files/crm/x' }, env).filesPathApp).toBe('crm');
    expect(read({ url: '/files/crm/x' }, env).filesPathApp).toBe('crm');
  });

  it('never make it throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.string(), (path, query, header) => {
        const request = new FakeRequest({
          url: `/${path}?__appName=${query}`,
          headers: { 'x-app': header, 'x-forwarded-host': header },
        });
        reader().read(request);
        reader().place(request);
      }),
    );
  });
});

describe('the place', () => {
  it.each([
    ['/api/users:list', true, undefined],
    ['/api/__app/crm/users:list', true, undefined],
    ['/files/crm/a.png', true, undefined],
    ['/storage/uploads/a.png', true, undefined],
    ['/', false, undefined],
    ['/admin/', false, undefined],
    ['/apps/crm/admin/', false, 'crm'],
    ['/apps/crm', false, 'crm'],
    ['/v/apps/crm/admin/', false, 'crm'],
    ['/apps/', false, undefined],
    ['/apps/%63rm/', false, 'crm'],
    ['/apps/%/', false, '%'],
    ['/x/apps/crm/', false, undefined],
    ['/static/plugins/x.js?__appName=crm', false, undefined],
  ])('of "%s" needs the instance: %p', (url, needsApp, pageApp) => {
    expect(place(url)).toMatchObject({ needsApp });
    expect(place(url).pageApp).toBe(pageApp);
  });

  it('follows the paths of the environment, and the prefix of the modern client', () => {
    const env = { API_BASE_PATH: '/nb/api/', APP_PUBLIC_PATH: '/nb/' };
    expect(place('/nb/apps/crm/admin', env).pageApp).toBe('crm');
    expect(place('/apps/crm/admin', env).pageApp).toBeUndefined();
    expect(place('/nb/storage/uploads/a', env).needsApp).toBe(true);
    const modern = reader({}, '/next/').place(new FakeRequest({ url: '/next/apps/crm/' }));
    expect(modern.pageApp).toBe('crm');
  });
});
