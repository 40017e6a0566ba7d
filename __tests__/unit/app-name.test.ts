import fc from 'fast-check';
import { APP_NAME_PATTERN, checkAppName, quotable, RESERVED_APP_NAMES, suggestAppName } from '../../src/app-name';
import { AppError } from '../../src/errors';

function refusal(name: unknown): AppError | undefined {
  try {
    checkAppName(name);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    return error as AppError;
  }
}

describe('checkAppName', () => {
  it.each([
    ['one letter', 'a'],
    ['letters and digits', 'crm2'],
    ['hyphens and underscores', 'a-b_c'],
    ['a hyphen at the end', 'crm-'],
    ['48 characters', 'a'.repeat(48)],
    ['a reserved word as a part', 'admin2'],
  ])('accepts %s', (_case, name) => {
    expect(checkAppName(name)).toBe(name);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['an empty name', ''],
    ['49 characters', 'a'.repeat(49)],
    ['64 characters', 'a'.repeat(64)],
    ['a million characters', 'a'.repeat(1_000_000)],
    ['a quote', "crm'"],
    ['a double quote', 'crm"'],
    ['a slash', 'crm/x'],
    ['a backslash', 'crm\\x'],
    ['dot-dot', '..'],
    ['dot-dot inside', 'a..b'],
    ['a dot', 'a.b'],
    ['a space', 'a b'],
    ['a line end after it', 'crm\n'],
    ['a zero byte', 'crm\0'],
    ['a percent sign', 'crm%2e'],
    ['Chinese', '客户'],
    ['an umlaut', 'bücher'],
    ['full-width letters', 'ｃｒｍ'],
    ['upper case', 'CRM'],
    ['one upper-case letter', 'cRm'],
    ['a leading digit', '1crm'],
    ['a leading hyphen', '-crm'],
    ['a leading underscore', '_crm'],
    ['a number', 7],
    ['true', true],
    ['an object', { name: 'crm' }],
    ['an object that says it is a name', { toString: () => 'crm' }],
    ['an array', ['crm']],
    ['an empty array', []],
  ])('refuses %s', (_case, name) => {
    expect(refusal(name)).toMatchObject({ code: 'APP_NAME_INVALID', status: 400 });
  });

  it.each(['main', 'www', 'api', 'admin', 'apps', 'files', 'ws', 'v', 'postgres', 'template1', 'localhost'])(
    'refuses the reserved "%s"',
    (name) => {
      expect(refusal(name)).toMatchObject({ code: 'APP_NAME_RESERVED', status: 400 });
    },
  );

  it('reserves only names that would be allowed otherwise, or that a host label may be', () => {
    for (const name of RESERVED_APP_NAMES) expect(name).toMatch(APP_NAME_PATTERN);
  });

  it('throws nothing but an AppError with status 400, whatever it is given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.anything()), (name) => {
        const error = refusal(name);
        if (error) expect(error.status).toBe(400);
        else expect(name).toMatch(APP_NAME_PATTERN);
      }),
    );
  });

  it('repeats a refused name in its message only short and without control characters', () => {
    const error = refusal(`a\u202e\u0007${'x'.repeat(300)}`);
    expect(error?.message).not.toMatch(/\p{C}/u);
    expect(error?.message.length).toBeLessThan(250);
  });
});

describe('quotable', () => {
  it('names the kind of what is no text', () => {
    expect(quotable({ secret: 1 })).toBe('object');
    expect(quotable(undefined)).toBe('undefined');
  });

  it.each([
    ['postgres://nb:Planted-4712@db/x', '…@db/x'],
    ['mysql://nb:p@ss/Planted@db', '…@db'],
    ['postgres://nb:Plan ted@db', '…@db'],
    ['nb:Planted@db', '…@db'],
    ['someone@example.test', 'someone@example.test'],
  ])('shows of %s only %s', (text, shown) => {
    expect(quotable(text)).toBe(shown);
  });

  it('looks at the beginning of a long text only', () => {
    expect(quotable('://'.repeat(100_000)).length).toBe(65);
    expect(quotable(`${'x:'.repeat(200)}Planted@db`)).not.toContain('Planted');
  });

  it('is short and printable, always', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(quotable(text)).not.toMatch(/\p{Cc}/u);
        expect(quotable(text).length).toBeLessThanOrEqual(65);
      }),
    );
  });
});

describe('suggestAppName', () => {
  it.each([
    ['Customer Relations', 'customer-relations'],
    ['  CRM (2026)!  ', 'crm-2026'],
    ['Bücherei Zürich', 'bucherei-zurich'],
    ['42 Things', 'things'],
    ['ＣＲＭ', 'crm'],
    ['Admin', 'admin-app'],
    ['main', 'main-app'],
    ['客户管理', ''],
    ['12345', ''],
    ['', ''],
    [`${'a'.repeat(39)} b`, 'a'.repeat(39)],
  ])('makes of "%s" "%s"', (typed, name) => {
    expect(suggestAppName(typed)).toBe(name);
  });

  it('yields nothing, or a name that may be created and that is safe as a host label', () => {
    const typed = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 120 }),
      fc.string({ unit: 'grapheme', maxLength: 120 }),
      fc.constantFrom(...RESERVED_APP_NAMES),
    );
    fc.assert(
      fc.property(typed, (text) => {
        const name = suggestAppName(text);
        if (name === '') return;
        expect(checkAppName(name)).toBe(name);
        expect(name).toMatch(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/);
      }),
    );
  });
});
