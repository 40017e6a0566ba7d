import { parse as parseTemplate } from '@nocobase/utils';
import fc from 'fast-check';
import { boundVariablePattern } from '../../../server/nocobase/json-templates';

type Template = ((context: object) => unknown) & { parameters: { key: string; defaultValue?: string }[] };
const parse = parseTemplate as (value: unknown) => Template;

/** NocoBase's own pattern, for comparison. */
const AMBIGUOUS = /{{(\w|:|[\s-+.,@/()?=*_$])+}}/g;

describe('variables in texts', () => {
  const native = Object.getOwnPropertyDescriptor(RegExp.prototype, Symbol.match);

  beforeAll(() => expect(boundVariablePattern()).toBe(true));

  it('leave the language as it was, also when it is asked for again', () => {
    expect(boundVariablePattern()).toBe(true);
    expect(Object.getOwnPropertyDescriptor(RegExp.prototype, Symbol.match)).toEqual(native);
    expect('a-b'.match(/-/g)).toEqual(['-']);
  });

  it.each([
    '_'.repeat(40),
    '_'.repeat(50_000),
    'a_'.repeat(20_000),
    `${'_'.repeat(60)}}`,
    `${'_'.repeat(60)}#}}`,
    `$context.${'_'.repeat(60)}!`,
    `${'(_)'.repeat(50)}`,
    ' _'.repeat(50),
    `${'_ '.repeat(50)}\n`,
    `${'{{'.repeat(20)}${'_'.repeat(50)}`,
  ])('are found at once, however many "_" have no end: %.20s', (text) => {
    // Without the bound, each of these would take longer than the machine lives.
    expect(parse(`{{${text}`)({})).toBe(`{{${text}`);
    expect(parse({ a: [`{{${text}`] })({})).toEqual({ a: [`{{${text}`] });
  });

  it('are found as before', () => {
    expect(parse('{{ user_name }} of {{$context.data.a_b:none}}').parameters).toEqual([
      { key: 'user_name' },
      { key: '$context.data.a_b', defaultValue: 'none' },
    ]);
    expect(parse('{{a.b}}')({ a: { b: [1] } })).toEqual([1]);
    expect(parse({ '{{k}}': 'x{{v}}y' })({ k: 'key', v: 7 })).toEqual({ key: 'x7y' });
  });

  it('are those of the pattern of NocoBase, whatever the text', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '{{',
      '}}',
      '_',
      'a',
      'Z9',
      ':',
      '-',
      '+',
      '.',
      ',',
      '@',
      '/',
      '(',
      '?',
      '=',
      '*',
      '$',
      ' ',
      '\n',
      '#',
      'é',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const text = pieces.join('');
        const keys = (text.match(AMBIGUOUS) ?? []).map((found) => found.slice(2, -2).trim().split(':')[0]);
        expect(parse(text).parameters.map(({ key }) => key)).toEqual([...new Set(keys)]);
      }),
      { numRuns: 2_000 },
    );
  });
});
