import fc from 'fast-check';
import { wrongParameter } from '../../../src/policies/list-parameters';

describe('the parameters of a list', () => {
  it.each([
    {},
    { page: '1', pageSize: 20, sort: '-createdAt', filter: {}, fields: ['id', 'createdBy.nickname'], filterByTk: '1' },
    { page: '', sort: '', fields: null, filter: undefined, appends: [] },
    { sort: ['-id', 'title'], appends: 'roles,department(recursively=true)', except: ['password'] },
    { fields: { only: 'id,title', except: ['a'], appends: 'b' } },
    { targetCollection: 'users', anything: { else: 1 } },
  ])('have the right form: %j', (params) => {
    expect(wrongParameter(params)).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ...(
      [-1, 0, '-1', '0', 'x', 'NaN', 'Infinity', '1e300', '99999999999999999999', { a: 1 }, ['1', '2'], ' '] as const
    ).flatMap((value): [string, unknown][] => [
      ['page', value],
      ['pageSize', value],
    ]),
    ...['sort', 'fields', 'appends', 'except', 'whitelist', 'blacklist'].flatMap((field): [string, unknown][] => [
      [field, '__proto__'],
      [field, 'id,constructor'],
      [field, ['toString']],
      [field, 'a.__proto__.b'],
      [field, '-'],
      [field, ','],
      [field, { 0: 'id' }],
      [field, [{ a: 1 }]],
      [field, 1],
    ]),
    ['fields', { only: { a: 1 } }],
    ['fields', { appends: '__proto__' }],
    ...[[], [1], 'x', 1, true].map((value): [string, unknown] => ['filter', value]),
    ['targetCollection', { a: 1 }],
    ['targetCollection', '__proto__'],
  ])('%s may not be %j', (field, value) => {
    expect(wrongParameter({ [field]: value })).toMatchObject({ field });
  });

  it('are judged whatever they are', () => {
    const names = fc.constantFrom(
      'page',
      'pageSize',
      'sort',
      'fields',
      'appends',
      'except',
      'filter',
      'targetCollection',
    );
    fc.assert(
      fc.property(fc.dictionary(names, fc.anything({ maxDepth: 3 })), (params) => {
        const wrong = wrongParameter(params);
        if (wrong) expect(Object.keys(params)).toContain(wrong.field);
      }),
      { numRuns: 1_000 },
    );
  });
});
