import { MainHosts } from '../../server/routing/main-hosts';
import { Registry } from '../../server/registry';
import { recordFromRow } from '../../src/app-record';

function make() {
  const registry = new Registry();
  registry.put(recordFromRow({ name: 'crm', cname: 'crm.example.com' }));
  return { registry, hosts: new MainHosts({ baseDomains: ['localhost'], mainHosts: new Set() }, registry) };
}

describe('MainHosts', () => {
  it.each([
    ['127.0.0.1:13000', true],
    ['localhost:13000', true],
    ['www.localhost', true],
    ['elsewhere.example.com', true],
    ['not a host', true],
    ['crm.localhost', false],
    ['CRM.localhost.:80', false],
    ['nobody.localhost', false],
    ['crm.example.com', false],
  ])('"%s" decides nothing: %p, when asked again too', (host, expected) => {
    const { hosts } = make();
    expect([hosts.has(host), hosts.has(host)]).toEqual([expected, expected]);
  });

  it('notices an application that comes, one that goes, and the whole table', async () => {
    const { registry, hosts } = make();
    expect(hosts.has('shop.example.com')).toBe(true);
    registry.put(recordFromRow({ name: 'shop', cname: 'shop.example.com' }));
    expect(hosts.has('shop.example.com')).toBe(false);
    registry.delete('shop');
    expect(hosts.has('shop.example.com')).toBe(true);
    const findAll = () => Promise.resolve([{ name: 'all', cname: 'shop.example.com' }]);
    await registry.load({ db: { getModel: () => ({ findAll }) } } as never);
    expect(hosts.has('shop.example.com')).toBe(false);
    registry.clear();
    expect(hosts.has('shop.example.com')).toBe(true);
  });

  it('keeps few, however many hosts a visitor makes up', () => {
    const { hosts } = make();
    let most = 0;
    for (let index = 0; index < 5_000; index += 1) {
      hosts.has(`h${index}.example.com`);
      most = Math.max(most, hosts.size);
    }
    expect(most).toBe(500);
  });
});
