import fc from 'fast-check';
import { ByteMeter, FormMeter, JsonMeter, measureJson, type BodyMeter } from '../../src/body-meter';

const bytes = (text: string) => new TextEncoder().encode(text);
const plain = ({ bytes, values, depth }: BodyMeter | ReturnType<typeof measureJson>) => ({ bytes, values, depth });

/** Elements, members with their names, arrays and objects, counted with a parser. */
function countParsed(value: unknown): { values: number; depth: number } {
  if (typeof value !== 'object' || value === null) return { values: 0, depth: 0 };
  const inner = Object.values(value).map(countParsed);
  const names = Array.isArray(value) ? 0 : inner.length;
  return {
    values: 1 + Math.max(0, inner.length - 1) + names + inner.reduce((sum, { values }) => sum + values, 0),
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
  };
}

describe('JSON meter', () => {
  it.each([
    ['', 0, 0],
    ['""', 0, 0],
    ['{}', 1, 1],
    ['[]', 1, 1],
    ['[1]', 1, 1],
    ['[1,2,3]', 3, 1],
    ['{"a":{"b":[{}]}}', 6, 4],
    ['["a,b,[c{"]', 1, 1],
    ['["a\\",b",1]', 2, 1],
    ['["a\\\\",1]', 2, 1],
    ['["a\\\\\\",1"]', 1, 1],
    ['["\\u0022,",1]', 2, 1],
    ['{"a,b":1,"c[":2}', 4, 1],
    ['{"a:b":":",":":2}', 4, 1],
    [' [ 1 , 2 ] ', 2, 1],
    ['["，［｛",1]', 2, 1],
    ['[[],[],[]]', 6, 2],
    ['[[[[[[', 6, 6],
    [']]]]', 0, 0],
    ['[,,,,', 5, 1],
    ['{::::', 5, 1],
  ])('counts %j as %d values and %d levels', (text, values, depth) => {
    expect(plain(measureJson(bytes(text)))).toEqual({ bytes: bytes(text).length, values, depth });
  });

  it('counts what a parser finds, for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(0, 1, 3), (value, indent) => {
        const { values, depth } = measureJson(bytes(JSON.stringify(value, null, indent)));
        expect({ values, depth }).toEqual(countParsed(value));
      }),
    );
  });

  it('counts the same however the text is cut into pieces, also within a letter and after a backslash', () => {
    const text = fc.oneof(
      fc.json(),
      fc.string({ unit: fc.constantFrom('"', '\\', ',', '[', '{', '}', ']', 'ä', '1') }),
    );
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }), (json, sizes) => {
        const all = bytes(json);
        const meter = new JsonMeter();
        for (let at = 0, turn = 0; at < all.length; turn += 1) {
          const next = at + (sizes[turn % sizes.length] ?? 1);
          meter.read(all.subarray(at, next));
          at = next;
        }
        expect(plain(meter)).toEqual(plain(measureJson(all)));
      }),
    );
  });

  it('never counts less than a parser has built before it meets an error', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.string(), (value, rest) => {
        const { values } = measureJson(bytes(JSON.stringify(value) + rest));
        expect(values).toBeGreaterThanOrEqual(countParsed(value).values);
      }),
    );
  });
});

describe('form meter', () => {
  it('counts the parameters, and no text between them', () => {
    const meter = new FormMeter();
    for (const piece of ['a=1&b=', '[{,,,&', 'c']) meter.read(bytes(piece));
    expect(plain(meter)).toEqual({ bytes: 13, values: 2, depth: 0 });
  });
});

describe('byte meter', () => {
  it('counts bytes only', () => {
    const meter = new ByteMeter();
    for (const piece of ['[[,', '&&', '']) meter.read(bytes(piece));
    expect(plain(meter)).toEqual({ bytes: 5, values: 0, depth: 0 });
  });
});
