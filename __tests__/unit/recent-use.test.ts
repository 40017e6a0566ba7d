import fc from 'fast-check';
import { RecentUse } from '../../server/limits/recent-use';

const answered = { headersSent: true };

describe('the recent use of applications', () => {
  it('is none at first', () => {
    expect(new RecentUse().msSinceOthers('crm', 5_000)).toBe(Infinity);
  });

  it('is the time since the last request of another application', () => {
    const use = new RecentUse();
    use.note('main', answered, 1_000);
    use.note('crm', answered, 1_500);
    expect(['crm', 'main', 'shop'].map((name) => use.msSinceOthers(name, 2_000))).toEqual([1_000, 500, 500]);
  });

  it('knows whether the last request of another application is at work, until it is answered or slow', () => {
    const use = new RecentUse();
    const response = { headersSent: false };
    expect(use.isOtherAtWork('crm', 1_000)).toBe(false);
    use.note('crm', { headersSent: false }, 1_000);
    expect(use.isOtherAtWork('crm', 1_001)).toBe(false);
    use.note('shop', response, 1_005);
    use.note('crm', { headersSent: false }, 1_006);
    use.note('main', answered, 1_007);
    expect([use.isOtherAtWork('crm', 1_010), use.isOtherAtWork('crm', 1_035)]).toEqual([true, false]);
    response.headersSent = true;
    expect([use.isOtherAtWork('crm', 1_010), use.isOtherAtWork('shop', 1_010)]).toEqual([false, true]);
    use.forget('crm');
    expect(use.isOtherAtWork('shop', 1_010)).toBe(false);
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
          use.note(name, answered, now);
          seen.push({ name, at: now });
          for (const asked of ['a', 'b', 'c', 'd', 'e']) {
            const others = seen.filter((one) => one.name !== asked).map(({ at }) => now - at);
            expect(use.msSinceOthers(asked, now)).toBe(Math.min(Infinity, ...others));
          }
        }
      }),
    );
  });
});
