import fc from 'fast-check';
import { systemTitle } from '../../src/system-title';

describe('the system title of an application', () => {
  it('is the name that was entered', () => {
    for (const name of ['Sales', '销售部', 'A {b} c', '']) expect(systemTitle(name)).toBe(name);
  });

  it('holds no variable of NocoBase, and reads as the name does', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('{', '}', '$', 'a', ' ', '中') }), (name) => {
        const title = systemTitle(name);
        expect(title).not.toContain('{{');
        expect(title.replaceAll('\u2060', '')).toBe(name);
      }),
    );
  });
});
