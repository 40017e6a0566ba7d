import { countRecords, writesRecords, type RecordShape } from '../../../src/policies/record-count';

/** Users have roles and a profile; roles have users again. Everything else is a value. */
const users: RecordShape = {
  association: (member) => (member === 'roles' ? roles : member === 'profile' ? users : undefined),
};
const roles: RecordShape = { association: (member) => (member === 'users' ? users : undefined) };

describe('the records of a request', () => {
  it.each<[unknown, number]>([
    [{}, 1],
    [{ name: 'a', settings: [{}, {}, { roles: [{}] }] }, 1],
    [[], 0],
    [[{}, {}, {}], 3],
    // NocoBase makes a record of each element, whatever it is.
    [[null, 1, 'x'], 3],
    [
      [
        [{}, {}],
        [{}, null],
      ],
      4,
    ],
    [{ roles: [{}, {}] }, 3],
    [{ roles: { users: [{}, {}] } }, 4],
    [{ roles: [[{}, {}], {}] }, 4],
    [[{ roles: [{}] }, { profile: { profile: {} } }], 5],
    // Keys of records that exist.
    [{ roles: ['admin', 'member', 3], profile: 7 }, 1],
    [{ roles: null, profile: undefined }, 1],
    [{ roles: [{ name: 'admin', users: [1, 2, {}] }] }, 3],
  ])('%j are %i', (values, records) => {
    expect(countRecords(values, users)).toBe(records);
  });

  it('are counted in the actions that write them one by one', () => {
    const actions = ['create', 'update', 'firstOrCreate', 'updateOrCreate', 'list', 'importXlsx', 'add', 'destroy'];
    expect(actions.filter(writesRecords)).toEqual(['create', 'update', 'firstOrCreate', 'updateOrCreate']);
  });
});
