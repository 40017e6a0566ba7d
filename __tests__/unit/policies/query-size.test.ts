import fc from 'fast-check';
import { exceededFilter, exceededQuery, jsonSize, type QueryBounds } from '../../../src/policies/query-size';

/** The parser of NocoBase for queries. */
// eslint-disable-next-line @typescript-eslint/no-require-imports
const { parseQuery } = require('@nocobase/resourcer/lib/utils') as {
  parseQuery(text: string): Record<string, unknown>;
};

const bounds: QueryBounds = { parameters: 1_000, repeated: 100, depth: 20, steps: 20, values: 5_000, names: 1_000 };
const unitOf = (query: string) => exceededQuery(`/api/x:list?${query}`, bounds)?.unit;

const repeat = (text: string, times: number) => text.repeat(times);
const nested = (times: number, name = 'a') => `${repeat(`{"${name}":`, times)}1${repeat('}', times)}`;
const every = (text: string) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

describe('a query', () => {
  it.each([
    '',
    'a',
    '&',
    'filter=%7B%22%24and%22%3A%5B%7B%22roles%22%3A%7B%22name%22%3A%7B%22%24eq%22%3A%22x%22%7D%7D%7D%5D%7D',
    `filter=${nested(20)}`,
    `filter={"${repeat('a.', 20)}b":1}`,
    `filter={"title":{"$includes":"${repeat('[.', 2_000)}"}}`,
    `filter={"title":{"$includes":"\\"${repeat('{', 100)}"}}`,
    `filter={"id":{"$in":[${Array.from({ length: 4_000 }, (_, id) => id % 10).join(',')}]}}`,
    `filter${repeat('[a]', 20)}=1`,
    Array.from({ length: 1_000 }, (_, index) => `p${index}=1`).join('&'),
    Array(1_000).fill('filterByTk[]=1').join('&'),
    Array(100).fill('appends[]=roles').join('&'),
    `fields=${Array.from({ length: 1_000 }, () => 'a').join(',')}`,
    'sort=-createdAt&fields=id,createdBy.department.owner.nickname&appends=createdBy.department.owner',
    `redirect=${repeat('.', 5_000)}`,
    `text=${repeat('a{', 5_000)}`,
    'a=%',
    'a=%zz&b=%ff',
    '%5B%5D==&]=[',
  ])('has nothing too much: %.60s', (query) => {
    expect(unitOf(query)).toBeUndefined();
  });

  it.each([
    [repeat('&', 1_000), 'parameters'],
    [repeat('a&', 8_000), 'parameters'],
    [Array.from({ length: 1_001 }, (_, index) => `p${index}`).join('&'), 'parameters'],
    [repeat('a&', 101), 'parameters of one name'],
    [repeat('a=1&%61=2&', 51), 'parameters of one name'],
    [Array(101).fill('sort[]=title').join('&'), 'parameters of one name'],
    [Array(101).fill('sort%5b]=title').join('&'), 'parameters of one name'],
    [`filter=${nested(21)}`, 'levels of nesting'],
    [`filter=${nested(1_600)}`, 'levels of nesting'],
    [`filter=${every(nested(21))}`, 'levels of nesting'],
    [`filter=+%20%0a%09${nested(21)}`, 'levels of nesting'],
    [`filter=${nested(21)}%ff`, 'levels of nesting'],
    [`filter=${repeat('{"$or":[', 11)}{}`, 'levels of nesting'],
    [`anything=${repeat('[', 8_000)}`, 'levels of nesting'],
    [`filterByTk=${repeat('[', 21)}`, 'levels of nesting'],
    [`a=b&filter${repeat('[a]', 1_600)}=1`, 'levels of nesting'],
    [`filter${repeat('%5Ba%5d', 21)}=1`, 'levels of nesting'],
    [`filter${repeat('%5Ba]', 21)}%zz=1`, 'levels of nesting'],
    [`${repeat('[', 21)}`, 'levels of nesting'],
    [`filter={"${repeat('uid.', 3_500)}x":1}`, 'steps in one path'],
    [`filter={"${repeat('uid.', 21)}x" : 1}`, 'steps in one path'],
    [`filter={"${repeat('uid%2E', 21)}x":1}`, 'steps in one path'],
    [`filter={"${repeat('uid\\u002E', 21)}x":1}`, 'steps in one path'],
    [`filter={"${repeat('[a]', 21)}":1}`, 'steps in one path'],
    [`filter={"${repeat('\\u005ba]', 21)}":1}`, 'steps in one path'],
    [`filter[${repeat('uid.', 21)}]=1`, 'steps in one path'],
    [`sort=${repeat('a.', 21)}b`, 'steps in one path'],
    [`appends=a,${repeat('a.', 21)}b`, 'steps in one path'],
    [`appends[]=${repeat('a.', 21)}b`, 'steps in one path'],
    [`fields[except]=${repeat('a%2e', 21)}b`, 'steps in one path'],
    [`filter=[${repeat('1,', 5_001)}1]`, 'values'],
    [`filter={${repeat('"a":1,', 2_501)}"a":1}`, 'values'],
    [`fields=${repeat('uid,', 4_000)}`, 'names in its lists'],
    [`fields=${repeat('uid%2C', 1_001)}`, 'names in its lists'],
    [
      Array(11)
        .fill(`sort=${repeat('a,', 100)}`)
        .join('&'),
      'names in its lists',
    ],
  ])('%.60s has too many %s', (query, unit) => {
    expect(unitOf(query)).toBe(unit);
  });

  it('is what follows the first question mark, whatever the target is', () => {
    expect(exceededQuery(`/${repeat('[', 100)}&${repeat('a&', 2_000)}`, bounds)).toBeUndefined();
    expect(exceededQuery(`http://x/y?${repeat('a&', 2_000)}`, bounds)).toEqual({ limit: 1_000, unit: 'parameters' });
    expect(exceededQuery(`?a?filter${repeat('[a]', 21)}=1`, bounds)?.unit).toBe('levels of nesting');
  });

  it('may have anything if the bounds are infinite', () => {
    const any = { parameters: Infinity, repeated: Infinity, depth: Infinity, steps: Infinity };
    const free: QueryBounds = { ...any, values: Infinity, names: Infinity };
    for (const query of [repeat('a&', 8_000), `filter=${nested(1_000)}`, `filter={"${repeat('a.', 999)}":1}`]) {
      expect(exceededQuery(`/?${query}`, free)).toBeUndefined();
    }
  });
});

/** The levels of a value, and the most steps in the name of a member. */
function shapeOf(value: unknown): { depth: number; steps: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, steps: 0 };
  const isList = Array.isArray(value);
  const members = Object.entries(value).map(([name, member]) => {
    const { depth, steps } = shapeOf(member);
    return { depth, steps: Math.max(steps, isList ? 0 : name.split(/[.[]/).length - 1) };
  });
  return {
    depth: 1 + Math.max(0, ...members.map(({ depth }) => depth)),
    steps: Math.max(0, ...members.map(({ steps }) => steps)),
  };
}

describe('what is measured', () => {
  const name = fc.array(fc.constantFrom('a', '.', '[', ']', '"', '\\', '%', '&', '=', 'é', ' ', ':', '{'));
  const json = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 8, depthSize: 'large' },
      fc.constantFrom(1, null, '', '{"a":', '[[['),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(
        name.map((parts) => parts.join('')),
        tie('value'),
        { maxKeys: 3 },
      ),
    ),
  })).value;

  it('of JSON is its depth and the longest path in a name, however it is written', () => {
    fc.assert(
      fc.property(json, fc.constantFrom(0, 1), (value, indent) => {
        const { depth, steps } = jsonSize(JSON.stringify(value, null, indent));
        expect({ depth, steps }).toEqual(shapeOf(value));
        const escaped = JSON.stringify(value).replace(/\./g, '\\u002e');
        expect(jsonSize(escaped).steps).toBe(shapeOf(value).steps);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is never less than what the parser of NocoBase makes of the query', () => {
    const tight: QueryBounds = { ...bounds, depth: 4, steps: 3 };
    const sign = fc.constantFrom(
      ...['a', '[', ']', '%5B', '%5d', '.', '%2E', '=', '{', '"', ':', '}', ',', '%', '%7b', '%22', '+', '&', 'filter'],
      ...['[a]', '{"a":', '%7B%22a%22%3A', 'a.', '\\u002e', '[[', ']]'],
    );
    const text = fc.array(sign, { maxLength: 30 }).map((signs) => signs.join(''));
    const query = fc.oneof(
      text,
      text.map((rest) => `filter=${rest}`),
      json.map((value) => `filter=${encodeURIComponent(JSON.stringify(value))}`),
      json.map((value) => `x=1&filter=${JSON.stringify(value).replace(/[%&+#]/g, encodeURIComponent)}`),
    );
    fc.assert(
      fc.property(query, (given) => {
        if (exceededQuery(`/?${given}`, tight)) return;
        let parsed: Record<string, unknown>;
        try {
          parsed = parseQuery(given);
        } catch {
          return;
        }
        // The name of a parameter is one level of its own, and its brackets are those of names.
        expect(shapeOf(parsed.filter).depth).toBeLessThanOrEqual(tight.depth);
        expect(shapeOf(parsed.filter).steps).toBeLessThanOrEqual(tight.depth + tight.steps);
      }),
      { numRuns: 3_000 },
    );
  });

  it('of a filter is the same as of its JSON', () => {
    fc.assert(
      fc.property(json, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 6 }), (value, depth, steps) => {
        const shape = shapeOf(value);
        const exceeded = exceededFilter(value, { depth, steps });
        expect(exceeded !== undefined).toBe(shape.depth > depth || shape.steps > steps);
      }),
      { numRuns: 1_000 },
    );
  });

  it('of a filter ends at the bound, however deep it is', () => {
    let filter: unknown = 1;
    for (let level = 0; level < 100_000; level += 1) filter = { a: filter };
    expect(exceededFilter(filter, bounds)).toEqual({ limit: 20, unit: 'levels of nesting' });
    for (const none of [undefined, null, 1, 'text', {}, []]) expect(exceededFilter(none, bounds)).toBeUndefined();
  });
});
