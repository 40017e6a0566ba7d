import fc from 'fast-check';
import { AppError, ERROR_TABLE, isAppError, type ErrorCode } from '../../src/errors';
import { fillMessage } from '../../src/phrase';

const codes = Object.keys(ERROR_TABLE) as ErrorCode[];

describe('the table of errors', () => {
  it.each(codes)('%s has the prefix, an HTTP status of an error and a sentence', (code) => {
    const { status, message } = ERROR_TABLE[code];
    expect(code).toMatch(/^APP_[A-Z_]+$/);
    expect([400, 403, 404, 405, 408, 409, 410, 413, 414, 422, 429, 500, 503]).toContain(status);
    expect(message).toMatch(/^["A-Z].*\.$/);
  });

  it('says every sentence once', () => {
    const sentences = codes.map((code) => ERROR_TABLE[code].message);
    expect(new Set(sentences).size).toBe(sentences.length);
  });
});

describe('fillMessage', () => {
  it('fills every parameter, wherever and however often it stands', () => {
    expect(fillMessage('{a} and {b} and {a}', { a: 1, b: 'two' })).toBe('1 and two and 1');
  });

  it('leaves an absent parameter visible', () => {
    expect(fillMessage('{a} and {b}', { a: 'x' })).toBe('x and {b}');
  });

  it('takes a value as text, also one that looks like a parameter or a replacement pattern', () => {
    expect(fillMessage('"{a}"', { a: '$& $1 {b}', b: 'no' })).toBe('"$& $1 {b}"');
  });

  it('keeps whatever is not a parameter', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(fillMessage(text.replace(/[{}]/g, ''), { a: 'x' })).toBe(text.replace(/[{}]/g, ''));
      }),
    );
  });
});

describe('AppError', () => {
  it('carries code, status, parameters and the filled sentence', () => {
    const error = new AppError('APP_NAME_TAKEN', { name: 'crm' });
    expect(error).toMatchObject({ name: 'AppError', code: 'APP_NAME_TAKEN', status: 409, params: { name: 'crm' } });
    expect(error.message).toBe('An application with the ID "crm" exists already; choose another ID.');
  });

  it('is a warning where the caller is at fault, an error where the server is', () => {
    expect(new AppError('APP_NOT_FOUND', { name: 'crm' }).logLevel).toBe('warn');
    expect(new AppError('APP_DATABASE_FAILED', { reason: 'x' }).logLevel).toBe('error');
  });

  it('keeps where it comes from out of `cause` and out of the message', () => {
    const origin = new Error('password=Planted-4712');
    const error = new AppError('APP_DATABASE_FAILED', { reason: 'unknown error' }, origin);
    expect(error.origin).toBe(origin);
    expect(error.cause).toBeUndefined();
    expect(error.message).not.toContain('Planted');
  });

  it('is told from other errors, also from one made by another copy of this module', () => {
    const foreign = Object.assign(new Error('x'), { name: 'AppError', code: 'APP_STOPPED', params: {} });
    expect(isAppError(new AppError('APP_STOPPED', { name: 'crm' }))).toBe(true);
    expect(isAppError(foreign)).toBe(true);
    for (const other of [new Error('x'), { name: 'AppError', code: 'x', params: {} }, null, undefined, 'AppError']) {
      expect(isAppError(other)).toBe(false);
    }
  });
});
