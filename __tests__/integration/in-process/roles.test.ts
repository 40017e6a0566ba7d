import '../../helpers/in-process-environment';
import type { InProcessApp } from '../../helpers/in-process-app';
import { describeWithBothPostgres, mustHaveRole, sqlAs, startAsCreator } from '../../helpers/app-roles';

/** Every application has a role of its own at the database server, which reaches no data of others. */

const options = { plugins: ['error-handler'] };
const DENIED = '42501';

describeWithBothPostgres('database roles: of a main application that may create roles', (server) => {
  let app: InProcessApp;
  let mainRole: string;
  let end: () => Promise<void>;
  const name = (word: string) => app.name(word);
  const role = (word: string) => mustHaveRole(app, name(word));
  const as = (word: string, database: string, text: string) => sqlAs(app, role(word), database, text);

  beforeAll(async () => {
    const started = await startAsCreator({
      env: { APP_SUPERVISOR_TEMPLATES: 'on' },
      ...server,
    });
    ({ app, end } = started);
    mainRole = started.role.name;
    await app.create({ name: name('installed'), options });
    await app.create({ name: name('copied'), options });
    const schema = { dbConnType: 'new_schema', database: { schema: name('schema') } };
    await app.create({ name: name('schema'), options: { ...options, ...schema } });
  });
  afterAll(() => end?.());

  it('creation: gives each application a role, by installation, from a template and in a schema', () => {
    const names = ['installed', 'copied', 'schema'].map((word) => role(word).name);
    expect(new Set(names).size).toBe(3);
    for (const found of names) expect(found).toMatch(/^as_\d+_[0-9a-f]{16}$/);
  });

  it('creation: leaves the database to the main application, and its objects to no role of another', async () => {
    for (const word of ['installed', 'copied']) {
      const [found] = await app.sql('SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = $1', [
        name(word),
      ]);
      expect(found).toEqual({ owner: mainRole });
      const owners = await app.sql<{ owner: string }>(
        `SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class
          WHERE relnamespace = 'public'::regnamespace ORDER BY 1`,
        [],
        name(word),
      );
      const template = role(word).name.replace(/[0-9a-f]{16}$/, 'template');
      for (const { owner } of owners) expect([role(word).name, template]).toContain(owner);
    }
  });

  it('an application: works on after a restart of NocoBase', async () => {
    await app.restart();
    for (const word of ['installed', 'copied', 'schema']) {
      const answer = await app.get('/api/pm:listEnabled', { 'X-App': name(word) });
      expect([word, answer.status]).toEqual([word, 200]);
    }
  });

  it.each(['installed', 'copied', 'schema'])('the role of "%s": reaches no database of another', async (word) => {
    const own = word === 'schema' ? app.address.database : name(word);
    for (const other of ['installed', 'copied'].filter((candidate) => candidate !== word)) {
      expect(await as(word, name(other), 'SELECT 1')).toBe(DENIED);
      expect(await as(word, own, `DROP DATABASE "${name(other)}"`)).toBe(DENIED);
      expect(await as(word, own, `ALTER DATABASE "${name(other)}" RENAME TO "${name('evil')}"`)).toBe(DENIED);
      expect(await as(word, own, `ALTER DATABASE "${name(other)}" SET search_path = 'evil'`)).toBe(DENIED);
      expect(await as(word, own, `ALTER DATABASE "${name(other)}" CONNECTION LIMIT 0`)).toBe(DENIED);
      expect(await as(word, own, `COMMENT ON DATABASE "${name(other)}" IS 'evil'`)).toBe(DENIED);
      expect(await as(word, own, `SET ROLE "${role(other).name}"`)).toBe(DENIED);
      expect(await as(word, own, `ALTER ROLE "${role(other).name}" PASSWORD 'evil'`)).toBe(DENIED);
      expect(await as(word, own, `DROP ROLE "${role(other).name}"`)).toBe(DENIED);
      expect(await as(word, own, `DROP OWNED BY "${role(other).name}"`)).toBe(DENIED);
      expect(await as(word, own, `GRANT "${role(other).name}" TO "${role(word).name}"`)).toBe(DENIED);
    }
    for (const text of [
      `SET ROLE "${mainRole}"`,
      `DROP OWNED BY "${mainRole}"`,
      `REASSIGN OWNED BY "${mainRole}" TO "${role(word).name}"`,
      `COMMENT ON DATABASE "${own}" IS 'forged'`,
      `ALTER DATABASE "${own}" SET search_path = 'evil'`,
      `GRANT CONNECT ON DATABASE "${app.address.database}" TO "${role(word).name}"`,
      'CREATE DATABASE evil',
      'CREATE ROLE evil',
      `ALTER ROLE "${role(word).name}" SUPERUSER`,
      "COPY (SELECT 1) TO PROGRAM 'true'",
      "SELECT pg_read_file('/etc/passwd')",
      'CREATE EXTENSION dblink',
    ]) {
      const refused = await as(word, own, text);
      // A grant that is not one's to give is a warning, and changes nothing.
      if (!text.startsWith('GRANT')) expect([text, refused]).toEqual([text, DENIED]);
    }
  });

  it('a role in a schema: reads nothing of the main application, and forges no mark', async () => {
    const { database } = app.address;
    for (const text of [
      'SELECT * FROM applications',
      'UPDATE applications SET "displayName" = \'evil\'',
      'DROP TABLE applications',
      'BEGIN; LOCK TABLE applications IN ACCESS SHARE MODE',
      'CREATE TABLE public.evil (id int)',
      'CREATE SCHEMA evil',
      `COMMENT ON SCHEMA "${name('schema')}" IS 'forged'`,
      `ALTER SCHEMA "${name('schema')}" RENAME TO evil`,
      `DROP SCHEMA "${name('schema')}" CASCADE`,
    ]) {
      expect([text, await as('schema', database, text)]).toEqual([text, DENIED]);
    }
    expect(await as('schema', database, `CREATE TABLE "${name('schema')}".own (id int)`)).toEqual([]);
  });

  it('purge: drops the role after the database, and after the schema', async () => {
    const before = await app.roles();
    await app.create({ name: name('gone'), options });
    const schema = { dbConnType: 'new_schema', database: { schema: name('gone2') } };
    await app.create({ name: name('gone2'), options: { ...options, ...schema } });
    expect(await app.roles()).toHaveLength(before.length + 2);
    for (const word of ['gone', 'gone2']) await app.service.bin.remove(name(word), { dropDatabase: true, purge: true });
    expect(await app.roles()).toEqual(before);
  });
});
