import { entryUrl, type EntryPage } from '../../client/entries/entry-url';
import type { AppEntry } from '../../src/app-entry';

const entry = (values: Partial<AppEntry> = {}): AppEntry => ({
  name: 'crm',
  title: 'CRM',
  icon: null,
  iconUrl: null,
  path: '/apps/crm/',
  domain: null,
  hosts: [],
  available: true,
  here: false,
  ...values,
});
const main = (hosts: string[]) => entry({ name: 'main', path: '/', hosts });
const page = (values: Partial<EntryPage> = {}): EntryPage => ({
  routeUrl: (path) => path,
  onOwnHost: false,
  port: '',
  ...values,
});
const v2 = { routeUrl: (path: string) => `/v${path}` };

describe('where an entry leads', () => {
  it('is below the path of the same client', () => {
    expect(entryUrl(entry(), page())).toBe('/apps/crm/admin/');
    expect(entryUrl(entry(), page(v2))).toBe('/v/apps/crm/admin/');
    expect(entryUrl(main([]), page(v2))).toBe('/v/admin/');
  });

  it('is its custom domain, at the port of this page', () => {
    const own = entry({ domain: 'crm.example.com', hosts: ['crm.example.com', 'crm.apps.test'] });
    expect(entryUrl(own, page())).toBe('//crm.example.com/admin/');
    expect(entryUrl(own, page({ ...v2, port: '13000' }))).toBe('//crm.example.com:13000/v/admin/');
    expect(entryUrl({ ...own, hosts: ['crm.example.com:8080'] }, page({ port: '13000' }))).toBe(
      '//crm.example.com:8080/admin/',
    );
  });

  it('is not a host below a base domain, as long as a path leads there', () => {
    expect(entryUrl(entry({ hosts: ['crm.apps.test'] }), page())).toBe('//crm.apps.test/admin/');
  });

  it('is a host from a page whose host belongs to one application; without one there is no way', () => {
    const there = page({ onOwnHost: true, port: '13000' });
    expect(entryUrl(entry({ hosts: ['crm.apps.test'] }), there)).toBe('//crm.apps.test:13000/admin/');
    expect(entryUrl(main(['apps.test']), there)).toBe('//apps.test:13000/admin/');
    expect(entryUrl(entry(), there)).toBeUndefined();
    expect(entryUrl(main([]), there)).toBeUndefined();
  });
});
