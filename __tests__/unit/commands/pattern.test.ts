import fc from 'fast-check';
import { isPattern, matches } from '../../../server/commands/pattern';

describe('a pattern', () => {
  it.each([
    ['crm*', 'crm', true],
    ['crm*', 'crm-2', true],
    ['crm*', 'my-crm', false],
    ['*', '', true],
    ['c?m', 'crm', true],
    ['c?m', 'cm', false],
    ['CRM', 'crm', true],
    ['a.c', 'abc', false],
    ['客*', '客户', true],
    ['[a]', 'a', false],
    ['a*b*c', 'axxbxxc', true],
  ])('%s and %s: %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected);
  });

  it('that holds no star and no question mark means itself', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }).filter((text) => !isPattern(text)),
        (text) => {
          expect(matches(text, text)).toBe(true);
          expect(matches(`${text}*`, `${text}x`)).toBe(true);
          expect(matches(text, `${text}x`)).toBe(false);
        },
      ),
    );
  });

  it('means what it means when it is read letter by letter', () => {
    const read = ([wanted, ...pattern]: string[], [given, ...text]: string[]): boolean => {
      if (wanted === undefined) return given === undefined;
      if (wanted === '*')
        return (
          read(pattern, given === undefined ? [] : [given, ...text]) ||
          (given !== undefined && read(['*', ...pattern], text))
        );
      return given !== undefined && (wanted === '?' || wanted === given) && read(pattern, text);
    };
    const word = (letters: string[], maxLength: number) => fc.array(fc.constantFrom(...letters), { maxLength });
    fc.assert(
      fc.property(word(['a', 'b', '*', '?'], 8), word(['a', 'b', '*'], 8), (pattern, text) => {
        expect(matches(pattern.join(''), text.join(''))).toBe(read(pattern, text));
      }),
    );
  });

  // What doubles with each star would not come to its end within the limit of a test.
  it.each([`${'*'.repeat(200)}x`, `${'*a'.repeat(100)}x`, `${'a*'.repeat(100)}x`, `${'*?a'.repeat(60)}x`])(
    'is read in one go, however many stars it has: %s',
    (pattern) => {
      expect(matches(pattern, 'a'.repeat(2_000))).toBe(false);
      expect(matches(pattern, `${'a'.repeat(2_000)}x`)).toBe(true);
    },
  );
});
