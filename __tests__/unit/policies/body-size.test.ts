import fc from 'fast-check';
import { ByteMeter, FormMeter, JsonMeter } from '../../../src/body-meter';
import { bodyKind, exceededBound, isUploadAction, meterFor } from '../../../src/policies/body-size';

/** The package with which NocoBase decides what it parses. */
// eslint-disable-next-line @typescript-eslint/no-require-imports
const typeis = require('type-is') as { is(type: string | undefined, types: string[]): string | false };
const JSON_TYPES = [
  ...['application/json', 'application/json-patch+json', 'application/vnd.api+json'],
  ...['application/csp-report', 'application/scim+json'],
];
const FORM_TYPES = ['application/x-www-form-urlencoded'];

describe('the kind of a body', () => {
  it.each([
    [undefined, 'other'],
    ['', 'other'],
    ['application/json', 'json'],
    ['application/json; charset=utf-8', 'json'],
    ['APPLICATION/JSON;', 'json'],
    [' application/json', 'json'],
    ['application/problem+json', 'json'],
    ['application/csp-report', 'json'],
    ['application/x-www-form-urlencoded', 'form'],
    ['application/x-www-form-urlencoded; charset=gbk', 'form'],
    ['multipart/form-data; boundary=x', 'multipart'],
    ['Multipart/Form-Data; boundary=application/json', 'multipart'],
    ['multipart/mixed', 'multipart'],
    ['text/plain', 'other'],
    ['application/octet-stream', 'other'],
    ['application/xml', 'other'],
  ])('of %j is %s', (type, kind) => {
    expect(bodyKind(type)).toBe(kind);
  });

  it('is never another one than what NocoBase would parse, whatever the header says', () => {
    const piece = fc.constantFrom(
      ...['application', 'multipart', 'text', '/', 'json', 'form-data', 'x-www-form-urlencoded', 'csp-report', '+json'],
      ...[';', ' ', '\t', '=', 'charset', 'boundary', ',', '"', 'A', '*'],
    );
    const header = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(fc.oneof(header, fc.constantFrom(...JSON_TYPES, ...FORM_TYPES)), (type) => {
        if (typeis.is(type.replace(/;$/, ''), JSON_TYPES)) expect(bodyKind(type)).toBe('json');
        if (typeis.is(type, FORM_TYPES)) expect(bodyKind(type)).toBe('form');
      }),
      { numRuns: 2_000 },
    );
  });

  it('decides how a body is measured', () => {
    expect(meterFor('json')).toBeInstanceOf(JsonMeter);
    expect(meterFor('form')).toBeInstanceOf(FormMeter);
    expect(meterFor('multipart')).toBeInstanceOf(ByteMeter);
    expect(meterFor('other')).toBeInstanceOf(ByteMeter);
  });
});

describe('the bounds of a body', () => {
  const bounds = { bytes: 2_048, values: 10, depth: 3 };
  const none = { bytes: 0, values: 0, depth: 0 };

  it.each([
    [{ bytes: 2_048, values: 10, depth: 3 }, undefined],
    [{ bytes: 2_049 }, { limit: 2, unit: 'KB' }],
    [{ values: 11 }, { limit: 10, unit: 'values' }],
    [{ depth: 4 }, { limit: 3, unit: 'levels of nesting' }],
  ])('of %j: %j', (measure, exceeded) => {
    expect(exceededBound({ ...none, ...measure }, bounds)).toEqual(exceeded);
  });

  it.each([
    [500, { limit: 500, unit: 'bytes' }],
    [1_536, { limit: 1, unit: 'KB' }],
    [10 * 2 ** 20, { limit: 10, unit: 'MB' }],
  ])('names %d bytes as %j', (bytes, exceeded) => {
    expect(exceededBound({ ...none, bytes: 2 ** 40 }, { ...bounds, bytes })).toEqual(exceeded);
  });

  it('do not hold where they are infinite', () => {
    const measure = { bytes: 2 ** 40, values: 2 ** 40, depth: 2 ** 40 };
    expect(exceededBound(measure, { bytes: Infinity, values: Infinity, depth: Infinity })).toBeUndefined();
  });
});

describe('an upload', () => {
  it.each([
    ['POST', '/api/attachments:create'],
    ['POST', '/api/attachments'],
    ['POST', '/api/posts/1/files:create'],
    ['POST', '/api/__app/crm/attachments:upload'],
    ['POST', '/api/users:importXlsx'],
    ['POST', '/api/applications:import'],
    ['POST', '/api/backupFiles:restore'],
    ['POST', '/api/pm:add'],
  ])('is %s %s', (method, path) => expect(isUploadAction(method, path)).toBe(true));

  it.each([
    ['POST', '/api/users:list'],
    ['POST', '/api/auth:signIn'],
    ['GET', '/api/attachments'],
    ['POST', '/api/users:destroy'],
    ['POST', '/api/app:getInfo'],
    ['POST', '/api/users:createX'],
    ['POST', '/api/x:create/y:list'],
  ])('is not %s %s', (method, path) => expect(isUploadAction(method, path)).toBe(false));
});
