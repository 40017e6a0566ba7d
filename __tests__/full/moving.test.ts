import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import request from 'supertest';
import { missingDumpProgram } from '../helpers/dump-programs';
import { postgresServer } from '../helpers/server-environment';
import { PLANTED, TestHost, type Answer } from '../helpers/test-host';

/**
 * An application moves from one NocoBase to another, as `docs/api.md` tells it: exported there, downloaded, and imported
 * here, with its data, its users and a file that somebody uploaded.
 */
const { env, missing } = postgresServer();
const reason = missing ?? missingDumpProgram();
const describeMove = reason ? describe.skip : describe;

describeMove(`moving an application to another NocoBase${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let former: TestHost;
  let next: TestHost;
  let folder: string;
  const name = `moving-${process.pid}`;
  const FILE = Buffer.from('what somebody uploaded\n');

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'app-supervisor-move-'));
    former = await TestHost.start({ env });
    next = await TestHost.start({ env });
  });

  afterAll(async () => {
    for (const host of [former, next]) await host?.end();
    await rm(folder, { recursive: true, force: true });
  });

  const download = async (host: TestHost, archive: string): Promise<{ status: number; body: Buffer }> => {
    const answer = await request(host.host.url)
      .get(`/api/applications:downloadArchive?filterByTk=${encodeURIComponent(archive)}`)
      .set(await host.bearer('main'))
      .buffer(true)
      .parse((response, done) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () => done(null, Buffer.concat(pieces)));
      })
      .ok(() => true);
    return { status: answer.status, body: answer.body as Buffer };
  };
  const inApp = async (host: TestHost): Promise<Record<string, string>> => {
    const headers = { 'X-Authenticator': 'basic', 'X-App': name };
    const { body } = await host.post('/api/auth:signIn', { account: 'mover', password: PLANTED }, headers);
    return { Authorization: `Bearer ${body.data.token as string}`, 'X-App': name };
  };
  const errorOf = ({ status, body }: Answer) => [status, body.errors?.[0]?.code];

  it('takes its data, its users and its files along', async () => {
    const admin = { username: 'mover', password: PLANTED };
    expect((await former.create({ name, displayName: 'Moving', admin })).status).toBe(200);
    const there = await inApp(former);
    const uploaded = await request(former.host.url)
      .post('/api/attachments:create')
      .set(there)
      .attach('file', FILE, 'note.txt');
    expect(uploaded.status).toBe(200);
    await former.post('/api/roles:create', { name: 'movers', title: 'Movers' }, there);

    const job = (await former.act('export', { filterByTk: name, wait: 'true' })).body.data;
    expect(job).toMatchObject({ outcome: 'done', error: null, warnings: [] });
    const { status, body } = await download(former, job.archive as string);
    expect(status).toBe(200);
    const stored = await readFile(path.join(former.host.storageDir, 'apps/main/exports', job.archive as string));
    const sha = (content: Buffer) => createHash('sha256').update(content).digest('hex');
    expect(sha(body)).toBe(sha(stored));
    await former.act('destroy', { filterByTk: name, dropDatabase: 'true', purge: 'true' });

    const taken = await request(next.host.url)
      .post('/api/applications:import?wait=true')
      .set(await next.bearer('main'))
      .field('name', name)
      .attach('file', body, 'moving.tar');
    expect(taken.body.data).toMatchObject({ outcome: 'done', error: null });
    const here = await inApp(next);
    const roles = await next.get('/api/roles:list', here);
    expect((roles.body.data as { name: string }[]).map((role) => role.name)).toContain('movers');
    const { id } = uploaded.body.data as { id: string };
    const shown = await next.get(`/api/attachments:get?filterByTk=${id}`, here);
    expect([shown.status, shown.text]).toEqual([200, expect.stringContaining('note')]);
    const address = new URL(shown.body.data.url as string, next.host.url);
    const content = await request(next.host.url)
      .get(address.pathname + address.search)
      .set(here)
      .redirects(1)
      .buffer(true);
    expect(content.text).toBe(FILE.toString());
    expect((await next.get('/api/auth:check', { ...here, Authorization: there.Authorization as string })).status).toBe(
      401,
    );
  });

  it('is nobody else’s to do', async () => {
    const member = { username: 'clerk', password: PLANTED, roles: ['member'] };
    expect((await next.post('/api/users:create', member, await next.bearer('main'))).status).toBe(200);
    const { body } = await next.signIn('main', 'clerk', PLANTED);
    const bearer = { Authorization: `Bearer ${body.data.token as string}` };
    for (const action of ['export', 'import', 'archiveJobs', 'listArchives', 'downloadArchive', 'deleteArchive']) {
      const answer = await next.post(`/api/applications:${action}?filterByTk=${name}`, {}, bearer);
      expect([action, answer.status]).toEqual([action, 403]);
      const stranger = await next.post(`/api/applications:${action}?filterByTk=${name}`);
      expect([action, errorOf(stranger)[0]]).toEqual([action, 401]);
    }
  });
});
