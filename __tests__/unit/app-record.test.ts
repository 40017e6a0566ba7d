import fc from 'fast-check';
import {
  checkAdmin,
  checkCreate,
  checkDomain,
  checkOptions,
  checkStartMode,
  checkUpdate,
  recordFromRow,
  START_MODES,
  type AppRecord,
} from '../../src/app-record';
import { refusal } from './helpers/refusal';

const record = (fields: Partial<AppRecord> = {}): AppRecord => ({
  name: 'crm',
  startMode: 'lazy',
  options: { dbConnType: 'new_database', database: { database: 'crm' } },
  ...fields,
});

/** As a body parser gives it: keys such as `__proto__` are keys of its own. */
const json = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

const nested = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);

describe('checkCreate', () => {
  it('takes a name alone', () => {
    expect(checkCreate({ name: 'crm' })).toEqual({ name: 'crm', startMode: 'lazy', options: {} });
  });

  it('takes everything, and normalizes the domain', () => {
    const admin = { email: 'a@b.c', username: 'a', nickname: 'A', password: 'p' };
    const input = checkCreate({
      name: 'crm',
      displayName: '客户管理',
      cname: 'CRM.Example.com.',
      icon: 'UserOutlined',
      pinned: true,
      startMode: 'manual',
      options: { database: { database: 'crm_db' } },
      admin,
    });
    expect(input).toEqual({
      name: 'crm',
      displayName: '客户管理',
      cname: 'crm.example.com',
      icon: 'UserOutlined',
      pinned: true,
      startMode: 'manual',
      options: { database: { database: 'crm_db' } },
      admin,
    });
  });

  it('takes nothing else along', () => {
    const values = { name: 'crm', status: 'running', stoppedAt: 'x', secrets: 'x', provisioning: {}, sort: 1 };
    expect(Object.keys(checkCreate(values)).sort()).toEqual(
      [
        ...['admin', 'adopt', 'cname', 'displayName', 'icon', 'name', 'options', 'pinned', 'startMode'],
        ...['iconImage', 'hidden', 'idleTimeout', 'keepAwake', 'onSchedule', 'limits', 'domains'],
      ].sort(),
    );
  });

  it('reads autoStart of older callers as eager, and a start mode before it', () => {
    expect(checkCreate({ name: 'crm', options: { autoStart: true } }).startMode).toBe('eager');
    expect(refusal(() => checkCreate({ name: 'crm', options: { autoStart: 'true' } }))).toMatchObject({ status: 400 });
    expect(checkCreate({ name: 'crm', startMode: 'manual', options: { autoStart: true } }).startMode).toBe('manual');
    expect(checkCreate({ name: 'crm', startMode: null, options: { autoStart: true } }).startMode).toBe('eager');
  });

  it('takes null and an empty text for nothing', () => {
    const input = checkCreate({ name: 'crm', displayName: '', cname: null, icon: null, pinned: null, admin: null });
    expect(input).toEqual({ name: 'crm', startMode: 'lazy', options: {} });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['no name', {}, 'APP_NAME_INVALID'],
    ['a reserved name', { name: 'admin' }, 'APP_NAME_RESERVED'],
    ['a display name that is no text', { name: 'crm', displayName: { en: 'x' } }, 'APP_VALUE_INVALID'],
    ['a display name of 256 characters', { name: 'crm', displayName: 'x'.repeat(256) }, 'APP_VALUE_INVALID'],
    ['a line end in the display name', { name: 'crm', displayName: 'a\nb' }, 'APP_VALUE_INVALID'],
    ['an icon that is no text', { name: 'crm', icon: 7 }, 'APP_VALUE_INVALID'],
    ['pinned that is no boolean', { name: 'crm', pinned: 'yes' }, 'APP_VALUE_INVALID'],
    ['an idle time below 0', { name: 'crm', idleTimeout: -1 }, 'APP_VALUE_INVALID'],
    ['an idle time with a fraction', { name: 'crm', idleTimeout: 0.5 }, 'APP_VALUE_INVALID'],
    ['an idle time as text', { name: 'crm', idleTimeout: '60' }, 'APP_VALUE_INVALID'],
    ['an idle time that no timer takes', { name: 'crm', idleTimeout: 2_000_001 }, 'APP_VALUE_INVALID'],
    ['keepAwake that is no boolean', { name: 'crm', keepAwake: 1 }, 'APP_VALUE_INVALID'],
    ['an unknown onSchedule', { name: 'crm', onSchedule: 'never' }, 'APP_VALUE_INVALID'],
    ['limits that are no object', { name: 'crm', limits: 7 }, 'APP_VALUE_INVALID'],
    ['an unknown limit', { name: 'crm', limits: { cpu: 1 } }, 'APP_VALUE_INVALID'],
    ['a limit as text', { name: 'crm', limits: { users: '5' } }, 'APP_VALUE_INVALID'],
    ['a domain with a port', { name: 'crm', cname: 'a.b:80' }, 'APP_DOMAIN_INVALID'],
    ['an unknown start mode', { name: 'crm', startMode: 'always' }, 'APP_START_MODE_INVALID'],
    ['options that are no object', { name: 'crm', options: 'x' }, 'APP_OPTIONS_INVALID'],
    ['an administrator without a password', { name: 'crm', admin: { email: 'a@b.c' } }, 'APP_ADMIN_INVALID'],
  ])('refuses %s', (_case, values, code) => {
    expect(refusal(() => checkCreate(values))).toMatchObject({ code, status: 400 });
  });
});

describe('checkStartMode and checkDomain', () => {
  it.each(START_MODES)('accepts the start mode %s', (mode) => expect(checkStartMode(mode)).toBe(mode));

  it.each([undefined, null, '', 'LAZY', ['lazy'], { toString: () => 'lazy' }, 0, true])(
    'refuses the start mode %p',
    (mode) => {
      expect(refusal(() => checkStartMode(mode))).toMatchObject({ code: 'APP_START_MODE_INVALID', status: 400 });
    },
  );

  it.each([7, {}, ['a.b'], 'a b', 'http://a.b', '10.0.0.1', '../x', '\u0000', 'x'.repeat(10_000)])(
    'refuses the domain %p, and repeats it only short',
    (domain) => {
      const error = refusal(() => checkDomain(domain));
      expect(error).toMatchObject({ code: 'APP_DOMAIN_INVALID', status: 400 });
      expect(error?.message.length).toBeLessThan(250);
    },
  );
});

describe('checkOptions', () => {
  it('takes none for none', () => {
    expect(checkOptions(undefined)).toEqual({});
    expect(checkOptions(null)).toEqual({});
  });

  it.each<[string, unknown]>([
    ['a database of its own', { dbConnType: 'new_database', database: { database: 'crm' } }],
    ['a database without a name', { database: {} }],
    ['limits of its own connections', { database: { pool: { max: 1, idle: 0, acquire: 60_000 } } }],
    ['plugins of its own', { plugins: ['error-handler', '@nocobase/plugin-acl'] }],
    ['the time that its tokens are valid', { authManager: { jwt: { expiresIn: '12h' } } }],
    ['null where nothing is meant', { dbConnType: null, database: null, authManager: null }],
    ['a secret of its own', { authManager: { jwt: { secret: 'x' } } }],
    ['63 characters', { database: { database: 'd'.repeat(63) } }],
    ['upper case and hyphens', { database: { database: 'My-Database_1' } }],
  ])('accepts %s', (_case, options) => {
    expect(checkOptions(options)).toEqual(options);
  });

  it.each<[string, unknown]>([
    ['text', 'x'],
    ['an array', []],
    ['a number', 7],
    ['a database that is text', { database: 'crm' }],
    ['a database that is an array', { database: ['crm'] }],
    ['a connection type that is no text', { dbConnType: ['new_database'] }],
    ['an authManager that is text', { authManager: 'x' }],
    ['64 KiB and more', { text: 'x'.repeat(64 * 1024) }],
    ['__proto__', json('{"__proto__": {"isAdmin": true}}')],
    ['__proto__ deep inside', json('{"a": [{"b": {"__proto__": {}}}]}')],
    ['constructor', json('{"constructor": {"prototype": {}}}')],
  ])('refuses %s', (_case, options) => {
    expect(refusal(() => checkOptions(options))).toMatchObject({ code: 'APP_OPTIONS_INVALID', status: 400 });
  });

  it('refuses what cannot be written as JSON', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(refusal(() => checkOptions(circle))).toMatchObject({ code: 'APP_OPTIONS_INVALID' });
    expect(refusal(() => checkOptions({ big: 1n }))).toMatchObject({ code: 'APP_OPTIONS_INVALID' });
  });

  it.each([100, 5_000, 30_000])('neither fails nor overflows on %d levels', (depth) => {
    expect(refusal(() => checkOptions({ deep: nested(depth) }))?.status ?? 400).toBe(400);
  });

  it.each([
    ...['host', 'port', 'username', 'user', 'password', 'dialect', 'schema', 'storage', 'url', 'uri'],
    ...['dialectOptions', 'dialectModule', 'dialectModulePath', 'replication', 'native', 'socketPath', 'hooks'],
  ])('refuses database.%s, which leads elsewhere than to its own database', (key) => {
    for (const dbConnType of [undefined, null, 'new_database']) {
      const error = refusal(() => checkOptions({ dbConnType, database: { [key]: 'Planted-4712' } }));
      expect(error).toMatchObject({ code: 'APP_DATABASE_UNSUPPORTED', status: 400 });
      expect(error?.message).toContain(key);
      expect(error?.message).not.toContain('Planted');
    }
  });

  // Without this, no preflight compares its database with the main application's: it would be made in that one.
  it.each(['', 'other', 'NEW_DATABASE', 'new_database ', 'constructor'])(
    'refuses the unknown connection type "%s"',
    (dbConnType) => {
      const options = { dbConnType, database: { database: 'of_main' } };
      expect(refusal(() => checkOptions(options))).toMatchObject({ code: 'APP_DATABASE_UNSUPPORTED', status: 400 });
    },
  );

  it.each(['', '1crm', 'a"b', "a'b", 'a;b', 'a b', 'a/b', 'é', 'd'.repeat(64), 7, {}, ['a'], 'postgres', 'TEMPLATE1'])(
    'refuses the database name %p',
    (database) => {
      expect(refusal(() => checkOptions({ database: { database } }))).toMatchObject({
        code: 'APP_DATABASE_NAME_INVALID',
        status: 400,
      });
    },
  );
});

describe('checkAdmin', () => {
  it('takes none for none, and trims nothing', () => {
    expect(checkAdmin(undefined)).toBeUndefined();
    expect(checkAdmin(null)).toBeUndefined();
    expect(checkAdmin({ username: 'root', password: ' p ' })).toEqual({ username: 'root', password: ' p ' });
  });

  it.each<[string, unknown]>([
    ['text', 'root'],
    ['an array', []],
    ['true', true],
    ['no name at all', { password: 'p' }],
    ['no password', { email: 'a@b.c' }],
    ['an empty password', { email: 'a@b.c', password: '' }],
    ['a password that is no text', { email: 'a@b.c', password: { $ne: '' } }],
    ['a password that is a number', { email: 'a@b.c', password: 123456 }],
    ['a password of 256 characters', { email: 'a@b.c', password: 'p'.repeat(256) }],
    ['an address that is none', { email: 'nobody', password: 'p' }],
    ['two addresses', { email: 'a@b.c, d@e.f', password: 'p' }],
    ['an address that is an array', { email: ['a@b.c'], password: 'p' }],
    ['an at sign in the username', { username: 'a@b', password: 'p' }],
    ['a tag in the username', { username: '<b>', password: 'p' }],
    ['51 characters in the username', { username: 'u'.repeat(51), password: 'p' }],
    ['a control character', { username: 'a\u0000', password: 'p' }],
    ['a line end in the nickname', { username: 'a', nickname: 'a\nb', password: 'p' }],
  ])('refuses %s', (_case, admin) => {
    expect(refusal(() => checkAdmin(admin))).toMatchObject({ code: 'APP_ADMIN_INVALID', status: 400 });
  });

  it('never repeats a password', () => {
    const error = refusal(() => checkAdmin({ email: 'x', username: '<', password: 'Planted-4712' }));
    expect(JSON.stringify([error?.message, error?.params])).not.toContain('Planted');
  });
});

describe('checkUpdate', () => {
  it('returns what is given, and nothing else', () => {
    expect(checkUpdate({}, record())).toEqual({});
    expect(checkUpdate({ name: 'crm', displayName: 'New', status: 'running', secrets: 'x' }, record())).toEqual({
      displayName: 'New',
    });
    expect(checkUpdate({ idleTimeout: 0, keepAwake: true, onSchedule: 'wake-when-due' }, record())).toEqual({
      idleTimeout: 0,
      keepAwake: true,
      onSchedule: 'wake-when-due',
    });
    expect(checkUpdate({ idleTimeout: null, keepAwake: null, onSchedule: null }, record())).toEqual({
      idleTimeout: null,
      keepAwake: null,
      onSchedule: null,
    });
    expect(() => checkUpdate({ idleTimeout: -1 }, record())).toThrow(expect.objectContaining({ status: 400 }));
    expect(checkUpdate({ sort: 3, pinned: true, startMode: 'eager' }, record())).toEqual({
      sort: 3,
      pinned: true,
      startMode: 'eager',
    });
  });

  it('empties what is emptied', () => {
    expect(checkUpdate({ displayName: '', icon: null, cname: '' }, record())).toEqual({
      displayName: null,
      icon: null,
      cname: null,
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['another name', { name: 'other' }, 'APP_NAME_IMMUTABLE'],
    ['null for the name', { name: null }, 'APP_NAME_IMMUTABLE'],
    ['a sort that is text', { sort: '3' }, 'APP_VALUE_INVALID'],
    ['a sort that is no whole number', { sort: 0.5 }, 'APP_VALUE_INVALID'],
    ['a sort that is nothing', { sort: null }, 'APP_VALUE_INVALID'],
    ['an unknown start mode', { startMode: null }, 'APP_START_MODE_INVALID'],
    ['a domain that is none', { cname: 'a b' }, 'APP_DOMAIN_INVALID'],
    ['options that are nothing', { options: null }, 'APP_OPTIONS_INVALID'],
    ['another database', { options: { database: { database: 'other' } } }, 'APP_OPTIONS_INVALID'],
    ['another server', { options: { database: { database: 'crm', host: 'x' } } }, 'APP_OPTIONS_INVALID'],
    ['another kind of connection', { options: { dbConnType: 'new_schema' } }, 'APP_OPTIONS_INVALID'],
    ['a forbidden key', { options: json('{"__proto__": {}}') }, 'APP_OPTIONS_INVALID'],
  ])('refuses %s', (_case, values, code) => {
    expect(refusal(() => checkUpdate(values, record()))).toMatchObject({ code, status: 400 });
  });

  it('keeps the database, said again or not', () => {
    const before = record();
    const changed = { ...before.options, autoStart: true };
    expect(checkUpdate({ options: { autoStart: true } }, before).options).toEqual(changed);
    expect(checkUpdate({ options: changed }, before).options).toEqual(changed);
  });

  it('takes a new password on another server, and nothing else of its address', () => {
    const database = { dialect: 'postgres', host: 'db.example', port: 5432, username: 'nb', database: 'x' };
    const elsewhere = record({ options: { dbConnType: 'new_connection', database } });
    const change = (values: object) => checkUpdate({ options: { database: values } }, elsewhere);
    expect(change({ ...database, password: 'new' }).options).toMatchObject({
      database: { ...database, password: 'new' },
    });
    expect(change({ ...database, password: '' }).options).toEqual(elsewhere.options);
    expect(refusal(() => change({ ...database, host: 'other', password: 'new' }))).toMatchObject({ status: 400 });
    expect(refusal(() => change({ ...database, password: 7 }))).toMatchObject({ status: 400 });
    const own = { options: { database: { database: 'crm', password: 'new' } } };
    expect(refusal(() => checkUpdate(own, record()))).toMatchObject({ code: 'APP_OPTIONS_INVALID' });
  });

  it("keeps an older row's connection, which could not be made here", () => {
    const old = record({ options: { dbConnType: 'new_connection', database: { host: 'db.example', database: 'x' } } });
    expect(checkUpdate({ options: { autoStart: true } }, old).options).toEqual({ ...old.options, autoStart: true });
  });
});

describe('recordFromRow', () => {
  it('reads a row of ours', () => {
    const row = {
      name: 'crm',
      displayName: 'CRM',
      cname: 'crm.example.com',
      icon: 'UserOutlined',
      pinned: true,
      hidden: true,
      sort: 4,
      status: 'pending',
      startMode: 'manual',
      stoppedAt: '2026-11-24T10:00:00.000Z',
      idleTimeout: 0,
      keepAwake: true,
      onSchedule: 'wake-when-due',
      limits: { requestRate: 5, users: 0 },
      nextDueAt: '2026-11-24T11:00:00.000Z',
      lastVisitedAt: '2026-11-24T10:30:00.000Z',
      options: { dbConnType: 'new_database' },
      provisioning: { readyAt: '2026-11-24T09:00:00.000Z' },
      secrets: 'v1:x',
    };
    const { status: _status, ...expected } = row;
    expect(recordFromRow(row)).toEqual(expected);
  });

  it.each([null, undefined, 'x', 7, []])('reads options that are %p as none', (options) => {
    expect(recordFromRow({ name: 'crm', options })).toMatchObject({ options: {}, startMode: 'lazy' });
  });

  it('reads the start mode of an older row from autoStart, and believes no unknown one', () => {
    expect(recordFromRow({ name: 'crm', options: { autoStart: true } }).startMode).toBe('eager');
    expect(recordFromRow({ name: 'crm', options: { autoStart: false } }).startMode).toBe('lazy');
    expect(recordFromRow({ name: 'crm', startMode: null, options: { autoStart: true } }).startMode).toBe('eager');
    expect(recordFromRow({ name: 'crm', startMode: 'lazy', options: { autoStart: true } }).startMode).toBe('lazy');
    expect(recordFromRow({ name: 'crm', startMode: 'always', options: {} }).startMode).toBe('lazy');
  });

  it('reads what concerns sleep: null is the default, 0 is never, and nothing unknown is believed', () => {
    const none = { idleTimeout: null, keepAwake: null, onSchedule: null, nextDueAt: null };
    const read = recordFromRow({ name: 'crm', ...none });
    expect(read).toMatchObject({ keepAwake: false });
    expect([read.idleTimeout, read.onSchedule, read.nextDueAt]).toEqual([undefined, undefined, undefined]);
    expect(recordFromRow({ name: 'crm', idleTimeout: '0', keepAwake: 1 })).toMatchObject({
      idleTimeout: 0,
      keepAwake: true,
    });
    expect(recordFromRow({ name: 'crm', idleTimeout: -1, onSchedule: 'x' }).idleTimeout).toBeUndefined();
    expect(recordFromRow({ name: 'crm', nextDueAt: new Date(0) }).nextDueAt).toBe('1970-01-01T00:00:00.000Z');
  });

  it('reads what databases without booleans, numbers and dates write', () => {
    const read = recordFromRow({ name: 'crm', pinned: 1, sort: '7', stoppedAt: new Date(0) });
    expect(read).toMatchObject({ pinned: true, sort: 7, stoppedAt: '1970-01-01T00:00:00.000Z' });
    expect(recordFromRow({ name: 'crm', pinned: 0, sort: null, stoppedAt: null })).toMatchObject({
      pinned: false,
      sort: undefined,
      stoppedAt: undefined,
    });
  });

  it('keeps a name that could not be created', () => {
    expect(recordFromRow({ name: 'Old.App' }).name).toBe('Old.App');
    expect(recordFromRow({ name: 'Старый' }).name).toBe('Старый');
  });
});

describe('hostile JSON', () => {
  const keys = fc.constantFrom(
    ...['name', 'displayName', 'cname', 'icon', 'pinned', 'sort', 'startMode', 'options', 'admin'],
    ...['dbConnType', 'database', 'authManager', 'jwt', 'secret', 'email', 'username', 'password', 'host', 'autoStart'],
    ...['__proto__', 'constructor', 'toString'],
  );
  const { value } = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom('crm', 'new_database', 'lazy', '', '..', null, true, 0, 1e308),
      fc.string({ unit: 'binary' }),
      fc.integer(),
      fc.array(tie('value'), { maxLength: 3 }),
      tie('object'),
    ),
    object: fc
      .array(fc.tuple(keys, tie('value')), { maxLength: 6 })
      .map((entries) => json(`{${entries.map(([key, inner]) => `"${key}":${JSON.stringify(inner)}`).join(',')}}`)),
  }));
  const body = fc
    .array(fc.tuple(keys, value), { maxLength: 9 })
    .map((entries) => json(`{${entries.map(([key, inner]) => `"${key}":${JSON.stringify(inner)}`).join(',')}}`));

  it('is accepted or refused with status 400, and changes no prototype', () => {
    fc.assert(
      fc.property(body, (values) => {
        for (const check of [
          () => checkCreate(values),
          () => checkCreate({ ...values, name: 'crm' }),
          () => checkUpdate(values, record()),
          () => checkOptions(values.options),
          () => checkAdmin(values.admin),
        ]) {
          expect(refusal(check)?.status ?? 400).toBe(400);
        }
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('makes a record of any row, except of a date that is none', () => {
    fc.assert(
      fc.property(body, (row) => {
        const read = recordFromRow({ ...row, stoppedAt: null });
        expect(START_MODES).toContain(read.startMode);
        expect(typeof read.name).toBe('string');
        expect(read.options).toEqual(expect.any(Object));
      }),
    );
  });
});
