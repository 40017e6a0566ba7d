import '../../helpers/in-process-environment';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ownUploads } from '../../../server/lifecycle/upload-folders';
import { ArchiveWorld, GREETING, PLANTED, sha256, USERS, type Job } from '../../helpers/archive-world';
import { databasesOf, knownServers, runSql, type KnownServer } from '../../helpers/database-servers';

/** Applications on MySQL and MariaDB are taken to an archive and back, by either dialect that speaks to the server. */

const TEXT = '中文😀 "it\'s" \\ \n; DROP DATABASE x; -- /*';
const BINARY = '00ff27225c0a80';

function moving(main: KnownServer): void {
  let world: ArchiveWorld;
  const path_ = process.env.PATH;
  const sql = <T = Record<string, unknown>>(text: string, database?: string) => runSql<T>(main, text, database);
  const checksums = async (database: string) => {
    const tables = await sql<{ name: string }>(
      `SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${database}' ORDER BY 1`,
    );
    return sql(`CHECKSUM TABLE ${tables.map(({ name }) => `\`${name}\``).join(', ')}`, database);
  };
  const withDatabase = (content: Buffer) =>
    world.put(
      world.changed(
        (manifest) => {
          Object.assign(manifest.parts[0] as object, { size: content.length, sha256: sha256(content) });
        },
        (list) => list.map((entry) => (entry.name === 'database.dump' ? { ...entry, content } : entry)),
      ),
    );
  const dumped = () => world.entries().find(({ name }) => name === 'database.dump')?.content ?? Buffer.alloc(0);
  const remove = (name: string) => world.post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`);

  beforeAll(async () => {
    world = await ArchiveWorld.start(main);
    const { source } = world;
    const json = JSON.stringify({ a: TEXT, list: [1, null] });
    const escaped = (text: string) => text.replace(/[\\']/g, '\\$&');
    await sql(
      `CREATE TABLE things (id bigint PRIMARY KEY AUTO_INCREMENT, \`中文\` text COMMENT 'it''s', j json, b longblob,
         p point, d datetime(3), bits bit(3), f double, g varchar(9) GENERATED ALWAYS AS (left(\`中文\`, 2)) STORED)`,
      source,
    );
    await sql(
      `INSERT INTO things (id, \`中文\`, j, b, p, d, bits, f) VALUES
         (7, '${escaped(TEXT)}', '${escaped(json)}', 0x${BINARY}, point(1, 2), '2026-01-02 03:04:05.678', b'101', 1e300),
         (8, NULL, NULL, NULL, NULL, NULL, NULL, -0.5)`,
      source,
    );
  });

  afterEach(() => {
    process.env.PATH = path_;
  });

  afterAll(async () => {
    if (!world) return;
    // Also where the test that made it came to an early end.
    for (const host of ['%', 'localhost', '127.0.0.1']) {
      await sql(`DROP USER IF EXISTS '${world.app.prefix}'@'${host}'`);
    }
    await world.app.end();
  });

  it('are made while the application runs, and tell how far they are', async () => {
    expect(await world.visit(world.source)).toBe(200);
    const answer = await world.post('export', {}, `?filterByTk=${world.source}&wait=true`);
    expect(world.outcome(answer)).toEqual([200, undefined]);
    const job = world.data<Job & { bytes: number; total: number }>(answer);
    expect(job).toMatchObject({ outcome: 'done', step: 'pack', warnings: [], error: null });
    expect(job.bytes).toBe(job.total);
    world.archive = job.archive;
    const manifest = world.entries()[0]?.content.toString() ?? '';
    expect(manifest).toContain(`"dialect": "${main.dialect.name}"`);
    const dump = dumped().toString('utf8');
    expect(dump).toContain('CREATE TABLE `things`');
    expect(dump).toContain('中文😀');
    expect(dump).toContain(`0x${BINARY.toUpperCase()}`);
    // Nothing that holds only where it was made.
    expect(dump).not.toMatch(/DEFINER|app_supervisor_mark|^USE |CREATE DATABASE/m);
    expect(dump).not.toContain(`\`${world.source}\``);
    expect(world.work()).toEqual([]);
  });

  it('become another application, with its users, its data and its files, and touch no other', async () => {
    const name = world.app.name('moved');
    const before = { ...(await world.traces()), tables: await checksums(world.sibling) };
    expect(world.outcome(await world.importing(name))).toEqual([200, undefined]);
    expect([await world.visit(name), (await world.signIn(name)).status]).toEqual([200, 200]);
    expect((await world.signIn(name, 'another')).status).toBe(401);
    const fields = 'id, `中文` AS t, CAST(j AS CHAR) AS j, HEX(b) AS b, ST_AsText(p) AS p, d, bits + 0 AS bits, f, g';
    const things = (database: string) => sql(`SELECT ${fields} FROM things ORDER BY id`, database);
    expect(await things(name)).toEqual(await things(world.source));
    expect((await things(name))[0]).toMatchObject({ t: TEXT, b: BINARY.toUpperCase(), bits: 5 });
    const columns = (database: string) => sql('SHOW CREATE TABLE things', database);
    expect(await columns(name)).toEqual(await columns(world.source));
    const notes = await sql<{ n: number }>('SELECT count(*) AS n FROM notes', name);
    expect(Number(notes[0]?.n)).toBe(500);

    // The source keeps its files; those of the new one have the same names, in its own folder.
    const filesOf = async (database: string) => {
      const rows = await sql<{ file: string }>(
        "SELECT CONCAT(path, '/', filename) AS file FROM attachments ORDER BY id",
        database,
      );
      return rows.map(({ file }) => file);
    };
    const [files, sources] = [await filesOf(name), await filesOf(world.source)];
    const folder = ownUploads(world.app.service.registry.get(name) as never);
    expect(files.every((file) => file.startsWith(`${folder}/`))).toBe(true);
    expect(files.map((file) => path.basename(file))).toEqual(sources.map((file) => path.basename(file)));
    for (const list of [files, sources]) {
      const greeting = list.find((file) => path.basename(file).startsWith('greeting')) as string;
      expect(readFileSync(path.join(world.uploads(), greeting), 'utf8')).toBe(GREETING);
    }
    const added = world.allUploads().filter((file) => !before.uploads.includes(file));
    expect(added.filter((file) => path.extname(file))).toEqual([...files].sort());
    // New uploads go there, too.
    const [storage] = await sql<{ path: string; root: string }>(
      "SELECT path, JSON_UNQUOTE(JSON_EXTRACT(options, '$.documentRoot')) AS root FROM storages",
      name,
    );
    expect(storage?.path.startsWith(`${folder}/`)).toBe(true);
    expect(storage?.root).toBe('storage/uploads');
    expect(await checksums(world.sibling)).toEqual(before.tables);
    expect(world.outcome(await remove(name))).toEqual([200, undefined]);
    expect(await databasesOf(main, world.app.prefix)).toEqual(before.databases);
    expect([await world.visit(world.source), await world.visit(world.sibling)]).toEqual([200, 200]);
  });

  it('become one on a server that the caller names, by whichever dialect', async () => {
    for (const { dialect, address, missing } of knownServers()) {
      if (missing || dialect.family !== main.dialect.family) continue;
      const name = world.app.name(`by_${dialect.name}`);
      const { host, port, username, password } = address;
      const database = { dialect: dialect.name, host, port, username, password };
      const options = { plugins: USERS, dbConnType: 'new_connection', database };
      expect(world.outcome(await world.importing(name, { displayName: '销售 {{ x }}', options }))).toEqual([
        200,
        undefined,
      ]);
      expect([await world.visit(name), (await world.signIn(name)).status]).toEqual([200, 200]);
      expect(await sql('SELECT title FROM systemSettings', name)).toEqual([{ title: '销售 {\u2060{ x }}' }]);
      expect(world.outcome(await remove(name))).toEqual([200, undefined]);
    }
  });

  it('do not go to another kind of server', async () => {
    const before = await world.traces();
    const name = world.app.name('kind');
    const of = (change: object) => world.put(world.changed(({ database }) => void Object.assign(database, change)));
    const cases: [object, unknown[]][] = [
      [{ dialect: 'postgres', server: '15.3', tool: '15.3' }, [409, 'APP_ARCHIVE_UNFIT']],
      [{ server: 'MySQL 8.0.36', tool: 'MySQL 8.0.36' }, [409, 'APP_ARCHIVE_UNFIT']],
      [{ server: 'MariaDB 99.1' }, [409, 'APP_ARCHIVE_UNFIT']],
      [{ tool: 'MariaDB 99.1' }, [503, 'APP_DUMP_TOOL_OLD']],
      [{ server: 'Other 1.0' }, [422, 'APP_ARCHIVE_INVALID']],
    ];
    for (const [change, expected] of cases) {
      expect(world.outcome(await world.importing(name, { archive: of(change) }))).toEqual(expected);
    }
    rmSync(path.join(world.folder(), 'hostile.tar'));
    expect(await world.traces()).toEqual(before);
  });

  it.each<[string, () => string]>([
    ['another database', () => `USE \`${world.sibling}\`;\n`],
    ['a database', () => `DROP DATABASE \`${world.sibling}\`;\n`],
    ['a table of another database', () => `INSERT INTO \`${world.sibling}\`.\`notes\` VALUES (1000,'x');\n`],
    ['a setting of the server', () => 'SET GLOBAL general_log = 1;\n'],
    ['a hidden statement', () => `/*!50000 DROP DATABASE \`${world.sibling}\` */;\n`],
    ['a command of the client', () => `\\! touch ${world.app.storage}/touched\n`],
  ])('are refused before anything is written where their SQL names %s', async (_what, line) => {
    const before = { ...(await world.traces()), tables: await checksums(world.sibling) };
    const archive = withDatabase(Buffer.concat([dumped(), Buffer.from(line())]));
    const answer = await world.importing(world.app.name('hostile'), { archive });
    expect(world.outcome(answer)).toEqual([422, 'APP_ARCHIVE_INVALID']);
    expect(JSON.stringify(answer.body)).toMatch(/line \d+ of its database/);
    rmSync(path.join(world.folder(), archive));
    expect({ ...(await world.traces()), tables: await checksums(world.sibling) }).toEqual(before);
    expect(existsSync(path.join(world.app.storage, 'touched'))).toBe(false);
  });

  it('leave nothing where the database cannot be restored', async () => {
    const before = await world.traces();
    // Well said, and yet no such table.
    const archive = withDatabase(Buffer.concat([dumped(), Buffer.from("INSERT INTO `none` VALUES ('a secret');\n")]));
    const logged: string[] = [];
    const { logger } = world.app.supervisor;
    const error = jest.spyOn(logger, 'error').mockImplementation((...args: unknown[]) => {
      logged.push(JSON.stringify(args));
      return logger;
    });
    expect(world.outcome(await world.importing(world.app.name('broken'), { archive }))).toEqual([
      503,
      'APP_DUMP_FAILED',
    ]);
    error.mockRestore();
    expect(logged.join()).toContain('ERROR 1146');
    expect(logged.join()).not.toContain('secret');
    rmSync(path.join(world.folder(), archive));
    expect(await world.traces()).toEqual(before);
    const jobs = world.data<Job[]>(await world.post('archiveJobs', {}));
    expect(jobs[0]).toMatchObject({ outcome: 'failed', step: 'restore', error: { code: 'APP_DUMP_FAILED' } });
  });

  it('are not made where something would be lost', async () => {
    const lost: [string, string][] = [
      ['CREATE VIEW lost AS SELECT * FROM notes', 'DROP VIEW lost'],
      ['CREATE TRIGGER lost BEFORE INSERT ON notes FOR EACH ROW SET @x = 1', 'DROP TRIGGER lost'],
      ['CREATE FUNCTION lost() RETURNS int DETERMINISTIC RETURN 1', 'DROP FUNCTION lost'],
    ];
    for (const [make, drop] of lost) {
      await sql(make, world.source);
      const answer = await world.post('export', {}, `?filterByTk=${world.source}`);
      expect(world.outcome(answer)).toEqual([409, 'APP_ARCHIVE_UNFIT']);
      expect(JSON.stringify(answer.body)).toContain('lost');
      await sql(drop, world.source);
    }
  });

  it('say which program is missing, or of another maker', async () => {
    const tools = path.join(world.app.storage, 'tools');
    mkdirSync(tools);
    process.env.PATH = tools;
    const missing = await world.post('export', {}, `?filterByTk=${world.source}`);
    expect(world.outcome(missing)).toEqual([503, 'APP_DUMP_TOOL_MISSING']);
    expect(JSON.stringify(missing.body)).toMatch(/mariadb-dump|mysqldump/);
    expect(world.outcome(await world.importing(world.app.name('missing')))).toEqual([503, 'APP_DUMP_TOOL_MISSING']);
    const old = '#!/bin/sh\necho "mysqldump  Ver 10.13 Distrib 5.6.44, for Linux (x86_64)"\n';
    writeFileSync(path.join(tools, 'mysqldump'), old, { mode: 0o755 });
    expect(world.outcome(await world.post('export', {}, `?filterByTk=${world.source}`))).toEqual([
      503,
      'APP_DUMP_TOOL_OLD',
    ]);
    // The older name of the same program.
    rmSync(path.join(tools, 'mysqldump'));
    const real = (path_ ?? '').split(':').find((folder) => existsSync(path.join(folder, 'mysqldump'))) ?? '';
    symlinkSync(path.join(real, 'mysqldump'), path.join(tools, 'mysqldump'));
    const { body } = await world.post('export', {}, `?filterByTk=${world.source}&wait=true`);
    const job = world.data<Job>({ body });
    expect(job).toMatchObject({ outcome: 'done' });
    await world.post('deleteArchive', {}, `?filterByTk=${job.archive}`);
  });

  /** A program in the place of the real one, of the server's edition. */
  const standIn = (folder: string, script: string) => {
    const tools = path.join(world.app.storage, folder);
    mkdirSync(tools);
    const [program, said] = /MySQL/.test(world.entries()[0]?.content.toString() ?? '')
      ? ['mysqldump', 'mysqldump  Ver 99.0.1 for Linux']
      : ['mariadb-dump', 'mariadb-dump from 99.0.1-MariaDB, client 10.19'];
    const text = `#!/bin/sh\n[ "$1" = --version ] && { echo "${said}"; exit 0; }\n${script}\n`;
    writeFileSync(path.join(tools, program), text, { mode: 0o755 });
    process.env.PATH = `${tools}:${path_}`;
    return tools;
  };

  it('give a program its password in no argument, and repeat nothing of what it says', async () => {
    const name = world.app.name('limited');
    const user = `'${world.app.prefix}'@'%'`;
    const [here] = ['localhost', '127.0.0.1'].map((host) => `'${world.app.prefix}'@'${host}'`) as [string];
    for (const who of [user, here]) {
      await sql(`CREATE USER ${who} IDENTIFIED BY '${PLANTED}'`);
      // It may do nothing but in databases of this test.
      await sql(`GRANT ALL ON \`${world.app.prefix}\\_%\`.* TO ${who}`);
    }
    const { host, port } = main.address;
    const database = { dialect: main.dialect.name, host, port, username: world.app.prefix, password: PLANTED };
    const options = { plugins: USERS, dbConnType: 'new_connection', database };
    expect(world.outcome(await world.importing(name, { options }))).toEqual([200, undefined]);
    expect((await world.signIn(name)).status).toBe(200);
    const { body } = await world.post('export', {}, `?filterByTk=${name}&wait=true`);
    const { archive, outcome } = world.data<Job>({ body });
    expect(outcome).toBe('done');
    await world.post('deleteArchive', {}, `?filterByTk=${archive}`);

    const seen = path.join(world.app.storage, 'seen');
    standIn(
      'telling',
      `echo "$@" > ${seen}; echo "$MYSQL_PWD" >> ${seen}
echo "mariadb-dump: Got error: 1105: it went wrong with $MYSQL_PWD and 'somebody'" >&2; exit 1`,
    );
    const logged: string[] = [];
    const { logger } = world.app.supervisor;
    const error = jest.spyOn(logger, 'error').mockImplementation((...args: unknown[]) => {
      logged.push(JSON.stringify(args));
      return logger;
    });
    expect(world.outcome(await world.post('export', {}, `?filterByTk=${name}&wait=true`))).toEqual([
      503,
      'APP_DUMP_FAILED',
    ]);
    error.mockRestore();
    process.env.PATH = path_;
    const [args, given] = readFileSync(seen, 'utf8').split('\n');
    expect(given).toBe(PLANTED);
    expect(args).toMatch(/^--no-defaults /);
    expect(args).not.toContain(PLANTED);
    expect(logged.join()).toContain('it went wrong');
    expect(logged.join()).not.toMatch(new RegExp(`${PLANTED}|somebody`));
    expect(world.work()).toEqual([]);
    expect(world.outcome(await remove(name))).toEqual([200, undefined]);
  });

  it('are given up where they take too long, and where they are asked to end', async () => {
    standIn('slow', 'exec sleep 60');
    const { archives } = world.app.service;
    await world.exportsTooLate();
    expect(world.outcome(await world.post('export', {}, `?filterByTk=${world.source}`))).toEqual([200, undefined]);
    await world.app.until('the program is at it', () =>
      Promise.resolve(archives.reports()[0]?.step === 'dump' && archives.reports()[0]?.outcome === 'running'),
    );
    const began = Date.now();
    await archives.end();
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(archives.reports()[0]).toMatchObject({ outcome: 'failed', error: { code: 'APP_SHUTTING_DOWN' } });
    expect(world.work()).toEqual([]);
    archives.start();
  });

  it('said no password in any answer', () => {
    expect(world.said.length).toBeGreaterThan(10);
    expect(world.said.join()).not.toContain(PLANTED);
  });
}

for (const main of knownServers().filter(({ dialect }) => dialect.family === 'mysql')) {
  const name = `archives of applications by the dialect ${main.dialect.name}`;
  if (main.missing) describe.skip(`${name} (skipped: ${main.missing})`, () => moving(main));
  else describe(name, () => moving(main));
}
