import { explainPostgresError } from '../../server/databases/postgres-connection';
import { AppError } from '../../src/errors';

/** As `pg` throws them, and as Sequelize wraps them. */
const thrown = (code: string, message = 'Planted-4712 at postgres://nb:Planted-4712@db') =>
  Object.assign(new Error(message), { code });

describe('what PostgreSQL says', () => {
  it.each([
    ['53100', 'APP_DATABASE_FULL'],
    ['42501', 'APP_DATABASE_DENIED'],
    ['28P01', 'APP_DATABASE_CREDENTIALS'],
    ['3D000', 'APP_DATABASE_MISSING'],
    ['42P04', 'APP_DATABASE_EXISTS'],
    ['57P01', 'APP_DATABASE_UNREACHABLE'],
    ['ECONNREFUSED', 'APP_DATABASE_UNREACHABLE'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'APP_DATABASE_UNREACHABLE'],
    ['23505', 'APP_DATABASE_FAILED'],
    ['', 'APP_DATABASE_FAILED'],
  ])('as %s is told as %s, without an address or a password', (code, expected) => {
    for (const error of [thrown(code), Object.assign(new Error('wrapped'), { original: thrown(code) })]) {
      const told = explainPostgresError(error, 'crm');
      expect(told.code).toBe(expected);
      expect(JSON.stringify([told.message, told.params])).not.toMatch(/Planted|postgres:/);
    }
  });

  it('stays what it is when it is one of ours', () => {
    const ours = new AppError('APP_DATABASE_IN_USE', { database: 'crm', owner: 'main' });
    expect(explainPostgresError(Object.assign(new Error('wrapped'), { cause: ours }))).toBe(ours);
  });
});
