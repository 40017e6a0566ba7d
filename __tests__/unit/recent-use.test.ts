import fc from 'fast-check';
import { RecentUse } from '../../server/limits/recent-use';

describe('the recent use of applications', () => {
  it('is none at first', () => {
    expect(new RecentUse().byOthers('crm', 5_000)).toBe(false);
  });

  it('ends a second after the last request of another application', () => {
    const use = new RecentUse();
    use.note('main', 1_000);
    use.note('crm', 1_500);
    expect([use.byOthers('crm', 1_999), use.byOthers('crm', 2_000)]).toEqual([true, false]);
    expect([use.byOthers('main', 2_499), use.byOthers('main', 2_500)]).toEqual([true, false]);
    expect(use.byOthers('shop', 2_499)).toBe(true);
  });

  it('is told exactly for any order of requests', () => {
    const request = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), pause: fc.integer({ min: 0, max: 800 }) });
    fc.assert(
      fc.property(fc.array(request), (requests) => {
        const use = new RecentUse();
        const seen: { name: string; at: number }[] = [];
        let now = 0;
        for (const { name, pause } of requests) {
          now += pause;
          use.note(name, now);
          seen.push({ name, at: now });
          for (const asked of ['a', 'b', 'c', 'd', 'e']) {
            const expected = seen.some((one) => one.name !== asked && now - one.at < 1_000);
            expect(use.byOthers(asked, now)).toBe(expected);
          }
        }
      }),
    );
  });
});
