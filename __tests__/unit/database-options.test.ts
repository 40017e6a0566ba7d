import fc from 'fast-check';
import { redact, splitOptions } from '../../server/app-options';
import { checkDatabaseOptions, completeDatabaseOptions, DB_CONN_TYPES } from '../../src/database-options';
import { AppError } from '../../src/errors';

const refusal = (type: unknown, database: unknown): AppError | undefined => {
  try {
    checkDatabaseOptions(type, database);
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error;
  }
};

const server = { host: 'db.example', port: 5432, username: 'nb', password: 'Planted-4712', database: 'crm' };

describe('checkDatabaseOptions', () => {
  it.each<[string, Record<string, unknown> | undefined]>([
    ['new_schema', undefined],
    ['new_schema', { schema: 'crm', database: 'shared' }],
    ['new_schema', { schema: 'public', pool: { max: 1 } }],
    ['new_connection', { host: 'db.example', username: 'nb' }],
    ['new_connection', { ...server, schema: 'crm', ssl: true, dialect: 'postgres' }],
    ['new_connection', { ...server, dialect: 'mysql' }],
    ['new_connection', { ...server, dialect: 'mariadb', port: 3306, ssl: true }],
    ['new_connection', { ...server, dialect: 'mysql', username: 'nb.of_crm-1@azure' }],
    ['new_connection', { ...server, username: 'Zoë $(id)' }],
    ['new_connection', { ...server, port: '6000', ssl: { rejectUnauthorized: false, ca: '-----' } }],
    ['new_connection', { ...server, host: '/var/run/postgresql', password: '' }],
  ])('accepts %s with %p', (type, database) => expect(refusal(type, database)).toBeUndefined());

  it.each(['host', 'port', 'username', 'password', 'dialect', 'ssl', 'url', 'dialectOptions', 'hooks', 'storage'])(
    'refuses database.%s in a schema',
    (key) => {
      const error = refusal('new_schema', { [key]: 'Planted-4712' });
      expect(error).toMatchObject({ code: 'APP_DATABASE_UNSUPPORTED', status: 400 });
      expect(error?.message).not.toContain('Planted');
    },
  );

  it.each(['', 'Crm', 'a-b', '1a', 'a"b', 'a.b', 'é', 'pg_mine', 'information_schema', 's'.repeat(64), 7, {}, ['a']])(
    'refuses the schema name %p',
    (schema) => {
      for (const type of ['new_schema', 'new_connection']) {
        expect(refusal(type, type === 'new_schema' ? { schema } : { ...server, schema })).toMatchObject({
          code: 'APP_DATABASE_SCHEMA_INVALID',
          status: 400,
        });
      }
    },
  );

  it.each<[string, object, string]>([
    ['no host', { host: undefined }, 'APP_OPTIONS_INVALID'],
    ['a host with a port', { host: 'db.example:5432' }, 'APP_OPTIONS_INVALID'],
    ['a host that is an address of a page', { host: 'postgres://nb:Planted-4712@db/x' }, 'APP_OPTIONS_INVALID'],
    ['a host that is an array', { host: ['db'] }, 'APP_OPTIONS_INVALID'],
    ['port 0', { port: 0 }, 'APP_OPTIONS_INVALID'],
    ['port 65536', { port: '65536' }, 'APP_OPTIONS_INVALID'],
    ['a port that is text', { port: '5432;' }, 'APP_OPTIONS_INVALID'],
    ['no username', { username: undefined }, 'APP_OPTIONS_INVALID'],
    ['a username with a line end', { username: 'a\nb' }, 'APP_OPTIONS_INVALID'],
    ['a MySQL user that a shell reads', { dialect: 'mysql', username: 'x$(id>/tmp/x)' }, 'APP_OPTIONS_INVALID'],
    ['a MariaDB user that a shell reads', { dialect: 'mariadb', username: 'x;id' }, 'APP_OPTIONS_INVALID'],
    ['a MariaDB user with a space', { dialect: 'mariadb', username: 'x y' }, 'APP_OPTIONS_INVALID'],
    ['a MariaDB user that is an option', { dialect: 'mariadb', username: '-e' }, 'APP_OPTIONS_INVALID'],
    ['a password that is none', { password: { $ne: '' } }, 'APP_OPTIONS_INVALID'],
    ['ssl with a private key', { ssl: { key: 'Planted-4712' } }, 'APP_OPTIONS_INVALID'],
    ['ssl that is text', { ssl: 'require' }, 'APP_OPTIONS_INVALID'],
    ['SQLite', { dialect: 'sqlite' }, 'APP_DATABASE_UNSUPPORTED'],
    ['a kind that is no name', { dialect: ['mysql'] }, 'APP_DATABASE_UNSUPPORTED'],
    ['a word that every object knows', { dialect: 'constructor' }, 'APP_DATABASE_UNSUPPORTED'],
    ['a schema in MySQL', { dialect: 'mysql', schema: 'crm' }, 'APP_DATABASE_UNSUPPORTED'],
    ["MariaDB's socket", { dialect: 'mariadb', host: '/run/mysqld' }, 'APP_DATABASE_UNSUPPORTED'],
    ["MySQL's own database", { dialect: 'mysql', database: 'mysql' }, 'APP_DATABASE_NAME_INVALID'],
    ['a URL', { url: 'postgres://nb:Planted-4712@db/x' }, 'APP_DATABASE_UNSUPPORTED'],
    ['a driver', { dialectModule: {} }, 'APP_DATABASE_UNSUPPORTED'],
    ['a name of our templates', { database: 'app_supervisor_template_1_crm' }, 'APP_DATABASE_NAME_INVALID'],
    ['a name of our drafts', { database: 'App_Supervisor_draft_crm' }, 'APP_DATABASE_NAME_INVALID'],
    ["the server's own database", { database: 'postgres' }, 'APP_DATABASE_NAME_INVALID'],
  ])('refuses another server with %s', (_case, change, code) => {
    const error = refusal('new_connection', { ...server, ...change });
    expect(error).toMatchObject({ code, status: 400 });
    expect(error?.message).not.toContain('Planted');
  });

  it('accepts or refuses with 400 whatever it is given', () => {
    const keys = fc.constantFrom('host', 'port', 'username', 'password', 'database', 'schema', 'ssl', 'dialect', 'url');
    const values = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom<unknown>("'; DROP DATABASE x;--", '../..', 'a"b', null, true, -1, 1e308, [], {}, '\0', 'crm'),
    );
    fc.assert(
      fc.property(fc.constantFrom(...DB_CONN_TYPES), fc.dictionary(keys, values), (type, given) => {
        for (const database of [given, { ...server, ...given }]) {
          const error = refusal(type, database);
          if (error) expect(error.status).toBe(400);
          else expect(completeDatabaseOptions(type, database, 'crm').dbConnType).toBe(type);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('what a record says of its database', () => {
  it.each<[string, Record<string, unknown>, object]>([
    ['nothing', {}, { dbConnType: 'new_database', database: { database: 'my-app' } }],
    ['null', { dbConnType: null, database: null }, { dbConnType: 'new_database', database: { database: 'my-app' } }],
    ['a schema', { dbConnType: 'new_schema' }, { dbConnType: 'new_schema', database: { schema: 'my_app' } }],
    [
      'another server',
      { dbConnType: 'new_connection', database: { host: '[::1]', username: 'nb', port: '6000', password: null } },
      {
        dbConnType: 'new_connection',
        database: { dialect: 'postgres', host: '::1', port: 6000, username: 'nb', database: 'my-app' },
      },
    ],
    [
      'a MariaDB',
      { dbConnType: 'new_connection', database: { dialect: 'mariadb', host: 'db', username: 'nb' } },
      {
        dbConnType: 'new_connection',
        database: { dialect: 'mariadb', host: 'db', port: 3306, username: 'nb', database: 'my-app' },
      },
    ],
  ])('is complete when it was given %s', (_case, given, complete) => {
    expect(splitOptions(given, 'my-app').options).toEqual(complete);
  });

  it('is no database that we would take for a template of ours', () => {
    const code = (name: string, type?: string) => {
      try {
        return completeDatabaseOptions(type, undefined, name).dbConnType;
      } catch (error) {
        return (error as AppError).code;
      }
    };
    expect(code('app_supervisor_template_1_crm')).toBe('APP_DATABASE_NAME_INVALID');
    expect(code('app_supervisor_crm', 'new_schema')).toBe('new_schema');
  });

  it('holds no password', () => {
    const { options, secrets } = splitOptions({ dbConnType: 'new_connection', database: server }, 'crm');
    expect(JSON.stringify(options)).not.toContain('Planted');
    expect(secrets.databasePassword).toBe('Planted-4712');
  });
});

describe('what is said of options', () => {
  it.each<[string, object, object]>([
    ['a password, however deep', { a: [{ password: 'Planted' }], b: 1 }, { a: [{}], b: 1 }],
    ['an address with a password', { url: 'postgres://nb:Planted/@:4712@db/x', port: 1 }, { port: 1 }],
    ['such an address in a list', { slaves: ['mysql://:Planted@db', 'db'] }, { slaves: ['db'] }],
    [
      'nothing else',
      { site: 'https://example.test/a@b', mail: 'a:b@c' },
      { site: 'https://example.test/a@b', mail: 'a:b@c' },
    ],
  ])('leaves out %s', (_what, options, said) => expect(redact(options)).toEqual(said));
});
