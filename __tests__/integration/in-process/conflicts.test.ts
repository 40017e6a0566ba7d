import '../../helpers/in-process-environment';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { programFolders } from '../../../server/databases/postgres-programs';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import type { Answer } from '../../helpers/test-host';

/** What a call is told that meets work under way, and one that is said again. */

const plugins = ['error-handler'];
const SLOW_DUMP = `#!/bin/sh
[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) 99.0"; exit 0; }
exec sleep 60
`;

describeWithPostgres('calls that meet others', () => {
  let app: InProcessApp;
  let count = 0;
  const { PATH } = process.env;

  beforeAll(async () => {
    jest.replaceProperty(programFolders, 'known', []);
    app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
  });

  afterAll(async () => {
    jest.restoreAllMocks();
    process.env.PATH = PATH;
    await app?.end();
  });

  const fresh = () => app.name(`app${(count += 1)}`);
  const made = async () => {
    const name = fresh();
    await app.create({ name, options: { plugins } });
    return name;
  };
  const act = (action: string, name: string, more = '', body: object = {}): Promise<Answer> =>
    app.post(`/api/applications:${action}?filterByTk=${name}${more}`, body);
  const told = ({ status, body }: Answer) => {
    const [error] = (body as { errors?: { code: string; operation?: object }[] }).errors ?? [];
    return [status, error?.code, error?.operation];
  };
  const operation = (kind: string, application: string, by: object = { kind: 'system' }) => ({
    ...{ kind, application, by },
    since: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
  });

  it('keep an export from another one, and its data from being dropped', async () => {
    const [name, other, third] = [await made(), await made(), await made()];
    const tools = path.join(app.storage, 'slow');
    mkdirSync(tools);
    writeFileSync(path.join(tools, 'pg_dump'), SLOW_DUMP, { mode: 0o755 });
    process.env.PATH = `${tools}:${PATH}`;
    try {
      expect((await act('export', name)).status).toBe(200);
      const busy = [409, 'APP_ARCHIVE_BUSY', operation('export', name)];
      expect(told(await act('export', name))).toEqual(busy);
      for (const how of ['&dropDatabase=true', '&dropDatabase=true&purge=true']) {
        expect(told(await act('destroy', name, how))).toEqual(busy);
      }
      expect((await act('export', other)).status).toBe(200);
      expect(told(await act('export', third))).toEqual(busy);
      // Removed it is all the same, and its data is read on.
      expect((await act('destroy', name)).status).toBe(200);
      const purged = await app.post('/api/applications:purge', { names: [name] });
      expect(purged.body.data.results).toMatchObject([{ ok: true }]);
    } finally {
      await app.service.archives.end();
      app.service.archives.start();
      process.env.PATH = PATH;
    }
    expect(await app.databases()).toContain(name);
    expect((await act('destroy', third, '&dropDatabase=true&purge=true')).status).toBe(200);
  });

  it('leave an application as it is if its deletion is refused for an export that began at the same time', async () => {
    const tools = path.join(app.storage, 'slow');
    mkdirSync(tools, { recursive: true });
    writeFileSync(path.join(tools, 'pg_dump'), SLOW_DUMP, { mode: 0o755 });
    process.env.PATH = `${tools}:${PATH}`;
    const outcomes = new Set<string>();
    try {
      for (const first of ['export', 'destroy', 'export', 'destroy']) {
        const name = await made();
        const calls = {
          export: () => act('export', name),
          destroy: () => act('destroy', name, '&dropDatabase=true&purge=true'),
        };
        const second = first === 'export' ? 'destroy' : 'export';
        const [one, two] = await Promise.all([calls[first as 'export'](), calls[second]()]);
        const [exported, removed] = first === 'export' ? [one, two] : [two, one];
        const there = (await act('get', name)).status;
        outcomes.add([exported.status, removed.status, there].join(' '));
        expect([removed.status, there]).toEqual(exported.status === 200 ? [409, 200] : [200, 404]);
        await app.service.archives.end();
        app.service.archives.start();
      }
    } finally {
      process.env.PATH = PATH;
    }
    expect([...outcomes].every((outcome) => /^(200 409 200|4\d\d 200 404)$/.test(outcome))).toBe(true);
  });

  it('give a domain that two ask for at once to one of them', async () => {
    const domain = `${fresh()}.example.test`.replaceAll('_', '-');
    const create = (field: object) =>
      app.post('/api/applications:create', { name: fresh(), options: { plugins }, ...field });
    const both = await Promise.all([create({ domains: [domain] }), create({ cname: domain })]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(both.map(told).find(([status]) => status === 409)?.[1]).toBe('APP_DOMAIN_TAKEN');

    const wanted = `x-${domain}`;
    const [one, other] = [await made(), await made()];
    const updates = await Promise.all([
      act('update', one, '', { cname: wanted }),
      act('update', other, '', { domains: [wanted] }),
      create({ domains: [wanted] }),
    ]);
    expect(updates.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    const owners = [...app.service.registry.all()].filter(({ cname, domains = [] }) =>
      [cname, ...domains].includes(wanted),
    );
    expect(owners.length).toBe(1);

    // What was refused keeps nothing.
    const { name } = owners[0] as { name: string };
    expect((await act('update', name, '', { cname: null, domains: [] })).status).toBe(200);
    const free = name === one ? other : one;
    expect((await act('update', free, '', { cname: wanted })).status).toBe(200);
  });

  it('find nobody yet under a name that is being imported', async () => {
    const name = fresh();
    const by = { kind: 'user' as const, id: 7, name: 'Alice', address: '203.0.113.7' };
    const release = app.service.claims.take({ name, startMode: 'lazy', options: {} }, { kind: 'import', by });
    try {
      const importing = operation('import', name, by);
      expect(told(await act('create', '', '', { name }))).toEqual([409, 'APP_NAME_TAKEN', importing]);
      for (const action of ['start', 'update', 'destroy', 'restore', 'purge', 'clone', 'export', 'upgrade', 'get']) {
        expect([action, ...told(await act(action, name))]).toEqual([action, 409, 'APP_BEING_MADE', importing]);
      }
      const { body } = await app.post('/api/applications:stop', { names: [name, 'nobody'] });
      expect(body.data.results).toMatchObject([
        { name, ok: false, code: 'APP_BEING_MADE', operation: importing },
        { name: 'nobody', ok: false, code: 'APP_NOT_FOUND' },
      ]);
    } finally {
      release();
    }
    expect(told(await act('start', name))).toEqual([404, 'APP_NOT_FOUND', undefined]);
  });

  it('take no copy of what is being made', async () => {
    const name = fresh();
    await app.create({ name, options: { plugins } }, false);
    const making = [409, 'APP_BEING_MADE', operation('creation', name)];
    expect(told(await act('clone', name, '', { name: fresh() }))).toEqual(making);
    expect(told(await act('export', name))).toEqual(making);
    // Whoever waits has it afterwards.
    expect((await act('stop', name, '&wait=true')).body.data).toMatchObject({ state: 'stopped' });
    expect((await app.get(`/api/applications:events?filterByTk=${name}`)).body.data).toMatchObject([
      { type: 'stopped' },
      { type: 'created' },
    ]);
  });

  it('may be said again', async () => {
    const name = await made();
    const state = async (action: string) => {
      const { status, body } = await act(action, name, '&wait=true');
      return [status, body.data.state as string];
    };
    expect([await state('start'), await state('start')]).toEqual([
      [200, 'running'],
      [200, 'running'],
    ]);
    expect([await state('stop'), await state('stop')]).toEqual([
      [200, 'stopped'],
      [200, 'stopped'],
    ]);
    const both = await Promise.all([act('start', name, '&wait=true'), act('start', name, '&wait=true')]);
    expect(both.map(({ status, body }) => [status, body.data.state as string])).toEqual([
      [200, 'running'],
      [200, 'running'],
    ]);
    const started = await app.get(`/api/applications:events?filterByTk=${name}&type=started`);
    expect(started.body.meta.count).toBe(1);
    expect(told(await act('create', '', '', { name }))).toEqual([409, 'APP_NAME_TAKEN', undefined]);
    expect((await act('destroy', name)).status).toBe(200);
    expect(told(await act('destroy', name))).toEqual([404, 'APP_NOT_FOUND', undefined]);
    expect(told(await act('create', '', '', { name }))).toEqual([409, 'APP_NAME_REMOVED', undefined]);
    expect((await act('restore', name, '&wait=true')).body.data).toMatchObject({ name, removedAt: null });
    expect(told(await act('restore', name))).toEqual([409, 'APP_NOT_REMOVED', undefined]);
    expect((await act('destroy', name, '&purge=true&dropDatabase=true')).status).toBe(200);
    for (const action of ['destroy', 'restore', 'purge']) {
      expect([action, ...told(await act(action, name, '&purge=true'))]).toEqual([
        action,
        404,
        'APP_NOT_FOUND',
        undefined,
      ]);
    }
    const restored = await app.post('/api/applications:restore', { names: [name] });
    expect(restored.body.data.results).toMatchObject([{ name, ok: false, code: 'APP_NOT_FOUND' }]);
  });
});
