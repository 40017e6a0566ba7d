import '../../helpers/in-process-environment';
import type { Client } from 'pg';
import type { InProcessApp } from '../../helpers/in-process-app';
import { describeWithBothPostgres, mustHaveRole, startAsCreator, startCanary } from '../../helpers/app-roles';
import type { DatabaseRole } from '../../../server/databases/dialect';

/**
 * PostgreSQL looks for functions in the schema that has the name of the session's role, if no search path is set. Objects in
 * such a schema, or in `public`, never run as the main application. PostgreSQL.
 */

const options = { plugins: ['error-handler', 'field-sort'] };

describeWithBothPostgres('database roles: a schema with the name of a role', (server) => {
  let app: InProcessApp;
  let mainRole: string;
  let end: () => Promise<void>;
  const birds: Client[] = [];
  const name = (word: string) => app.name(word);
  const inSchema = (schema: string) => ({ ...options, dbConnType: 'new_schema', database: { schema } });
  const code = ({ status, body }: { status: number; body: unknown }) => [
    status,
    (body as { errors?: { code: string }[] }).errors?.[0]?.code,
  ];
  const failed = async (values: object) => {
    const { body } = await app.post('/api/applications:checkDatabase', values);
    const { checks } = (body as { data: { checks: { check: string; ok: boolean; code?: string }[] } }).data;
    return checks.filter(({ ok }) => !ok).map(({ check, code: found }) => [check, found]);
  };

  /** A session that planted code ends when it runs as the main application. */
  async function canary(role: DatabaseRole) {
    const bird = await startCanary(app, role, app.address.database);
    birds.push(bird.client);
    return bird;
  }

  /** Overloads that fit better than PostgreSQL's own functions, as an administrator of the server may leave them, too. */
  const plant = (schema: string, pid: number) =>
    app.sql(
      `CREATE OR REPLACE FUNCTION "${schema}".trojan() RETURNS boolean LANGUAGE plpgsql AS $f$
       BEGIN
         IF current_user = '${mainRole}' THEN PERFORM pg_catalog.pg_terminate_backend(${pid}); END IF;
         RETURN true;
       END $f$;
       CREATE OR REPLACE FUNCTION "${schema}".shobj_description(oid, text) RETURNS text LANGUAGE sql AS
         'SELECT CASE WHEN "${schema}".trojan() THEN pg_catalog.shobj_description($1, $2::name) END';
       CREATE OR REPLACE FUNCTION "${schema}".obj_description(oid, text) RETURNS text LANGUAGE sql AS
         'SELECT CASE WHEN "${schema}".trojan() THEN pg_catalog.obj_description($1, $2::name) END';
       CREATE OR REPLACE FUNCTION "${schema}".starts_with(name, text) RETURNS boolean LANGUAGE sql AS
         'SELECT CASE WHEN "${schema}".trojan() THEN pg_catalog.starts_with($1::text, $2) END';
       CREATE OR REPLACE FUNCTION "${schema}".pg_has_role(oid, text) RETURNS boolean LANGUAGE sql AS
         'SELECT CASE WHEN "${schema}".trojan() THEN pg_catalog.pg_has_role($1, $2) END'`,
    );

  beforeAll(async () => {
    const started = await startAsCreator(server);
    ({ app, end } = started);
    mainRole = started.role.name;
    await app.create({ name: name('tenant'), options: inSchema(name('tenant')) });
  });
  afterEach(async () => {
    for (const bird of birds.splice(0)) await bird.end().catch(() => undefined);
  });
  afterAll(() => end?.());

  it('create, adopt and checkDatabase: refuse a schema with the name of a role of the server', async () => {
    const refused = [400, 'APP_DATABASE_SCHEMA_INVALID'];
    for (const schema of [mainRole, mustHaveRole(app, name('tenant')).name]) {
      for (const values of [
        { name: name('evil'), options: inSchema(schema) },
        { name: name('evil'), options: inSchema(schema), adopt: true },
        // The name of a schema that is not given follows from the ID.
        ...(schema === mainRole ? [{ name: schema, options: { ...options, dbConnType: 'new_schema' } }] : []),
      ]) {
        expect(code(await app.post('/api/applications:create?wait=true', values))).toEqual(refused);
        expect(await failed(values)).toEqual([['database', 'APP_DATABASE_SCHEMA_INVALID']]);
      }
    }
    expect(await failed({ name: name('next'), options: inSchema(name('next')) })).toEqual([]);
  });

  it.each(['public', 'of main'])('functions in the schema %s: never run as the main application', async (where) => {
    const schema = where === 'public' ? where : mainRole;
    await app.sql(`CREATE SCHEMA IF NOT EXISTS "${schema}"; GRANT USAGE ON SCHEMA "${schema}" TO PUBLIC`);
    const bird = await canary(mustHaveRole(app, name('tenant')));
    await plant(schema, bird.pid);
    const [made, made2, copy] = ['made', 'schema', 'copy'].map((word) => name(`${word}_${where.slice(0, 2)}`)) as [
      string,
      string,
      string,
    ];
    const isolate = (found: string) => app.post(`/api/applications:isolate?filterByTk=${found}`);
    const purge = (found: string) => app.service.bin.remove(found, { dropDatabase: true, purge: true });
    const create = (values: object) => app.post('/api/applications:create?wait=true', values);
    const steps: [string, () => Promise<unknown>][] = [
      ['a check', () => app.post('/api/applications:checkDatabase', { name: made, options })],
      ['a creation', () => create({ name: made, options })],
      ['one in a schema', () => create({ name: made2, options: inSchema(made2) })],
      ['a clone', () => app.post(`/api/applications:clone?filterByTk=${made}&wait=true`, { name: copy })],
      ['a repair', () => isolate(made)],
      ['a repair in a schema', () => isolate(made2)],
      ['a restart of NocoBase', () => app.restart()],
      ['a purge', () => purge(made)],
      ['a purge of a schema', () => purge(made2)],
      ['a purge of the copy', () => purge(copy)],
    ];
    for (const [step, work] of steps) {
      const answer = (await work()) as { status?: number; body?: unknown } | undefined;
      if (answer?.status !== undefined) expect([step, code(answer as never)]).toEqual([step, [200, undefined]]);
      expect([step, await bird.isAlive()]).toEqual([step, true]);
    }
    await app.sql(`DROP FUNCTION "${schema}".shobj_description, "${schema}".obj_description`);
    await app.sql(`DROP FUNCTION "${schema}".starts_with, "${schema}".pg_has_role, "${schema}".trojan`);
  });
});
