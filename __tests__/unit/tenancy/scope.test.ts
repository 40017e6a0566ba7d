import { assertInScope, isKnownIn, publicModel } from '../../../server/adapters/scope';
import { recordFromRow } from '../../../src/app-record';

const record = (name: string, row: object = {}) => recordFromRow({ name, ...row });

describe('scope: what the code of one application may do with another', () => {
  it.each([
    [undefined, 'crm'],
    [undefined, 'main'],
    ['crm', 'crm'],
  ])('code of %s acts on %s', (current, name) => {
    expect(() => assertInScope({ current }, name)).not.toThrow();
  });

  it.each([
    ['crm', 'shop'],
    ['crm', 'main'],
    ['crm', 'CRM'],
    ['crm', ''],
  ])('code of %s is refused to act on %s', (current, name) => {
    expect(() => assertInScope({ current }, name)).toThrow(
      expect.objectContaining({ code: 'APP_OTHER_APPLICATION', status: 403, params: { from: current, name } }),
    );
  });

  it('code of an application knows itself and what an operator has pinned', () => {
    expect(isKnownIn('crm', record('crm'))).toBe(true);
    expect(isKnownIn('crm', record('shop'))).toBe(false);
    expect(isKnownIn('crm', record('shop', { pinned: true }))).toBe(true);
    expect(isKnownIn(undefined, record('shop'))).toBe(true);
  });

  it('a model that another application reads holds no place of data and no secret', () => {
    const options = {
      database: { host: 'db', password: 'x' },
      authManager: { jwt: { secret: 's' } },
      sso: { enabled: true },
    };
    const model = { name: 'shop', title: 'Shop', cname: 'shop.example.com', icon: 'x', environments: ['e'], options };
    expect(publicModel(model)).toEqual({
      name: 'shop',
      title: 'Shop',
      cname: 'shop.example.com',
      icon: 'x',
      options: { sso: { enabled: true } },
    });
    expect(publicModel({ name: 'shop' })).toEqual({ name: 'shop', options: {} });
  });
});
