import type { DatabaseDialect, ServerIdentity, Survey } from '../../server/databases/dialect';
import { locationOf } from '../../server/databases/location';
import { OwnerSearch } from '../../server/databases/owner-search';
import type { MainPlace } from '../../server/databases/ownership';
import { placeOf, type Place } from '../../server/databases/place';
import { explainPostgresError } from '../../server/databases/postgres-connection';
import { Preflight } from '../../server/databases/preflight';
import { recordFromRow, type AppRecord } from '../../src/app-record';
import { AppError } from '../../src/errors';
import type { UpgradeState } from '../../src/policies/upgrade-plan';

const main: MainPlace = {
  host: 'db.example',
  port: 5432,
  username: 'nb',
  password: 'Planted-4712',
  database: 'nocobase',
};
const MAIN_SERVER: ServerIdentity = { systemId: '1', startedAt: '1.0' };
const OTHER_SERVER: ServerIdentity = { systemId: '2', startedAt: '2.0' };

const survey: Survey = {
  identity: MAIN_SERVER,
  version: { text: '15.1', needed: '10', sufficient: true },
  readOnly: false,
  finding: 'absent',
  databaseExists: false,
  encoding: { name: 'UTF8', sufficient: true },
  mayCreateDatabases: true,
  mayCreateSchemas: true,
  mayCreateTables: true,
  schemaReserved: false,
  schemaOfRole: null,
};
const there = { databaseExists: true, finding: 'empty' } as const;
const inhabited = { databaseExists: true, finding: 'occupied' } as const;

const record = (name: string, options: Record<string, unknown>): AppRecord => recordFromRow({ name, options });
const database = (name: string, own = name) =>
  record(name, { dbConnType: 'new_database', database: { database: own } });
const schema = (name: string, own = name) => record(name, { dbConnType: 'new_schema', database: { schema: own } });
const elsewhere = (name: string, address: object) =>
  record(name, {
    dbConnType: 'new_connection',
    database: { host: 'alias', username: 'nb', database: name, ...address },
  });

interface World {
  survey?: Partial<Survey> | Error;
  others?: AppRecord[];
  /** Who answers at a host; an unknown one does not. */
  servers?: Record<string, ServerIdentity>;
  stored?: string | null;
  state?: UpgradeState;
  adopt?: boolean;
}

function world({ survey: said = {}, others = [], servers = {}, stored, state = 'current' }: World) {
  const asked: string[] = [];
  const dialect = {
    defaultPort: 5432,
    maintenanceDatabase: 'postgres',
    survey: () => (said instanceof Error ? Promise.reject(said) : Promise.resolve({ ...survey, ...said })),
    identify: ({ host = '' }) => {
      asked.push(host);
      const found = { 'db.example': MAIN_SERVER, ...servers }[host];
      return found ? Promise.resolve(found) : Promise.reject(new AppError('APP_DATABASE_UNREACHABLE', { reason: 'x' }));
    },
    readVersions: () => Promise.resolve(stored === undefined ? undefined : { core: stored, plugins: [] }),
    explain: explainPostgresError,
  } as unknown as DatabaseDialect;
  const options = (self: AppRecord) => ({ ...main, dialect: 'postgres', ...self.options.database });
  const owners = new OwnerSearch({
    main: () => main,
    records: () => others,
    reach: (other) => locationOf(options(other)).server,
  });
  const preflight = new Preflight({
    owners,
    compare: () => Promise.resolve({ state, from: stored ?? null, to: '2.2.15', plugins: [], ahead: [] }),
  });
  const place = (self: AppRecord): Place => ({ ...placeOf(self, options(self), main), dialect });
  return { preflight, place, asked };
}

async function examine(self: AppRecord, given: World = {}) {
  const { preflight, place, asked } = world(given);
  const { results, clearance } = await preflight.examine(self, place(self), given.adopt ?? false);
  const failed = results.flatMap(({ check, error }) => (error ? [[check, error.code]] : []));
  return { checks: results.map(({ check }) => check), failed, clearance, asked, results };
}

describe('a preflight', () => {
  it.each<[string, AppRecord, World, object]>([
    ['an absent database', database('crm'), {}, { exists: false, adopted: false }],
    ['an empty one', database('crm'), { survey: there }, { exists: true, adopted: false }],
    ['an absent schema', schema('crm'), { survey: { ...there, finding: 'absent' } }, { exists: false, adopted: false }],
    [
      "a schema in main's database beside another",
      schema('crm'),
      { survey: { ...there, finding: 'absent' }, others: [schema('erp')] },
      { exists: false, adopted: false },
    ],
    [
      'an application, taken in',
      database('crm'),
      { survey: inhabited, stored: '2.2.0', state: 'behind', adopt: true },
      { exists: true, adopted: true },
    ],
    ['nothing to take in', database('crm'), { adopt: true }, { exists: false, adopted: false }],
    [
      "main's name on a server that is another one",
      elsewhere('crm', { database: 'nocobase' }),
      { survey: { ...there, identity: OTHER_SERVER } },
      { exists: true, adopted: false },
    ],
    [
      'a name that another application has on a third server',
      elsewhere('crm', { database: 'shared' }),
      {
        survey: { ...there, identity: OTHER_SERVER },
        others: [elsewhere('erp', { host: 'third', database: 'shared' })],
        servers: { third: { startedAt: '3.0' } },
      },
      { exists: true, adopted: false },
    ],
  ])('passes %s', async (_case, self, given, clearance) => {
    const found = await examine(self, given);
    expect(found.failed).toEqual([]);
    expect(found.clearance).toEqual(clearance);
    expect(found.checks).toEqual(['owner', 'server', 'credentials', 'version', 'database', 'encoding', 'rights']);
  });

  const unreachable = new AppError('APP_DATABASE_UNREACHABLE', { reason: 'ECONNREFUSED' });
  it.each<[string, AppRecord, World, [string, string][]]>([
    ["main's database", database('crm', 'nocobase'), {}, [['owner', 'APP_DATABASE_IN_USE']]],
    ["main's schema", schema('crm', 'public'), {}, [['owner', 'APP_DATABASE_IN_USE']]],
    [
      "main's database by another address",
      elsewhere('crm', { database: 'nocobase' }),
      { survey: inhabited, adopt: true, stored: '2.2.15' },
      [['owner', 'APP_DATABASE_IN_USE']],
    ],
    [
      "main's server, when its identifier may not be read",
      elsewhere('crm', { database: 'nocobase' }),
      { survey: { ...inhabited, identity: { startedAt: '1.0' } } },
      [['owner', 'APP_DATABASE_IN_USE']],
    ],
    [
      "another application's, by another address",
      elsewhere('crm', { database: 'erp' }),
      { survey: there, others: [database('erp')] },
      [['owner', 'APP_DATABASE_IN_USE']],
    ],
    [
      'a name that another has on a server that does not answer',
      elsewhere('crm', { database: 'shared' }),
      {
        survey: { ...there, identity: OTHER_SERVER },
        others: [elsewhere('erp', { host: 'gone', database: 'shared' })],
      },
      [['owner', 'APP_DATABASE_IN_USE']],
    ],
    ['no server', database('crm'), { survey: unreachable }, [['server', 'APP_DATABASE_UNREACHABLE']]],
    [
      'a wrong password',
      elsewhere('crm', {}),
      { survey: Object.assign(new Error(), { code: '28P01' }) },
      [['credentials', 'APP_DATABASE_CREDENTIALS']],
    ],
    [
      'a database that may not be entered',
      database('crm'),
      { survey: Object.assign(new Error(), { code: '42501' }) },
      [['rights', 'APP_DATABASE_DENIED']],
    ],
    [
      'an old server',
      database('crm'),
      { survey: { version: { text: '9.6', needed: '10', sufficient: false } } },
      [['version', 'APP_DATABASE_VERSION']],
    ],
    ['a standby', database('crm'), { survey: { readOnly: true } }, [['version', 'APP_DATABASE_UNSUPPORTED']]],
    [
      'a role without CREATEDB',
      database('crm'),
      { survey: { mayCreateDatabases: false } },
      [['rights', 'APP_DATABASE_DENIED']],
    ],
    [
      'an empty database without rights',
      database('crm'),
      { survey: { ...there, mayCreateTables: false } },
      [['rights', 'APP_DATABASE_DENIED']],
    ],
    [
      'a schema without rights',
      schema('crm'),
      { survey: { ...there, finding: 'absent', mayCreateSchemas: false } },
      [['rights', 'APP_DATABASE_DENIED']],
    ],
    ['a schema in a database that is not there', schema('crm'), {}, [['database', 'APP_DATABASE_ABSENT']]],
    [
      'a word of SQL',
      schema('order'),
      { survey: { ...there, finding: 'absent', schemaReserved: true } },
      [['database', 'APP_DATABASE_SCHEMA_INVALID']],
    ],
    [
      "a schema with the name of the main application's role",
      schema('nb'),
      { survey: { ...there, schemaOfRole: 'own' } },
      [['database', 'APP_DATABASE_SCHEMA_INVALID']],
    ],
    [
      'a schema elsewhere with the name of another role',
      elsewhere('crm', { schema: 'erp' }),
      { survey: { ...there, schemaOfRole: 'other', identity: OTHER_SERVER } },
      [['database', 'APP_DATABASE_SCHEMA_INVALID']],
    ],
    [
      'LATIN1',
      database('crm'),
      { survey: { ...there, encoding: { name: 'LATIN1', sufficient: false } } },
      [['encoding', 'APP_DATABASE_ENCODING']],
    ],
    ['tables of somebody', database('crm'), { survey: inhabited, adopt: true }, [['database', 'APP_DATABASE_EXISTS']]],
    [
      'an installation that was cut off',
      database('crm'),
      { survey: inhabited, stored: null, adopt: true },
      [['database', 'APP_DATABASE_EXISTS']],
    ],
    [
      'an application that nobody speaks of',
      database('crm'),
      { survey: inhabited, stored: '2.2.0' },
      [['database', 'APP_DATABASE_ADOPTABLE']],
    ],
    [
      'an application of a newer NocoBase',
      database('crm'),
      { survey: inhabited, stored: '9.0.0', state: 'newer', adopt: true },
      [['database', 'APP_DATABASE_NEWER']],
    ],
    [
      'two things at once',
      database('crm'),
      { survey: { ...inhabited, encoding: { name: 'LATIN1', sufficient: false } } },
      [
        ['database', 'APP_DATABASE_EXISTS'],
        ['encoding', 'APP_DATABASE_ENCODING'],
      ],
    ],
  ])('refuses %s', async (_case, self, given, expected) => {
    const { failed, results } = await examine(self, given);
    expect(failed).toEqual(expected);
    expect(JSON.stringify(results.map(({ error }) => error?.message))).not.toContain('Planted');
    const { preflight, place } = world(given);
    await expect(preflight.pass(self, place(self), given.adopt ?? false)).rejects.toMatchObject({
      code: expected[0]?.[1],
    });
  });

  it('asks no server who it is where nobody calls his database the same, or nothing is there', async () => {
    expect((await examine(database('crm'), { survey: there, others: [database('erp')] })).asked).toEqual([]);
    const absent = elsewhere('crm', { database: 'erp' });
    expect((await examine(absent, { others: [database('erp')] })).asked).toEqual([]);
  });

  it('asks each server once', async () => {
    const others = ['a', 'b', 'c'].map((name) => elsewhere(name, { host: 'third', database: 'shared', schema: name }));
    const servers = { third: { startedAt: '3.0' } };
    const self = elsewhere('crm', { database: 'shared' });
    const found = await examine(self, { survey: { ...there, identity: OTHER_SERVER }, others, servers });
    expect([found.failed, found.asked]).toEqual([[], ['third']]);
  });
});
