import fc from 'fast-check';
import { recordFromRow } from '../../../src/app-record';
import { dueForPurge, purgeAt } from '../../../src/policies/retention';

const DAY = 86_400_000;
const NOW = Date.parse('2026-03-10T12:00:00Z');
const removed = (name: string, daysAgo?: number) =>
  recordFromRow({ name, removedAt: daysAgo === undefined ? null : new Date(NOW - daysAgo * DAY) });

describe('the time of a removed application', () => {
  it('ends after the retention, and never for one that is not removed', () => {
    expect(purgeAt(removed('a', 1), 7 * DAY)).toBe(NOW + 6 * DAY);
    expect(purgeAt(removed('a'), 7 * DAY)).toBeUndefined();
  });

  it('ends at once where that was said', () => {
    const record = { ...removed('a', 1), removal: { purge: true } };
    expect(dueForPurge([record, removed('b', 1)], 7 * DAY, NOW)).toEqual(['a']);
  });

  it.each<[string, number, string[]]>([
    ['a week', 7, ['oldest', 'old']],
    ['nothing', 0, ['oldest', 'old', 'young', 'now']],
    ['a year', 365, []],
  ])('is over for those whose removal is older than %s', (_what, days, names) => {
    const records = [
      removed('young', 6.9),
      removed('old', 7),
      removed('here'),
      removed('now', 0),
      removed('oldest', 90),
    ];
    expect(dueForPurge(records, days * DAY, NOW)).toEqual(names);
  });

  it('is over for no one that is not removed, whatever the clock says', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.nat(400), { nil: undefined })),
        fc.nat(30),
        fc.integer(),
        (ages, days, shift) => {
          const records = ages.map((age, index) => removed(`app${index}`, age));
          const due = new Set(dueForPurge(records, days * DAY, NOW + shift));
          for (const { name, removedAt } of records) {
            const over = removedAt !== undefined && Date.parse(removedAt) + days * DAY <= NOW + shift;
            expect(due.has(name)).toBe(over);
          }
        },
      ),
    );
  });
});
