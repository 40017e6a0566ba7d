import '../../helpers/in-process-environment';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import request from 'supertest';
import { programFolders } from '../../../server/databases/postgres-programs';
import { ownUploads } from '../../../server/lifecycle/upload-folders';
import { ArchiveWorld, GREETING, PLANTED, sha256, USERS, type Job } from '../../helpers/archive-world';
import { JourneyLog } from '../../../server/lifecycle/journey';
import { cutAt } from '../../helpers/people';
import { describeWithPostgres } from '../../helpers/in-process-app';

/** An application is taken to an archive, and another one is made from it: nobody else is touched. */

describeWithPostgres('archives of applications', () => {
  let world: ArchiveWorld;
  const path_ = process.env.PATH;

  beforeAll(async () => {
    world = await ArchiveWorld.start();
  });

  afterEach(() => {
    jest.restoreAllMocks();
    process.env.PATH = path_;
  });

  afterAll(async () => {
    await world?.app.end();
  });

  it('are made while the application runs, readable by their owner only', async () => {
    expect(await world.visit(world.source)).toBe(200);
    const answer = await world.post('export', {}, `?filterByTk=${world.source}&wait=true`);
    expect(answer.status).toBe(200);
    const job = world.data<Job>(answer);
    expect(job).toMatchObject({ outcome: 'done', step: 'pack', warnings: [], error: null });
    world.archive = job.archive;
    expect(world.archive).toMatch(new RegExp(`^${world.source}-[0-9TZ]+-[0-9a-f]{4}\\.tar$`));
    expect(statSync(path.join(world.folder(), world.archive)).mode & 0o777).toBe(0o600);
    expect(statSync(world.folder()).mode & 0o777).toBe(0o700);
    const names = world.entries().map(({ name }) => name);
    expect(names.slice(0, 2)).toEqual(['manifest.json', 'database.dump']);
    // The logo that every application has, and what was uploaded.
    expect(names.filter((name) => name.startsWith('files/'))).toEqual(['files/000001', 'files/000002']);
    expect(world.entries().filter(({ content }) => content.toString() === GREETING)).toHaveLength(1);
    expect(JSON.stringify(world.entries()[0]?.content.toString())).not.toContain('of-a-sibling');
    expect(world.work()).toEqual([]);
    const listed = world.data<{ name: string; size: number; deletedAt: string }[]>(
      await world.post('listArchives', {}),
    );
    expect(listed).toEqual([expect.objectContaining({ name: world.archive, size: expect.any(Number) as number })]);
    const events = world.data<{ rows?: unknown[] }>(await world.post('events', {}, `?filterByTk=${world.source}`));
    expect(JSON.stringify(events)).toContain('exported');
  });

  it('are downloaded as they are', async () => {
    const answer = await request(await world.app.listen())
      .get(`/api/applications:downloadArchive?filterByTk=${world.archive}`)
      .buffer(true)
      .parse((res, done) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('end', () => done(null, Buffer.concat(chunks)));
      });
    expect(answer.headers['content-disposition']).toContain(world.archive);
    expect(sha256(answer.body as Buffer)).toBe(sha256(readFileSync(path.join(world.folder(), world.archive))));
    for (const name of ['../app_supervisor_key.dat', '..', '.work', 'none.tar', '/etc/passwd']) {
      expect(world.outcome(await world.post('downloadArchive', {}, `?filterByTk=${encodeURIComponent(name)}`))).toEqual(
        [404, 'APP_ARCHIVE_NOT_FOUND'],
      );
    }
  });

  it('are downloaded by a link that needs no token, and is for one archive', async () => {
    const link = await world.post('linkArchive', {}, `?filterByTk=${world.archive}`);
    const { url, expiresAt } = world.data<{ url: string; expiresAt: string }>(link);
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(60_000);
    const server = await world.app.listen();
    const answer = await request(server).get(url).responseType('blob');
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    expect(answer.headers['content-disposition']).toContain(world.archive);
    expect(sha256(answer.body as Buffer)).toBe(sha256(readFileSync(path.join(world.folder(), world.archive))));
    for (const wrong of [url.slice(0, -1), `${url}&ticket=x`, '/api/appSupervisor:downloadArchive']) {
      const { status, body } = await request(server).get(wrong);
      expect([status, (body as { errors: { code: string }[] }).errors[0]?.code]).toEqual([410, 'APP_DOWNLOAD_EXPIRED']);
    }
    // The link is of the main application, and of no other.
    const { status } = await request(server).get(url).set('X-App', world.sibling);
    expect([401, 403, 404]).toContain(status);
    expect(world.outcome(await world.post('linkArchive', {}, '?filterByTk=..'))).toEqual([
      404,
      'APP_ARCHIVE_NOT_FOUND',
    ]);
  });

  it('become another application, with its users, its data and its files', async () => {
    const name = world.app.name('moved');
    const before = { main: await world.traces(), tables: await world.tables(world.sibling) };
    expect(world.outcome(await world.importing(name))).toEqual([200, undefined]);
    expect(await world.visit(name)).toBe(200);
    expect([(await world.signIn(name)).status, (await world.signIn(name, 'another')).status]).toEqual([200, 401]);
    expect(await world.app.sql('SELECT count(*)::int AS n FROM notes', [], name)).toEqual([{ n: 500 }]);

    // The source keeps its files; those of the new one have the same names, in its own folder.
    const title = async (of: string) => (await world.app.sql('SELECT title FROM "systemSettings"', [], of))[0];
    // An import without a name keeps the title of the archived application.
    expect(await title(name)).toEqual(await title(world.source));
    const filesOf = async (database: string) => {
      const sql = `SELECT path || '/' || filename AS file FROM attachments ORDER BY id`;
      return (await world.app.sql<{ file: string }>(sql, [], database)).map(({ file }) => file);
    };
    const [files, sources] = [await filesOf(name), await filesOf(world.source)];
    const folder = ownUploads(world.app.service.registry.get(name) as never);
    expect(files.every((file) => file.startsWith(`${folder}/`))).toBe(true);
    expect(files.map((file) => path.basename(file))).toEqual(sources.map((file) => path.basename(file)));
    for (const list of [files, sources]) {
      const greeting = list.find((file) => path.basename(file).startsWith('greeting')) as string;
      expect(readFileSync(path.join(world.uploads(), greeting), 'utf8')).toBe(GREETING);
    }
    const added = world.allUploads().filter((file) => !before.main.uploads.includes(file));
    expect(added.filter((file) => path.extname(file))).toEqual([...files].sort());
    // New uploads go there, too.
    const [storage] = await world.app.sql<{ path: string; options: object }>(
      'SELECT path, options FROM storages',
      [],
      name,
    );
    expect(storage?.path.startsWith(`${folder}/`)).toBe(true);
    expect(storage?.options).toMatchObject({ documentRoot: 'storage/uploads' });
    expect(await world.tables(world.sibling)).toEqual(before.tables);
    expect(world.work()).toEqual([]);

    // What is encrypted in its database can be read.
    const key = (of: string) => readFileSync(path.join(world.app.storage, 'apps', of, 'aes_key.dat'), 'hex');
    expect(key(name)).toBe(key(world.source));
    expect(key(name)).not.toBe(key(world.sibling));

    // What must not be the same for two.
    const secret = (of: string) => world.app.service.secrets(world.app.service.registry.get(of) as never).jwtSecret;
    expect(secret(name)).toMatch(/^[0-9a-f]{64}$/);
    expect(secret(name)).not.toBe(secret(world.source));
    const { token } = await world.signIn(world.source);
    const stranger = { 'X-App': name, 'X-Authenticator': 'basic', Authorization: `Bearer ${token}` };
    expect((await world.app.get('/api/users:list', stranger)).status).toBe(401);
    // Ours to drop: it was made for it.
    const destroyed = await world.post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`);
    expect(world.outcome(destroyed)).toEqual([200, undefined]);
    expect(await world.app.databases()).toEqual(before.main.databases);
    expect(world.allUploads()).toEqual(before.main.uploads);
    expect([await world.visit(world.source), await world.visit(world.sibling)]).toEqual([200, 200]);
  });

  it('are brought by a form', async () => {
    const name = world.app.name('brought');
    const send = async (
      fields: Record<string, string>,
      content = readFileSync(path.join(world.folder(), world.archive)),
    ) => {
      const form = request(await world.app.listen()).post('/api/applications:import?wait=true');
      for (const [field, value] of Object.entries(fields)) void form.field(field, value);
      const answer = await form.attach('file', content, 'of-mine.tar').ok(() => true);
      world.said.push(JSON.stringify(answer.body));
      return answer;
    };
    const before = await world.traces();
    const options = JSON.stringify({ displayName: 'Brought {{ here }}', options: { plugins: USERS } });
    expect(world.outcome(await send({ name, values: '[1]' }))).toEqual([400, 'APP_VALUE_INVALID']);
    expect(world.outcome(await send({ name, values: options }, Buffer.from('no tar')))).toEqual([
      422,
      'APP_ARCHIVE_INVALID',
    ]);
    expect(await world.traces()).toEqual(before);
    expect(world.outcome(await send({ name, values: options }))).toEqual([200, undefined]);
    expect((await world.signIn(name)).status).toBe(200);
    const [settings] = await world.app.sql('SELECT title FROM "systemSettings"', [], name);
    expect(settings).toEqual({ title: 'Brought {\u2060{ here }}' });
    await world.app.until('nothing of the upload is left', () => Promise.resolve(world.work().length === 0));
    await world.post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`);
  });

  it('are made of a sleeping application, which sleeps on', async () => {
    await world.app.service.runner(world.source)?.stop('sleep');
    const { body } = await world.post('export', {}, `?filterByTk=${world.source}&wait=true`);
    const job = world.data<Job>({ body });
    expect(job.outcome).toBe('done');
    expect(world.app.service.describe(world.source)?.state).toBe('asleep');
    expect(world.app.supervisor.apps[world.source]).toBeUndefined();
    expect((await world.post('deleteArchive', {}, `?filterByTk=${job.archive}`)).status).toBe(200);
  });

  it('of an application in a schema become one with a database of its own', async () => {
    const [before, after] = [world.app.name('in_schema'), world.app.name('in_database')];
    const admin = { username: 'somebody', password: PLANTED };
    const options = { plugins: USERS, dbConnType: 'new_schema' };
    expect((await world.post('create', { name: before, options, admin }, '?wait=true')).status).toBe(200);
    const { body } = await world.post('export', {}, `?filterByTk=${before}&wait=true`);
    const { archive, outcome } = world.data<Job>({ body });
    expect(outcome).toBe('done');
    expect(world.outcome(await world.importing(after, { archive }))).toEqual([200, undefined]);
    expect([await world.visit(after), (await world.signIn(after)).status]).toEqual([200, 200]);
    const schemas = await world.app.sql(
      `SELECT DISTINCT schemaname FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)'`,
      [],
      after,
    );
    expect(schemas).toEqual([{ schemaname: 'public' }]);
    const marked = await world.app.sql(
      `SELECT nspname FROM pg_namespace WHERE obj_description(oid, 'pg_namespace') LIKE 'nocobase-plugin-%'`,
      [],
      after,
    );
    expect(marked).toEqual([]);
    // Nothing of the main application, which is in the same database as the schema was.
    expect(await world.app.sql(`SELECT 1 FROM pg_tables WHERE tablename = 'applications'`, [], after)).toEqual([]);
    for (const name of [before, after]) {
      const destroyed = await world.post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`);
      expect(world.outcome(destroyed)).toEqual([200, undefined]);
    }
  });

  it('become an application on a server that the caller names, whose password nobody is shown', async () => {
    const name = world.app.name('elsewhere');
    const { port } = world.app.address;
    const username = world.app.name('elsewhere_role');
    await world.app.sql(`CREATE ROLE "${username}" LOGIN CREATEDB PASSWORD '${PLANTED}'`);
    const database = { host: '127.0.0.1', port, username, password: PLANTED };
    const options = { plugins: USERS, dbConnType: 'new_connection', database };
    expect(world.outcome(await world.importing(name, { options }))).toEqual([200, undefined]);
    expect([await world.visit(name), (await world.signIn(name)).status]).toEqual([200, 200]);
    const rows = await world.app.sql('SELECT * FROM applications WHERE name = $1', [name]);
    expect(JSON.stringify(rows)).toContain(name);
    expect(JSON.stringify(rows)).not.toContain(PLANTED);
    const events = await world.app.sql('SELECT * FROM "applicationEvents"');
    expect(JSON.stringify(events)).toContain('imported');
    expect(JSON.stringify(events)).not.toContain(PLANTED);
    await world.post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`);
    await world.app.sql(`DROP ROLE "${username}"`);
  });

  it('are refused where they are too large, and forgotten where the client hangs up', async () => {
    const { config } = world.app.service;
    const { archiveMaxBytes } = config;
    const before = await world.traces();
    config.archiveMaxBytes = 2 ** 10;
    const url = `${await world.app.listen()}/api/applications:import`;
    const content = readFileSync(path.join(world.folder(), world.archive));
    const name = world.app.name('large');
    const answer = await request(url)
      .post('')
      .field('name', name)
      .attach('file', content, 'x.tar')
      .ok(() => true);
    expect(world.outcome(answer)).toEqual([413, 'APP_ARCHIVE_TOO_LARGE']);
    expect(world.outcome(await world.importing(name))).toEqual([413, 'APP_ARCHIVE_TOO_LARGE']);
    config.archiveMaxBytes = archiveMaxBytes;

    const headers = { 'Content-Type': 'multipart/form-data; boundary=x', 'Content-Length': 1_000_000 };
    const upload = http.request(url, { method: 'POST', headers });
    upload.on('error', () => undefined);
    upload.write('--x\r\nContent-Disposition: form-data; name="file"; filename="a.tar"\r\n\r\nabc');
    await world.app.until('it has begun', () => Promise.resolve(world.work().length === 1));
    upload.destroy();
    await world.app.until('nothing of it is left', () => Promise.resolve(world.work().length === 0));
    expect(await world.traces()).toEqual(before);
  });

  it('takes back at the next start what a killed process had begun', async () => {
    const before = await world.traces();
    const name = world.app.name('killed');
    const { service } = world.app;
    // As far as a process gets that is killed just before the row is written.
    const create = world.app.repository.create.bind(world.app.repository);
    const { archives } = service;
    const undo = archives as unknown as { undo: () => Promise<void> };
    const takeBack = undo.undo.bind(archives);
    undo.undo = () => Promise.reject(new Error('killed'));
    world.app.repository.create = () => Promise.reject(new Error('killed'));
    expect((await world.importing(name)).status).toBe(503);
    world.app.repository.create = create;
    undo.undo = takeBack;
    expect(await world.app.databases()).toContain(name);
    const added = world.allUploads().filter((file) => !before.uploads.includes(file));
    expect(added.filter((file) => path.extname(file))).toHaveLength(2);
    expect(world.work()).toHaveLength(1);
    await world.app.restart();
    await world.app.until('it is taken back', () => Promise.resolve(world.work().length === 0));
    expect(await world.traces()).toEqual(before);
    expect(await world.visit(world.sibling)).toBe(200);
  });

  it('refuses names that are taken, and what is not there', async () => {
    expect(world.outcome(await world.importing(world.sibling))).toEqual([409, 'APP_NAME_TAKEN']);
    expect(world.outcome(await world.importing('Nope'))).toEqual([400, 'APP_NAME_INVALID']);
    expect(world.outcome(await world.importing(world.app.name('x'), { archive: '../x.tar' }))).toEqual([
      404,
      'APP_ARCHIVE_NOT_FOUND',
    ]);
    expect(world.outcome(await world.post('export', {}, `?filterByTk=${world.app.name('none')}`))).toEqual([
      404,
      'APP_NOT_FOUND',
    ]);
    const schema = { options: { plugins: USERS, dbConnType: 'new_schema' } };
    expect(world.outcome(await world.importing(world.app.name('schema'), schema))).toEqual([409, 'APP_ARCHIVE_UNFIT']);
    await world.app.sql(`CREATE DATABASE "${world.app.name('there')}"`);
    expect(world.outcome(await world.importing(world.app.name('there')))).toEqual([409, 'APP_DATABASE_EXISTS']);
    await world.app.sql(`DROP DATABASE "${world.app.name('there')}"`);
  });

  it('have their name and their database for themselves before anybody sees them', async () => {
    const name = world.app.name('alone');
    const { provisioner } = world.app.service;
    const original = provisioner.create.bind(provisioner);
    const refused: unknown[][] = [];
    const created = jest.spyOn(provisioner, 'create').mockImplementationOnce(async (record) => {
      await original(record);
      // What the archive holds is not in it yet.
      const into = { plugins: ['error-handler'], database: { database: name } };
      refused.push(
        world.outcome(await world.post('create', { name: world.app.name('guest'), options: into })),
        world.outcome(await world.post('create', { name })),
        world.outcome(await world.importing(name)),
      );
    });
    expect(world.outcome(await world.importing(name))).toEqual([200, undefined]);
    created.mockRestore();
    expect(refused).toEqual([
      [409, 'APP_DATABASE_IN_USE'],
      [409, 'APP_NAME_TAKEN'],
      [409, 'APP_NAME_TAKEN'],
    ]);
    expect((await world.signIn(name)).status).toBe(200);
    expect([...world.app.service.claims.all()]).toEqual([]);
    await world.post('destroy', {}, `?filterByTk=${name}&purge=true&dropDatabase=true`);
  });

  it('are made of nothing that is not finished, and whose administrator has a well-known password', async () => {
    const name = world.app.name('unfinished');
    cutAt('administrator', JourneyLog);
    await world.post('create', world.values(name), '?wait=true');
    jest.restoreAllMocks();
    expect(world.outcome(await world.post('export', {}, `?filterByTk=${name}&wait=true`))).toEqual([
      409,
      'APP_ARCHIVE_UNFIT',
    ]);
    await world.post('destroy', {}, `?filterByTk=${name}&purge=true&dropDatabase=true`);
  });

  it('says which program is missing, or too old', async () => {
    const tools = path.join(world.app.storage, 'tools');
    mkdirSync(tools);
    process.env.PATH = tools;
    jest.replaceProperty(programFolders, 'known', []);
    const missing = await world.post('export', {}, `?filterByTk=${world.source}`);
    expect(world.outcome(missing)).toEqual([503, 'APP_DUMP_TOOL_MISSING']);
    expect(JSON.stringify(missing.body)).toMatch(/pg_dump.*postgresql-client-\d\d/);
    const checks = await world.post('checkDatabase', { name: world.app.name('checked') });
    expect(checks.body.data.ok).toBe(true);
    expect(JSON.stringify(checks.body.data)).toMatch(/Exports of this application need the program pg_dump/);
    expect(world.outcome(await world.importing(world.app.name('missing')))).toEqual([503, 'APP_DUMP_TOOL_MISSING']);
    writeFileSync(path.join(tools, 'pg_dump'), '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.1"\n', { mode: 0o755 });
    expect(world.outcome(await world.post('export', {}, `?filterByTk=${world.source}`))).toEqual([
      503,
      'APP_DUMP_TOOL_OLD',
    ]);
  });

  it('gives a program its password in no argument, and repeats nothing of what it says', async () => {
    const tools = path.join(world.app.storage, 'telling');
    mkdirSync(tools);
    jest.replaceProperty(programFolders, 'known', []);
    const seen = path.join(tools, 'seen');
    const script = `#!/bin/sh
[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) 99.0"; exit 0; }
echo "$@" > ${seen}; echo "$PGPASSWORD" >> ${seen}
echo "pg_dump: error: it went wrong with $PGPASSWORD and postgres://u:$PGPASSWORD@h/d" >&2; exit 1
`;
    writeFileSync(path.join(tools, 'pg_dump'), script, { mode: 0o755 });
    process.env.PATH = `${tools}:${path_}`;
    const logged: string[] = [];
    const { logger } = world.app.supervisor;
    const error = jest.spyOn(logger, 'error').mockImplementation((...args: unknown[]) => {
      logged.push(JSON.stringify(args));
      return logger;
    });
    const { role } = world.app.service.secrets(world.app.service.registry.get(world.source) as never);
    const password = String(role?.password);
    expect(password).toHaveLength(36);
    try {
      expect(world.outcome(await world.post('export', {}, `?filterByTk=${world.source}&wait=true`))).toEqual([
        503,
        'APP_DUMP_FAILED',
      ]);
    } finally {
      error.mockRestore();
    }
    const [args, given] = readFileSync(seen, 'utf8').split('\n');
    expect(given).toBe(password);
    expect(args).not.toContain(password);
    expect(logged.join()).toContain('it went wrong');
    expect(logged.join()).not.toContain(password);
    expect(world.work()).toEqual([]);
    const events = await world.post('events', {}, `?filterByTk=${world.source}`);
    expect(JSON.stringify(events.body)).toContain('export-failed');
    expect(world.said.join('') + JSON.stringify(events.body)).not.toContain(password);
  });

  it('gives up what takes too long, and what is asked to end', async () => {
    const tools = path.join(world.app.storage, 'slow');
    mkdirSync(tools);
    jest.replaceProperty(programFolders, 'known', []);
    const script = `#!/bin/sh
[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) 99.0"; exit 0; }
exec sleep 60
`;
    writeFileSync(path.join(tools, 'pg_dump'), script, { mode: 0o755 });
    process.env.PATH = `${tools}:${path_}`;
    await world.exportsTooLate();
    expect(world.outcome(await world.post('export', {}, `?filterByTk=${world.source}`))).toEqual([200, undefined]);
    expect(world.outcome(await world.post('export', {}, `?filterByTk=${world.source}`))).toEqual([
      409,
      'APP_ARCHIVE_BUSY',
    ]);
    await world.app.service.archives.end();
    const [job] = world.data<Job[]>(await world.post('archiveJobs', {}));
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'APP_SHUTTING_DOWN' } });
    expect(world.work()).toEqual([]);
    world.app.service.archives.start();
  });

  it('are deleted, by hand and when their time is over', async () => {
    expect(world.outcome(await world.post('deleteArchive', {}, `?filterByTk=${world.archive}`))).toEqual([
      200,
      undefined,
    ]);
    expect(world.outcome(await world.importing(world.app.name('late')))).toEqual([404, 'APP_ARCHIVE_NOT_FOUND']);
    world.put(Buffer.from('old'), 'old.tar');
    await world.app.service.archives.store.deleteOld(Date.now() + 6 * 86_400_000);
    expect(existsSync(path.join(world.folder(), 'old.tar'))).toBe(true);
    await world.app.service.archives.store.deleteOld(Date.now() + 8 * 86_400_000);
    expect(existsSync(path.join(world.folder(), 'old.tar'))).toBe(false);
    expect(world.said.join('')).not.toContain(PLANTED);
  });
});
