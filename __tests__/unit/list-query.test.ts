import type { Collection } from '@nocobase/database';
import { assertFilter, orderOf } from '../../server/resources/list-query';

const field = (name: string, hidden = false, type = 'string') => [name, { name, options: { hidden, type } }] as const;
const collection = {
  fields: new Map([
    field('name'),
    field('displayName'),
    field('lastVisitedAt'),
    field('secrets', true),
    field('options', false, 'json'),
  ]),
} as unknown as Collection;

describe('what a list is asked for', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['-lastVisitedAt', ['-lastVisitedAt']],
    ['name,-createdAt', ['name', '-createdAt']],
    [
      ['displayName', 'name'],
      ['displayName', 'name'],
    ],
  ])('orders by %j', (sort, order) => {
    expect(orderOf(sort, collection)).toEqual(order);
  });

  it.each(['secrets', '-secrets', 'options', 'a.b', 'foo', '--name', 'constructor', 'name;', ['name', 'x'], [{}]])(
    'does not order by %j',
    (sort) => {
      expect(() => orderOf(sort, collection)).toThrow(expect.objectContaining({ code: 'APP_VALUE_INVALID' }));
    },
  );

  it.each([
    undefined,
    'no filter',
    {},
    { name: 'crm' },
    { 'name.$includes': 'c' },
    { $and: [{ name: { $in: ['a'] } }, { $or: [{ displayName: { $includes: 'x' } }] }] },
  ])('filters by %j', (filter) => {
    expect(() => assertFilter(filter, collection)).not.toThrow();
  });

  it.each<object>([
    { secrets: { $includes: 'a' } },
    { 'secrets.$includes': 'a' },
    { $and: [{ $or: [{ secrets: 'a' }] }] },
    { $not: { secrets: 'a' } },
    { foo: 1 },
    { 'options.apiToken.$includes': 'a' },
    { options: { $includes: 'a' } },
    JSON.parse(`${'{"$and":['.repeat(200)}{}${']}'.repeat(200)}`) as object,
    { constructor: 1 },
  ])('does not filter by %j', (filter) => {
    expect(() => assertFilter(filter, collection)).toThrow(expect.objectContaining({ code: 'APP_VALUE_INVALID' }));
  });
});
