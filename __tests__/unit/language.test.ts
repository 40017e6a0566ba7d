import fc from 'fast-check';
import { checkCreate } from '../../src/app-record';
import { checkLanguage, LANGUAGES } from '../../src/language';

describe('the language of a new application', () => {
  it.each(LANGUAGES)('may be %s, in whatever case it is written', (code) => {
    expect(code).toMatch(/^[a-z]{2}-[A-Z]{2}$/);
    expect([checkLanguage(code), checkLanguage(code.toLowerCase()), checkLanguage(code.toUpperCase())]).toEqual([
      ...[code, code, code],
    ]);
  });

  it.each([undefined, null, ''])('may stay away: %p', (value) => {
    expect(checkLanguage(value)).toBeUndefined();
  });

  it('is nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ minLength: 1 }), fc.integer(), fc.object()), (value) => {
        expect(() => checkLanguage(value)).toThrow(expect.objectContaining({ code: 'APP_VALUE_INVALID', status: 400 }));
      }),
    );
  });

  it('is checked with the other values of a create call, and written in its own way', () => {
    expect(checkCreate({ name: 'crm', options: { lang: 'ZH-cn' } }).options).toEqual({ lang: 'zh-CN' });
    expect(() => checkCreate({ name: 'crm', options: { lang: 'klingon' } })).toThrow(/options\.lang/);
  });
});
