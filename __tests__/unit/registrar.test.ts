import { Registrar } from '../../server/registrar';
import { Registry } from '../../server/registry';
import { recordFromRow } from '../../src/app-record';

function row(values: Record<string, unknown>, change: Record<string, unknown>) {
  const now: Record<string, unknown> = { ...values, ...change };
  return {
    get: (key?: string) => (key ? now[key] : now),
    set: (key: string, value: unknown) => void (now[key] = value),
    changed: (key: string) => now[key] !== values[key],
    previous: (key: string) => values[key],
  };
}
describe('rows that are updated', () => {
  it('keeps both changes of two updates that cross', () => {
    const registry = new Registry();
    const stored = {
      name: 'crm',
      displayName: 'CRM',
      cname: 'old.example.com',
      startMode: 'lazy',
      pinned: false,
      options: {},
    };
    registry.put(recordFromRow(stored));
    const registrar = new Registrar({
      registry,
      config: { baseDomains: [], mainHosts: new Set() },
      claims: { all: () => [] },
      tell: () => undefined,
    } as never);
    // Both were read before either was written.
    const [first, second] = [row(stored, { cname: 'new.example.com' }), row(stored, { pinned: true })];
    for (const one of [first, second]) registrar.prepareUpdate(one, 'crm');
    for (const one of [first, second]) registrar.refresh(one);
    expect(registry.get('crm')).toMatchObject({ cname: 'new.example.com', pinned: true });
    expect(registry.byDomain('old.example.com')).toBeUndefined();
  });
});

describe('the domains of rows that were written past the checks', () => {
  const live = recordFromRow({ name: 'live', cname: 'shop.example' });
  const removed = recordFromRow({ name: 'removed', cname: 'shop.example', removedAt: new Date() });

  it.each([
    ['before', [live, removed]],
    ['after', [removed, live]],
  ])('a removed application takes no domain from one that is registered %s it', (_order, records) => {
    const registry = new Registry();
    for (const record of records) registry.put(record);
    expect(registry.byDomain('shop.example')).toBe('live');
  });
});
