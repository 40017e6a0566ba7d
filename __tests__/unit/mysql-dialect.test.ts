import fc from 'fast-check';
import { withConnectTimeout } from '../../server/app-options';
import { dialectOf } from '../../server/databases/location';
import { explainMysqlError, quoted, tlsOption } from '../../server/databases/mysql-connection';
import { grantsIn, mayMakeDatabases } from '../../server/databases/mysql-grants';
import { isAtLeast } from '../../server/databases/mysql-inspect';
import { isAppError } from '../../src/errors';

const PLANTED = 'Planted-4712';

describe('an error of MySQL, MariaDB or their drivers', () => {
  it.each<[string, object, string]>([
    ['the password', { code: 'ER_ACCESS_DENIED_ERROR', errno: 1045 }, 'APP_DATABASE_CREDENTIALS'],
    ["the driver's own name of it", { code: 'ER_X', errno: 1045 }, 'APP_DATABASE_CREDENTIALS'],
    ['a host that may not come', { code: 'ER_HOST_NOT_PRIVILEGED', errno: 1130 }, 'APP_DATABASE_CREDENTIALS'],
    ['a database that is not there', { code: 'ER_BAD_DB_ERROR', errno: 1049 }, 'APP_DATABASE_MISSING'],
    ['one that is', { code: 'ER_DB_CREATE_EXISTS', errno: 1007 }, 'APP_DATABASE_EXISTS'],
    ['a right on a database', { code: 'ER_DBACCESS_DENIED_ERROR', errno: 1044 }, 'APP_DATABASE_DENIED'],
    ['a right of administrators', { code: 'ER_SPECIFIC_ACCESS_DENIED_ERROR' }, 'APP_DATABASE_DENIED'],
    ['nobody', { code: 'ECONNREFUSED', errno: -111 }, 'APP_DATABASE_UNREACHABLE'],
    ['a line that broke', { code: 'PROTOCOL_CONNECTION_LOST' }, 'APP_DATABASE_UNREACHABLE'],
    ['no TLS', { code: 'HANDSHAKE_NO_SSL_SUPPORT' }, 'APP_DATABASE_UNREACHABLE'],
    ['an unknown certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'APP_DATABASE_UNREACHABLE'],
    ['too many connections', { code: 'ER_CON_COUNT_ERROR', errno: 1040 }, 'APP_DATABASE_FAILED'],
    ['a full disk', { code: 'ER_DISK_FULL', errno: 1021 }, 'APP_DATABASE_FULL'],
    ['a table space that cannot grow', { code: 'ER_RECORD_FILE_FULL', errno: 1114 }, 'APP_DATABASE_FULL'],
    ['a server that is read only', { code: 'ER_OPTION_PREVENTS_STATEMENT', errno: 1290 }, 'APP_DATABASE_FAILED'],
    ['nothing', {}, 'APP_DATABASE_FAILED'],
  ])('is told in our words: %s', (_case, fields, code) => {
    const error = Object.assign(new Error(`${PLANTED}@10.0.0.1`), fields);
    for (const thrown of [error, { parent: error }, { original: { cause: error } }]) {
      const explained = explainMysqlError(thrown, 'crm');
      expect(explained.code).toBe(code);
      expect(explained.message).not.toMatch(/Planted|10\.0\.0\.1/);
    }
  });

  it('says which of them it was, and nothing of what a server may say', () => {
    expect(explainMysqlError({ code: 'ER_CON_COUNT_ERROR' }).message).toContain('ER_CON_COUNT_ERROR');
    fc.assert(
      fc.property(fc.anything(), fc.string(), (thrown, code) => {
        expect(isAppError(explainMysqlError(thrown))).toBe(true);
        const { message } = explainMysqlError({ code: `x${code}` });
        if (code !== '') expect(message).toMatch(/unknown error|cannot be reached/);
      }),
    );
  });
});

describe('what SHOW GRANTS says', () => {
  it.each<[string, string, boolean]>([
    ['GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION', 'crm', true],
    ['GRANT SELECT, CREATE, DROP, ALTER ON *.* TO `nb`@`%`', 'crm', true],
    ['GRANT SELECT, CREATE, DROP ON *.* TO `nb`@`%`', 'crm', false],
    ['GRANT USAGE ON *.* TO `nb`@`%`', 'crm', false],
    ['GRANT ALL PRIVILEGES ON `crm`.* TO `nb`@`%`', 'crm', true],
    ['GRANT ALL PRIVILEGES ON `crm`.* TO `nb`@`%`', 'crm2', false],
    ['GRANT ALL PRIVILEGES ON `app\\_%`.* TO `nb`@`%`', 'app_crm', true],
    ['GRANT ALL PRIVILEGES ON `app\\_%`.* TO `nb`@`%`', 'appxcrm', false],
    ['GRANT ALL PRIVILEGES ON `app_%`.* TO `nb`@`%`', 'appxcrm', true],
    ['GRANT ALL PRIVILEGES ON `a``b`.* TO `nb`@`%`', 'a`b', true],
    ['GRANT ALL PRIVILEGES ON `crm`.`one` TO `nb`@`%`', 'crm', false],
    ['GRANT `crm_role`@`%` TO `nb`@`%`', 'crm', false],
  ])('%s: in %s %p', (line, database, may) => {
    expect(mayMakeDatabases(grantsIn(['GRANT USAGE ON *.* TO `nb`@`%`', line], database))).toBe(may);
  });

  it('is read whatever stands there', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (scope, name) => void grantsIn([`GRANT ALL ON \`${scope}\`.* TO x`], name)),
    );
  });
});

it.each<[string, string, boolean]>([
  ['10.11.19-MariaDB-0+deb12u1', '10.9', true],
  ['10.9.0-MariaDB', '10.9', true],
  ['10.8.9-MariaDB', '10.9', false],
  ['11.4.2-MariaDB', '10.9', true],
  ['8.0.17', '8.0.17', true],
  ['8.0.16-log', '8.0.17', false],
  ['8.4.0', '8.0.17', true],
  ['9.1', '8.0.17', true],
  ['5.7.44', '8.0.17', false],
  ['', '10.9', false],
])('the version %s is at least %s: %p', (version, needed, sufficient) => {
  expect(isAtLeast(version, needed)).toBe(sufficient);
});

it('knows the dialects that applications may have, and says so of others', () => {
  for (const name of ['postgres', 'mysql', 'mariadb']) expect(dialectOf({ dialect: name }).name).toBe(name);
  for (const name of ['sqlite', 'kingbase', 'mssql', undefined, ['mysql']]) {
    expect(() => dialectOf({ dialect: name })).toThrow(expect.objectContaining({ code: 'APP_DATABASE_UNSUPPORTED' }));
  }
  expect(() => dialectOf({ dialect: 'sqlite' })).toThrow(/SQLite/);
});

it('gives each driver its own options', () => {
  expect(withConnectTimeout(undefined, 'postgres')).toEqual({ connectionTimeoutMillis: 12_000 });
  expect(withConnectTimeout({ ssl: {} }, 'mysql')).toEqual({ connectTimeout: 12_000, ssl: {} });
  expect(withConnectTimeout(undefined, 'sqlite')).toBeUndefined();
  expect([tlsOption(true), tlsOption(false), tlsOption(undefined), tlsOption({ ca: 'x' })]).toEqual([
    { rejectUnauthorized: true },
    undefined,
    undefined,
    { ca: 'x' },
  ]);
});

it('quotes whatever is a name', () => {
  expect(quoted('a`; DROP DATABASE x; --')).toBe('`a``; DROP DATABASE x; --`');
  expect(() => quoted('a\0b')).toThrow(expect.objectContaining({ code: 'APP_DATABASE_NAME_INVALID' }));
});
