import '../../helpers/in-process-environment';
import request, { type Response } from 'supertest';
import { describeWithPostgres, InProcessApp, OURS } from '../../helpers/in-process-app';
import { mustFind } from '../../helpers/installed-once';
import { MAIN_WITH_PEOPLE, signIn, WITH_PEOPLE } from '../../helpers/people';
import { marker } from '../../../server/databases/mark';

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

  async function create(): Promise<string> {
    const name = app.name(`r${(sequence += 1)}`);
    await app.create({ name, options: { plugins: PLUGINS }, admin: ADMIN });
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
    const own = marker(mustFind(app, target).provisioning?.contentToken ?? '');
    await app.until('the contents are marked', async () => (await inside(target).catch(() => undefined)) === own);
    await app.until('it answers again', async () => (await health(target)).status === 200);
    const check = await app.get('/api/auth:check', await headers(target));
    expect(check.body.data).toMatchObject({ username: ADMIN.username, nickname: 'moved' });
    await app.supervisor.removeApp(target);
    expect([(await health(target)).status, stateOf(target)]).toEqual([200, 'running']);
    // The original is what it was.
    expect((await health(original)).status).toBe(200);
    expect(await inside(original)).toBe(marker(mustFind(app, original).provisioning?.contentToken ?? ''));
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
