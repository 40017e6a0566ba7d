import '../../helpers/in-process-environment';
import type { InProcessApp } from '../../helpers/in-process-app';
import { describeWithBothPostgres, mustHaveRole, sqlAs, startAsCreator } from '../../helpers/app-roles';
import { generateRolePassword } from '../../../server/databases/secrets';

/** Roles of applications that were removed, and the connection limits of roles. PostgreSQL. */

const options = { plugins: ['error-handler', 'field-sort'] };
const DENIED = '42501';

describeWithBothPostgres('database roles: without an application', (server) => {
  let app: InProcessApp;
  let mainRole: string;
  let end: () => Promise<void>;
  const name = (word: string) => app.name(word);
  const role = (word: string) => mustHaveRole(app, name(word));
  const visit = async (word: string) => (await app.get('/api/pm:listEnabled', { 'X-App': name(word) })).status;
  const maySignIn = async (found: string) =>
    (await app.sql<{ may: boolean }>('SELECT rolcanlogin AS may FROM pg_roles WHERE rolname = $1', [found]))[0]?.may;
  const limitOf = async (found: string) =>
    (await app.sql<{ most: number }>('SELECT rolconnlimit AS most FROM pg_roles WHERE rolname = $1', [found]))[0]?.most;

  beforeAll(async () => {
    const started = await startAsCreator(server);
    ({ app, end } = started);
    mainRole = started.role.name;
    await app.create({ name: name('kept'), options });
  });
  afterAll(() => end?.());
  afterEach(() => jest.restoreAllMocks());

  it('purge: locks the role where the database is kept, and the data stays as it is', async () => {
    await app.create({ name: name('handed'), options });
    const handed = role('handed');
    const database = name('handed');
    expect(await sqlAs(app, handed, database, 'CREATE TABLE notes (id int); INSERT INTO notes VALUES (7)')).toEqual([]);
    await app.service.bin.remove(database, { purge: true });
    expect(await app.databases()).toContain(database);
    expect(await maySignIn(handed.name)).toBe(false);
    const seen = await app
      .sql(`SET ROLE "${mainRole}"; SELECT id FROM notes`, [], database)
      .catch((error: unknown) => error);
    expect(seen).not.toBeInstanceOf(Error);
    expect(await app.sql('SELECT id FROM notes', [], database)).toEqual([{ id: 7 }]);

    // The next application there takes it over, and the next start drops the role of the former one.
    await app.create({ name: database, options, adopt: true });
    expect((await app.post(`/api/applications:isolate?filterByTk=${database}`)).status).toBe(200);
    expect(await visit('handed')).toBe(200);
    expect(await sqlAs(app, role('handed'), database, 'SELECT id FROM notes')).toEqual([{ id: 7 }]);
    expect(role('handed').name).not.toBe(handed.name);
    await app.restart();
    await app.until('the former role is dropped', async () => !(await app.roles()).includes(handed.name));
    expect(await visit('handed')).toBe(200);
  });

  it('adoption of a schema: the former role may do nothing there, and goes at the next start', async () => {
    const schema = name('schema');
    const values = { name: schema, options: { ...options, dbConnType: 'new_schema', database: { schema } } };
    await app.create(values);
    const former = role('schema').name;
    const text = `CREATE TABLE "${schema}".own (id serial); GRANT SELECT ON "${schema}".own TO "${role('kept').name}"`;
    expect(await sqlAs(app, role('schema'), app.address.database, text)).toEqual([]);
    await app.service.bin.remove(schema, { purge: true });
    await app.create({ ...values, adopt: true });
    expect(await visit('schema')).toBe(200);
    const grants = `SELECT DISTINCT grantee::regrole::text AS name FROM (
        SELECT (aclexplode(nspacl)).grantee FROM pg_namespace WHERE nspname = $1
        UNION ALL SELECT (aclexplode(relacl)).grantee FROM pg_class WHERE relnamespace = to_regnamespace($1)
      ) AS found ORDER BY 1`;
    const found = await app.sql<{ name: string }>(grants, [schema]);
    expect(found.map((row) => row.name).filter((one) => one !== mainRole)).toEqual([role('schema').name]);
    await app.restart();
    await app.until('the former role is dropped', async () => !(await app.roles()).includes(former));
    expect([await visit('schema'), await visit('kept')]).toEqual([200, 200]);
  });

  it('adoption: an application that could not be isolated stays stopped until it is', async () => {
    const adopted = name('adopted');
    await app.create({ name: adopted, options });
    await app.service.bin.remove(adopted, { purge: true });
    const isolate = jest.spyOn(app.service.roles, 'isolate').mockRejectedValueOnce(new Error('planted'));
    await app.create({ name: adopted, options, adopt: true });
    expect(isolate).toHaveBeenCalledTimes(1);
    expect([await visit('adopted'), app.service.describe(adopted)?.state]).toEqual([503, 'stopped']);
    expect((await app.post(`/api/applications:isolate?filterByTk=${adopted}`)).status).toBe(200);
    expect((await app.post(`/api/applications:start?filterByTk=${adopted}`)).status).toBe(200);
    await app.until('it runs', async () => (await visit('adopted')) === 200);
    expect(role('adopted').name).toBeTruthy();
  });

  it('start: drops roles that no application has and that are used for nothing, and leaves all others', async () => {
    const { postgresRoles } = await import('../../../server/databases/postgres-roles');
    const main = app.service.places.server();
    const { prefix } = await postgresRoles.outline(main);
    const neighbour = { ...main, realm: 'abcdef01' };
    const roles = {
      left: { name: `${prefix}0000000000000001`, password: generateRolePassword() },
      owner: { name: `${prefix}0000000000000002`, password: generateRolePassword() },
      foreign: {
        name: `${(await postgresRoles.outline(neighbour)).prefix}0000000000000003`,
        password: generateRolePassword(),
      },
    };
    await postgresRoles.ensure(main, roles.left, 5);
    await postgresRoles.ensure(main, roles.owner, 5);
    await postgresRoles.ensure(neighbour, roles.foreign, 5);
    await app.sql(`CREATE SCHEMA "${name('of_nobody')}" AUTHORIZATION "${roles.owner.name}"`);
    await app.restart();
    await app.until('it is swept', async () => !(await app.roles()).includes(roles.left.name));
    // An application of which this process does not know may use it.
    await app.service.roles.sweep();
    expect(await maySignIn(roles.owner.name)).toBe(true);
    expect(await app.sql('SELECT 1 AS one FROM pg_namespace WHERE nspname = $1', [name('of_nobody')])).toEqual([
      { one: 1 },
    ]);
    expect(await maySignIn(roles.foreign.name)).toBe(true);
    expect(await maySignIn(role('kept').name)).toBe(true);
    expect(await visit('kept')).toBe(200);
    await app.sql(`DROP SCHEMA "${name('of_nobody')}"`);
  });

  it('start: leaves the roles of applications that are in use, even where no row names them', async () => {
    const kept = role('kept').name;
    const everyone = jest.spyOn(app.service.registry, 'everyone').mockReturnValue([]);
    await app.service.roles.sweep();
    expect(everyone).toHaveBeenCalled();
    expect([await maySignIn(kept), await visit('kept')]).toEqual([true, 200]);
  });

  it('start: touches no role while a secret cannot be read', async () => {
    const { postgresRoles } = await import('../../../server/databases/postgres-roles');
    const main = app.service.places.server();
    const { prefix } = await postgresRoles.outline(main);
    const left = { name: `${prefix}0000000000000004`, password: generateRolePassword() };
    await postgresRoles.ensure(main, left, 5);
    const { secretBox } = app.service;
    const open = jest.spyOn(secretBox, 'open').mockImplementation(() => {
      throw new Error('unreadable');
    });
    await app.service.roles.sweep();
    expect(open).toHaveBeenCalled();
    expect(await maySignIn(left.name)).toBe(true);
    open.mockRestore();
    await app.service.roles.sweep();
    expect(await app.roles()).not.toContain(left.name);
  });

  it('connection limit: is above the pool, and follows it when the option changes', async () => {
    const small = { ...options, database: { pool: { max: 1 } } };
    await app.create({ name: name('pooled'), options: small });
    const { name: pooled } = role('pooled');
    expect(await limitOf(pooled)).toBe(11);
    for (const [max, most] of [
      [3, 13],
      [2, 12],
    ]) {
      const values = { options: { ...small, database: { pool: { max } } } };
      expect((await app.post(`/api/applications:update?filterByTk=${name('pooled')}`, values)).status).toBe(200);
      await app.service.runner(name('pooled'))?.stop('sleep');
      expect(await visit('pooled')).toBe(200);
      expect([max, await limitOf(pooled)]).toEqual([max, most]);
    }
    // Not asked again while nothing changes.
    const { postgresRoles } = await import('../../../server/databases/postgres-roles');
    const ensure = jest.spyOn(postgresRoles, 'ensure');
    await app.service.runner(name('pooled'))?.stop('sleep');
    expect(await visit('pooled')).toBe(200);
    expect(ensure).not.toHaveBeenCalled();
  });

  it('connection limit: an application starts though it cannot be changed any more', async () => {
    const values = { options: { ...options, database: { pool: { max: 3 } } } };
    expect((await app.post(`/api/applications:update?filterByTk=${name('pooled')}`, values)).status).toBe(200);
    await app.service.runner(name('pooled'))?.stop('sleep');
    await app.sql(`ALTER ROLE "${mainRole}" NOCREATEROLE`);
    expect(await visit('pooled')).toBe(200);
    expect(await limitOf(role('pooled').name)).toBe(12);
    await app.sql(`ALTER ROLE "${mainRole}" CREATEROLE`);
    expect(await sqlAs(app, role('pooled'), name('kept'), 'SELECT 1')).toBe(DENIED);
  });
});
