import fc from 'fast-check';
import { facts, plain, shorten, table, textWidth } from '../../../server/commands/table';

describe('the width of a text on a terminal', () => {
  it.each([
    ['crm', 3],
    ['客户', 4],
    ['한국', 4],
    ['ｆｕｌｌ', 8],
    ['é', 1],
    ['e\u0301', 1],
    ['🚀', 2],
    ['👩‍👩‍👧', 2],
    ['a\u200bb', 2],
    ['…', 1],
  ])('%s takes %i columns', (text, width) => {
    expect(textWidth(text)).toBe(width);
  });

  it('is never exceeded by what was shortened', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 20 }), (text, width) => {
        expect(textWidth(shorten(text, width))).toBeLessThanOrEqual(Math.max(width, 1));
      }),
    );
  });
});

describe('a table', () => {
  it('keeps its columns in line, whatever letters are in it', () => {
    const lines = table(
      ['ID', 'NAME', 'STATE'],
      [
        ['crm', '客户关系', 'running'],
        ['a-long-one', 'x', 'asleep'],
      ],
    );
    expect(lines).toEqual([
      'ID          NAME      STATE',
      'crm         客户关系  running',
      'a-long-one  x         asleep',
    ]);
  });

  it('fits into the terminal by shortening its widest columns', () => {
    const lines = table(['ID', 'NAME'], [['crm', 'n'.repeat(200)]], 40);
    expect(Math.max(...lines.map(textWidth))).toBe(40);
    expect(lines[1]).toMatch(/^crm {2}n+…$/);
  });

  it('is whole where nobody looks', () => {
    expect(table(['NAME'], [['n'.repeat(300)]])[1]).toHaveLength(300);
  });

  it('paints the text and not the gap', () => {
    const paint = (text: string) => `<${text}>`;
    expect(table(['A', 'B'], [[{ text: 'x', paint }, 'y']])[1]).toBe('<x>  y');
  });

  it('lets no name move the cursor or break the line', () => {
    const lines = table(['NAME'], [['evil\u001b[2J\r\nroot\u202e']]);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toBe('evil [2J root');
    expect(plain('tab\there')).toBe('tab here');
  });
});

it('tells only the facts that there are', () => {
  expect(
    facts([
      ['ID', 'crm'],
      ['错误', null],
      ['State', 'running'],
    ]),
  ).toEqual(['ID     crm', 'State  running']);
});
