import '../../helpers/in-process-environment';
import type { Client } from 'pg';
import { OURS, type InProcessApp } from '../../helpers/in-process-app';
import { missingDumpProgram } from '../../helpers/dump-programs';
import { describeWithBothPostgres, mustHaveRole, sqlAs, startAsCreator, startCanary } from '../../helpers/app-roles';
import { USERS } from '../../helpers/archive-world';
import type { DatabaseRole } from '../../../server/databases/dialect';

/** No function, trigger, view or operator that an application planted in its database runs as another role. PostgreSQL. */

const DUMPS = missingDumpProgram() === undefined;

describeWithBothPostgres('database roles: code that an application planted', (server) => {
  let app: InProcessApp;
  let end: () => Promise<void>;
  const birds: Client[] = [];
  const name = (word: string) => app.name(word);
  const role = (word: string) => mustHaveRole(app, name(word));
  const visit = async (word: string) => (await app.get('/api/pm:listEnabled', { 'X-App': name(word) })).status;
  const code = (answer: { status: number; body: unknown }) => [
    answer.status,
    (answer.body as { errors?: { code: string }[] }).errors?.[0]?.code,
  ];

  /** A connection of the role that planted code ends as soon as it runs as another role, in a rolled back transaction too. */
  async function canary(role: DatabaseRole) {
    const bird = await startCanary(app, role, 'postgres');
    birds.push(bird.client);
    return bird;
  }

  const trojan = (owner: string, pid: number) =>
    `CREATE OR REPLACE FUNCTION public.trojan() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $f$
     BEGIN
       IF current_user <> '${owner}' AND pg_catalog.pg_has_role('${owner}', 'MEMBER') THEN
         PERFORM pg_catalog.pg_terminate_backend(${pid});
       END IF;
       RETURN true;
     END $f$;`;

  /** As the application itself: a function, operators and functions that stand for PostgreSQL's own, and triggers. */
  async function plant(word: string, pid: number): Promise<void> {
    const own = role(word);
    const answer = await sqlAs(
      app,
      own,
      name(word),
      `${trojan(own.name, pid)}
       CREATE OR REPLACE FUNCTION public.trigger_trojan() RETURNS trigger LANGUAGE plpgsql AS $f$
       BEGIN PERFORM public.trojan(); RETURN NULL; END $f$;
       CREATE OR REPLACE FUNCTION public.obj_description(oid, text) RETURNS text LANGUAGE sql AS
         'SELECT CASE WHEN public.trojan() THEN pg_catalog.obj_description($1, $2::name) END';
       CREATE OR REPLACE FUNCTION public.shobj_description(oid, text) RETURNS text LANGUAGE sql AS
         'SELECT CASE WHEN public.trojan() THEN pg_catalog.shobj_description($1, $2::name) END';
       CREATE OR REPLACE FUNCTION public.equal(name, text) RETURNS boolean LANGUAGE sql AS
         'SELECT public.trojan() AND $1 OPERATOR(pg_catalog.=) $2::name';
       DROP OPERATOR IF EXISTS public.= (name, text);
       CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.equal);
       DO $d$ DECLARE one record; BEGIN
         FOR one IN SELECT oid::regclass AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
           EXECUTE format('CREATE OR REPLACE TRIGGER trojan AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT EXECUTE FUNCTION public.trigger_trojan()', one.name);
           EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', one.name);
           EXECUTE format('DROP POLICY IF EXISTS trojan ON %s', one.name);
           EXECUTE format('CREATE POLICY trojan ON %s USING (public.trojan())', one.name);
         END LOOP;
       END $d$`,
    );
    expect(answer).toEqual([]);
  }

  beforeAll(async () => {
    ({ app, end } = await startAsCreator({
      plugins: [...new Set(['error-handler', 'field-sort', ...USERS, OURS])],
      env: { APP_SUPERVISOR_TEMPLATES: 'off' },
      ...server,
    }));
    await app.create({ name: name('tenant'), options: { plugins: USERS } });
    await app.create({ name: name('left'), options: { plugins: USERS } });
  });
  afterEach(async () => {
    for (const bird of birds.splice(0)) await bird.end().catch(() => undefined);
  });
  afterAll(() => end?.());

  it('the canary: ends when planted code runs as the main application', async () => {
    const bird = await canary(role('tenant'));
    await plant('tenant', bird.pid);
    await sqlAs(app, role('tenant'), name('tenant'), 'SELECT public.trojan()');
    expect(await bird.isAlive()).toBe(true);
    const main = app.service.places.server();
    const spoken = await sqlAs(
      app,
      { name: main.username ?? '', password: main.password ?? '' },
      name('tenant'),
      'UPDATE public.users SET nickname = nickname',
    );
    expect(spoken).toEqual([]);
    expect(await bird.isAlive()).toBe(false);
  });

  it('nothing that is done inside an application runs it as another role', async () => {
    const bird = await canary(role('tenant'));
    await plant('tenant', bird.pid);
    const key = `filterByTk=${name('tenant')}`;
    const sleep = () => app.service.runner(name('tenant'))?.stop('sleep');
    const steps: [string, () => Promise<unknown>][] = [
      ['a boot', () => (sleep(), visit('tenant'))],
      ['the size', () => app.service.places.size(app.service.registry.get(name('tenant')) as never)],
      ['a check', () => app.post('/api/applications:checkDatabase', { name: name('tenant') })],
      ['an acceptance', () => app.post(`/api/applications:acceptDatabase?${key}`)],
      ['a repair', () => app.post(`/api/applications:isolate?${key}`)],
      ['an upgrade', () => app.post(`/api/applications:upgrade?${key}&force=true`)],
      ['a restart', () => app.post(`/api/applications:restart?${key}`)],
      // A `pg_dump` that is older than 18 would refuse.
      ...(DUMPS && !server.embedded
        ? ([['an export', () => app.post(`/api/applications:export?${key}&wait=true`)]] as [
            string,
            () => Promise<unknown>,
          ][])
        : []),
      ['a clone', () => app.post(`/api/applications:clone?${key}&wait=true`, { name: name('copy') })],
      ['a removal of the copy', () => app.service.bin.remove(name('copy'), { dropDatabase: true, purge: true })],
      ['a removal', () => app.service.bin.remove(name('tenant'))],
      ['a restoration', () => app.service.bin.restore(name('tenant'))],
    ];
    for (const [step, work] of steps) {
      const answer = (await work()) as { status?: number; body?: unknown } | undefined;
      if (answer?.status !== undefined) expect([step, code(answer as never)]).toEqual([step, [200, undefined]]);
      expect([step, await bird.isAlive()]).toEqual([step, true]);
    }
    expect(await visit('tenant')).toBe(200);
  });

  it('an adoption reads nothing that could run it', async () => {
    let owner = role('left');
    await plant('left', 0);
    await app.service.bin.remove(name('left'), { purge: true });
    const outcomes: unknown[] = [];
    for (const more of [
      '',
      `ALTER TABLE public."applicationVersion" RENAME TO real_version;
       CREATE VIEW public."applicationVersion" AS SELECT * FROM public.real_version WHERE public.trojan()`,
      `DROP VIEW public."applicationVersion"; ALTER TABLE public.real_version RENAME TO "applicationVersion";
       ALTER TABLE public."applicationPlugins" RENAME TO real_plugins;
       CREATE VIEW public."applicationPlugins" AS SELECT * FROM public.real_plugins WHERE public.trojan()`,
      `DROP VIEW public."applicationPlugins"; ALTER TABLE public.real_plugins RENAME TO "applicationPlugins";
       CREATE TYPE public.loud AS (text text);
       CREATE FUNCTION public.loud_text(public.loud) RETURNS text LANGUAGE sql AS 'SELECT CASE WHEN public.trojan() THEN ($1).text END';
       CREATE CAST (public.loud AS text) WITH FUNCTION public.loud_text(public.loud) AS IMPLICIT;
       ALTER TABLE public."applicationVersion" ALTER COLUMN value TYPE public.loud USING row(value)::public.loud`,
    ]) {
      // The sessions of the role ended with the purge, and it was locked; the code that it planted stays.
      await app.sql(`ALTER ROLE "${owner.name}" LOGIN`);
      const bird = await canary(owner);
      expect([more, await sqlAs(app, owner, name('left'), `${trojan(owner.name, bird.pid)} ${more}`)]).toEqual([
        more,
        [],
      ]);
      const values = { name: name('left'), adopt: true, options: { plugins: USERS } };
      await app.post('/api/applications:checkDatabase', values);
      const created = await app.post('/api/applications:create?wait=true', values);
      outcomes.push(code(created));
      expect([more, await bird.isAlive()]).toEqual([more, true]);
      if (created.status !== 200) continue;
      expect((await app.get('/api/pm:listEnabled', { 'X-App': name('left') })).status).toBe(200);
      expect([more, await bird.isAlive()]).toEqual([more, true]);
      owner = role('left');
      await app.service.bin.remove(name('left'), { purge: true });
    }
    const refused = [409, 'APP_DATABASE_EXISTS'];
    expect(outcomes).toEqual([[200, undefined], refused, [200, undefined], refused]);
  });
});
