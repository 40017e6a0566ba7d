import fc from 'fast-check';
import { findOtherUser, mainTarget, recordTarget, type MainPlace } from '../../server/databases/ownership';
import { recordFromRow, type AppRecord } from '../../src/app-record';

const server: MainPlace = { host: 'db.example', port: 5432, username: 'nb', database: 'nocobase' };

const record = (name: string, options: Record<string, unknown> = {}): AppRecord => recordFromRow({ name, options });
const own = (name: string, database = name) => record(name, { dbConnType: 'new_database', database: { database } });
const user = (self: AppRecord, others: AppRecord[], main = server) =>
  findOtherUser(recordTarget(self, main), self.name, [self, ...others], main);

describe('recordTarget', () => {
  it.each<[string, Record<string, unknown>, object]>([
    ['nothing: its own name', {}, { server: 'db.example:5432', database: 'crm' }],
    ['a name', { database: { database: 'x' } }, { server: 'db.example:5432', database: 'x' }],
    ['another server', { database: { host: 'Other.', port: '6000' } }, { server: 'other:6000', database: 'crm' }],
    // The core then leaves it the main application's own.
    ['a schema', { dbConnType: 'new_schema' }, { server: 'db.example:5432', database: 'nocobase', schema: 'public' }],
    [
      'a schema of another database',
      { dbConnType: 'new_schema', database: { database: 'x', schema: 's' } },
      { server: 'db.example:5432', database: 'x', schema: 's' },
    ],
    [
      'a schema on another server',
      { dbConnType: 'new_connection', database: { host: 'other', database: 'x', schema: 's' } },
      { server: 'other:5432', database: 'x', schema: 's' },
    ],
    ['a URL', { database: { url: 'postgres://nb:x@Other:6000/x' } }, { server: 'other:6000', database: 'x' }],
    ['a URL that is none', { database: { uri: 'nowhere' } }, { server: 'url:nowhere', database: '' }],
    ['a name that is none', { database: { database: 7 } }, { server: 'db.example:5432', database: 'crm' }],
  ])('reads of options with %s where the data lies', (_case, options, target) => {
    expect(recordTarget(record('crm', options), server)).toEqual(target);
  });

  it('takes rows that say nothing for schemas, where NocoBase was told so', () => {
    const main = { ...server, appsInSchemas: true };
    const target = { server: 'db.example:5432', database: 'nocobase', schema: 'crm' };
    expect(recordTarget(record('crm'), main)).toEqual(target);
    expect(recordTarget(own('crm'), main)).toEqual({ server: 'db.example:5432', database: 'crm' });
  });

  it('keeps the case of a database, which PostgreSQL tells apart', () => {
    expect(recordTarget(own('crm', 'CRM'), server).database).toBe('CRM');
  });
});

describe('findOtherUser', () => {
  it('finds nobody where the database is its own', () => {
    expect(user(own('crm'), [own('erp'), own('shop')])).toBeUndefined();
  });

  it("finds main in main's database", () => {
    expect(user(own('crm', 'nocobase'), [])).toBe('main');
  });

  it('finds another application, by its name or by what it would get by default', () => {
    expect(user(own('crm', 'erp_db'), [own('erp', 'erp_db')])).toBe('erp');
    expect(user(own('crm', 'erp'), [record('erp')])).toBe('erp');
  });

  it("finds an application in a schema of main's database, of which main is a user first", () => {
    expect(user(own('crm', 'nocobase'), [record('erp', { dbConnType: 'new_schema' })])).toBe('main');
  });

  it('finds an application in a schema of another database', () => {
    const inSchema = record('erp', { dbConnType: 'new_schema', database: { database: 'shared', schema: 'erp' } });
    expect(user(own('crm', 'shared'), [inSchema])).toBe('erp');
  });

  it('tells schemas of one database apart', () => {
    const inSchema = (name: string, schema: string, database?: string) =>
      record(name, { dbConnType: 'new_schema', database: { schema, database } });
    expect(user(inSchema('crm', 'crm'), [inSchema('erp', 'erp')])).toBeUndefined();
    expect(user(inSchema('crm', 'erp'), [inSchema('erp', 'erp')])).toBe('erp');
    expect(user(inSchema('crm', 'public'), [])).toBe('main');
    expect(user(inSchema('crm', 'own'), [], { ...server, schema: 'own' })).toBe('main');
    expect(user(inSchema('crm', 'public'), [], { ...server, schema: 'own' })).toBeUndefined();
    expect(user(inSchema('crm', 'crm', 'erp'), [own('erp')])).toBe('erp');
    expect(user(inSchema('crm', 'crm', 'shared'), [inSchema('erp', 'erp', 'shared')])).toBeUndefined();
  });

  it('does not take the same name on another server for the same database', () => {
    const elsewhere = record('erp', { dbConnType: 'new_connection', database: { host: 'other', database: 'crm' } });
    const otherPort = record('wiki', { dbConnType: 'new_connection', database: { port: 5433, database: 'crm' } });
    expect(user(own('crm'), [elsewhere, otherPort])).toBeUndefined();
  });

  it.each([
    ...['localhost', '127.0.0.1', '::1', '[::1]', 'LOCALHOST', 'localhost.', '', undefined, '127.1', '0x7f.0.0.1'],
    ...['2130706433', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '127.0.0.2', '0.0.0.0', '::', '/var/run/postgresql'],
  ])('takes every name of this machine for the same server: %p', (host) => {
    const local = { ...server, host: '127.0.0.1', port: undefined };
    const connected = record('erp', {
      dbConnType: 'new_connection',
      database: { host, port: 5432, database: 'crm' },
    });
    expect(user(own('crm'), [connected], local)).toBe('erp');
    expect(mainTarget({ ...server, host }).server).toBe('localhost:5432');
  });

  it('never counts an application as another user of its own database', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^[a-z]{1,8}$/), (name, database) => {
        const found = user(own(name, database), []);
        expect(found).toBe(database === server.database ? 'main' : undefined);
      }),
    );
  });

  it('is mutual: who finds another is found by it', () => {
    const databases = fc.array(fc.constantFrom('a', 'b', 'c', 'nocobase'), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(databases, (names) => {
        const records = names.map((database, index) => own(`app${index}`, database));
        for (const self of records) {
          const found = findOtherUser(recordTarget(self, server), self.name, records, server);
          const sharing = records.filter(
            (other) => other !== self && other.options.database?.database === self.options.database?.database,
          );
          if (self.options.database?.database === 'nocobase') expect(found).toBe('main');
          else expect(found).toBe(sharing[0]?.name);
        }
      }),
    );
  });
});
