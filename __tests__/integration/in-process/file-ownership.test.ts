import '../../helpers/in-process-environment';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import request from 'supertest';
import { ownUploads } from '../../../server/lifecycle/upload-folders';
import { describeWithPostgres, InProcessApp, OURS } from '../../helpers/in-process-app';
import { MAIN_WITH_PEOPLE, signIn, WITH_PEOPLE } from '../../helpers/people';

const ADMIN = { username: 'origin', password: 'Planted-4712' };

interface Attachment {
  id: number;
  path: string;
  filename: string;
}

describeWithPostgres('files belong to one application', () => {
  let app: InProcessApp;
  let sequence = 0;
  const tokens = new Map<string, string>();

  beforeAll(async () => {
    app = await InProcessApp.start({
      plugins: [...MAIN_WITH_PEOPLE, 'file-manager', OURS],
      env: { APP_SUPERVISOR_QUARANTINE_AFTER: '0', APP_SUPERVISOR_TEMPLATES: 'on' },
    });
    await app.listen();
  });
  afterAll(() => app?.end());

  const storage = (...below: string[]) => path.join(app.storage, ...below);
  const uploads = (...below: string[]) => storage('uploads', ...below);
  const fileOf = (row: Attachment) => uploads(row.path, row.filename);
  const own = (name: string) => ownUploads(app.service.registry.find(name) as never) as string;
  const act = (action: string, name: string, query = '') =>
    app.post(`/api/applications:${action}?filterByTk=${name}&${query}`);
  const sleep = (name: string) => app.supervisor.removeApp(name);

  async function make(values: object = {}): Promise<string> {
    const name = app.name(`f${(sequence += 1)}`);
    await app.create({ name, options: { plugins: WITH_PEOPLE }, admin: ADMIN, ...values });
    return name;
  }

  async function headers(name: string): Promise<Record<string, string>> {
    const token = tokens.get(name) ?? (await signIn(app, name, ADMIN.username, ADMIN.password));
    if (token !== undefined) tokens.set(name, token);
    return { 'X-App': name, 'X-Authenticator': 'basic', Authorization: `Bearer ${token}` };
  }

  async function send(name: string, text: string) {
    return request(await app.listen())
      .post('/api/attachments:create')
      .set(await headers(name))
      .attach('file', Buffer.from(text), 'note.txt');
  }

  async function upload(name: string, text: string): Promise<Attachment> {
    const answer = await send(name, text);
    expect(answer.status).toBe(200);
    return (answer.body as { data: Attachment }).data;
  }

  const rows = (name: string) =>
    app.sql<Attachment>('SELECT id::int, path, filename FROM attachments ORDER BY id', [], name);
  const rowOf = async (name: string, { id }: { id: number }) =>
    (await rows(name)).find((row) => row.id === id) as Attachment;
  const read = async (name: string, url: string) => app.get(url, await headers(name));
  const addressOf = ({ path: folder, filename }: Attachment) =>
    `/storage/uploads/${folder ? `${folder}/` : ''}${filename}`;

  /** A row that names a file, written by its administrator over REST. */
  async function claim(name: string, folder: string, filename: string): Promise<number> {
    const values = { title: 'x', path: folder, filename, extname: '.txt', mimetype: 'text/plain' };
    const answer = await app.post('/api/attachments:create', values, await headers(name));
    expect(answer.status).toBe(200);
    return Number((answer.body as { data: { id: unknown } }).data.id);
  }

  async function destroy(name: string, id: number): Promise<void> {
    const answer = await app.post(`/api/attachments:destroy?filterByTk=${id}`, {}, await headers(name));
    expect(answer.status).toBe(200);
    expect((await rows(name)).some((row) => row.id === id)).toBe(false);
  }

  it('an upload is read at its own application only', async () => {
    const [mine, other] = [await make(), await make()];
    const note = await upload(mine, 'mine');
    const address = addressOf(note);
    const answer = await read(mine, address);
    expect([answer.status, answer.text]).toEqual([200, 'mine']);
    const written = [
      address,
      address.replace('apps/', 'apps%2f'),
      address.replace('/apps', '//%61pps'),
      `${address}?x=1`,
    ];
    for (const url of written) {
      const refused = await read(other, url);
      expect([url, refused.status, refused.body.error?.code]).toEqual([url, 404, 'APP_FILE_NOT_FOUND']);
      expect((await app.get(url)).status).toBe(404);
    }
    for (const url of ['/storage/apps/main/app_supervisor_key.dat', `/storage/logs/${mine}/x.log`, '/storage/x']) {
      expect([url, (await read(mine, url)).status]).toEqual([url, 404]);
    }
    const key = await read(mine, '/storage/uploads/..%2fapps/main/app_supervisor_key.dat');
    expect([key.status, key.body.error?.code]).toEqual([400, 'APP_REQUEST_INVALID']);
  });

  it("a row that names another's file reads nothing and deletes nothing", async () => {
    const [victim, hostile] = [await make(), await make()];
    const note = await upload(victim, 'not yours');
    writeFileSync(uploads('of-main.txt'), 'of main');
    for (const [folder, filename, file] of [
      [note.path, note.filename, fileOf(note)],
      ['', 'of-main.txt', uploads('of-main.txt')],
    ] as const) {
      const id = await claim(hostile, folder, filename);
      const link = await read(hostile, `/files/${hostile}/main/attachments/${id}`);
      const target = link.status === 302 ? await read(hostile, String(link.headers.location)) : link;
      expect(target.status).toBe(404);
      await destroy(hostile, id);
      expect(existsSync(file)).toBe(true);
    }
    expect(readFileSync(fileOf(note), 'utf8')).toBe('not yours');
  });

  it('a storage is made in its own folder, or not at all', async () => {
    const [victim, hostile] = [await make(), await make()];
    const given = (documentRoot: string | undefined, folder: string) => ({
      ...{ type: 'local', title: 'x', name: `s${(sequence += 1)}`, baseUrl: '/storage/uploads', path: folder },
      ...{ options: { documentRoot }, rules: {} },
    });
    for (const [root, folder] of [
      ['storage', ''],
      ['storage', 'apps/main'],
      ['storage/apps/main', ''],
      ['storage/logs', ''],
      ['storage/backups', hostile],
      ['storage/uploads', own(victim)],
      [`storage/uploads/${own(victim)}`, ''],
      ['storage/uploads/apps', own(victim).slice('apps/'.length)],
      [storage('apps', 'main'), ''],
      ['./storage', 'uploads'],
      ['storage\\apps\\main', ''],
    ] as const) {
      const answer = await app.post('/api/storages:create', given(root, folder), await headers(hostile));
      expect([root, folder, answer.status, answer.body.errors?.[0]?.code]).toEqual([
        root,
        folder,
        400,
        'APP_STORAGE_OUTSIDE',
      ]);
    }
    for (const root of [undefined, 'storage/uploads']) {
      const answer = await app.post('/api/storages:create', given(root, 'photos'), await headers(hostile));
      expect([answer.status, answer.body.data.path]).toEqual([200, `${own(hostile)}/photos`]);
    }
  });

  it('a storage row that was written past the hooks writes, reads and deletes nothing outside', async () => {
    const hostile = await make();
    const before = readdirSync(storage('apps', 'main')).sort();
    writeFileSync(storage('apps', 'main', 'planted.txt'), 'Planted-4712');
    const options = { documentRoot: 'storage' };
    await app.sql(`UPDATE storages SET options = $1, path = 'apps/main'`, [JSON.stringify(options)], hostile);
    const instance = await app.supervisor.getApp(hostile);
    const files = instance?.pm.get('file-manager') as unknown as {
      loadStorages(): Promise<void>;
      getFileStream(file: object): Promise<unknown>;
    };
    await files.loadStorages();
    const answer = await send(hostile, 'written');
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([400, expect.stringContaining('does not belong')]);
    const id = await claim(hostile, 'apps/main', 'planted.txt');
    const row = (await instance?.db.getRepository('attachments').findOne({ filterByTk: id })) as object;
    await expect(files.getFileStream(row)).rejects.toMatchObject({ code: 'APP_FILE_NOT_FOUND' });
    await destroy(hostile, id);
    expect(readdirSync(storage('apps', 'main')).sort()).toEqual([...before, 'planted.txt'].sort());
    rmSync(storage('apps', 'main', 'planted.txt'));
    // At its next start, it is in its own folder again.
    await sleep(hostile);
    const note = await upload(hostile, 'at home');
    expect(note.path.startsWith(`${own(hostile)}/`)).toBe(true);
  });

  it('a link leads nobody out of the folder', async () => {
    const [victim, hostile] = [await make(), await make()];
    const note = await upload(victim, 'not yours');
    await upload(hostile, 'mine');
    symlinkSync(fileOf(note), uploads(own(hostile), 'link.txt'));
    symlinkSync(uploads(own(victim)), uploads(own(hostile), 'door'));
    symlinkSync(storage('apps', 'main'), uploads(own(hostile), 'keys'));
    const inside = note.path.slice(own(victim).length + 1);
    const doors = ['link.txt', `door/${inside ? `${inside}/` : ''}${note.filename}`, 'keys/app_supervisor_key.dat'];
    for (const door of doors) {
      const answer = await read(hostile, `/storage/uploads/${own(hostile)}/${door}`);
      expect([door, answer.status]).toEqual([door, 404]);
      const folder = path.posix.join(own(hostile), path.posix.dirname(door));
      await destroy(hostile, await claim(hostile, folder, path.posix.basename(door)));
    }
    expect(readFileSync(fileOf(note), 'utf8')).toBe('not yours');
    expect(existsSync(storage('apps', 'main', 'app_supervisor_key.dat'))).toBe(true);
  });

  /** As an older version left it: files in the folder that all shared. */
  async function makeShared(name: string, note: Attachment): Promise<Attachment> {
    renameSync(fileOf(note), uploads(note.filename));
    await app.sql(`UPDATE storages SET path = ''`, [], name);
    await app.sql(`UPDATE attachments SET path = '' WHERE id = $1`, [note.id], name);
    rmSync(storage('apps', name, 'uploads-folder'));
    await sleep(name);
    return { ...note, path: '' };
  }

  it('files of an older version stay readable to the application whose rows name them', async () => {
    const [old, other] = [await make(), await make()];
    const note = await makeShared(old, await upload(old, 'from before'));
    writeFileSync(uploads('of-main.txt'), 'of main');
    await app.sql(
      `INSERT INTO attachments ("createdAt", "updatedAt", "storageId", title, path, filename)
        SELECT now(), now(), id, 'm', '', 'of-main.txt' FROM storages LIMIT 1`,
      [],
    );
    await app.sql(
      `INSERT INTO attachments ("createdAt", "updatedAt", "storageId", path, filename)
        SELECT now(), now(), "storageId", '', 'of-main.txt' FROM attachments LIMIT 1`,
      [],
      old,
    );
    const link = await read(old, `/files/${old}/main/attachments/${note.id}`);
    const answer = await read(old, String(link.headers.location));
    expect([answer.status, answer.text]).toEqual([200, 'from before']);
    expect((await rowOf(old, note)).path).toBe(`${own(old)}/shared`);
    // By the address that texts may hold.
    const moved = await read(old, `${addressOf(note)}?download=1`);
    expect([moved.status, moved.headers.location]).toEqual([
      302,
      `/storage/uploads/${own(old)}/shared/${note.filename}?download=1`,
    ]);
    expect((await read(other, addressOf(note))).status).toBe(404);
    expect((await read(old, '/storage/uploads/of-main.txt')).status).toBe(404);
    expect((await upload(old, 'new')).path.startsWith(`${own(old)}/`)).toBe(true);
    // Once settled, rows reach nothing else.
    await claim(other, '', note.filename);
    await sleep(other);
    expect((await read(other, addressOf(note))).status).toBe(404);
  });

  it('an upload that replaces a file from before leaves the same file of another application as it is', async () => {
    const old = await make();
    const note = await makeShared(old, await upload(old, 'of both'));
    expect((await read(old, `/files/${old}/main/attachments/${note.id}`)).status).toBe(302);
    const row = await rowOf(old, note);
    expect([readFileSync(uploads(note.filename), 'utf8'), row.path]).toEqual(['of both', `${own(old)}/shared`]);
    const [{ id } = { id: '' }] = await app.sql<{ id: string }>('SELECT id::text FROM storages', [], old);
    const values = { renameMode: 'none', path: row.path };
    const changed = await app.post(`/api/storages:update?filterByTk=${id}`, values, await headers(old));
    expect(changed.status).toBe(200);
    const answer = await request(await app.listen())
      .post('/api/attachments:create')
      .set(await headers(old))
      .attach('file', Buffer.from('written over'), note.filename);
    expect([answer.status, (answer.body as { data: Attachment }).data.filename]).toEqual([200, note.filename]);
    expect([readFileSync(fileOf(row), 'utf8'), readFileSync(uploads(note.filename), 'utf8')]).toEqual([
      'written over',
      'of both',
    ]);
  });

  it('a database that is adopted under another ID has a folder of its own', async () => {
    const first = await make();
    const note = await upload(first, 'kept');
    const database = app.service.provisioner.databaseOf(app.service.registry.get(first) as never);
    await act('destroy', first, 'purge=true');
    const second = await make({
      options: { plugins: WITH_PEOPLE, database: { database } },
      adopt: true,
      admin: undefined,
    });
    const row = await (async () => {
      await headers(second);
      return (await rows(database)).find(({ id }) => id === note.id) as Attachment;
    })();
    expect(own(second)).toMatch(/^apps\/.+-[0-9a-f]{16}$/);
    expect(row.path.startsWith(`${own(second)}/`)).toBe(true);
    const answer = await read(second, addressOf(row));
    expect([answer.status, answer.text]).toEqual([200, 'kept']);
    expect((await upload(second, 'new')).path.startsWith(`${own(second)}/`)).toBe(true);
  });

  it.each(['database', 'schema'])(
    'an adopted %s takes no file of another application that was purged',
    async (kind) => {
      const inSchema = kind === 'schema';
      const placed = (at: string) =>
        inSchema
          ? { plugins: WITH_PEOPLE, dbConnType: 'new_schema', database: { schema: at } }
          : { plugins: WITH_PEOPLE, database: { database: at } };
      const [victim, thief] = [await make(), await make({ options: placed(app.name(`thief_${kind}`)) })];
      const [secret, mine] = [await upload(victim, 'secret'), await upload(thief, 'mine')];
      const table = inSchema ? `"${app.name(`thief_${kind}`)}".attachments` : 'attachments';
      const at = inSchema ? undefined : app.name(`thief_${kind}`);
      await app.sql(
        `INSERT INTO ${table} ("createdAt", "updatedAt", "storageId", path, filename)
        SELECT now(), now(), "storageId", $1, $2 FROM ${table} LIMIT 1`,
        [secret.path, secret.filename],
        at,
      );
      for (const name of [victim, thief]) await act('destroy', name, 'purge=true');
      const heir = await make({ options: placed(app.name(`thief_${kind}`)), adopt: true, admin: undefined });
      await headers(heir);
      const found = await app.sql<Attachment>(`SELECT id::int, path, filename FROM ${table} ORDER BY id`, [], at);
      const taken = found.find(({ filename }) => filename === secret.filename) as Attachment;
      const kept = found.find(({ filename }) => filename === mine.filename) as Attachment;
      expect([(await read(heir, addressOf(taken))).status, (await read(heir, addressOf(kept))).text]).toEqual([
        404,
        'mine',
      ]);
      const theirs = readdirSync(uploads(own(heir)), { recursive: true }).map(String);
      expect(theirs.some((file) => file.endsWith(secret.filename))).toBe(false);
    },
  );

  it('a purge spares the files that rows of an application from before name', async () => {
    const [old, restored] = [await make(), await make()];
    const [note, lost] = [await upload(old, 'named by both'), await upload(old, 'named by one')];
    rmSync(storage('apps', restored, 'uploads-folder'));
    await app.sql(
      `INSERT INTO attachments ("createdAt", "updatedAt", "storageId", path, filename)
        SELECT now(), now(), "storageId", $1, $2 FROM attachments LIMIT 1`,
      [note.path, note.filename],
      restored,
    );
    await sleep(restored);
    await act('destroy', old, 'dropDatabase=true&purge=true');
    expect([existsSync(fileOf(note)), existsSync(fileOf(lost))]).toEqual([true, false]);
    // Its owner is gone: the row tells whose it is.
    const [row] = (await rows(restored)).slice(-1) as [Attachment];
    await headers(restored);
    const moved = await rowOf(restored, row);
    const answer = await read(restored, addressOf(moved));
    expect([answer.status, answer.text]).toEqual([200, 'named by both']);
    mkdirSync(uploads(), { recursive: true });
  });
});
