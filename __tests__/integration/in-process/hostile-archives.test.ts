import '../../helpers/in-process-environment';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ArchiveWorld, resum, sha256, tar, type Entry, type Job } from '../../helpers/archive-world';
import { describeWithPostgres } from '../../helpers/in-process-app';
import { ownUploads } from '../../../server/lifecycle/upload-folders';

/** Archives that are damaged, or made to do harm: a coded refusal, and nothing is left. */

describeWithPostgres('hostile archives', () => {
  let world: ArchiveWorld;

  beforeAll(async () => {
    world = await ArchiveWorld.start();
    const { body } = await world.post('export', {}, `?filterByTk=${world.source}&wait=true`);
    world.archive = world.data<Job>({ body }).archive;
  });

  afterAll(async () => {
    await world?.app.end();
  });

  it.each<[string, () => Buffer, unknown[]]>([
    [
      'is cut off',
      () => readFileSync(path.join(world.folder(), world.archive)).subarray(0, -2_000),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    ['is empty', () => Buffer.alloc(0), [422, 'APP_ARCHIVE_INVALID']],
    ['is something else', () => Buffer.from('x'.repeat(4_096)), [422, 'APP_ARCHIVE_INVALID']],
    [
      'has more behind its end',
      () => Buffer.concat([readFileSync(path.join(world.folder(), world.archive)), Buffer.alloc(512, 1)]),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'has another checksum',
      () =>
        world.changed((manifest) => {
          (manifest.parts[0] as { sha256: string }).sha256 = '0'.repeat(64);
        }),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'leads out of the folder by its manifest',
      () =>
        world.changed((manifest) => {
          (manifest.parts.at(-1) as { file: { path: string } }).file.path = '../../apps/main';
        }),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'leads out of the folder by a name',
      () =>
        world.changed((manifest) => {
          (manifest.parts.at(-1) as { file: { filename: string } }).file.filename = '/etc/passwd';
        }),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'leads out of the folder by an entry',
      () =>
        world.changed(
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
        world.changed(
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
        world.changed(
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
        world.changed((manifest) => {
          (manifest.nocobase as { core: string }).core = '99.0.0';
        }),
      [409, 'APP_ARCHIVE_NEWER'],
    ],
    [
      'is of a later format',
      () =>
        world.changed((manifest) => {
          manifest.version = 2;
        }),
      [422, 'APP_ARCHIVE_INVALID'],
    ],
    [
      'is of another kind of database',
      () =>
        world.changed((manifest) => {
          manifest.database.dialect = 'mysql';
        }),
      [409, 'APP_ARCHIVE_UNFIT'],
    ],
    [
      'was made by a newer program',
      () =>
        world.changed((manifest) => {
          manifest.database.tool = '99.1';
        }),
      // The first where the server cannot take it, the second where only `pg_restore` is missing.
      [expect.any(Number) as number, expect.stringMatching(/^APP_(?:ARCHIVE_UNFIT|DUMP_TOOL_OLD)$/) as string],
    ],
    [
      'has other names for its tables',
      () =>
        world.changed((manifest) => {
          manifest.database.tablePrefix = 'nb_';
        }),
      [409, 'APP_ARCHIVE_UNFIT'],
    ],
  ])('is refused, and nothing is left, where it %s', async (_what, make, expected) => {
    const before = await world.traces();
    const hostile = world.put(make());
    expect(world.outcome(await world.importing(world.app.name('hostile'), { archive: hostile }))).toEqual(expected);
    rmSync(path.join(world.folder(), hostile));
    expect(await world.traces()).toEqual(before);
  });

  it('puts its files into no folder but its own, also where the one that it names leads elsewhere', async () => {
    const outside = path.join(world.app.storage, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, path.join(world.uploads(), 'door'));
    const before = await world.traces();
    const hostile = world.put(
      world.changed((manifest) => {
        (manifest.parts.at(-1) as { file: { path: string } }).file.path = 'door';
      }),
    );
    const name = world.app.name('hostile');
    expect(world.outcome(await world.importing(name, { archive: hostile }))).toEqual([200, undefined]);
    rmSync(path.join(world.folder(), hostile));
    expect(readdirSync(outside)).toEqual([]);
    await world.post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`);
    expect(await world.traces()).toEqual(before);
    rmSync(path.join(world.uploads(), 'door'));
  });

  it('leaves nothing where its database cannot be restored', async () => {
    const before = await world.traces();
    const broken = Buffer.from(`PGDMP${'x'.repeat(3_000)}`);
    const hostile = world.put(
      world.changed(
        (manifest) => {
          Object.assign(manifest.parts[0] as object, { size: broken.length, sha256: sha256(broken) });
        },
        (list) => list.map((entry) => (entry.name === 'database.dump' ? { ...entry, content: broken } : entry)),
      ),
    );
    expect(world.outcome(await world.importing(world.app.name('broken'), { archive: hostile }))).toEqual([
      503,
      'APP_DUMP_FAILED',
    ]);
    rmSync(path.join(world.folder(), hostile));
    expect(await world.traces()).toEqual(before);
    const jobs = world.data<Job[]>(await world.post('archiveJobs', {}));
    expect(jobs[0]).toMatchObject({ outcome: 'failed', step: 'restore', error: { code: 'APP_DUMP_FAILED' } });
  });

  it('takes no file from outside, also where code in it undoes what the import writes into its rows', async () => {
    const { app } = world;
    writeFileSync(path.join(world.uploads(), 'orphan.txt'), 'of nobody');
    await app.sql(
      `CREATE FUNCTION public.undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.path := OLD.path; RETURN NEW; END $$;
       CREATE TRIGGER undo BEFORE UPDATE ON attachments FOR EACH ROW EXECUTE FUNCTION public.undo();
       INSERT INTO attachments ("createdAt", "updatedAt", "storageId", path, filename)
         SELECT now(), now(), "storageId", '', 'orphan.txt' FROM attachments LIMIT 1`,
      [],
      world.source,
    );
    const { body } = await world.post('export', {}, `?filterByTk=${world.source}&wait=true`);
    const name = app.name('undoing');
    const { archive } = world.data<Job>({ body });
    expect(world.outcome(await world.importing(name, { archive }))).toEqual([200, undefined]);
    // What an export takes along is what its rows name in the application's own folder.
    expect(world.entries().some(({ content }) => content.toString() === 'of nobody')).toBe(false);
    expect(await world.visit(name)).toBe(200);
    const own = ownUploads(app.service.registry.get(name) as never) as string;
    const files = readdirSync(path.join(world.uploads(), own), { recursive: true }).map(String);
    expect(files.filter((file) => file.endsWith('orphan.txt'))).toEqual([]);
    await world.post('destroy', {}, `?filterByTk=${name}&dropDatabase=true&purge=true`);
  });
});
