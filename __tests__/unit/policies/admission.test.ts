import fc from 'fast-check';
import { nextToBoot, PATIENCE_MS, type BootPriority, type QueuedBoot } from '../../../src/policies/admission';

const NOW = 10_000_000;
const boot = (priority: BootPriority, waited = 0, long = false): QueuedBoot => ({
  priority,
  long,
  since: NOW - waited,
});

describe('nextToBoot', () => {
  it.each<[string, QueuedBoot[], { all: number; long: number }, number, number]>([
    ['nobody waits', [], { all: 0, long: 0 }, 2, -1],
    ['no place is free', [boot('visitor')], { all: 2, long: 0 }, 2, -1],
    ['a visitor before what starts by itself', [boot('background'), boot('visitor')], { all: 0, long: 0 }, 2, 1],
    ['an opened page in between', [boot('background'), boot('prewarm'), boot('visitor')], { all: 0, long: 0 }, 2, 2],
    ['an opened page before what starts by itself', [boot('background'), boot('prewarm')], { all: 0, long: 0 }, 2, 1],
    ['the order of coming among equals', [boot('visitor'), boot('visitor')], { all: 0, long: 0 }, 2, 0],
    ['who has waited long is a visitor', [boot('background', PATIENCE_MS), boot('visitor')], { all: 0, long: 0 }, 1, 0],
    ['a long one leaves a place for wakes', [boot('visitor', 0, true)], { all: 1, long: 1 }, 2, -1],
    ['a wake passes it', [boot('visitor', 0, true), boot('background')], { all: 1, long: 1 }, 2, 1],
    ['a long one where there is one place only', [boot('background', 0, true)], { all: 0, long: 0 }, 1, 0],
  ])('%s', (_title, waiting, active, concurrency, expected) => {
    expect(nextToBoot(waiting, active, concurrency, NOW)).toBe(expected);
  });

  it('lets everybody in sooner or later, whoever comes meanwhile', () => {
    const priority = fc.constantFrom<BootPriority>('visitor', 'prewarm', 'background');
    const arrivals = fc.array(fc.record({ priority, long: fc.boolean() }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 4 }), (given, concurrency) => {
        const waiting = given.map((one) => ({ ...one, since: NOW }));
        let now = NOW;
        // A visitor comes with every place that becomes free.
        for (let round = 0; waiting.some(({ since }) => since === NOW); round += 1) {
          expect(round).toBeLessThan(200);
          const next = nextToBoot(waiting, { all: concurrency - 1, long: 0 }, concurrency, now);
          expect(next).toBeGreaterThanOrEqual(0);
          waiting.splice(next, 1);
          now += 1_000;
          waiting.push({ priority: 'visitor', long: false, since: now });
        }
      }),
    );
  });
});
