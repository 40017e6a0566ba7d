import path from 'node:path';
import fc from 'fast-check';
import { lodash } from '@nocobase/utils';
import type { Application } from '@nocobase/server';
import { appOptionsFactory } from '@nocobase/server/lib/app-supervisor/app-options-factory';
import { serverKey } from '../../server/databases/ownership';
import { InstanceOptions } from '../../server/instance-options';
import { instanceOptionsOf, rowOptions } from '../../server/lifecycle/row-options';
import { Registry } from '../../server/registry';
import { options as documented, shownOptions } from '../../server/swagger/options';
import { checkOptions, checkOptionsUpdate, type AppOptions } from '../../src/app-options';
import { recordFromRow, type AppRecord } from '../../src/app-record';
import { allowedOptions, optionPaths } from '../../src/option-table';
import { isPlainObject } from '../../src/plain-object';
import { optionObjects, readOptionTypes } from '../helpers/option-types';
import { refusal } from './helpers/refusal';

const WRITTEN = optionPaths('written');
const READ = optionPaths('read');

/** The dotted names of all that is no object, or an object of a listed option. */
function leaves(value: unknown, listed: readonly string[], prefix = ''): string[] {
  if (!isPlainObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const path = `${prefix}${key}`;
    return isPlainObject(inner) && !listed.includes(path) ? leaves(inner, listed, `${path}.`) : [path];
  });
}

describe('option table: a caller writes', () => {
  const server = { host: 'db.example', username: 'nb', database: 'crm' };

  it.each<[string, AppOptions]>([
    ['every option of another server', { dbConnType: 'new_connection', database: { ...server, ssl: { ca: 'PEM' } } }],
    ['a pool', { database: { pool: { max: 2, idle: 1_000, acquire: 5_000 } } }],
    ['a duration with a unit', { authManager: { jwt: { expiresIn: '7d' } } }],
    ['a duration in seconds', { authManager: { jwt: { expiresIn: 3_600 } } }],
    ['tokens without an end', { authManager: { jwt: { expiresIn: 'never' } } }],
    ['the start of older callers', { autoStart: false }],
    ['plugins', { plugins: ['users', '@nocobase/plugin-acl'] }],
    ['a language', { lang: 'de-DE' }],
  ])('accepts %s', (_case, options) => expect(checkOptions(options)).toEqual(options));

  it.each<[string, string, object]>([
    ['options.authManger', 'APP_FIELD_UNKNOWN', { authManger: {} }],
    ['options.authManager.jwt.expireIn', 'APP_FIELD_UNKNOWN', { authManager: { jwt: { expireIn: '1d' } } }],
    ['options.authManager.default', 'APP_FIELD_UNKNOWN', { authManager: { default: 'none' } }],
    ['options.database.timezone', 'APP_FIELD_UNKNOWN', { database: { timezone: "+00:00'; SELECT 1 --" } }],
    ['options.database.clientMinMessages', 'APP_FIELD_UNKNOWN', { database: { clientMinMessages: 'x; SELECT 1' } }],
    ['options.database.searchPath', 'APP_FIELD_UNKNOWN', { database: { searchPath: 'public' } }],
    ['options.database.logging', 'APP_FIELD_UNKNOWN', { database: { logging: true } }],
    ['options.database.pool.validate', 'APP_FIELD_UNKNOWN', { database: { pool: { validate: 1 } } }],
    ['options.database.tablePrefix', 'APP_FIELD_UNKNOWN', { database: { tablePrefix: 'x_' } }],
    ['options.logger', 'APP_FIELD_UNKNOWN', { logger: { system: { dirname: '/tmp/x' } } }],
    ['options.skipSupervisor', 'APP_FIELD_UNKNOWN', { skipSupervisor: true }],
    ['options.acl', 'APP_FIELD_UNKNOWN', { acl: false }],
    ['options.name', 'APP_FIELD_UNKNOWN', { name: 'main' }],
    ['options.cacheManager', 'APP_FIELD_UNKNOWN', { cacheManager: { prefix: 'main' } }],
    ['options.redisConfig', 'APP_FIELD_UNKNOWN', { redisConfig: {} }],
    ['options.resourcer', 'APP_FIELD_UNKNOWN', { resourcer: { prefix: '/x' } }],
    ['options.standaloneDeployment', 'APP_FIELD_UNKNOWN', { standaloneDeployment: true }],
    ['options.sso', 'APP_FIELD_UNKNOWN', { sso: { enabled: true } }],
    ['options.dbPassword', 'APP_SECRET_MISPLACED', { dbPassword: 'Planted' }],
    ['options.encryptedDbPassword', 'APP_SECRET_MISPLACED', { encryptedDbPassword: true }],
    ['options.authManager.jwt.secretKey', 'APP_SECRET_MISPLACED', { authManager: { jwt: { secretKey: 'Planted' } } }],
    ['options.apiToken', 'APP_SECRET_MISPLACED', { apiToken: 'Planted' }],
  ])('refuses %s, and names it', (field, code, options) => {
    const error = refusal(() => checkOptions(options));
    expect(error).toMatchObject({ code, status: 400 });
    expect(error?.message).toContain(field);
    expect(error?.message).not.toContain('Planted');
  });

  it.each<[string, object]>([
    ['authManager.jwt', { authManager: { jwt: false } }],
    ['authManager.jwt', { authManager: { jwt: [] } }],
    ['authManager.jwt', { authManager: { jwt: 'x' } }],
    ['authManager.jwt.secret', { authManager: { jwt: { secret: 7 } } }],
    ['authManager.jwt.secret', { authManager: { jwt: { secret: ['x'] } } }],
    ['authManager.jwt.secret', { authManager: { jwt: { secret: 'x'.repeat(1_025) } } }],
    ['authManager.jwt.expiresIn', { authManager: { jwt: { expiresIn: 0 } } }],
    ['authManager.jwt.expiresIn', { authManager: { jwt: { expiresIn: '7 parsecs' } } }],
    ['authManager.jwt.expiresIn', { authManager: { jwt: { expiresIn: '999y' } } }],
    ['autoStart', { autoStart: 'true' }],
    ['plugins', { plugins: 'users' }],
    ['plugins', { plugins: [['users', { enabled: true }]] }],
    ['plugins', { plugins: ['../../etc'] }],
    ['plugins', { plugins: ['/etc/passwd'] }],
    ['database.pool', { database: { pool: 5 } }],
    ['database.pool.max', { database: { pool: { max: 0 } } }],
    ['database.pool.max', { database: { pool: { max: '5' } } }],
    ['database.pool.idle', { database: { pool: { idle: -1 } } }],
    ['database.pool.acquire', { database: { pool: { acquire: 1e12 } } }],
  ])('refuses a value of %s that is not of its type and range', (path, options) => {
    const error = refusal(() => checkOptions(options));
    expect(error).toMatchObject({ code: 'APP_OPTIONS_INVALID', status: 400 });
    expect(error?.message).toContain(`${path} must be`);
  });

  it.each<[string, object]>([
    ['a private key beside the certificates', { ssl: { ca: '-----BEGIN PRIVATE KEY-----' } }],
    ['a connection as one text', { username: 'postgres://nb:Planted@db/x' }],
  ])('refuses %s, and says where secrets belong', (_case, change) => {
    const options = { dbConnType: 'new_connection', database: { ...server, ...change } };
    const error = refusal(() => checkOptions(options));
    expect(error).toMatchObject({ code: 'APP_SECRET_MISPLACED', status: 400 });
    expect(error?.message).toContain('options.database.password');
    expect(error?.message).not.toContain('Planted');
  });

  it('documents exactly the options that it accepts', () => {
    const paths = (schema: object, prefix = ''): string[] =>
      Object.entries((schema as { properties?: Record<string, object> }).properties ?? {}).flatMap(([key, inner]) => {
        const path = `${prefix}${key}`;
        return 'properties' in inner ? paths(inner, `${path}.`) : [path];
      });
    expect(paths(documented).sort()).toEqual([...WRITTEN].sort());
    expect(paths(shownOptions).sort()).toEqual([...READ].sort());
  });
});

describe('option table: an update', () => {
  const before: AppOptions = {
    dbConnType: 'new_database',
    database: { database: 'crm', url: 'postgres://nb:Planted@db/x', timezone: '+08:00', pool: { max: 2 } },
    authManager: { jwt: { expiresIn: '1d' } },
    theme: { dark: true },
  };
  const change = (patch: unknown) => checkOptionsUpdate(patch, before);

  it('takes back what it answered, also what it ignores', () => {
    const { url: _concealed, ...shown } = before.database ?? {};
    expect(change({ ...before, database: shown })).toEqual(before);
    expect(change({})).toEqual(before);
  });

  it('takes away what should not stand there', () => {
    const { theme: _theme, database: _database, ...rest } = before;
    expect(change({ theme: null, database: { timezone: null, url: null } })).toEqual({
      ...rest,
      database: { database: 'crm', pool: { max: 2 } },
    });
  });

  it('changes the pool and nothing else of the database', () => {
    expect(change({ database: { pool: { max: 1 } } }).database).toEqual({ ...before.database, pool: { max: 1 } });
    expect(refusal(() => change({ database: { database: 'other' } }))).toMatchObject({ code: 'APP_OPTIONS_INVALID' });
    expect(refusal(() => change({ database: null }))).toMatchObject({ code: 'APP_OPTIONS_INVALID' });
    expect(refusal(() => change({ database: { password: 'x' } }))).toMatchObject({ code: 'APP_OPTIONS_INVALID' });
  });

  it.each([
    { theme: { dark: false } },
    { database: { timezone: 'x' } },
    { other: null },
    { acl: false },
    { sso: null },
  ])('refuses %j as an option that is not on the list', (patch) =>
    expect(refusal(() => change(patch))).toMatchObject({ code: 'APP_FIELD_UNKNOWN', status: 400 }),
  );

  it.each([{ authManager: null }, { authManager: { jwt: null } }, { authManager: { jwt: { secret: null } } }])(
    'says nothing of the secret with %j',
    (patch) => expect(change(patch).authManager?.jwt?.secret).toBeUndefined(),
  );
});

// ---- rows of any origin -------------------------------------------------------------------------------------------------

describe('option table: a row', () => {
  it.each<[string, object, string[], string | undefined]>([
    ['none', {}, [], undefined],
    ['null for the authentication', { authManager: null }, [], undefined],
    ['no object for the secret', { authManager: { jwt: false } }, ['authManager.jwt'], undefined],
    ['a list for the secret', { authManager: { jwt: [] } }, ['authManager.jwt'], undefined],
    ['SQL for the driver', { database: { timezone: "x'; --" } }, ['database.timezone'], undefined],
    ['a folder of logs', { logger: { system: { dirname: '/etc' } } }, ['logger'], undefined],
    ['an address as one text', { database: { url: 'x' } }, ['database.url'], 'database.url'],
    ['a search path', { database: { searchPath: 'x' } }, ['database.searchPath'], 'database.searchPath'],
    ['servers to read from', { database: { replication: {} } }, ['database.replication'], 'database.replication'],
    [
      'another driver',
      { database: { dialectModulePath: '/x' } },
      ['database.dialectModulePath'],
      'database.dialectModulePath',
    ],
    ['a schema of models', { database: { define: { schema: 'x' } } }, ['database.define'], 'database.define'],
    ['other settings of models', { database: { define: { timestamps: false } } }, ['database.define'], undefined],
    [
      'settings at connect',
      { database: { dialectOptions: { options: '-c x' } } },
      ['database.dialectOptions.options'],
      'database.dialectOptions.options',
    ],
    ['a host that is none', { database: { host: ['db'] } }, ['database.host'], 'database.host'],
    ['a schema that is SQL', { database: { schema: 'x; DROP' } }, ['database.schema'], 'database.schema'],
    ['a database that is none', { database: 'crm' }, ['database'], 'database'],
    ['another way of connecting', { dbConnType: 'new_file' }, ['dbConnType'], 'dbConnType'],
  ])('with %s', (_case, options, ignored, misplaced) => {
    expect(allowedOptions(options)).toMatchObject({ ignored });
    expect(allowedOptions(options).misplaced).toBe(misplaced);
  });

  it('of another plugin keeps what that plugin and NocoBase read', () => {
    const options = {
      ...{ encryptedDbPassword: true, standaloneDeployment: true, sso: { enabled: true, issuer: 'https://id.test' } },
      database: { tablePrefix: 'x_', underscored: true, dialectOptions: { ssl: { ca: 'PEM' } } },
    };
    expect(allowedOptions(options)).toEqual({ options, ignored: [] });
  });

  it('is read without null and without empty secrets', () => {
    const options = { lang: null, authManager: { jwt: { secret: '' } }, database: { password: '', database: 'x' } };
    expect(allowedOptions(options).options).toEqual({ database: { database: 'x' } });
  });

  it('of ours leads nowhere else than its way of connecting', () => {
    const options = { dbConnType: 'new_database', database: { database: 'crm', host: 'elsewhere' } };
    expect(rowOptions({ options, provisioning: {} })).toMatchObject({ misplaced: 'database.host' });
    expect(rowOptions({ options }).misplaced).toBeUndefined();
  });

  it.each([
    ['mysql', 'username', 'x$(id)'],
    ['mariadb', 'username', '-e'],
    ['mariadb', 'database', 'x`id`'],
  ])('has no name on %s that a shell takes for a command or an option: %s %s', (dialect, key, value) => {
    const database = { dialect, host: 'db.example', username: 'nb', database: 'crm', [key]: value };
    const options = { dbConnType: 'new_connection', database };
    expect(rowOptions({ options })).toMatchObject({ misplaced: `database.${key}`, ignored: [`database.${key}`] });
    expect(rowOptions({ options }).options.database).not.toHaveProperty(key);
    const postgres = { ...options, database: { ...database, dialect: 'postgres' } };
    expect(rowOptions({ options: postgres }).misplaced).toBeUndefined();
  });

  it('may give plugins their options, which only another plugin writes, and which lead to no other package', () => {
    const plugins = ['error-handler', ['users', { enabled: true }], ['acl']];
    expect(rowOptions({ options: { plugins } })).toMatchObject({ options: { plugins }, ignored: [] });
    expect(checkOptions({ plugins }, { inherited: true })).toEqual({ plugins });
    const refused = [
      ['users', { packageName: 'lodash' }],
      ['users', { name: 'lodash' }],
      ['users', []],
      ['users', {}, {}],
      [],
      ['../users', {}],
      [['users'], {}],
    ];
    for (const entry of refused) {
      expect(rowOptions({ options: { plugins: [entry] } })).toMatchObject({ options: {}, ignored: ['plugins'] });
    }
  });

  it('loads no library as a plugin', () => {
    process.env.NODE_MODULES_PATH = path.resolve(__dirname, '../../host/node_modules');
    const given = { plugins: ['error-handler', 'lodash', ['lodash', {}], 'absent', ['absent', {}]] };
    const { options, ignored } = rowOptions({ options: given });
    expect(options.plugins).toEqual(['error-handler', 'absent', ['absent', {}]]);
    expect(ignored).toEqual(['plugins.lodash']);
  });
});

describe('options derived from the types of the core, of Sequelize and of its drivers', () => {
  const types = readOptionTypes();
  const objects = optionObjects(types) as fc.Arbitrary<AppOptions>;

  const mainDatabase = {
    ...{ dialect: 'postgres', host: '127.0.0.1', port: 5432, username: 'nocobase', password: 'Of-main-4712' },
    ...{ database: 'nocobase', schema: 'public', timezone: '+00:00', logging: false, dialectOptions: {} },
  };
  const main = { options: { database: mainDatabase, logger: { system: {} } }, db: { options: mainDatabase } };
  const registry = new Registry();
  const secrets = { jwtSecret: 'Of-its-own-0815' };
  const factory = new InstanceOptions({
    supervisor: { appOptionsFactory, setAppOptionsFactory: () => undefined } as never,
    connections: { poolOptions: () => ({ max: 2 }) } as never,
    mainApp: () => main as unknown as Application,
    registry,
    secrets: () => secrets,
  });

  /** What the core constructs the instance with: what the factory makes, and the options of the model over it. */
  function constructed(record: AppRecord): Record<string, unknown> {
    registry.put(record);
    const given = instanceOptionsOf(record, secrets);
    const make = factory as unknown as { make(name: string, of: unknown, given: object): object };
    return lodash.merge({}, make.make(record.name, main, record.options), given);
  }

  it('are what they are thought to be', () => {
    const paths = types.map(({ path }) => path);
    expect(paths.length).toBeGreaterThan(500);
    expect(paths).toEqual(
      expect.arrayContaining([
        ...['acl', 'skipSupervisor', 'logger', 'authManager', 'authManager.jwt', 'plugins', 'cacheManager', 'name'],
        ...['database.timezone', 'database.clientMinMessages', 'database.replication', 'database.logging'],
        ...['database.dialectOptions.stream', 'database.dialectOptions.socketPath', 'database.pool.max'],
        ...['database.dialectOptions.connectionString', 'database.hooks', 'database.define'],
      ]),
    );
  });

  it('are refused with 400 at write, unless all of them are on the list', () => {
    fc.assert(
      fc.property(objects, (options) => {
        const error = refusal(() => checkOptions(options));
        if (error) {
          expect(error.status).toBe(400);
          expect(error.message).not.toContain('Planted');
        } else expect(leaves(options, WRITTEN).filter((name) => !isListed(name, WRITTEN))).toEqual([]);
      }),
      { numRuns: 2_500 },
    );
  });

  it('reach no instance, unless they are on the list', () => {
    const plain = recordFromRow({ name: 'crm', options: {} });
    const without = constructed(plain);
    fc.assert(
      fc.property(objects, (options) => {
        const record = recordFromRow({ name: 'crm', options });
        if (rowOptions(record).misplaced !== undefined) {
          expect(refusal(() => constructed(record))).toMatchObject({ code: 'APP_OPTION_UNSUPPORTED' });
          return;
        }
        const withThem = constructed(record);
        const paths = new Set([...leaves(withThem, READ), ...leaves(without, READ)]);
        const different = [...paths].filter(
          (name) => !lodash.isEqual(lodash.get(withThem, name), lodash.get(without, name)),
        );
        expect(different.filter((name) => !isListed(name, [...READ, ...OURS]))).toEqual([]);
        expect(lodash.get(withThem, 'authManager.jwt.secret')).toBe(secrets.jwtSecret);
        const own = rowOptions(record).options.database;
        // All addresses of this machine are the main application's own server.
        const server = (host: unknown) => serverKey(host, 5432, 5432);
        if (own?.host !== undefined && server(own.host) !== server(mainDatabase.host)) {
          expect(lodash.get(withThem, 'database.password')).not.toBe(mainDatabase.password);
        }
      }),
      { numRuns: 2_500 },
    );
  });

  /** What our factory sets by itself, by the dialect and the server. */
  const OURS = ['database.dialectOptions', 'database.pool', 'database.password'];

  function isListed(name: string, listed: readonly string[]): boolean {
    return listed.some((one) => one === name || one.startsWith(`${name}.`) || name.startsWith(`${one}.`));
  }
});
