import '../../helpers/in-process-environment';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import request, { type Response } from 'supertest';
import { describeWithPostgres, InProcessApp, OURS } from '../../helpers/in-process-app';
import { mustFind } from '../../helpers/installed-once';
import { MAIN_WITH_PEOPLE, signIn, WITH_PEOPLE } from '../../helpers/people';
import { zipFile } from '../../helpers/zip-file';
import { marker } from '../../../server/databases/mark';
import { hasBackupWork } from '../../../server/lifecycle/backup-work';
import { glanceAtWorkload } from '../../../server/lifecycle/workload';
import { sizeOfFiles } from '../../../server/limits/storage-meter';

/** Backups that NocoBase's own Backup Manager restores into an application, where its administrator asks for it. */

const ADMIN = { username: 'origin', password: 'Planted-4712' };
const PLUGINS = [...WITH_PEOPLE, 'backups'];
const FOREIGN = 'nocobase-plugin-app-supervisor:00000000-0000-4000-8000-000000000000';

describeWithPostgres('a backup that is restored by its application', () => {
  let app: InProcessApp;
  let sequence = 0;

  beforeAll(async () => {
    app = await InProcessApp.start({
      plugins: [...MAIN_WITH_PEOPLE, 'file-manager', 'backups', OURS],
      env: { APP_SUPERVISOR_QUARANTINE_AFTER: '0', APP_SUPERVISOR_TEMPLATES: 'on' },
    });
    await app.listen();
  });
  afterAll(() => app?.end());

  async function create(values: object = {}): Promise<string> {
    const name = app.name(`r${(sequence += 1)}`);
    await app.create({ name, options: { plugins: PLUGINS }, admin: ADMIN, ...values });
    return name;
  }

  async function headers(name: string): Promise<Record<string, string>> {
    const token = await signIn(app, name, ADMIN.username, ADMIN.password);
    return { 'X-App': name, 'X-Authenticator': 'basic', Authorization: `Bearer ${token}` };
  }

  async function backUp(name: string): Promise<Buffer> {
    const own = await headers(name);
    expect((await app.post('/api/backups:create', {}, own)).status).toBe(200);
    let file: string | undefined;
    await app.until('the backup is complete', async () => {
      const { data } = (await app.get('/api/backups:list', own)).body as { data: Backup[] };
      file = data.find(({ inProgress }) => !inProgress)?.name;
      return file !== undefined;
    });
    const download = request(await app.listen()).get(`/api/backups:download?filterByTk=${file}`);
    const answer = await download.set(own).buffer(true).parse(collect);
    return answer.body as Buffer;
  }

  const temporary = (name: string) => path.join(app.storage, 'tmp', 'backups', name);
  const leftOf = (name: string) => (existsSync(temporary(name)) ? readdirSync(temporary(name)) : []);

  /** What a backup of this application says of itself. */
  async function metadataOf(name: string): Promise<string> {
    const { db } = await app.supervisor.getApp(name);
    const { dialect, underscored, tablePrefix, schema } = db.options;
    const database = { dialect, underscored, tablePrefix, schema, version: '15.0', backupClientVersion: '15.0' };
    return JSON.stringify({ version: '2.0.0', plugins: [], database });
  }

  const send = async (name: string, backup: Buffer) =>
    request(await app.listen())
      .post('/api/backups:upload')
      .set(await headers(name))
      .attach('file', backup, 'own.nbdata');

  const inside = async (name: string) => {
    const query = `SELECT obj_description('"applicationVersion"'::regclass) AS mark`;
    return (await app.sql<{ mark: string | null }>(query, [], name))[0]?.mark;
  };
  const health = (name: string) => app.get('/api/app:getInfo', { 'X-App': name });
  const stateOf = (name: string) => app.service.describe(name)?.state;

  it('runs with the contents of another application, marked as its own, and starts with them again', async () => {
    const [original, target] = [await create(), await create()];
    await app.sql(`UPDATE users SET nickname = 'moved' WHERE username = $1`, [ADMIN.username], original);
    const backup = await backUp(original);
    const answer = await send(target, backup);
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('task')]);
    // It goes on, and keeps the application awake.
    expect(glanceAtWorkload(await app.supervisor.getApp(target)).busy).toContain('backup');
    const own = marker(mustFind(app, target).provisioning?.contentToken ?? '');
    await app.until('the contents are marked', async () => (await inside(target).catch(() => undefined)) === own);
    await app.until('it answers again', async () => (await health(target)).status === 200);
    const check = await app.get('/api/auth:check', await headers(target));
    expect(check.body.data).toMatchObject({ username: ADMIN.username, nickname: 'moved' });
    await app.until('the restore has ended', () => Promise.resolve(!hasBackupWork(target)));
    expect(leftOf(target)).toEqual([]);
    await app.supervisor.removeApp(target);
    expect([(await health(target)).status, stateOf(target)]).toEqual([200, 'running']);
    // The original is what it was.
    expect((await health(original)).status).toBe(200);
    expect(await inside(original)).toBe(marker(mustFind(app, original).provisioning?.contentToken ?? ''));
  });

  it('is refused with a folder as its database, by which pg_restore reads files of the machine', async () => {
    const name = await create();
    const folder = zipFile([
      ['_metadata.json', await metadataOf(name)],
      ['data/toc.dat', 'PGDMP'],
      ['data/blobs.toc', '4711 ../../../../../apps/main/app_supervisor_key.dat\n'],
    ]);
    expect(coded(await send(name, folder))).toEqual([422, 'APP_ARCHIVE_INVALID']);
    expect([leftOf(name), hasBackupWork(name), (await health(name)).status]).toEqual([[], false, 200]);
  });

  it('is refused if its files are larger than the storage of the application, and leaves none of them', async () => {
    const name = await create({ limits: { storage: 30 } });
    const bomb = zipFile([['zeros', Buffer.alloc(50 * 2 ** 20)]]);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(coded(await send(name, bomb))).toEqual([413, 'APP_STORAGE_LIMIT']);
    }
    expect(leftOf(name)).toEqual([]);
    // Without metadata, it is extracted first.
    expect((await send(name, zipFile([['data', 'PGDMP']]))).status).toBe(500);
    expect([leftOf(name), hasBackupWork(name)]).toEqual([[], false]);
  });

  it('that fails on its way leaves the contents, and no files', async () => {
    const name = await create();
    const broken = zipFile([
      ['_metadata.json', await metadataOf(name)],
      ['data', 'PGDMP and nothing else'],
    ]);
    expect((await send(name, broken)).status).toBe(200);
    await app.until('the restore has ended', () => Promise.resolve(!hasBackupWork(name)));
    expect(leftOf(name)).toEqual([]);
    await app.until('it answers again', async () => (await health(name)).status === 200);
    expect((await app.get('/api/auth:check', await headers(name))).body.data).toMatchObject({
      username: ADMIN.username,
    });
  });

  it('whose dump sleeps is given up after the time for archives, and the next one is accepted', async () => {
    const name = await create();
    const [users] = await app.sql<{ owner: string }>(
      `SELECT tableowner AS owner FROM pg_tables WHERE tablename = 'users'`,
      [],
      name,
    );
    // The function of an index runs again when a dump is restored.
    await app.sql(
      `SET LOCAL ROLE "${users?.owner}";
       CREATE TABLE slow AS SELECT 1 AS n;
       CREATE FUNCTION nap(n int) RETURNS int IMMUTABLE LANGUAGE sql AS
         $$ SELECT CASE WHEN current_setting('application_name') = 'pg_restore' THEN length(pg_sleep(3600)::text) ELSE n END $$;
       CREATE INDEX slow_nap ON slow (nap(n))`,
      [],
      name,
    );
    const backup = await backUp(name);
    const { config } = app.service;
    const { archiveTimeoutMs } = config;
    config.archiveTimeoutMs = 3_000;
    try {
      expect((await send(name, backup)).status).toBe(200);
      await app.until('the restore has ended', () => Promise.resolve(!hasBackupWork(name)));
    } finally {
      config.archiveTimeoutMs = archiveTimeoutMs;
    }
    expect(leftOf(name)).toEqual([]);
    await app.until('it answers again', async () => (await health(name)).status < 500);
    expect(coded(await send(name, zipFile([['data/x', '']])))).toEqual([422, 'APP_ARCHIVE_INVALID']);
  });

  it('counts for the storage of the application, and what a process left of it is removed at the next start', async () => {
    const name = await create();
    const record = mustFind(app, name);
    const before = await sizeOfFiles(record);
    for (const folder of [temporary(name), path.join(app.storage, 'backups', name)]) {
      mkdirSync(path.join(folder, 'before-restore'), { recursive: true });
      writeFileSync(path.join(folder, 'before-restore', 'data'), Buffer.alloc(1_000));
    }
    expect(await sizeOfFiles(record)).toBe(before + 2_000);
    await app.supervisor.removeApp(name);
    expect((await health(name)).status).toBe(200);
    expect([leftOf(name), await sizeOfFiles(record)]).toEqual([[], before + 1_000]);
  });

  it('that is no backup changes nothing: foreign contents are refused, and the application has failed', async () => {
    const name = await create();
    expect((await send(name, Buffer.from('no backup'))).status).toBeGreaterThanOrEqual(400);
    expect((await health(name)).status).toBe(200);
    await app.sql(`COMMENT ON TABLE "applicationVersion" IS '${FOREIGN}'`, [], name);
    const instance = await app.supervisor.getApp(name);
    await expect(instance.runCommandThrowError('upgrade')).rejects.toMatchObject({ code: 'APP_DATABASE_FOREIGN' });
    await app.until('it has failed', () => Promise.resolve(stateOf(name) === 'failed'));
    expect((await health(name)).body.error?.code).toBe('APP_DATABASE_FOREIGN');
    expect(await inside(name)).toBe(FOREIGN);
  });
});

const coded = ({ status, body }: Response) => {
  const { errors } = body as { errors?: { code?: string }[] };
  return [status, errors?.[0]?.code];
};

interface Backup {
  name: string;
  inProgress: boolean;
}

function collect(response: Response, done: (error: Error | null, body: Buffer) => void): void {
  const parts: Buffer[] = [];
  const stream = response as unknown as NodeJS.ReadableStream;
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.on('end', () => done(null, Buffer.concat(parts)));
}
