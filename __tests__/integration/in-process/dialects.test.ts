import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { databaseKind } from '../../../src/database-dialects';
import { isAppError, type AppError } from '../../../src/errors';
import type { ServerAddress } from '../../../server/databases/dialect';
import { isSameServer } from '../../../server/databases/ownership';
import { databasesOf, knownServers, quotedName, runSql, type KnownServer } from '../../helpers/database-servers';
import { breakingForwarder, foreignServer, forwarder, silentServer } from '../../helpers/fake-servers';

/** What every kind of database server has to do for us, asked of each that this machine has. */

const PLANTED = 'Planted-4712';

async function until<T>(what: () => Promise<T>, ms = 20_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    try {
      return await what();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function refusal(work: Promise<unknown>): Promise<AppError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isAppError(error)) throw new Error('it was not refused', { cause: error });
  expect(error.message).not.toContain(PLANTED);
  expect(error.message).not.toMatch(/127\.0\.0\.1|localhost/);
  return error;
}

function conformance(server: KnownServer): void {
  const { dialect, address } = server;
  const prefix = `cf${randomBytes(4).toString('hex')}`;
  const isPostgres = dialect.family === 'postgres';
  let count = 0;
  const fresh = () => `${prefix}_${(count += 1)}`;
  const newToken = () => `${prefix}${randomBytes(11).toString('hex')}`;
  const sql = <T>(text: string, database?: string) => runSql<T>(server, text, database);
  const quoted = (name: string) => quotedName(server, name);
  const left = async () => [
    ...(await databasesOf(server, prefix)),
    ...(isPostgres ? await databasesOf(server, `app_supervisor_draft_${prefix}`) : []),
  ];
  const limited: ServerAddress = { ...address, username: `${prefix}_nb`, password: PLANTED };
  const account = isPostgres ? quoted(`${prefix}_nb`) : `'${prefix}_nb'@'%'`;
  const at = (port: number): ServerAddress => ({ ...address, port });

  /** The server goes on with what it was told last; what others tell it is theirs. */
  const quiet = async () => {
    const busy = isPostgres
      ? `SELECT 1 FROM pg_stat_activity WHERE query ~ '(CREATE|ALTER|DROP|COMMENT ON) DATABASE.*${prefix}' AND state = 'active' AND pid <> pg_backend_pid()`
      : `SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE '%DATABASE%${prefix}%' AND ID <> CONNECTION_ID()`;
    await until(async () => expect(await sql(busy)).toEqual([]));
  };

  beforeAll(async () => {
    if (isPostgres) await sql(`CREATE ROLE ${account} LOGIN PASSWORD '${PLANTED}'`);
    else await sql(`CREATE USER ${account} IDENTIFIED BY '${PLANTED}'`);
  });

  afterAll(async () => {
    const force = isPostgres ? ' WITH (FORCE)' : '';
    for (const name of await databasesOf(server, prefix)) await sql(`DROP DATABASE ${quoted(name)}${force}`);
    // Another NocoBase that closed its database to new roles meanwhile has let this one in by name.
    await sql(isPostgres ? `DROP OWNED BY ${account}; DROP ROLE ${account}` : `DROP USER ${account}`);
  });

  it('is what the domain takes it for', () => {
    const { family, defaultPort, schemas } = dialect;
    expect(databaseKind(dialect.name)).toEqual({ family, port: defaultPort, schemas: schemas !== undefined });
  });

  it('makes a database of ours, once, and drops it by its mark', async () => {
    const [name, token] = [fresh(), newToken()];
    expect(await dialect.inspect(address, name)).toBe('absent');
    expect(await dialect.isOwned(address, name, token)).toBe(false);
    expect(await dialect.create(address, name, token)).toBe(true);
    expect(await dialect.create(address, name, token)).toBe(false);
    expect(await dialect.inspect(address, name)).toBe('empty');
    expect([await dialect.isOwned(address, name, token), await dialect.isOwned(address, name, newToken())]).toEqual([
      true,
      false,
    ]);
    expect(await refusal(dialect.create(address, name, newToken()))).toMatchObject({ code: 'APP_DATABASE_EXISTS' });

    await sql('CREATE TABLE one (id INT PRIMARY KEY)', name);
    await sql('CREATE TABLE two (id INT REFERENCES one (id))', name);
    await sql('CREATE VIEW three AS SELECT id FROM one', name);
    expect(await dialect.inspect(address, name)).toBe('occupied');
    await dialect.drop(address, name, newToken());
    expect(await dialect.inspect(address, name)).toBe('occupied');
    await dialect.drop(address, name, token);
    expect(await dialect.inspect(address, name)).toBe('absent');
    await dialect.drop(address, name, token);
    expect(await left()).toEqual([]);
  });

  it('leaves alone what a stranger made, empty or not', async () => {
    const [name, token] = [fresh(), newToken()];
    await sql(`CREATE DATABASE ${quoted(name)}`);
    for (const filled of [false, true]) {
      if (filled) await sql('CREATE TABLE theirs (id INT PRIMARY KEY)', name);
      expect(await refusal(dialect.create(address, name, token))).toMatchObject({ code: 'APP_DATABASE_EXISTS' });
      expect(await dialect.isOwned(address, name, token)).toBe(false);
      await dialect.drop(address, name, token);
      expect(await left()).toEqual([name]);
    }
    await sql(`DROP DATABASE ${quoted(name)}`);
  });

  it('gives a name to one of two who want it at the same time', async () => {
    const name = fresh();
    const tokens = [newToken(), newToken()];
    const outcomes = await Promise.allSettled(tokens.map((token) => dialect.create(address, name, token)));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const owned = await Promise.all(tokens.map((token) => dialect.isOwned(address, name, token)));
    expect(owned).toEqual(outcomes.map(({ status }) => status === 'fulfilled'));
    for (const token of tokens) await dialect.drop(address, name, token);
    expect(await left()).toEqual([]);
  });

  it('comes to an end after it was cut off anywhere, and leaves nothing', async () => {
    let whole = false;
    for (let pieces = 1; !whole; pieces += 1) {
      expect(pieces).toBeLessThan(40);
      for (const afterwards of ['create', 'drop'] as const) {
        const [name, token] = [fresh(), newToken()];
        const broken = await breakingForwarder(address, pieces);
        const first = await dialect.create(at(broken.port), name, token).then(
          () => true,
          (error: unknown) => isAppError(error) && error.code !== 'APP_DATABASE_UNREACHABLE' && error,
        );
        await broken.end();
        await quiet();
        whole = first === true;
        expect([true, false]).toContain(first);
        if (afterwards === 'create') {
          await until(() => dialect.create(address, name, token));
          expect(await dialect.isOwned(address, name, token)).toBe(true);
          expect(await dialect.create(address, name, token)).toBe(false);
          await sql('CREATE TABLE one (id INT PRIMARY KEY)', name);
        }
        await until(async () => {
          await dialect.drop(address, name, token);
          expect(await left()).toEqual([]);
        });
      }
    }
  });

  it('drops to the end what it began to drop, wherever it was cut off', async () => {
    let whole = false;
    for (let pieces = 1; !whole; pieces += 1) {
      expect(pieces).toBeLessThan(40);
      const [name, token] = [fresh(), newToken()];
      await dialect.create(address, name, token);
      await sql('CREATE TABLE one (id INT PRIMARY KEY)', name);
      const broken = await breakingForwarder(address, pieces);
      whole = await dialect.drop(at(broken.port), name, token).then(
        () => true,
        () => false,
      );
      await broken.end();
      await quiet();
      // What is left is ours as before, or it is gone.
      await until(async () => {
        await dialect.drop(address, name, token);
        expect(await left()).toEqual([]);
      });
    }
  });

  it('empties a database, and it stays ours', async () => {
    if (!dialect.clear) return;
    const [name, token] = [fresh(), newToken()];
    await dialect.create(address, name, token);
    await sql('CREATE TABLE one (id INT PRIMARY KEY)', name);
    expect(await refusal(dialect.clear(address, name, newToken()))).toMatchObject({ code: 'APP_DATABASE_NOT_OWNED' });
    expect(await dialect.inspect(address, name)).toBe('occupied');
    await dialect.clear(address, name, token);
    expect(await dialect.inspect(address, name)).toBe('empty');
    expect(await dialect.isOwned(address, name, token)).toBe(true);
    await dialect.drop(address, name, token);
  });

  it('says what a server and a database are', async () => {
    const [name, token] = [fresh(), newToken()];
    const absent = await dialect.survey(address, name);
    expect(absent).toMatchObject({
      version: { sufficient: true },
      readOnly: false,
      finding: 'absent',
      databaseExists: false,
      encoding: { sufficient: true },
      mayCreateDatabases: true,
    });
    expect(absent.version.text).toMatch(/\d+\.\d+/);
    await dialect.create(address, name, token);
    const there = await dialect.survey(address, name);
    expect(there).toMatchObject({ finding: 'empty', databaseExists: true, mayCreateTables: true });
    expect(there.encoding).toEqual({ name: isPostgres ? 'UTF8' : 'utf8mb4', sufficient: true });
    expect(there.identity).toEqual(absent.identity);
    await sql('CREATE TABLE one (id INT PRIMARY KEY)', name);
    expect(await dialect.survey(address, name)).toMatchObject({ finding: 'occupied' });
    await dialect.drop(address, name, token);

    const other = fresh();
    const encoding = isPostgres
      ? `ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`
      : 'CHARACTER SET latin1';
    await sql(`CREATE DATABASE ${quoted(other)} ${encoding}`);
    expect((await dialect.survey(address, other)).encoding).toMatchObject({ sufficient: false });
    await sql(`DROP DATABASE ${quoted(other)}`);
  });

  it('says how large a database is', async () => {
    const [name, token] = [fresh(), newToken()];
    expect(await dialect.measure(address, name)).toBeUndefined();
    await dialect.create(address, name, token);
    const empty = (await dialect.measure(address, name)) ?? 0;
    const long = isPostgres ? 'TEXT' : 'LONGTEXT';
    await sql(`CREATE TABLE one (id INT PRIMARY KEY, content ${long})`, name);
    // Of what cannot be compressed.
    for (let id = 0; id < 20; id += 1) {
      await sql(`INSERT INTO one VALUES (${id}, '${randomBytes(50_000).toString('hex')}')`, name);
    }
    const measured = async () => expect((await dialect.measure(address, name)) ?? 0).toBeGreaterThan(empty + 1_000_000);
    // MariaDB counts in the background, on a busy machine late.
    await until(measured, 90_000);
    if (dialect.schemas) {
      expect(await dialect.measure(address, name, 'public')).toBeGreaterThan(1_000_000);
      expect(await dialect.measure(address, name, 'information_schema')).toBeLessThan(1_000_000);
      expect(await dialect.measure(address, name, 'nobody')).toBeUndefined();
    }
    await dialect.drop(address, name, token);
  });

  it('refuses a schema where there are none', async () => {
    if (dialect.schemas) return;
    const error = await refusal(dialect.survey(address, fresh(), 'crm'));
    expect(error).toMatchObject({ code: 'APP_DATABASE_UNSUPPORTED', status: 400 });
  });

  it('knows a server by another address, and takes it for no other', async () => {
    const alias = await forwarder(address);
    const here = await dialect.identify(address);
    const there = await dialect.identify(at(alias.port));
    await alias.end();
    expect(isSameServer(here, there)).toBe(true);
    expect(isSameServer(here, { systemId: 'another', startedAt: '1' })).toBe(false);
    expect(isSameServer(here, {})).toBe(false);
  });

  it('says in our words what keeps it from a server', async () => {
    const silent = await silentServer();
    const foreign = await foreignServer();
    const nobody = await silentServer();
    await nobody.end();
    const began = Date.now();
    const all = (server: ServerAddress) => [
      dialect.survey(server, fresh()),
      dialect.identify(server),
      dialect.inspect(server, fresh()),
      dialect.create(server, fresh(), newToken()),
      dialect.drop(server, fresh(), newToken()),
    ];
    const codes = async (server: ServerAddress) =>
      new Set((await Promise.all(all(server).map(refusal))).map(({ code }) => code));
    const planted = { ...address, password: PLANTED };
    expect([...(await codes({ ...planted, port: nobody.port }))]).toEqual(['APP_DATABASE_UNREACHABLE']);
    expect([...(await codes({ ...planted, port: silent.port }))]).toEqual(['APP_DATABASE_UNREACHABLE']);
    expect([...(await codes({ ...planted, host: 'nobody.invalid' }))]).toEqual(['APP_DATABASE_UNREACHABLE']);
    for (const code of await codes({ ...planted, port: foreign.port })) {
      expect(['APP_DATABASE_UNREACHABLE', 'APP_DATABASE_FAILED']).toContain(code);
    }
    // A PostgreSQL that trusts everybody on this machine asks for no password.
    const wrong = isPostgres ? { ...address, username: `${prefix}_unknown` } : { ...limited, password: `${PLANTED}!` };
    expect([...(await codes(wrong))]).toEqual(['APP_DATABASE_CREDENTIALS']);
    expect(Date.now() - began).toBeLessThan(20_000);
    await silent.end();
    await foreign.end();
  });

  it('says what a role may not do', async () => {
    const name = fresh();
    expect(await refusal(dialect.assertMayCreate(limited))).toMatchObject({ code: 'APP_DATABASE_DENIED' });
    expect(await dialect.survey(limited, name)).toMatchObject({ mayCreateDatabases: false, finding: 'absent' });
    expect(await refusal(dialect.create(limited, name, newToken()))).toMatchObject({ code: 'APP_DATABASE_DENIED' });
    await sql(isPostgres ? `ALTER ROLE ${account} CREATEDB` : `GRANT ALL ON \`${prefix}\\_%\`.* TO ${account}`);
    const token = newToken();
    expect(await dialect.survey(limited, name)).toMatchObject({ mayCreateDatabases: true });
    expect(await dialect.create(limited, name, token)).toBe(true);
    expect(await dialect.survey(limited, name)).toMatchObject({ mayCreateTables: true, databaseExists: true });
    await dialect.drop(limited, name, token);
    expect(await left()).toEqual([]);
  });

  it.each([
    ['', false],
    ['nb_', false],
    ['', true],
  ])('reads the versions of an instance with the prefix "%s", in snake case: %p', async (tablePrefix, underscored) => {
    const [name, token] = [fresh(), newToken()];
    await dialect.create(address, name, token);
    const inside = { ...address, database: name };
    const layout = { schema: 'public', tablePrefix, underscored };
    expect(await dialect.readVersions(inside, layout)).toBeUndefined();
    const [core, plugins, column] = underscored
      ? ['application_version', 'application_plugins', 'package_name']
      : ['applicationVersion', 'applicationPlugins', 'packageName'];
    await sql(`CREATE TABLE ${quoted(`${tablePrefix}${core}`)} (value VARCHAR(255))`, name);
    expect(await dialect.readVersions(inside, layout)).toEqual({ core: null, plugins: [] });
    await sql(`INSERT INTO ${quoted(`${tablePrefix}${core}`)} VALUES ('2.2.15')`, name);
    expect(await dialect.readVersions(inside, layout)).toEqual({ core: '2.2.15', plugins: [] });
    const table = quoted(`${tablePrefix}${plugins}`);
    await sql(`CREATE TABLE ${table} (${quoted(column)} VARCHAR(255), version VARCHAR(255), enabled BOOLEAN)`, name);
    await sql(
      `INSERT INTO ${table} VALUES ('@x/one', '1.0.0', true), ('@x/off', '1.0.0', false), ('@x/new', NULL, true), (NULL, '3', true)`,
      name,
    );
    const found = await dialect.readVersions(inside, layout);
    expect(found?.core).toBe('2.2.15');
    expect(found?.plugins).toEqual(
      expect.arrayContaining([
        { packageName: '@x/one', version: '1.0.0' },
        { packageName: '@x/new', version: null },
      ]),
    );
    expect(found?.plugins).toHaveLength(2);
    await dialect.drop(address, name, token);
  });

  it('takes whatever it is given for a value', async () => {
    const wild = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom("'; DROP DATABASE x; --", '"', '`', '\\', "\\'", '`; --', '%', '_', '\0', '${x}', '?', '$1', ' '),
    );
    const syntax = /42601|PARSE_ERROR|unknown error/;
    await fc.assert(
      fc.asyncProperty(wild, wild, async (end, secret) => {
        const [name, token] = [`${prefix}${end}`, `${prefix}${secret}`];
        for (const work of [
          () => dialect.inspect(address, name),
          () => dialect.isOwned(address, name, token),
          () => dialect.survey(address, name),
          () => dialect.create(address, name, token),
          () => dialect.drop(address, name, token),
        ]) {
          const error: unknown = await work().then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          if (error === undefined) continue;
          if (!isAppError(error)) throw new Error('an error that is not ours', { cause: error });
          expect(error.message).not.toMatch(syntax);
        }
        // A token of whatever may not be legible again; ours are hexadecimal.
        for (const found of await left()) await sql(`DROP DATABASE ${quoted(found)}`);
      }),
      { numRuns: 40 },
    );
  });
}

for (const server of knownServers()) {
  const name = `the dialect ${server.dialect.name}`;
  if (server.missing) describe.skip(`${name} (skipped: ${server.missing})`, () => conformance(server));
  else describe(name, () => conformance(server));
}
