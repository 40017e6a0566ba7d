import fc from 'fast-check';
import { RESERVED_APP_NAMES } from '../../../src/app-name';
import { normalizeDomain, normalizeHost } from '../../../src/host-name';
import {
  isOurHost,
  matchHost,
  routeRequest,
  type AppLookup,
  type HostConfig,
  type Route,
  type RouteInput,
} from '../../../src/policies/host-match';

const NAMES = ['crm', 'erp', 'shop-2', 'CRM2', 'old.app', 'Старый'];
const DOMAINS: Record<string, string> = {
  'crm.example.com': 'crm',
  'shop.example': 'shop-2',
  // Of an application in the recycle bin.
  'gone.example': 'gone',
};
const BASES = ['localhost', 'apps.example.com'];
const HOSTS: HostConfig = { baseDomains: BASES, mainHosts: new Set(['nocobase.shop.example']) };
const NO_HOSTS: HostConfig = { baseDomains: [], mainHosts: new Set() };

const apps: AppLookup = {
  has: (name) => NAMES.includes(name),
  byDomain: (host) => (Object.hasOwn(DOMAINS, host) ? DOMAINS[host] : undefined),
};

const route = (input: RouteInput) => routeRequest(input, HOSTS, apps);
const app = (name: string, via: string) => ({ kind: 'app', name, via });
const unknown = (name: string, via: string) => ({ kind: 'unknown', name, via });
const main = (via = 'default') => ({ kind: 'main', via });
const malformed = (via: string) => ({ kind: 'malformed', via });

/** Every way of naming an application below its own address, each naming another one. */
const OTHERS: RouteInput = {
  xApp: 'erp',
  queryApp: 'erp',
  apiPathApp: 'erp',
  filesPathApp: 'erp',
  xHostname: 'erp.localhost',
};

describe('routeRequest', () => {
  const cases: [string, RouteInput, object][] = [
    // (1) An application's own address.
    ['nothing at all', {}, main()],
    ['a subdomain', { host: 'crm.localhost' }, app('crm', 'subdomain')],
    ['a subdomain with a port', { host: 'crm.localhost:13000' }, app('crm', 'subdomain')],
    ['a subdomain in upper case', { host: 'CRM.LOCALHOST' }, app('crm', 'subdomain')],
    ['a subdomain with a trailing dot', { host: 'crm.localhost.:80' }, app('crm', 'subdomain')],
    ['a subdomain of another base domain', { host: 'erp.apps.example.com' }, app('erp', 'subdomain')],
    ['a custom domain', { host: 'crm.example.com' }, app('crm', 'domain')],
    ['the domain of a removed application', { host: 'gone.example', ...OTHERS }, unknown('gone.example', 'domain')],
    ['a host below it', { host: 'www.gone.example' }, unknown('www.gone.example', 'domain')],
    ['a custom domain, case, dot and port', { host: 'Shop.Example.:443' }, app('shop-2', 'domain')],
    ['a subdomain before header, query, paths', { host: 'crm.localhost', ...OTHERS }, app('crm', 'subdomain')],
    ['a custom domain before them', { host: 'crm.example.com', ...OTHERS }, app('crm', 'domain')],
    ['a subdomain before a header that says main', { host: 'crm.localhost', xApp: 'main' }, app('crm', 'subdomain')],
    ['a subdomain before malformed names', { host: 'crm.localhost', queryApp: ['a'] }, app('crm', 'subdomain')],
    ['an unknown subdomain', { host: 'nope.localhost' }, unknown('nope', 'subdomain')],
    ['an unknown subdomain before a header', { host: 'nope.localhost', xApp: 'crm' }, unknown('nope', 'subdomain')],
    ['a registered name in upper case by host', { host: 'CRM2.localhost' }, unknown('crm2', 'subdomain')],
    ['a registered name with a dot by host', { host: 'old.app.localhost' }, app('old.app', 'subdomain')],
    // What a host leaves to the main application.
    ['the bare base domain', { host: 'localhost:13000' }, main()],
    ['the other bare base domain', { host: 'apps.example.com' }, main()],
    ['www', { host: 'www.localhost' }, main()],
    ['main', { host: 'main.localhost' }, main()],
    ['a reserved label', { host: 'admin.localhost' }, main()],
    ['two labels', { host: 'a.b.localhost' }, main()],
    ['two labels, the last an application', { host: 'x.crm.localhost' }, unknown('x.crm.localhost', 'subdomain')],
    ['a host that only ends alike', { host: 'notlocalhost' }, main()],
    ['a hyphen where the dot should be', { host: 'crm-localhost' }, main()],
    ['a foreign host', { host: 'crm.elsewhere.net' }, main()],
    ['an address', { host: '127.0.0.1:13000' }, main()],
    ['an IPv6 address', { host: '[::1]:13000' }, main()],
    ['a host that is none', { host: '../../etc/passwd' }, main()],
    ['control characters in the host', { host: 'crm\u0000.localhost' }, main()],
    ['300 characters of host', { host: `${'a'.repeat(300)}.localhost` }, main()],
    ['www with a header', { host: 'www.localhost', xApp: 'crm' }, app('crm', 'header')],
    ['a reserved label with a path', { host: 'admin.localhost', apiPathApp: 'crm' }, app('crm', 'path')],
    // (2) The core's four, the later winning.
    ['the header', { host: 'localhost', xApp: 'crm' }, app('crm', 'header')],
    ['the query', { host: 'localhost', queryApp: 'crm' }, app('crm', 'query')],
    ['the API path', { host: 'localhost', apiPathApp: 'crm' }, app('crm', 'path')],
    ['the files path', { host: 'localhost', filesPathApp: 'crm' }, app('crm', 'files')],
    ['the query before the header', { xApp: 'crm', queryApp: 'erp' }, app('erp', 'query')],
    ['the API path before the query', { xApp: 'crm', queryApp: 'crm', apiPathApp: 'erp' }, app('erp', 'path')],
    ['the files path before the API path', { apiPathApp: 'crm', filesPathApp: 'erp' }, app('erp', 'files')],
    ['a query that says main before the header', { xApp: 'crm', queryApp: 'main' }, main('query')],
    ['a header that says main', { xApp: 'main' }, main('header')],
    ['a path that says main', { apiPathApp: 'main', queryApp: 'crm' }, main('path')],
    ['a registered name in upper case', { xApp: 'CRM2' }, app('CRM2', 'header')],
    ['the same in lower case', { xApp: 'crm2' }, unknown('crm2', 'header')],
    ['a registered name in Cyrillic by path', { filesPathApp: 'Старый' }, app('Старый', 'files')],
    ['a registered name with a dot', { queryApp: 'old.app' }, app('old.app', 'query')],
    ['another case of a name', { xApp: 'Crm' }, unknown('Crm', 'header')],
    ['an unknown name', { queryApp: 'nope' }, unknown('nope', 'query')],
    ['an unknown name before a known weaker one', { xApp: 'crm', queryApp: 'nope' }, unknown('nope', 'query')],
    ['two header values, as Node joins them', { xApp: 'crm, erp' }, unknown('crm, erp', 'header')],
    ['path traversal', { xApp: '../../main' }, unknown('../../main', 'header')],
    ['a blank', { xApp: ' ' }, unknown(' ', 'header')],
    ['a reserved name', { xApp: 'admin' }, unknown('admin', 'header')],
    ['__proto__', { xApp: '__proto__' }, unknown('__proto__', 'header')],
    // Empty and malformed.
    ['an empty header', { xApp: '' }, main()],
    ['an empty query', { queryApp: '' }, main()],
    ['an empty query leaves the header', { xApp: 'crm', queryApp: '' }, app('crm', 'header')],
    ['an empty path names nobody', { apiPathApp: '' }, unknown('', 'path')],
    ['a repeated query', { queryApp: ['crm', 'crm'] }, malformed('query')],
    ['an empty array', { queryApp: [] }, malformed('query')],
    ['a nested query', { queryApp: { $ne: 'crm' } }, malformed('query')],
    ['null', { queryApp: null }, malformed('query')],
    ['a malformed query before the header', { xApp: 'crm', queryApp: ['erp'] }, malformed('query')],
    ['a path before a malformed query', { queryApp: ['erp'], apiPathApp: 'crm' }, app('crm', 'path')],
    ['a header that is an array', { xApp: ['crm'] }, malformed('header')],
    ['a header that is a number', { xApp: 7 }, malformed('header')],
    // (3) X-Hostname, matched like a host.
    ['X-Hostname, a subdomain', { host: 'localhost', xHostname: 'crm.localhost' }, app('crm', 'subdomain')],
    ['X-Hostname, a custom domain', { host: '10.0.0.1', xHostname: 'crm.example.com' }, app('crm', 'domain')],
    ['X-Hostname with a port', { host: 'localhost', xHostname: 'CRM.localhost:80' }, app('crm', 'subdomain')],
    ['X-Hostname, unknown', { host: 'localhost', xHostname: 'nope.localhost' }, unknown('nope', 'subdomain')],
    ['X-Hostname, foreign', { host: 'localhost', xHostname: 'elsewhere.net' }, main()],
    ['X-Hostname, www', { host: 'localhost', xHostname: 'www.localhost' }, main()],
    ['X-Hostname, that of the host', { host: 'localhost', xHostname: 'localhost' }, main()],
    ['X-Hostname without a host', { xHostname: 'crm.localhost' }, app('crm', 'subdomain')],
    ['X-Hostname, no host at all', { xHostname: '..' }, main()],
    ['X-Hostname, empty', { xHostname: '' }, main()],
    ['X-Hostname, repeated', { xHostname: ['crm.localhost'] }, main()],
    ['the header before X-Hostname', { xApp: 'erp', xHostname: 'crm.localhost' }, app('erp', 'header')],
    ['a header that says main before it', { xApp: 'main', xHostname: 'crm.localhost' }, main('header')],
    ['the host before X-Hostname', { host: 'erp.localhost', xHostname: 'crm.localhost' }, app('erp', 'subdomain')],
  ];

  it.each(cases)('routes by %s', (_case, input, expected) => {
    expect(route(input)).toEqual(expected);
  });

  it('knows only custom domains where there is no base domain', () => {
    expect(routeRequest({ host: 'crm.localhost' }, NO_HOSTS, apps)).toEqual(main());
    expect(routeRequest({ host: 'crm.example.com' }, NO_HOSTS, apps)).toEqual(app('crm', 'domain'));
  });

  it('reads the label before the longer of two base domains that contain each other', () => {
    const bases = ['example.com', 'apps.example.com'];
    expect(routeRequest({ host: 'erp.apps.example.com' }, { baseDomains: bases, mainHosts: new Set() }, apps)).toEqual(
      app('erp', 'subdomain'),
    );
    expect(routeRequest({ host: 'erp.example.com' }, { baseDomains: bases, mainHosts: new Set() }, apps)).toEqual(
      app('erp', 'subdomain'),
    );
  });
});

describe('matchHost', () => {
  it.each([...RESERVED_APP_NAMES].filter((name) => /^[a-z0-9-]+$/.test(name)))(
    'leaves the label "%s" to the main application',
    (label) => {
      expect(matchHost(`${label}.localhost`, HOSTS, apps)).toBeUndefined();
    },
  );

  it('gives an application that carries a reserved name, registered by another plugin, its address', () => {
    const old: AppLookup = { has: (name) => name === 'mail', byDomain: () => undefined };
    expect(matchHost('mail.localhost', HOSTS, old)).toEqual(app('mail', 'subdomain'));
  });
});

describe('isOurHost', () => {
  const ours = (host: string) => isOurHost(host, HOSTS, apps);

  it.each([
    ...[
      'crm.localhost',
      'erp.apps.example.com',
      'crm.example.com',
      'shop.example',
      'CRM.Example.com',
      'crm.localhost.',
    ],
    ...['crm.localhost:443', 'localhost', 'apps.example.com', 'www.localhost', 'main.apps.example.com'],
  ])('says yes of "%s"', (host) => {
    expect(ours(host)).toBe(true);
  });

  it.each([
    ...['', '.', 'nope.localhost', 'x.crm.localhost', 'a.b.localhost', 'admin.localhost', 'mail.apps.example.com'],
    ...['CRM2.localhost', 'example.com', 'crm.elsewhere.net', 'www.crm.example.com', 'notlocalhost', '*.localhost'],
    ...[
      '127.0.0.1',
      '[::1]',
      '::1',
      'crm.localhost..',
      'crm.localhost:443:443',
      'crm.localhost:http',
      'http://crm.localhost',
    ],
    ...[
      'crm.localhost/x',
      'crm.localhost\u0000',
      'crm.localhost\r\nX: y',
      'crm.localhost,erp.localhost',
      'сrm.localhost',
    ],
    ...['crm。localhost', '__proto__', 'constructor', '__proto__.localhost', `${'a.'.repeat(400)}localhost`],
  ])('says no of "%s"', (host) => {
    expect(ours(host)).toBe(false);
  });

  it.each(['my_app', '_app', 'app-', 'a'.repeat(64)])(
    'says no of "%s" below a base domain, which no certificate can name, though it is routed',
    (name) => {
      const odd: AppLookup = { has: (other) => other === name, byDomain: () => undefined };
      const host = `${name}.localhost`;
      expect(routeRequest({ host }, HOSTS, odd)).toEqual(app(name, 'subdomain'));
      expect(isOurHost(host, HOSTS, odd)).toBe(false);
    },
  );

  it('says yes of a base domain below another one', () => {
    expect(isOurHost('apps.localhost', { ...NO_HOSTS, baseDomains: ['localhost', 'apps.localhost'] }, apps)).toBe(true);
    expect(isOurHost('apps.localhost', { ...NO_HOSTS, baseDomains: ['localhost'] }, apps)).toBe(false);
  });
});

describe('whatever a request says', () => {
  const name = fc.oneof(fc.constantFrom(...NAMES, 'main', 'www', 'nope', '', '__proto__'), fc.string());
  const anything = fc.oneof(name, fc.anything());
  const anyHost = fc.oneof(
    fc.constantFrom('localhost', 'apps.example.com', '127.0.0.1', '[::1]:1', 'www.localhost', ''),
    name.map((label) => `${label}.localhost`),
    fc.string({ unit: 'binary', maxLength: 310 }),
    fc.domain(),
  );
  const weaker = {
    xApp: anything,
    queryApp: anything,
    apiPathApp: name,
    filesPathApp: name,
    xHostname: fc.oneof(anyHost, anything),
  };
  const input = fc.record({ host: anyHost, ...weaker }, { requiredKeys: [] }) as fc.Arbitrary<RouteInput>;
  const kinds: Route['kind'][] = ['main', 'app', 'unknown', 'malformed'];

  it('it is routed, without a throw, and to a registered application only', () => {
    fc.assert(
      fc.property(input, (request) => {
        const decided = route(request);
        expect(kinds).toContain(decided.kind);
        if (decided.kind === 'app') expect(NAMES).toContain(decided.name);
        if (decided.kind === 'unknown') expect(NAMES).not.toContain(decided.name);
      }),
      { numRuns: 1_000 },
    );
  });

  it("nothing chooses another application on an application's own address", () => {
    const own = fc.constantFrom<[string, string]>(
      ['crm.localhost', 'crm'],
      ['ERP.apps.example.com:8080', 'erp'],
      ['shop-2.localhost.', 'shop-2'],
      ['crm.example.com', 'crm'],
      ['shop.example:443', 'shop-2'],
    );
    const rest = fc.record(weaker, { requiredKeys: [] }) as fc.Arbitrary<RouteInput>;
    fc.assert(
      fc.property(own, rest, ([host, owner], others) => {
        expect(route({ ...others, host })).toMatchObject({ kind: 'app', name: owner });
      }),
      { numRuns: 500 },
    );
  });

  it('the same request is routed the same', () => {
    fc.assert(
      fc.property(input, (request) => {
        expect(route(request)).toEqual(route({ ...request }));
      }),
    );
  });

  it('a host is ours exactly where it leads to an application, or is one of few of the main application', () => {
    const mains = BASES.flatMap((base) => [base, `www.${base}`, `main.${base}`]);
    const ownHost = fc.constantFrom('crm.localhost', 'Shop.Example.:443', 'www.LOCALHOST', 'nope.apps.example.com');
    fc.assert(
      fc.property(fc.oneof(anyHost, ownHost), (host) => {
        const routed = route({ host });
        const known = routed.kind === 'app' || (routed.kind === 'main' && mains.includes(normalizeHost(host) ?? ''));
        const expected = known && normalizeDomain(normalizeHost(host) ?? '') !== undefined;
        expect(isOurHost(host, HOSTS, apps)).toBe(expected);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('routing: hosts below a custom domain', () => {
  it.each([
    'www.crm.example.com',
    'WWW.shop.example:8080',
    'mail.shop.example',
    'a.b.c.shop.example',
    'admin.shop.example',
    'main.crm.example.com',
    'nocobase.crm.example.com',
    'shop.shop.example',
    'xn--mnchen-3ya.shop.example',
    'x.nocobase.shop.example',
  ])('"%s" is unknown and never shows the main application', (host) => {
    expect(route({ host }).kind).toBe('unknown');
    expect(route({ host, xApp: 'erp', queryApp: 'main', apiPathApp: 'main' }).kind).toBe('unknown');
    expect(isOurHost(host, HOSTS, apps)).toBe(false);
  });

  it('the host that the configuration names as main is the main application', () => {
    expect(route({ host: 'nocobase.shop.example' })).toEqual(main());
    expect(isOurHost('nocobase.shop.example', HOSTS, apps)).toBe(true);
  });

  it('a base domain below a custom domain stays in force', () => {
    const below: HostConfig = { baseDomains: ['apps.shop.example'], mainHosts: new Set() };
    const at = (host: string) => routeRequest({ host }, below, apps);
    expect(at('crm.apps.shop.example')).toEqual(app('crm', 'subdomain'));
    expect(at('apps.shop.example')).toEqual(main());
    expect(at('www.apps.shop.example')).toEqual(main());
    expect(at('www.shop.example').kind).toBe('unknown');
  });

  it('a host that only ends with the letters of a custom domain is not below it', () => {
    expect(route({ host: 'myshop.example' })).toEqual(main());
    expect(route({ host: 'example' })).toEqual(main());
  });
});
