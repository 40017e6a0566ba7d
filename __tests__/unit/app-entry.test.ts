import { compareEntries, isOffered } from '../../src/app-entry';
import type { AppRecord } from '../../src/app-record';

const record = (values: Partial<AppRecord> = {}): AppRecord => ({
  name: 'crm',
  startMode: 'lazy',
  options: {},
  ...values,
});
const places = (values?: Partial<AppRecord>) => ({
  block: isOffered(record(values), 'block', true),
  switcher: isOffered(record(values), 'switcher', true),
  blockElsewhere: isOffered(record(values), 'block', false),
  switcherElsewhere: isOffered(record(values), 'switcher', false),
});

describe('where an application is offered', () => {
  it('is the block of the main application, and nowhere else unless it is pinned', () => {
    expect(places()).toEqual({ block: true, switcher: false, blockElsewhere: false, switcherElsewhere: false });
    expect(places({ pinned: true })).toEqual({
      block: true,
      switcher: true,
      blockElsewhere: true,
      switcherElsewhere: true,
    });
  });

  it('is in no block where it is hidden from it; the switcher goes by the pin alone', () => {
    expect(places({ hidden: true, pinned: true })).toEqual({
      block: false,
      switcher: true,
      blockElsewhere: false,
      switcherElsewhere: true,
    });
    expect(Object.values(places({ hidden: true }))).toEqual([false, false, false, false]);
  });

  it('is nowhere while it is being made', () => {
    expect(Object.values(places({ pinned: true, provisioning: {} }))).toEqual([false, false, false, false]);
    expect(places({ pinned: true, provisioning: { readyAt: '2026-01-01' } }).switcher).toBe(true);
  });
});

describe('the order of the entries', () => {
  it("is the operator's; then by title", () => {
    const entries = [{ title: 'b' }, { title: 'Z', sort: 2 }, { title: 'a' }, { title: 'Y', sort: 1 }];
    const repeated = [...entries, { title: 'X', sort: 2 }];
    expect(repeated.sort(compareEntries).map(({ title }) => title)).toEqual(['Y', 'X', 'Z', 'a', 'b']);
  });
});
