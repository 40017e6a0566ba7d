import fc from 'fast-check';
import { isSignedForUser, readToken } from '../../server/limits/token-signature';
import { signToken } from './helpers/tokens';

const SECRET = 'a secret of an application';
const sign = (payload: object, options: object = {}, secret: string | Buffer = SECRET) =>
  signToken(payload, secret, options);
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('the token of a request', () => {
  it.each([
    [{ authorization: 'Bearer abc' }, '/', 'abc'],
    [{ authorization: 'bearer   abc' }, '/', 'abc'],
    [{ authorization: 'abc' }, '/', 'abc'],
    [{}, '/api/x?a=1&token=abc', 'abc'],
    [{ authorization: 'Bearer abc' }, '/api/x?token=def', 'abc'],
    [{}, '/api/x?xtoken=abc', undefined],
    [{}, '/api/x', undefined],
    [{ cookie: 'token=abc' }, '/api/x', undefined],
  ])('in %j and %s is %s', (headers, url, token) => {
    expect(readToken({ headers, url })).toBe(token);
  });
});

describe('a signed token', () => {
  it.each(['HS256', 'HS384', 'HS512'] as const)('counts with %s, also after it has expired', (algorithm) => {
    expect(isSignedForUser(sign({ userId: 1 }, { algorithm }), SECRET)).toBe(true);
    expect(isSignedForUser(sign({ userId: 1 }, { algorithm, expiresIn: -10 }), SECRET)).toBe(true);
    expect(isSignedForUser(sign({ userId: 'x' }, { algorithm }, Buffer.from(SECRET)), SECRET)).toBe(true);
  });

  it('counts with a secret of bytes', () => {
    const secret = Buffer.from([0, 255, 128, 7]);
    expect(isSignedForUser(sign({ userId: 1 }, {}, secret), secret)).toBe(true);
  });

  const token = sign({ userId: 1 });
  const [header, payload, signature = ''] = token.split('.');
  it.each<[string, string | undefined, string | undefined]>([
    ['there is none', undefined, SECRET],
    ['it is empty', '', SECRET],
    ['the application has no secret', token, undefined],
    ['the secret is empty', sign({ userId: 1 }), ''],
    ['the secret is that of another application', token, 'another secret'],
    ['it has no signature', `${header}.${payload}.`, SECRET],
    ['its signature is cut', `${header}.${payload}.${signature.slice(0, -2)}`, SECRET],
    ['its signature is longer', `${header}.${payload}.${signature}AAAA`, SECRET],
    ['its payload was changed', `${header}.${part({ userId: 2 })}.${signature}`, SECRET],
    ['its algorithm is none', `${part({ alg: 'none' })}.${part({ userId: 1 })}.`, SECRET],
    ['its algorithm is none, with a signature', `${part({ alg: 'none' })}.${payload}.${signature}`, SECRET],
    ['its algorithm is unknown', `${part({ alg: 'constructor' })}.${payload}.${signature}`, SECRET],
    ['its algorithm is no text', `${part({ alg: ['HS256'] })}.${payload}.${signature}`, SECRET],
    ['its header is no object', `${part(null)}.${payload}.${signature}`, SECRET],
    ['it has four parts', `${token}.x`, SECRET],
    ['it is no token', 'x', SECRET],
    ['it belongs to a public form', sign({ formKey: 'x', collectionName: 'y' }), SECRET],
    ['its user is null', sign({ userId: null }), SECRET],
    ['it is very long', sign({ userId: 1, filler: 'x'.repeat(9_000) }), SECRET],
  ])('does not count if %s', (_, given, secret) => {
    expect(isSignedForUser(given, secret)).toBe(false);
  });

  it('is never seen in any other text, and no text throws', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 4 }), (parts) => {
        expect(isSignedForUser(parts.join('.'), SECRET)).toBe(false);
      }),
    );
  });
});
