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

  it('is not slow, however many stars it has', () => {
    const started = performance.now();
    expect(matches(`${'*'.repeat(200)}x`, 'a'.repeat(200))).toBe(false);
    expect(performance.now() - started).toBeLessThan(200);
  });
});
