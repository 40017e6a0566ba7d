import { createRequire } from 'node:module';
import path from 'node:path';
import type Database from '@nocobase/database';
import type { Application } from '@nocobase/server';
import { ComputingTime } from '../../../server/nocobase/computing-time';
import { boundPatterns, guardUidFields, guardValidation } from '../../../server/nocobase/patterns';

const host = createRequire(path.resolve('host/node_modules/x.js'));
const database = host('@nocobase/database') as {
  Collection: { prototype: { validate(options: object): void } };
  UidField: new (options: object, context: object) => { listener(instances: unknown): Promise<void> };
};

const notices: string[] = [];
const app = { log: { warn: (notice: string) => notices.push(notice) } } as unknown as Application;

/** A database of an application, with time of its own. */
function databaseOfApp(): Database {
  const db = {} as Database;
  boundPatterns(app, db, new ComputingTime('crm'));
  // The classes that this test has, too.
  guardValidation(database.Collection.prototype as never);
  guardUidFields(database.UidField.prototype as never);
  return db;
}

interface Rule {
  name: string;
  args?: object;
}

/** Checks a value as NocoBase does before it writes a record; returns the code of an error of ours, or its message. */
function check(rules: Rule[], value: unknown, type = 'string', db = databaseOfApp()): string {
  const field = { name: 'v', options: { validation: { type, rules } } };
  const collection = Object.assign(
    Object.create(database.Collection.prototype) as typeof database.Collection.prototype,
    {
      options: { name: 'rows' },
      fields: new Map([['v', field]]),
      context: { database: db },
    },
  );
  try {
    collection.validate({ values: { v: value }, operation: 'create' });
    return 'valid';
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return code ?? message;
  }
}

const pattern = (regex: string): Rule => ({ name: 'pattern', args: { regex } });
const many = (text: string, count = 60) => text.repeat(count);

describe('the patterns of validation rules', () => {
  it.each([
    ['^(a+)+$', `${many('a')}!`],
    ['/^(a+)+$/', `${many('a')}!`],
    ['^(a|a)*$', `${many('a')}!`],
    ['^(a|aa)+$', `${many('a', 100)}!`],
    ['(x+x+)+y', many('x')],
    ['^(([a-z])+.)+[A-Z]([a-z])+$', many('a')],
    ['^(\\w+\\s?)*$', `${many('a')}!`],
    ['^(\\d+)*(?=x)$', `${many('1')}!`],
    ['^(a+)+\\1$', `${many('a')}!`],
    ['^(?:a?){60}a{30}b$', many('a', 59)],
    ['^\\w+([.-]?\\w+)*@\\w+([.-]?\\w+)*(\\.\\w{2,3})+$', `${many('a', 90)}`],
    ['^(.*?,){25}P', many('1,', 40)],
    ['.*.*.*.*.*.*=x', many('a', 5_000)],
    ['^(?!(b+)+$).*(a|b|ab)*c$', many('ab')],
  ])('%s is ended', (regex, value) => {
    expect(check([pattern(regex)], value)).toBe('APP_VALUE_INVALID');
  });

  it('is ended for values that another rule changes first, and for the names of an object', () => {
    expect(check([{ name: 'lowercase' }, pattern('^(a+)+$')], `${many('A')}!`)).toBe('APP_VALUE_INVALID');
    expect(check([{ name: 'trim' }, pattern('^(a+)+$')], ` ${many('a')}! `)).toBe('APP_VALUE_INVALID');
    const inverted = { name: 'pattern', args: { regex: '^(a+)+$', options: { invert: true } } };
    expect(check([inverted], `${many('a')}!`)).toBe('APP_VALUE_INVALID');
    const ofNames = { name: 'pattern', args: { regex: '^(a+)+$', value: true } };
    expect(check([ofNames], { [`${many('a')}!`]: 1 }, 'object')).toBe('APP_VALUE_INVALID');
  });

  it.each([
    ['^[a-z]+$', 'abc', 'valid'],
    ['^(?=.*[A-Z])(?=.*\\d).{8,}$', 'Passw0rds', 'valid'],
    ['^([a-z0-9]+\\.)+[a-z]+$', 'www.example.org', 'valid'],
    ['^\\w+([.-]?\\w+)*@\\w+([.-]?\\w+)*(\\.\\w{2,3})+$', 'a.b@example.org', 'valid'],
    ['/^\\d{3}$/', '123', 'valid'],
    ['^\\d{3}$', '12', '"rows.v" with value "12" fails to match the required pattern: /^\\d{3}$/'],
    ['^(a+)+$', 'aaa!', '"rows.v" with value "aaa!" fails to match the required pattern: /^(a+)+$/'],
    ['(', 'x', 'Invalid regular expression: /(/: Unterminated group'],
    ['^x', '', 'valid'],
    ['^x', null, 'valid'],
  ])('%s answers for %j as NocoBase does', (regex, value, expected) => {
    expect(check([pattern(regex)], value)).toBe(expected);
  });

  it('take no more of the time of their application than it has', () => {
    const db = databaseOfApp();
    const codes = Array.from({ length: 8 }, () => check([pattern('^(a+)+$')], `${many('a')}!`, 'string', db));
    expect(codes[0]).toBe('APP_VALUE_INVALID');
    expect(codes.slice(-2)).toEqual(['APP_BUSY', 'APP_BUSY']);
    expect(check([pattern('^a$')], 'a')).toBe('valid');
    expect(notices).toEqual([]);
  });

  it('of the main application are as they were', () => {
    expect(check([pattern('^(a+)+$')], 'aaa', 'string', {} as Database)).toBe('valid');
  });
});

describe('the pattern of a field of the type "uid"', () => {
  const test = async (regex: string | undefined, value: string, db = databaseOfApp()) => {
    const field = new database.UidField({ name: 'u', pattern: regex }, { database: db, collection: { name: 'rows' } });
    const set: unknown[] = [];
    const instance = { get: () => value, set: (_: string, given: unknown) => set.push(given) };
    return await field.listener([instance]).then(
      () => String(set),
      (error: { code?: string; message: string }) => error.code ?? error.message,
    );
  };

  it('is tested within a time', async () => {
    expect(await test('^(a+)+$', `${many('a')}!`)).toBe('APP_VALUE_INVALID');
    expect(await test('^(a|a)*$', `${many('a')}!`)).toBe('APP_VALUE_INVALID');
    expect(await test('^a+$', 'aaa')).toBe('aaa');
    expect(await test('^a+$', 'b')).toContain('is invalid');
    expect(await test(undefined, 'b_1')).toBe('b_1');
    expect(await test('^(a+)+$', 'aaa', {} as Database)).toBe('aaa');
  });
});
