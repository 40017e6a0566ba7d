import fc from 'fast-check';
import { automaticLimit, canAllEnd, type Share } from '../../../src/policies/connection-share';

describe('the automatic limit', () => {
  it.each([
    ['PostgreSQL as it comes', { max: 100, reserved: 3 }, 77],
    ['a large server', { max: 1_000, reserved: 13 }, 789],
    ['a small server keeps three for others', { max: 15, reserved: 3 }, 9],
    ['our user may have fewer than the server', { max: 100, reserved: 3, forUser: 20 }, 16],
    ['our user may have more than the server', { max: 100, reserved: 3, forUser: 500 }, 77],
    ['hardly anything', { max: 4, reserved: 3 }, 1],
    ['nothing', { max: 3, reserved: 3 }, 1],
  ])('%s', (_case, capacity, expected) => {
    expect(automaticLimit(capacity)).toBe(expected);
  });
});

describe('whether all can come to their end', () => {
  const share = (held: number, claim: number): Share => ({ held, claim });

  it.each<[string, number, Share[], boolean]>([
    ['nobody holds anything', 0, [], true],
    ['one that has all it needs', 0, [share(2, 2)], true],
    ['one that may need one more, and there is none', 0, [share(1, 2)], false],
    ['one that may need one more, and there is one', 1, [share(1, 2)], true],
    ['many that may need one more: one after the other', 1, [share(1, 2), share(1, 2), share(1, 2)], true],
    ['the first to end makes room for the next', 0, [share(1, 1), share(1, 2)], true],
    ['what two free is not enough for the third', 1, [share(1, 2), share(1, 5)], false],
    ['who holds nothing needs nothing now', 0, [share(0, 2), share(1, 1)], true],
    ['more than was claimed', 0, [share(3, 2)], true],
  ])('%s', (_case, free, shares, expected) => {
    expect(canAllEnd(free, shares)).toBe(expected);
  });

  it('is true exactly when some order of endings works', () => {
    const shares = fc.array(
      fc.record({ held: fc.integer({ min: 1, max: 3 }), claim: fc.integer({ min: 1, max: 5 }) }),
      { maxLength: 5 },
    );
    const someOrder = (free: number, left: readonly Share[]): boolean =>
      left.length === 0 ||
      left.some(
        (one, at) =>
          one.claim - one.held <= free &&
          someOrder(
            free + one.held,
            left.filter((_, other) => other !== at),
          ),
      );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), shares, (free, held) => {
        expect(canAllEnd(free, held)).toBe(someOrder(free, held));
      }),
    );
  });
});
