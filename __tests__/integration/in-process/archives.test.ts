import '../../helpers/in-process-environment';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import request from 'supertest';
import { ARCHIVE_FORMAT, type ArchiveManifest } from '../../../src/archive-manifest';
import { BLOCK, encodeHeader, END_BLOCKS, padding } from '../../../server/archives/tar';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';

/** An application is taken to an archive, and another one is made from it: nobody else is touched. */

const USERS = [
  ...['error-handler', 'field-sort', 'data-source-manager', 'data-source-main', 'users', 'auth', 'acl'],
  ...['client', 'ui-schema-storage', 'file-manager', 'system-settings'],
];
const PLANTED = 'Planted-4712';
const GREETING = 'a file of the source\n';

interface Job {
  outcome: string;
  archive: string;
  step: string;
  warnings: string[];
  error: { code: string } | null;
}

interface Entry {
  name: string;
  content: Buffer;
  /** Changes the header after it was made. */
  spoil?: (header: Buffer) => void;
}

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

function tar(entries: Entry[]): Buffer {
  const blocks = entries.flatMap(({ name, content, spoil }) => {
    const header = encodeHeader({ name, size: content.length }, 0);
    spoil?.(header);
    return [header, content, Buffer.alloc(padding(content.length))];
  });
  return Buffer.concat([...blocks, END_BLOCKS]);
}

/** A header says what it likes, and its checksum is right. */
function resum(header: Buffer): void {
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

function untar(archive: Buffer): { name: string; content: Buffer }[] {
  const entries = [];
  for (let at = 0; archive[at] !== 0;) {
    const name = archive.toString('utf8', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 135), 8);
    entries.push({ name, content: archive.subarray(at + BLOCK, at + BLOCK + size) });
    at += BLOCK + size + padding(size);
  }
  return entries;
}

describeWithPostgres('archives of applications', () => {
  let app: InProcessApp;
  let source: string;
  let sibling: string;
  let archive: string;
  const said: string[] = [];
  const path_ = process.env.PATH;

  const folder = () => path.join(app.storage, 'apps', 'main', 'exports');
  const uploads = () => path.join(app.storage, 'uploads');
  const post = async (action: string, body: object, query = '') => {
    const answer = await app.post(`/api/applications:${action}${query}`, body);
    said.push(JSON.stringify(answer.body), JSON.stringify(answer.headers));
    return answer;
  };
  const data = <T>(answer: { body: unknown }) => (answer.body as { data: T }).data;
  const outcome = (answer: { status: number; body: unknown }) => [
    answer.status,
    (answer.body as { errors?: { code: string }[] }).errors?.[0]?.code,
  ];
  const visit = async (name: string) => (await app.get('/api/pm:listEnabled', { 'X-App': name })).status;
  const signIn = async (name: string, password = PLANTED) => {
    const headers = { 'X-App': name, 'X-Authenticator': 'basic' };
    const answer = await app.post('/api/auth:signIn', { account: 'somebody', password }, headers);
    return { status: answer.status, token: data<{ token?: string } | undefined>(answer)?.token ?? '' };
  };
  const values = (name: string) => ({ name, options: { plugins: USERS } });
  const importing = (name: string, more: object = {}) =>
    post('import', { archive, ...values(name), ...more }, '?wait=true');
  const work = () => (existsSync(path.join(folder(), '.work')) ? readdirSync(path.join(folder(), '.work')) : []);
  const allUploads = () => (readdirSync(uploads(), { recursive: true }) as string[]).sort();
  /** All that a refused import could have left. */
  const traces = async () => ({
    rows: await app.sql('SELECT name FROM applications ORDER BY 1'),
    databases: await app.databases(),
    uploads: allUploads(),
    work: work(),
    keys: readdirSync(path.join(app.storage, 'apps')).sort(),
  });
  const tables = (database?: string) =>
    app.sql(
      `SELECT relname, n_tup_ins - n_tup_del AS rows FROM pg_stat_user_tables WHERE relname <> 'applicationEvents' ORDER BY 1`,
      [],
      database,
    );
  const put = (content: Buffer, name = 'hostile.tar') => {
    writeFileSync(path.join(folder(), name), content);
    return name;
  };
  const entries = () => untar(readFileSync(path.join(folder(), archive)));
  /** The good archive, with its manifest or its parts changed. */
  const changed = (change: (manifest: ArchiveManifest) => void, spoil?: (list: Entry[]) => Entry[]) => {
    const [first, ...parts] = entries();
    const manifest = JSON.parse(first?.content.toString() ?? '') as ArchiveManifest;
    change(manifest);
    const list: Entry[] = [{ name: 'manifest.json', content: Buffer.from(JSON.stringify(manifest)) }, ...parts];
    return tar(spoil ? spoil(list) : list);
  };

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...new Set([...SMALL, ...USERS]), OURS] });
    [source, sibling] = [app.name('source'), app.name('sibling')];
    for (const name of [source, sibling]) {
      const admin = { username: 'somebody', password: PLANTED };
      expect((await post('create', { ...values(name), admin }, '?wait=true')).status).toBe(200);
    }
    const instance = await app.supervisor.getApp(source);
    const { token } = await signIn(source);
    const uploaded = await request(await app.listen())
      .post('/api/attachments:create')
      .set({ 'X-App': source, 'X-Authenticator': 'basic', Authorization: `Bearer ${token}` })
      .attach('file', Buffer.from(GREETING), 'greeting.txt');
    expect(uploaded.status).toBe(200);
    await instance.db.sequelize.query('CREATE TABLE notes (id int PRIMARY KEY, note text)');
    await instance.db.sequelize.query(`INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 500) n`);
    // A file of somebody else, in the same folder.
    writeFileSync(path.join(uploads(), 'of-a-sibling.txt'), 'not yours');
  });

  afterEach(() => {
    process.env.PATH = path_;
  });

  afterAll(async () => {
    await app?.end();
  });

  it('are made while the application runs, readable by their owner only', async () => {
    expect(await visit(source)).toBe(200);
    const answer = await post('export', {}, `?filterByTk=${source}&wait=true`);
    expect(answer.status).toBe(200);
    const job = data<Job>(answer);
    expect(job).toMatchObject({ outcome: 'done', step: 'pack', warnings: [], error: null });
    archive = job.archive;
    expect(archive).toMatch(new RegExp(`^${source}-[0-9TZ]+-[0-9a-f]{4}\\.tar$`));
    expect(statSync(path.join(folder(), archive)).mode & 0o777).toBe(0o600);
    expect(statSync(folder()).mode & 0o777).toBe(0o700);
    const names = entries().map(({ name }) => name);
    expect(names.slice(0, 2)).toEqual(['manifest.json', 'database.dump']);
    // The logo that every application has, and what was uploaded.
    expect(names.filter((name) => name.startsWith('files/'))).toEqual(['files/000001', 'files/000002']);
    expect(entries().filter(({ content }) => content.toString() === GREETING)).toHaveLength(1);
    expect(JSON.stringify(entries()[0]?.content.toString())).not.toContain('of-a-sibling');
    expect(work()).toEqual([]);
    const listed = data<{ name: string; size: number; deletedAt: string }[]>(await post('listArchives', {}));
    expect(listed).toEqual([expect.objectContaining({ name: archive, size: expect.any(Number) as number })]);
    const events = data<{ rows?: unknown[] }>(await post('events', {}, `?filterByTk=${source}`));
    expect(JSON.stringify(events)).toContain('exported');
  });

  it('are downloaded as they are', async () => {
    const answer = await request(await app.listen())
      .get(`/api/applications:downloadArchive?filterByTk=${archive}`)
      .buffer(true)
      .parse((res, done) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('end', () => done(null, Buffer.concat(chunks)));
      });
    expect(answer.headers['content-disposition']).toContain(archive);
    expect(sha256(answer.body as Buffer)).toBe(sha256(readFileSync(path.join(folder(), archive))));
    for (const name of ['../app_supervisor_key.dat', '..', '.work', 'none.tar', '/etc/passwd']) {
      expect(outcome(await post('downloadArchive', {}, `?filterByTk=${encodeURIComponent(name)}`))).toEqual([
        404,
        'APP_ARCHIVE_NOT_FOUND',
      ]);
    }
  });

  it('become another application, with its users, its data and its files', async () => {
    const name = app.name('moved');
    const before = { main: await traces(), tables: await tables(sibling) };
    expect(outcome(await importing(name))).toEqual([200, undefined]);
    expect(await visit(name)).toBe(200);
    expect([(await signIn(name)).status, (await signIn(name, 'another')).status]).toEqual([200, 401]);
    expect(await app.sql('SELECT count(*)::int AS n FROM notes', [], name)).toEqual([{ n: 500 }]);

    // The source's own file was there: it keeps it, and the new one has another name.
    const filesOf = async (database: string) =>
      (await app.sql<{ filename: string }>('SELECT filename FROM attachments ORDER BY id', [], database)).map(
        ({ filename }) => filename,
      );
    const [files, ownFiles] = [await filesOf(name), await filesOf(source)];
    const [file, own] = [files, ownFiles].map((list) => list.find((filename) => filename.startsWith('greeting')));
    expect(files).toHaveLength(2);
    expect(file).toMatch(/^greeting-\w+-[0-9a-f]{12}\.txt$/);
    expect(file).not.toBe(own);
    for (const filename of [file, own] as string[]) {
      expect(readFileSync(path.join(uploads(), filename), 'utf8')).toBe(GREETING);
    }
    expect(allUploads()).toEqual([...before.main.uploads, ...files].sort());
    expect(await tables(sibling)).toEqual(before.tables);
    expect(work()).toEqual([]);

    // What must not be the same for two.
    const secret = (of: string) => app.service.secrets(app.service.registry.get(of) as never).jwtSecret;
    expect(secret(name)).toMatch(/^[0-9a-f]{64}$/);
    expect(secret(name)).not.toBe(secret(source));
    const { token } = await signIn(source);
    const stranger = { 'X-App': name, 'X-Authenticator': 'basic', Authorization: `Bearer ${token}` };
    expect((await app.get('/api/users:list', stranger)).status).toBe(401);
    // Ours to drop: it was made for it.
    const destroyed = await post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`);
    expect(outcome(destroyed)).toEqual([200, undefined]);
    expect(await app.databases()).toEqual(before.main.databases);
    expect([await visit(source), await visit(sibling)]).toEqual([200, 200]);
  });

  it('are brought by a form', async () => {
    const name = app.name('brought');
    const send = async (fields: Record<string, string>, content = readFileSync(path.join(folder(), archive))) => {
      const form = request(await app.listen()).post('/api/applications:import?wait=true');
      for (const [field, value] of Object.entries(fields)) void form.field(field, value);
      const answer = await form.attach('file', content, 'of-mine.tar').ok(() => true);
      said.push(JSON.stringify(answer.body));
      return answer;
    };
    const before = await traces();
    const options = JSON.stringify({ options: { plugins: USERS } });
    expect(outcome(await send({ name, values: '[1]' }))).toEqual([400, 'APP_VALUE_INVALID']);
    expect(outcome(await send({ name, values: options }, Buffer.from('no tar')))).toEqual([422, 'APP_ARCHIVE_INVALID']);
    expect(await traces()).toEqual(before);
    expect(outcome(await send({ name, values: options }))).toEqual([200, undefined]);
    expect((await signIn(name)).status).toBe(200);
    await app.until('nothing of the upload is left', () => Promise.resolve(work().length === 0));
    await post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`);
  });

  it.each<[string, () => Buffer, unknown[]]>([
    ['is cut off', () => readFileSync(path.join(folder(), archive)).subarray(0, -2_000), [422, 'APP_ARCHIVE_INVALID']],
    ['is empty', () => Buffer.alloc(0), [422, 'APP_ARCHIVE_INVALID']],
    ['is something else', () => Buffer.from('x'.repeat(4_096)), [422, 'APP_ARCHIVE_INVALID']],
    [
      'has more behind its end',
      () => Buffer.concat([readFileSync(path.join(folder(), archive)), Buffer.alloc(512, 1)]),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'has another checksum',
      () =>
        changed((manifest) => {
          (manifest.parts[0] as { sha256: string }).sha256 = '0'.repeat(64);
        }),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'leads out of the folder by its manifest',
      () =>
        changed((manifest) => {
          (manifest.parts.at(-1) as { file: { path: string } }).file.path = '../../apps/main';
        }),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'leads out of the folder by a name',
      () =>
        changed((manifest) => {
          (manifest.parts.at(-1) as { file: { filename: string } }).file.filename = '/etc/passwd';
        }),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'leads out of the folder by an entry',
      () =>
        changed(
          (manifest) => {
            (manifest.parts.at(-1) as { name: string }).name = '../../evil';
          },
          (list) => [...list.slice(0, -1), { ...(list.at(-1) as Entry), name: '../../evil' }],
        ),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'holds a symbolic link',
      () =>
        changed(
          () => undefined,
          (list) => [
            ...list.slice(0, -1),
            {
              ...(list.at(-1) as Entry),
              spoil: (header) => {
                header.write('2', 156, 'latin1');
                header.write('/etc/passwd', 157, 'latin1');
                resum(header);
              },
            },
          ],
        ),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'holds what its manifest does not name',
      () =>
        changed(
          () => undefined,
          (list) => [...list, { name: 'files/000099', content: Buffer.from('x') }],
        ),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'has a huge manifest',
      () =>
        tar([
          {
            name: 'manifest.json',
            content: Buffer.alloc(0),
            spoil: (header) => {
              header.write('77777777777', 124, 'latin1');
              resum(header);
            },
          },
        ]),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'is of a newer NocoBase',
      () =>
        changed((manifest) => {
          (manifest.nocobase as { core: string }).core = '99.0.0';
        }),
      [409, 'APP_ARCHIVE_NEWER'],
    ],
    [
      'is of a later format',
      () =>
        changed((manifest) => {
          manifest.version = 2;
        }),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'is of another kind of database',
      () =>
        changed((manifest) => {
          manifest.database.dialect = 'mysql';
        }),
      [409, 'APP_ARCHIVE_UNFIT'],
    ],
    [
      'was made by a newer program',
      () =>
        changed((manifest) => {
          manifest.database.tool = '99.1';
        }),
      [503, 'APP_DUMP_TOOL_OLD'],
    ],
    [
      'has other names for its tables',
      () =>
        changed((manifest) => {
          manifest.database.tablePrefix = 'nb_';
        }),
      [409, 'APP_ARCHIVE_UNFIT'],
    ],
  ])('is refused, and nothing is left, where it %s', async (_what, make, expected) => {
    const before = await traces();
    const hostile = put(make());
    expect(outcome(await importing(app.name('hostile'), { archive: hostile }))).toEqual(expected);
    rmSync(path.join(folder(), hostile));
    expect(await traces()).toEqual(before);
  });

  it('is refused where the folder of its files is a link that leads elsewhere, and what was made is taken back', async () => {
    const outside = path.join(app.storage, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, path.join(uploads(), 'door'));
    const before = await traces();
    const hostile = put(
      changed((manifest) => {
        (manifest.parts.at(-1) as { file: { path: string } }).file.path = 'door';
      }),
    );
    expect(outcome(await importing(app.name('hostile'), { archive: hostile }))).toEqual([422, 'APP_ARCHIVE_INVALID']);
    rmSync(path.join(folder(), hostile));
    expect(await traces()).toEqual(before);
    expect(readdirSync(outside)).toEqual([]);
    rmSync(path.join(uploads(), 'door'));
  });

  it('leaves nothing where its database cannot be restored', async () => {
    const before = await traces();
    const broken = Buffer.from(`PGDMP${'x'.repeat(3_000)}`);
    const hostile = put(
      changed(
        (manifest) => {
          Object.assign(manifest.parts[0] as object, { size: broken.length, sha256: sha256(broken) });
        },
        (list) => list.map((entry) => (entry.name === 'database.dump' ? { ...entry, content: broken } : entry)),
      ),
    );
    expect(outcome(await importing(app.name('broken'), { archive: hostile }))).toEqual([503, 'APP_DUMP_FAILED']);
    rmSync(path.join(folder(), hostile));
    expect(await traces()).toEqual(before);
    const jobs = data<Job[]>(await post('archiveJobs', {}));
    expect(jobs[0]).toMatchObject({ outcome: 'failed', step: 'restore', error: { code: 'APP_DUMP_FAILED' } });
  });

  it('takes back at the next start what a killed process had begun', async () => {
    const before = await traces();
    const name = app.name('killed');
    const { service } = app;
    // As far as a process gets that is killed just before the row is written.
    const create = app.repository.create.bind(app.repository);
    const { archives } = service;
    const undo = archives as unknown as { undo: () => Promise<void> };
    const takeBack = undo.undo.bind(archives);
    undo.undo = () => Promise.reject(new Error('killed'));
    app.repository.create = () => Promise.reject(new Error('killed'));
    expect((await importing(name)).status).toBe(503);
    app.repository.create = create;
    undo.undo = takeBack;
    expect(await app.databases()).toContain(name);
    expect(allUploads().length).toBe(before.uploads.length + 2);
    expect(work()).toHaveLength(1);
    await app.restart();
    await app.until('it is taken back', () => Promise.resolve(work().length === 0));
    expect(await traces()).toEqual(before);
    expect(await visit(sibling)).toBe(200);
  });

  it('refuses names that are taken, and what is not there', async () => {
    expect(outcome(await importing(sibling))).toEqual([409, 'APP_NAME_TAKEN']);
    expect(outcome(await importing('Nope'))).toEqual([400, 'APP_NAME_INVALID']);
    expect(outcome(await importing(app.name('x'), { archive: '../x.tar' }))).toEqual([404, 'APP_ARCHIVE_NOT_FOUND']);
    expect(outcome(await post('export', {}, `?filterByTk=${app.name('none')}`))).toEqual([404, 'APP_NOT_FOUND']);
    const schema = { options: { plugins: USERS, dbConnType: 'new_schema' } };
    expect(outcome(await importing(app.name('schema'), schema))).toEqual([409, 'APP_ARCHIVE_UNFIT']);
    await app.sql(`CREATE DATABASE "${app.name('there')}"`);
    expect(outcome(await importing(app.name('there')))).toEqual([409, 'APP_DATABASE_EXISTS']);
    await app.sql(`DROP DATABASE "${app.name('there')}"`);
  });

  it('says which program is missing, or too old', async () => {
    const tools = path.join(app.storage, 'tools');
    mkdirSync(tools);
    process.env.PATH = tools;
    const missing = await post('export', {}, `?filterByTk=${source}`);
    expect(outcome(missing)).toEqual([503, 'APP_DUMP_TOOL_MISSING']);
    expect(JSON.stringify(missing.body)).toContain('pg_dump');
    expect(outcome(await importing(app.name('missing')))).toEqual([503, 'APP_DUMP_TOOL_MISSING']);
    writeFileSync(path.join(tools, 'pg_dump'), '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.1"\n', { mode: 0o755 });
    expect(outcome(await post('export', {}, `?filterByTk=${source}`))).toEqual([503, 'APP_DUMP_TOOL_OLD']);
  });

  it('gives a program its password in no argument, and repeats nothing of what it says', async () => {
    const tools = path.join(app.storage, 'telling');
    mkdirSync(tools);
    const seen = path.join(tools, 'seen');
    const script = `#!/bin/sh
[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) 99.0"; exit 0; }
echo "$@" > ${seen}; echo "$PGPASSWORD" >> ${seen}
echo "pg_dump: error: it went wrong with $PGPASSWORD and postgres://u:$PGPASSWORD@h/d" >&2; exit 1
`;
    writeFileSync(path.join(tools, 'pg_dump'), script, { mode: 0o755 });
    process.env.PATH = `${tools}:${path_}`;
    const logged: string[] = [];
    const { logger } = app.supervisor;
    const error = jest.spyOn(logger, 'error').mockImplementation(((...args: unknown[]) => {
      logged.push(JSON.stringify(args));
      return logger;
    }));
    const { options } = app.main.db as unknown as { options: { password?: string } };
    const { password } = options;
    options.password = PLANTED;
    try {
      expect(outcome(await post('export', {}, `?filterByTk=${source}&wait=true`))).toEqual([503, 'APP_DUMP_FAILED']);
    } finally {
      options.password = password;
      error.mockRestore();
    }
    const [args, given] = readFileSync(seen, 'utf8').split('\n');
    expect(given).toBe(PLANTED);
    expect(args).not.toContain(PLANTED);
    expect(logged.join()).toContain('it went wrong');
    expect(logged.join()).not.toContain(PLANTED);
    expect(work()).toEqual([]);
    const events = await post('events', {}, `?filterByTk=${source}`);
    expect(JSON.stringify(events.body)).toContain('export-failed');
  });

  it('gives up what takes too long, and what is asked to end', async () => {
    const tools = path.join(app.storage, 'slow');
    mkdirSync(tools);
    const script = `#!/bin/sh
[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) 99.0"; exit 0; }
exec sleep 60
`;
    writeFileSync(path.join(tools, 'pg_dump'), script, { mode: 0o755 });
    process.env.PATH = `${tools}:${path_}`;
    const { config } = app.service;
    const { archiveTimeoutMs } = config;
    config.archiveTimeoutMs = 300;
    expect(outcome(await post('export', {}, `?filterByTk=${source}&wait=true`))).toEqual([503, 'APP_DUMP_TIMEOUT']);
    config.archiveTimeoutMs = archiveTimeoutMs;
    expect(outcome(await post('export', {}, `?filterByTk=${source}`))).toEqual([200, undefined]);
    expect(outcome(await post('export', {}, `?filterByTk=${source}`))).toEqual([409, 'APP_ARCHIVE_BUSY']);
    await app.service.archives.end();
    const [job] = data<Job[]>(await post('archiveJobs', {}));
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'APP_SHUTTING_DOWN' } });
    expect(work()).toEqual([]);
    app.service.archives.start();
  });

  it('are deleted, by hand and when their time is over', async () => {
    expect(outcome(await post('deleteArchive', {}, `?filterByTk=${archive}`))).toEqual([200, undefined]);
    expect(outcome(await importing(app.name('late')))).toEqual([404, 'APP_ARCHIVE_NOT_FOUND']);
    put(Buffer.from('old'), 'old.tar');
    await app.service.archives.store.deleteOld(Date.now() + 6 * 86_400_000);
    expect(existsSync(path.join(folder(), 'old.tar'))).toBe(true);
    await app.service.archives.store.deleteOld(Date.now() + 8 * 86_400_000);
    expect(existsSync(path.join(folder(), 'old.tar'))).toBe(false);
    expect(said.join('')).not.toContain(PLANTED);
    expect(ARCHIVE_FORMAT).toBe('nocobase-app-archive');
  });
});
