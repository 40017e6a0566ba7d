import * as fc from 'fast-check';
import { assertBodyQuery } from '../../../server/limits/body-query';
import type { QueryBounds } from '../../../src/policies/query-size';

const BOUNDS: QueryBounds = { parameters: 1_000, repeated: 100, depth: 20, steps: 20, values: 1_000, names: 2_000 };

function outcome(body: unknown, querystring = '', url = '/api/users:list'): unknown {
  try {
    assertBodyQuery({ request: { body, querystring }, originalUrl: url }, BOUNDS);
    return 'passes';
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
}

const nested = (levels: number) => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = { a: value };
  return value;
};
const json = (value: unknown) => JSON.stringify(value);

describe('a query in a body', () => {
  it.each([
    [{ filter: json({ $and: Array.from({ length: 100_000 }, () => ({})) }) }],
    [{ filter: '{"a":'.repeat(400_000) }],
    [{ filter: nested(30) }],
    [{ filter: nested(10_000) }],
    [{ appends: '.'.repeat(300_000) }],
    [{ filter: { $or: Array.from({ length: 5_000 }, (_, index) => ({ a: index })) } }],
    [{ filter: { [`a${'.b'.repeat(50)}`]: 1 } }],
    [Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`p${index}`, 1]))],
    [{ a: Array.from({ length: 200 }, () => 'x') }],
    [{ fields: json(Array.from({ length: 100_000 }, () => 'x')) }],
  ])('is measured like that of an address: %#', (__params__) => {
    expect(outcome({ __params__ })).toBe('APP_QUERY_TOO_LARGE');
  });

  it.each([
    [{ __params__: { filter: json({ name: { $in: Array.from({ length: 500 }, (_, index) => `word ${index}`) } }) } }],
    [
      {
        __params__: { page: 1, pageSize: 20, appends: ['a', 'b.c'], filter: { $and: [{ a: { $eq: null } }] } },
        __method__: 'get',
      },
    ],
    [{ __params__: { filter: 'half \ud800 of a pair \udc00', '\ud800': ['\udfff'] } }],
    [{ __params__: '' }],
    [{ __params__: null, __method__: 5 }],
    [{ name: 'crm' }],
    ['text'],
    [undefined],
  ])('of a usual size passes: %#', (body) => {
    expect(outcome(body)).toBe('passes');
  });

  it.each([
    { __method__: 5 },
    { __method__: 'BREW' },
    { __method__: {} },
    { __params__: [1] },
    { __params__: 'text' },
    { __params__: 7 },
  ])('is refused with %j', (body) => {
    expect(outcome({ __params__: { page: 1 }, ...body })).toBe('APP_VALUE_INVALID');
  });

  it('is measured, too, when NocoBase has already made it one', () => {
    expect(outcome({}, `filter=${encodeURIComponent('['.repeat(500))}`)).toBe('APP_QUERY_TOO_LARGE');
    expect(outcome({}, 'page=1')).toBe('passes');
  });

  it('never fails in another way', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 30 }), fc.jsonValue(), (__params__, __method__) => {
        expect(['passes', 'APP_QUERY_TOO_LARGE', 'APP_VALUE_INVALID']).toContain(outcome({ __params__, __method__ }));
      }),
    );
  });
});
