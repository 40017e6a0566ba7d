import { DomainCheck } from '../../server/domain-check';
import { recordFromRow } from '../../src/app-record';
import type { AppError } from '../../src/errors';

describe('custom domains: what an application may ask for', () => {
  const records = [
    recordFromRow({ name: 'shop', cname: 'Shop.example', domains: ['store.example'] }),
    recordFromRow({ name: 'www', cname: 'www.customer.example' }),
    recordFromRow({ name: 'old', cname: 'old.example', removedAt: new Date() }),
  ];

  function check(
    operatorHosts: string[] = [],
    mainHosts: string[] = [],
    baseDomains = ['apps.test'],
    usedHosts: string[] = [],
  ) {
    const config = { baseDomains, mainHosts: new Set(mainHosts) };
    const domains = new DomainCheck({ config, records: () => records, usedHosts: () => usedHosts });
    for (const host of operatorHosts) domains.noteOperatorHost(host);
    return (domain: string, self?: string) => {
      try {
        domains.assertFree([domain], self);
        return 'free';
      } catch (error) {
        return (error as AppError).code;
      }
    };
  }

  it.each([
    ['shop.example', 'APP_DOMAIN_TAKEN'],
    ['store.example', 'APP_DOMAIN_TAKEN'],
    ['old.example', 'APP_DOMAIN_TAKEN'],
    ['apps.test', 'APP_DOMAIN_TAKEN'],
    ['crm.apps.test', 'APP_DOMAIN_TAKEN'],
    ['localhost', 'APP_DOMAIN_MAIN'],
    ['x.localhost', 'APP_DOMAIN_MAIN'],
    ['new.example', 'free'],
    ['customer.example', 'APP_DOMAIN_TAKEN'],
    ['www.shop.example', 'APP_DOMAIN_TAKEN'],
    ['www.store.example', 'APP_DOMAIN_TAKEN'],
    ['blog.shop.example', 'free'],
    ['www.blog.shop.example', 'free'],
  ])('"%s": %s', (domain, result) => {
    expect(check()(domain)).toBe(result);
  });

  it.each([
    ['corp.example', [], 'APP_DOMAIN_MAIN'],
    ['example', [], 'APP_DOMAIN_MAIN'],
    ['app.corp.example', [], 'free'],
    ['other.example', [], 'free'],
    ['corp.example', ['main.example'], 'free'],
    ['main.example', ['main.example'], 'APP_DOMAIN_MAIN'],
  ])(
    'where users reach the main application at corp.example, "%s" with the main hosts %j: %s',
    (domain, hosts, result) => {
      expect(check([], hosts, ['apps.test'], ['corp.example', 'x.apps.test'])(domain)).toBe(result);
    },
  );

  it.each([
    ['localhost', 'APP_DOMAIN_TAKEN'],
    ['crm.localhost', 'APP_DOMAIN_TAKEN'],
    ['crm.test.localhost', 'free'],
    ['127.0.0.1', 'APP_DOMAIN_MAIN'],
  ])('with the base domain "localhost", "%s": %s', (domain, result) => {
    expect(check([], [], ['localhost'])(domain)).toBe(result);
  });

  it('a domain is taken while the row of another application is being written', () => {
    const config = { baseDomains: [], mainHosts: new Set<string>() };
    const domains = new DomainCheck({ config, records: () => [], usedHosts: () => [] });
    const release = domains.hold(['shop.example', 'store.example'], 'shop');
    expect(() => domains.hold(['store.example'], 'other')).toThrow(/belongs to the application "shop"/);
    expect(() => domains.assertFree(['shop.example'], 'other')).toThrow();
    domains.hold(['store.example'], 'shop')();
    expect(() => domains.assertFree(['store.example'], 'other')).toThrow();
    release();
    release();
    domains.hold(['store.example'], 'other');
    expect(() => domains.assertFree(['store.example'], 'shop')).toThrow(/belongs to the application "other"/);
  });

  it('an application may keep its own domains', () => {
    expect(check()('shop.example', 'shop')).toBe('free');
    expect(check()('store.example', 'shop')).toBe('free');
    expect(check()('www.shop.example', 'shop')).toBe('free');
  });

  it.each([
    ['nocobase.example', 'nocobase.example'],
    ['NocoBase.Example:8443', 'nocobase.example'],
    ['nocobase.company.example', 'company.example'],
    ['a.b.company.example', 'b.company.example'],
  ])('an operator calls by "%s": "%s" is refused', (host, domain) => {
    expect(check([host])(domain)).toBe('APP_DOMAIN_MAIN');
  });

  it.each([
    ['nocobase.company.example', 'crm.company.example'],
    ['nocobase.company.example', 'base.company.example'],
    ['127.0.0.1:13000', 'company.example'],
    ['www.apps.test', 'test'],
    ['not a host', 'company.example'],
  ])('an operator calls by "%s": "%s" is free', (host, domain) => {
    expect(check([host])(domain)).toBe('free');
  });

  it('a configured host of the main application may lie below a custom domain, and is never one', () => {
    const checked = check(['nocobase.company.example'], ['nocobase.company.example']);
    expect(checked('company.example')).toBe('free');
    expect(checked('nocobase.company.example')).toBe('APP_DOMAIN_MAIN');
  });

  it('remembers a bounded number of hosts', () => {
    const many = Array.from({ length: 200 }, (_, index) => `host${index}.example`);
    expect(check(many)('host0.example')).toBe('APP_DOMAIN_MAIN');
    expect(check(many)('host199.example')).toBe('free');
  });
});
