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
    { name: null },
    { name: ['crm', 'shop'] },
    { name: { $or: [{ $eq: 'crm' }, { $not: { $startsWith: 's' } }] } },
    { lastVisitedAt: { $dateOn: { type: 'past', number: 3, unit: 'day' } } },
    { 'lastVisitedAt.$dateBefore': { type: 'today' } },
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
    // Sequelize takes these for columns, or for pieces of SQL.
    { $secrets$: { $like: 'v1:%' } },
    { $options$: { $like: '%jwt%' } },
    { '$options::text$': { $like: '%' } },
    { '$applications.secrets$': { $ne: null } },
    { $or: [{ $secrets$: { $notEmpty: true } }] },
    { $not: { $secrets$: 'x' } },
    { '$options$.database': { $eq: 'a' } },
    { '$options.database.database$': 'a' },
    { $secrets: 'a' },
    { name: { $col: 'secrets' } },
    { name: { $lt: { $col: 'secrets' } } },
    { name: { $gt: { $col: 'applications.secrets' } } },
    { name: { $startsWith: { $col: 'secrets' } } },
    { name: { $in: [{ $col: 'secrets' }] } },
    { name: { $or: [{ $ne: { $col: 'secrets' } }] } },
    { 'name.$lt': { $col: 'secrets' } },
    { 'name.$col': 'secrets' },
    { name: { $like: { $any: ['a%'] } } },
    { name: { $literal: '1=1' } },
    { name: { $secrets$: { $ne: null } } },
    { name: { secrets: 1 } },
    { 'name.secrets': 1 },
    { name: { '$nested.secrets$': 1 } },
    { name: { $eq: { type: { $col: 'secrets' } } } },
  ])('does not filter by %j', (filter) => {
    expect(() => assertFilter(filter, collection)).toThrow(expect.objectContaining({ code: 'APP_VALUE_INVALID' }));
  });
});
