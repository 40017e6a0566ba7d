import { request as httpRequest } from 'node:http';
import request from 'supertest';
import { ApiDocument, type OpenApi } from '../helpers/api-document';
import { missingDumpProgram } from '../helpers/dump-programs';
import { postgresServer } from '../helpers/server-environment';
import { PLANTED, TestHost, type Answer } from '../helpers/test-host';

/** NocoBase's own page shows our document, and every answer over HTTP is as the document says. */

interface Call {
  query?: Record<string, string>;
  body?: object;
  token?: string;
  /** A file in a form. */
  file?: Buffer;
}

const { env } = postgresServer();
const canDump = missingDumpProgram() === undefined;
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const own = (end: string) => `api${process.pid}-${end}`;
const [alpha, beta, gamma, delta, epsilon, zeta] = [own('a'), own('b'), own('c'), own('d'), own('e'), own('f')];

describe('the document of the API', () => {
  let host: TestHost;
  let api: ApiDocument;
  /** `<action> <status>` of every answer. */
  const seen = new Set<string>();
  let admin = '';
  let member = '';

  beforeAll(async () => {
    host = await TestHost.start({ env: { ...env, APP_SUPERVISOR_DRAIN_TIMEOUT: '60' } });
    admin = await host.token('main');
    const bearer = await host.bearer('main');
    const { body } = await host.get('/api/swagger:getUrls', bearer);
    const urls = body.data as { name: string; url: string }[];
    const page = urls.find(({ name }) => name.includes('App Supervisor'));
    expect(page?.url).toMatch(/swagger:get\?ns=plugins/);
    const document = (await host.get(page?.url ?? '', bearer)).body as OpenApi & { openapi: string };
    expect(document.openapi).toMatch(/^3\.0/);
    api = new ApiDocument(document);
    const person = { username: 'mona', nickname: 'Mona', password: PLANTED, roles: [{ name: 'member' }] };
    expect((await host.post('/api/users:create', person, bearer)).status).toBe(200);
    member = ((await host.signIn('main', 'mona', PLANTED)).body.data as { token: string }).token;
    expect((await host.create({ name: alpha, displayName: 'Alpha' })).status).toBe(200);
  });

  afterAll(() => host?.end());

  /** Calls an action by its documented method, and holds the answer against the document. */
  const call = async (action: string, expected: number, { query = {}, body, token = admin, file }: Call = {}) => {
    const method = api.actions.find((one) => one.action === action)?.method;
    if (method !== 'get' && method !== 'post') throw new Error(`${action} is not documented`);
    const url = `/api/${action}?${new URLSearchParams(query).toString()}`;
    let asked = request(host.host.url)[method](url);
    if (token) asked = asked.set('Authorization', `Bearer ${token}`);
    if (file) asked = asked.field('values', JSON.stringify(body ?? {})).attach('file', file, 'archive.tar');
    else if (method === 'post') asked = asked.send(body ?? {});
    const answer = (await asked.ok(() => true)) as unknown as Answer;
    const told = [action, answer.status, (answer.body as { errors?: unknown }).errors];
    const fails = expected >= 400 && !api.isBare(action, expected);
    expect(told).toEqual([action, expected, fails ? expect.any(Array) : undefined]);
    expect([action, answer.status, api.faults(action, answer.status, answer.body)]).toEqual([action, expected, []]);
    seen.add(`${action} ${answer.status}`);
    return answer.body as { data: Record<string, unknown>; errors: { code: string; operation?: object }[] };
  };
  const named = (filterByTk: string, more: Record<string, string> = {}) => ({ query: { filterByTk, ...more } });
  const several = (action: string, names: string[], more = {}) =>
    call(`applications:${action}`, 200, { query: { wait: 'true', ...more }, body: { names } });
  const all = () => api.actions.map(({ action }) => action);
  const documented = (status: number) =>
    api.actions.filter(({ statuses }) => statuses.includes(status)).map(({ action }) => action);
  const missing = (status: number) => documented(status).filter((action) => !seen.has(`${action} ${status}`));

  const move = async () => {
    const { data: job } = await call('applications:export', 200, named(alpha, { wait: 'true' }));
    const archive = String(job.archive);
    await call('applications:import', 200, { query: { wait: 'true' }, body: { archive, name: epsilon } });
    await call('applications:archiveJobs', 200, { query: { application: epsilon } });
    await call('applications:listArchives', 200, { query: { application: alpha } });
    const { data: link } = await call('applications:linkArchive', 200, named(archive));
    const ticket = String(link.url).split('=')[1] ?? '';
    await call('appSupervisor:downloadArchive', 200, { query: { ticket }, token: '' });
    for (const action of ['downloadArchive', 'deleteArchive'])
      await call(`applications:${action}`, 200, named(archive));
  };

  it('has what the screens, scripts and commands call', () => {
    expect(all()).toEqual(expect.arrayContaining(['applications:list', 'applications:import', 'appSupervisor:info']));
  });

  it('is right about those that nobody is let in to: 401, 403', async () => {
    for (const action of documented(401)) await call(action, 401, { ...named(alpha), token: '' });
    for (const action of documented(401)) await call(action, 401, { ...named(alpha), token: 'no.such.token' });
    for (const action of documented(403)) await call(action, 403, { ...named(alpha), token: member });
    expect([missing(401), missing(403)]).toEqual([[], []]);
  });

  it('is right about every success', async () => {
    await call('appSupervisor:info', 200);
    await call('appSupervisor:metrics', 200);
    await call('appSupervisor:ask', 200, { query: { domain: `${alpha}.apps.test` }, token: '' });
    const { data } = await call('applications:update', 200, { ...named(alpha), body: { iconImage: PIXEL } });
    const icon = new URLSearchParams(String(data.iconUrl).split('?')[1]);
    await call('appSupervisor:icon', 200, { query: { id: String(icon.get('id')) }, token: '' });
    await call('appSupervisor:icon', 404, { query: { id: 'unknown' }, token: '' });
    await call('appSupervisor:entries', 200, { query: { place: 'block' } });
    const wait = { wait: 'true' };
    await call('applications:checkDatabase', 200, { body: { name: beta } });
    await call('applications:checkDatabase', 200, { body: { name: alpha } });
    await call('applications:checkDomain', 200, { query: { domain: 'new.example.test' } });
    await call('applications:checkDomain', 200, { query: { domain: 'no domain', filterByTk: alpha } });
    const admin_ = { username: 'boss', password: PLANTED };
    const database = { dbConnType: 'new_schema' };
    await call('applications:create', 200, {
      query: wait,
      body: { name: beta, cname: 'beta.example.test', startMode: 'manual', admin: admin_, options: database },
    });
    await call('applications:create', 200, { body: { name: gamma } });
    await call('applications:clone', 200, { ...named(alpha, wait), body: { name: delta } });
    await call('applications:update', 200, { ...named(alpha), body: { displayName: 'A', idleTimeout: 60 } });
    for (const action of ['stop', 'start', 'restart', 'isolate', 'acceptDatabase']) {
      await call(`applications:${action}`, 200, named(alpha, wait));
      await several(action, [alpha, beta, 'nobody']);
    }
    expect((await host.get('/api/app:getInfo', { 'X-App': alpha })).status).toBe(200);
    await call('applications:list', 200);
    await call('applications:list', 200, { query: { page: '2', pageSize: '1', state: 'running', search: 'a' } });
    await call('applications:get', 200, named(alpha));
    await call('applications:details', 200, named(alpha));
    await call('applications:logs', 200, named(alpha));
    await call('applications:events', 200, named(alpha, { type: 'started,stopped,updated' }));
    await call('applications:resetPassword', 200, { ...named(alpha), body: {} });
    await call('applications:upgradePlan', 200, named(alpha));
    await call('applications:upgrade', 200, named(alpha, { ...wait, force: 'true' }));
    await call('applications:upgradePlan', 200);
    await call('applications:archiveJobs', 200, { query: { application: alpha, kind: 'export' } });
    await call('applications:listArchives', 200, { query: { application: alpha } });
    await call('applications:destroy', 200, named(gamma, { dropDatabase: 'true' }));
    await call('applications:list', 200, { query: { removed: 'true' } });
    await call('applications:restore', 200, named(gamma, wait));
    await several('destroy', [gamma, delta, 'nobody'], { dropDatabase: 'true' });
    await several('restore', [delta, alpha]);
    await call('applications:purge', 200, named(gamma));
    await call('applications:destroy', 200, named(delta, { purge: 'true', dropDatabase: 'true' }));
    await several('purge', [alpha, 'nobody']);
    await call('applications:events', 200, named(gamma));
    if (canDump) await move();
    else await call('applications:export', 503, named(alpha));
    const moved = [
      ...['export', 'import', 'downloadArchive', 'linkArchive'].map((action) => `applications:${action}`),
      ...['appSupervisor:downloadArchive', 'applications:deleteArchive'],
    ];
    expect(missing(200)).toEqual(canDump ? [] : moved);
  });

  it('is right about what is no question: 405', async () => {
    for (const action of documented(405)) {
      const answer = await host.get(`/api/${action}?filterByTk=${alpha}`, await host.bearer('main'));
      expect([action, answer.status, api.faults(action, 405, answer.body)]).toEqual([action, 405, []]);
    }
    expect(documented(405)).toEqual(
      api.actions
        .filter(({ method }) => method === 'post')
        .map(({ action }) => action)
        .filter((action) => action !== 'applications:checkDatabase'),
    );
  });

  it('is right about what is refused: 400, 404, 422', async () => {
    const wrong: Record<string, Call> = {
      list: { query: { state: 'flying' } },
      events: named(alpha, { type: 'exploded' }),
      create: { body: { name: 'No name!' } },
      checkDatabase: { body: { options: 'text', name: 'x', adopt: 'perhaps' } },
      checkDomain: { query: {} },
      clone: { ...named(alpha), body: { name: 'No name!' } },
      update: { ...named(alpha), body: { startMode: 'sometimes' } },
      archiveJobs: { query: { kind: 'loan' } },
      import: { file: Buffer.alloc(0), body: { name: 'No name!' } },
      resetPassword: { ...named(alpha), body: { account: 'nobody' } },
      upgrade: {},
      upgradePlan: { query: { 'filterByTk[a][b]': 'c' } },
    };
    for (const action of ['destroy', 'restore', 'purge', 'start', 'stop', 'restart', 'isolate', 'acceptDatabase'])
      wrong[action] = { body: { names: [] } };
    for (const [action, given] of Object.entries(wrong)) {
      // A question about values is answered, not refused.
      await call(`applications:${action}`, action === 'checkDatabase' ? 200 : 400, given);
    }
    await call('appSupervisor:entries', 400, { query: { place: 'nowhere' } });
    await call('applications:import', 422, { file: Buffer.alloc(4096, 'x'), body: { name: zeta } });
    // Of an application that never was, and of an archive that is gone within the minute of its link.
    const rare = ['applications:events', 'appSupervisor:downloadArchive'];
    for (const action of documented(404).filter((one) => !rare.includes(one))) {
      const body = action === 'applications:import' ? { archive: 'nothing-20260101T000000Z-ab.tar' } : {};
      await call(action, 404, { ...named('nobody.tar'), body });
    }
    await call('appSupervisor:downloadArchive', 410, { query: { ticket: 'none' }, token: '' });
    expect(missing(404).sort()).toEqual([...rare].sort());
  });

  it('is right about what meets work under way, or what is taken: 409', async () => {
    const one = named(alpha);
    await call('applications:create', 409, { body: { name: alpha } });
    await call('applications:import', 409, { file: Buffer.alloc(0), body: { name: alpha } });
    await call('applications:restore', 409, one);
    await call('applications:purge', 409, one);
    // Not all of its body comes: while it is waited for, the removal goes on.
    const { hostname, port } = new URL(host.host.url);
    const headers = { 'X-App': alpha, 'Content-Type': 'application/json', 'Content-Length': '2' };
    const open = httpRequest({ hostname, port, path: '/api/auth:signIn', method: 'POST', headers });
    open.on('error', () => undefined);
    open.write('{');
    const removal = host.act('destroy', { filterByTk: alpha });
    try {
      await host.until('the removal is under way', async () => (await host.show(alpha)).status === 409);
      const since = expect.stringMatching(/^\d{4}-/) as string;
      const by = expect.objectContaining({
        kind: 'user',
        address: '127.0.0.1',
        role: expect.any(String) as string,
      }) as object;
      const operation = { kind: 'removal', application: alpha, since, by };
      for (const action of missing(409)) {
        const body = action === 'applications:clone' ? { name: 'copy' } : {};
        const { errors } = await call(action, 409, { ...one, body });
        expect([action, errors[0]]).toMatchObject([action, { code: 'APP_REMOVING', operation }]);
      }
      const { data } = await call('applications:stop', 200, { body: { names: [alpha] } });
      expect(data.results).toMatchObject([{ name: alpha, ok: false, code: 'APP_REMOVING', operation }]);
    } finally {
      open.destroy();
      expect((await removal).status).toBe(200);
    }
    expect(missing(409)).toEqual([]);
  });

  it('holds for an API key, which may do what its role may', async () => {
    const keyOf = async (name: string) => {
      const values = { name: `key of ${name}`, role: { name }, expiresIn: '1d' };
      const { body } = await host.post('/api/apiKeys:create', values, await host.bearer('main'));
      return (body.data as { token: string }).token;
    };
    const [allowed, denied] = [await keyOf('admin'), await keyOf('member')];
    await call('applications:list', 200, { token: allowed });
    await call('applications:stop', 200, { ...named(beta, { wait: 'true' }), token: allowed });
    const { data } = await call('applications:events', 200, { ...named(beta, { pageSize: '1' }), token: allowed });
    expect(data).toMatchObject([{ type: 'stopped', by: { kind: 'user', role: 'admin', apiKey: 'key of admin' } }]);
    for (const action of documented(403)) {
      const { errors } = await call(action, 403, { ...named(beta), token: denied });
      expect([action, errors[0]?.code]).toEqual([action, 'APP_FORBIDDEN']);
    }
  });
});
