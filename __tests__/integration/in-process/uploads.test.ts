import '../../helpers/in-process-environment';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import request from 'supertest';
import { JourneyLog } from '../../../server/lifecycle/journey';
import { ownUploads } from '../../../server/lifecycle/upload-folders';
import { describeWithPostgres, InProcessApp, OURS } from '../../helpers/in-process-app';
import { cutAt, MAIN_WITH_PEOPLE, signIn, WITH_PEOPLE } from '../../helpers/people';

/** Uploaded files are their application's own: whose folder they are in, and what becomes of it. */

const ADMIN = { username: 'origin', password: 'Planted-4712' };

interface Attachment {
  id: number;
  path: string;
  filename: string;
}

describeWithPostgres('uploaded files', () => {
  let app: InProcessApp;
  let sequence = 0;

  beforeAll(async () => {
    app = await InProcessApp.start({
      plugins: [...MAIN_WITH_PEOPLE, OURS],
      env: { APP_SUPERVISOR_QUARANTINE_AFTER: '0', APP_SUPERVISOR_TEMPLATES: 'on' },
    });
    await app.listen();
  });
  afterAll(() => app?.end());
  afterEach(() => jest.restoreAllMocks());

  const uploads = (...below: string[]) => path.join(app.storage, 'uploads', ...below);
  const fileOf = (row: Attachment) => uploads(row.path, row.filename);
  const own = (name: string) => ownUploads(app.service.registry.find(name) as never) as string;
  const act = (action: string, name: string, query = '') =>
    app.post(`/api/applications:${action}?filterByTk=${name}&${query}`);
  const outside = () => path.join(app.storage, 'outside');

  async function make(values: object = {}): Promise<string> {
    const name = app.name(`u${(sequence += 1)}`);
    await app.create({ name, options: { plugins: WITH_PEOPLE }, admin: ADMIN, ...values });
    return name;
  }

  async function clone(source: string, query = '&wait=true'): Promise<string> {
    const name = app.name(`u${(sequence += 1)}`);
    const answer = await app.post(`/api/applications:clone?filterByTk=${source}${query}`, { name });
    expect([answer.status, answer.body.errors]).toEqual([200, undefined]);
    return name;
  }

  async function headers(name: string): Promise<Record<string, string>> {
    const token = await signIn(app, name, ADMIN.username, ADMIN.password);
    return { 'X-App': name, 'X-Authenticator': 'basic', Authorization: `Bearer ${token}` };
  }

  /** By NocoBase's own way. */
  async function upload(name: string, text: string): Promise<Attachment> {
    const answer = await request(await app.listen())
      .post('/api/attachments:create')
      .set(await headers(name))
      .attach('file', Buffer.from(text), 'note.txt');
    expect(answer.status).toBe(200);
    return (answer.body as { data: Attachment }).data;
  }

  async function destroy(name: string, { id }: Attachment): Promise<void> {
    const answer = await app.post(`/api/attachments:destroy?filterByTk=${id}`, {}, await headers(name));
    expect(answer.status).toBe(200);
  }

  const rows = (name: string) =>
    app.sql<Attachment>('SELECT id::int, path, filename FROM attachments ORDER BY id', [], name);
  const rowOf = async (name: string, { id }: { id: number }) =>
    (await rows(name)).find((row) => row.id === id) as Attachment;

  it('of one that is installed, and of one that is copied from a template, lie in its own folder', async () => {
    for (const name of [await make(), await make()]) {
      const [logo] = (await rows(name)) as [Attachment];
      const note = await upload(name, 'of its own');
      for (const file of [logo, note]) {
        expect(file.path.startsWith(`${own(name)}/`)).toBe(true);
        expect(statSync(fileOf(file))).toMatchObject({ nlink: 1 });
      }
      expect(readFileSync(fileOf(note), 'utf8')).toBe('of its own');
      const url = `/storage/uploads/${note.path}/${note.filename}`;
      expect([(await app.get(url, { 'X-App': name })).status]).toEqual([401]);
      const answer = await app.get(url, await headers(name));
      expect([answer.status, answer.text]).toEqual([200, 'of its own']);
      const link = await app.get(`/files/${name}/main/attachments/${note.id}`, await headers(name));
      expect([link.status, link.headers.location]).toEqual([302, `${url}?__appName=${name}`]);
    }
  });

  it('leave nothing in the common folder where there is no template', async () => {
    const before = readdirSync(uploads());
    const name = await make({ options: { plugins: WITH_PEOPLE, dbConnType: 'new_schema' } });
    const folder = uploads(own(name));
    expect(readdirSync(uploads())).toEqual(before);
    const files = readdirSync(folder, { recursive: true }) as string[];
    expect(files.filter((file) => file.includes('logo'))).toHaveLength(1);
    await act('destroy', name, 'dropDatabase=true&purge=true');
    expect([readdirSync(uploads()), existsSync(folder)]).toEqual([before, false]);
  });

  it('of a clone are its own, in every table of files: who deletes one deletes it there alone', async () => {
    const source = await make();
    const [first, second] = [await upload(source, 'first'), await upload(source, 'second')];
    await app.sql(
      `CREATE TABLE pictures AS SELECT id, "storageId", 'album' AS path, 'none.png' AS filename FROM attachments LIMIT 1`,
      [],
      source,
    );
    await app.sql(
      `INSERT INTO pictures SELECT id, "storageId", path, filename FROM attachments WHERE id = ${second.id}`,
      [],
      source,
    );
    const copy = await clone(source);
    const copied = [await rowOf(copy, first), await rowOf(copy, second)] as [Attachment, Attachment];
    for (const file of await rows(copy)) {
      expect(file.path.startsWith(`${own(copy)}/`)).toBe(true);
      // Not even a second name of the same file.
      expect(statSync(fileOf(file)).nlink).toBe(1);
    }
    for (const { path: folder } of await app.sql<Attachment>('SELECT path FROM pictures', [], copy)) {
      expect(folder.startsWith(`${own(copy)}/`)).toBe(true);
    }
    expect(copied.map((file) => readFileSync(fileOf(file), 'utf8'))).toEqual(['first', 'second']);
    await destroy(copy, copied[0]);
    await destroy(source, second);
    expect([first, second, ...copied].map((file) => existsSync(fileOf(file)))).toEqual([true, false, false, true]);
    // What is uploaded from now on does not go to the original's.
    expect((await upload(copy, 'third')).path.startsWith(`${own(copy)}/`)).toBe(true);

    // A clone of the clone, and the end of the one between them.
    const next = await clone(copy);
    await act('destroy', copy, 'dropDatabase=true&purge=true');
    const last = await rowOf(next, second);
    expect([readFileSync(fileOf(last), 'utf8'), readFileSync(fileOf(first), 'utf8')]).toEqual(['second', 'first']);
    expect(existsSync(fileOf(copied[1]))).toBe(false);
  });

  it('of a clone are its own also where the original was made when all shared one folder', async () => {
    const source = await make();
    const uploaded = await upload(source, 'in the common folder');
    await app.supervisor.removeApp(source);
    // As an older version left it.
    renameSync(fileOf(uploaded), uploads(uploaded.filename));
    await app.sql(`UPDATE storages SET path = ''`, [], source);
    await app.sql(`UPDATE attachments SET path = '' WHERE id = ${uploaded.id}`, [], source);
    rmSync(path.join(app.storage, 'apps', source, 'uploads-folder'));
    const note = { ...uploaded, path: '' };
    const copy = await clone(source);
    const copied = await rowOf(copy, note);
    expect(copied.path.startsWith(`${own(copy)}/`)).toBe(true);
    expect((await upload(copy, 'new')).path.startsWith(`${own(copy)}/`)).toBe(true);
    await act('destroy', copy, 'dropDatabase=true&purge=true');
    expect([existsSync(fileOf(copied)), readFileSync(fileOf(note), 'utf8')]).toEqual([false, 'in the common folder']);
    // Nobody can tell whose they are: they stay.
    await act('destroy', source, 'dropDatabase=true&purge=true');
    expect(existsSync(fileOf(note))).toBe(true);
  });

  it.each(['copy', 'administrator', 'load'])(
    'of a clone that is cut off at "%s" are there afterwards',
    async (step) => {
      const source = await make();
      const note = await upload(source, 'kept');
      await app.supervisor.removeApp(source);
      cutAt(step, JourneyLog);
      const copy = await clone(source, '');
      await expect(app.service.settled(copy)).rejects.toMatchObject({ code: 'APP_BOOT_FAILED' });
      jest.restoreAllMocks();
      await (
        await app.service.start(copy)
      ).done;
      const copied = await rowOf(copy, note);
      expect([readFileSync(fileOf(copied), 'utf8'), statSync(fileOf(copied)).nlink]).toEqual(['kept', 1]);
      await app.supervisor.removeApp(copy);
    },
  );

  it('of a clone that never came to be go with it', async () => {
    const source = await make();
    await upload(source, 'kept');
    await app.supervisor.removeApp(source);
    jest.spyOn(app.service.copies, 'fromApplication').mockRejectedValueOnce(new Error('cut off here'));
    const copy = await clone(source, '');
    await expect(app.service.settled(copy)).rejects.toMatchObject({ code: 'APP_BOOT_FAILED' });
    const folder = uploads(own(copy));
    expect(existsSync(folder)).toBe(true);
    await act('destroy', copy, 'purge=true');
    expect(existsSync(folder)).toBe(false);
  });

  it('go with the database at a purge, whatever the rows say, and nothing of others does', async () => {
    const [hostile, sibling] = [await make(), await make()];
    const theirs = await upload(sibling, 'not yours');
    const mine = await upload(hostile, 'mine');
    writeFileSync(uploads('of-main.txt'), 'of the main application');
    mkdirSync(outside(), { recursive: true });
    writeFileSync(path.join(outside(), 'planted.txt'), 'outside');
    symlinkSync(outside(), uploads(own(hostile), 'door'));
    const say = (folder: string, filename: string) =>
      app.sql(
        `INSERT INTO attachments ("createdAt", "updatedAt", "storageId", path, filename)
          SELECT now(), now(), "storageId", $1, $2 FROM attachments LIMIT 1`,
        [folder, filename],
        hostile,
      );
    await say('', 'of-main.txt');
    await say(theirs.path, theirs.filename);
    await say('../outside', 'planted.txt');
    await say(`${own(hostile)}/door`, 'planted.txt');
    await app.sql('UPDATE storages SET path = $1', [own(sibling)], hostile);
    const folder = uploads(own(hostile));
    expect((await act('destroy', hostile, 'dropDatabase=true&purge=true')).status).toBe(200);
    expect([existsSync(folder), existsSync(fileOf(mine))]).toEqual([false, false]);
    expect(readFileSync(fileOf(theirs), 'utf8')).toBe('not yours');
    expect(readFileSync(uploads('of-main.txt'), 'utf8')).toBe('of the main application');
    expect(readFileSync(path.join(outside(), 'planted.txt'), 'utf8')).toBe('outside');
  });

  it('are no way for a clone to what is no upload, and none out of the folder', async () => {
    const hostile = await make();
    mkdirSync(outside(), { recursive: true });
    writeFileSync(path.join(outside(), 'secret.txt'), 'Planted-4712');
    writeFileSync(path.join(app.storage, 'apps', 'secret.dat'), 'Planted-4712');
    await app.sql(`UPDATE storages SET options = '{"documentRoot": "storage"}', path = ''`, [], hostile);
    for (const [folder, filename] of [
      ['apps', 'secret.dat'],
      ['uploads/../apps', 'secret.dat'],
      ['../../../../../../../../etc', 'passwd'],
    ]) {
      await app.sql(
        `INSERT INTO attachments ("createdAt", "updatedAt", "storageId", path, filename)
          SELECT now(), now(), "storageId", $1, $2 FROM attachments LIMIT 1`,
        [folder, filename],
        hostile,
      );
    }
    const copy = await clone(hostile);
    const taken = existsSync(uploads(own(copy))) ? readdirSync(uploads(own(copy)), { recursive: true }) : [];
    expect(taken.filter((file) => /secret|passwd/.test(String(file)))).toEqual([]);
    // What it uploads from now on is in the folder that is its own.
    expect((await upload(copy, 'new')).path.startsWith(`${own(copy)}/`)).toBe(true);
  });

  it('stay with a database that is kept, and come back with it; another of that name has others', async () => {
    const name = await make();
    const note = await upload(name, 'kept');
    const folder = own(name);
    await act('destroy', name);
    expect((await act('restore', name)).status).toBe(200);
    expect(readFileSync(fileOf(note), 'utf8')).toBe('kept');
    await act('destroy', name, 'purge=true');
    expect(readFileSync(fileOf(note), 'utf8')).toBe('kept');

    const options = { plugins: WITH_PEOPLE, database: { database: app.name('another') } };
    await app.create({ name, options, admin: ADMIN });
    expect(own(name)).not.toBe(folder);
    expect((await upload(name, 'another')).path.startsWith(`${own(name)}/`)).toBe(true);
    await act('destroy', name, 'dropDatabase=true&purge=true');
    expect(readFileSync(fileOf(note), 'utf8')).toBe('kept');

    await app.create({ name, options: { plugins: WITH_PEOPLE }, adopt: true });
    const signedIn = await headers(name);
    // In a folder of its own again.
    const adopted = await rowOf(name, note);
    expect([own(name) === folder, adopted.path.startsWith(`${own(name)}/`)]).toEqual([false, true]);
    const answer = await app.get(`/storage/uploads/${adopted.path}/${adopted.filename}`, signedIn);
    expect([answer.status, answer.text]).toEqual([200, 'kept']);
    const copy = await clone(name);
    expect(readFileSync(fileOf(await rowOf(copy, note)), 'utf8')).toBe('kept');
    expect(own(copy).startsWith(`apps/${copy}-`)).toBe(true);
  });
});
