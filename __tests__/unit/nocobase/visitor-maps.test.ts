import type { Application } from '@nocobase/server';
import { RecentMap } from '../../../server/nocobase/recent-map';
import { boundVisitorMaps, confineOrigins } from '../../../server/nocobase/visitor-maps';

interface Service {
  providers: Map<string, unknown>;
  resourceJwks: Map<string, unknown>;
  getOrigin(ctx: object): string;
  ensureProviderForContext(ctx: object): Promise<{ issuer: string }>;
  createConfiguration(context: object): Promise<object>;
}

// The services of the plugins as they are delivered; they bring no types for this.
const { IdpOauthService } = jest.requireActual<{ IdpOauthService: new (app: object) => Service }>(
  '@nocobase/plugin-idp-oauth/dist/server/service.js',
);
const { Locale } = jest.requireActual<{
  Locale: new (app: object) => {
    i18nInstances: Map<string, unknown>;
    getI18nInstance(language: string): Promise<unknown>;
  };
}>('@nocobase/server/lib/locale/locale.js');

function world() {
  const plugins: Record<string, Record<string, unknown>> = {};
  const base = {
    name: 'crm',
    log: { warn: jest.fn(), debug: jest.fn() },
    on: () => undefined,
    syncMessageManager: { subscribe: () => undefined },
    i18n: { cloneInstance: () => ({}) },
    pm: { get: (name: string) => plugins[name] },
  };
  const service = new IdpOauthService(base);
  plugins['idp-oauth'] = { service };
  plugins['mcp-server'] = { mcpToolsCache: new Map() };
  const localeManager = new Locale(base);
  const app = { ...base, localeManager };
  return { app: app as unknown as Application, log: base.log, plugins, service, localeManager };
}

const trusted = (address: string | undefined) => address === '127.0.0.1';
const request = (host: string, headers: object = {}, from = '192.0.2.1') => ({
  headers: { host, ...headers },
  host,
  protocol: 'http',
  path: '/api/.well-known/openid-configuration',
  req: { socket: { remoteAddress: from } },
});

describe('maps that visitors fill', () => {
  beforeEach(() => delete process.env.APP_PUBLIC_ORIGIN);

  it('visitor maps: providers of the identity plugin are bounded, and those in use stay', async () => {
    const { app, service } = world();
    // The library itself is an ES module, which Jest does not load here.
    const build = jest.fn((issuer: string) => ({ issuer }));
    const ensure = (host: string) => {
      const { issuer } = (
        service as unknown as { getProviderContext(ctx: object): { issuer: string } }
      ).getProviderContext(request(host));
      if (!service.providers.has(issuer)) service.providers.set(issuer, build(issuer));
      return service.ensureProviderForContext(request(host));
    };
    await ensure('own.example');
    boundVisitorMaps(app);
    for (let count = 0; count < 200; count += 1) {
      await ensure(`host-${count}.example`);
      await ensure('own.example');
    }
    expect(service.providers.size).toBe(20);
    expect(build.mock.calls.filter(([issuer]) => issuer.includes('own.example'))).toHaveLength(1);
  });

  it('visitor maps: translators by language are bounded', async () => {
    const { app, localeManager } = world();
    boundVisitorMaps(app);
    for (let count = 0; count < 200; count += 1) await localeManager.getI18nInstance(`x-${count}`);
    expect(localeManager.i18nInstances.size).toBe(50);
  });

  it('visitor maps: a repeated call keeps what they hold', () => {
    const { app, service, plugins } = world();
    boundVisitorMaps(app);
    service.resourceJwks.set('a', 1);
    const { providers } = service;
    boundVisitorMaps(app);
    expect([service.providers === providers, service.resourceJwks.get('a')]).toEqual([true, 1]);
    expect(plugins['mcp-server']?.mcpToolsCache).toBeInstanceOf(RecentMap);
  });

  it('visitor maps: a missing member is told once, a missing plugin is not', () => {
    const { app, log, plugins } = world();
    delete plugins['mcp-server'];
    plugins['idp-oauth'] = { service: { providers: new Map() } };
    boundVisitorMaps(app);
    boundVisitorMaps(app);
    expect(log.warn.mock.calls).toEqual([[expect.any(String), { missing: ['idp-oauth.resourceJwks'] }]]);
  });

  it.each([
    ['an unknown peer', '192.0.2.1', 'http://crm.example'],
    ['a trusted proxy', '127.0.0.1', 'http://other.example'],
  ])('origins: X-Forwarded-Host of %s', (_case, from, origin) => {
    const { app, service } = world();
    for (let load = 0; load < 2; load += 1) confineOrigins(app, trusted);
    expect(service.getOrigin(request('crm.example', { 'x-forwarded-host': 'other.example' }, from))).toBe(origin);
  });

  it.each([
    ['https', 'https://crm.example'],
    ['https, http', 'https://crm.example'],
    ['file', 'http://crm.example'],
  ])('origins: X-Forwarded-Proto %s', (scheme, origin) => {
    const { app, service } = world();
    confineOrigins(app, trusted);
    expect(service.getOrigin(request('crm.example', { 'x-forwarded-proto': scheme }))).toBe(origin);
  });

  it('origins: APP_PUBLIC_ORIGIN stays the first', () => {
    process.env.APP_PUBLIC_ORIGIN = 'https://public.example';
    const { app, service } = world();
    confineOrigins(app, trusted);
    expect(service.getOrigin(request('crm.example'))).toBe('https://public.example');
    delete process.env.APP_PUBLIC_ORIGIN;
  });
});

describe('a map of bounded size', () => {
  it('recent map: drops the entry that was not used for the longest time', () => {
    const map = new RecentMap<string, number>(2).set('a', 1).set('b', 2);
    expect(map.get('a')).toBe(1);
    map.set('c', 3);
    expect([...map]).toEqual([
      ['a', 1],
      ['c', 3],
    ]);
    expect([map.get('b'), map.has('b'), map.delete('a'), map.size]).toEqual([undefined, false, true, 1]);
  });
});
