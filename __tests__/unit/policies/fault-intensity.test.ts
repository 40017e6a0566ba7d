import fc from 'fast-check';
import { recentFaults, tooManyFaults, type FaultLimit } from '../../../src/policies/fault-intensity';

const LIMIT: FaultLimit = { max: 3, withinMs: 1_000 };

describe('how many faults are borne', () => {
  it.each<[string, number[], number, FaultLimit, boolean]>([
    ['none', [], 0, LIMIT, false],
    ['as many as the limit', [10, 20, 30], 40, LIMIT, false],
    ['one more', [10, 20, 30, 40], 40, LIMIT, true],
    ['one more, of which one is too old', [10, 20, 30, 1_010], 1_010, LIMIT, false],
    ['one more, of which one is just young enough', [11, 20, 30, 1_010], 1_010, LIMIT, true],
    ['any number without a limit', Array<number>(100).fill(5), 5, { ...LIMIT, max: 0 }, false],
    ['a clock that was set back', [5_000, 5_001, 5_002, 5_003], 10, LIMIT, false],
  ])('%s', (_name, times, now, limit, expected) => {
    expect(tooManyFaults(times, now, limit)).toBe(expected);
  });

  it('time alone makes no application worse', () => {
    const times = fc.array(fc.nat(5_000), { maxLength: 20 }).map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(times, fc.nat(5_000), fc.nat(5_000), (list, later, more) => {
        const now = (list.at(-1) ?? 0) + later;
        if (tooManyFaults(list, now + more, LIMIT)) expect(tooManyFaults(list, now, LIMIT)).toBe(true);
        expect(recentFaults(list, now + more, LIMIT).length).toBeLessThanOrEqual(recentFaults(list, now, LIMIT).length);
      }),
    );
  });
});
