import '../../helpers/in-process-environment';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { storagePathJoin } from '@nocobase/utils';
import { AppError } from '../../../src/errors';
import { currentOptionsFactory } from '../../../server/core';
import { foldersOf } from '../../../server/recycle-bin';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import type { Answer } from '../../helpers/test-host';

const DAY = 86_400_000;
const WEEK = 7 * DAY;

/** What is removed can be restored for a while, is out of reach meanwhile, and is purged afterwards. */
describeWithPostgres('a removed application', () => {
  let app: InProcessApp;
  let sequence = 0;

  beforeAll(async () => {
    app = await InProcessApp.start({ plugins: [...SMALL, OURS] });
    await app.listen();
  });
  afterAll(() => app?.end());

  const act = (action: string, name: string, query = '') =>
    app.post(`/api/applications:${action}?filterByTk=${name}&${query}`);
  const data = <T>({ body }: Answer) => (body as { data: T }).data;
  const codeOf = ({ status, body }: Answer) => [
    status,
    (body as { error?: { code: string }; errors?: { code: string }[] }).error?.code ??
      (body as { errors?: { code: string }[] }).errors?.[0]?.code,
  ];
  const visit = async (name: string) => (await app.get('/api/?x=/__health_check', { 'X-App': name })).status;
  const listed = async (query = '') =>
    data<{ name: string }[]>(await app.get(`/api/applications:list?pageSize=100&${query}`)).map(({ name }) => name);
  const databaseIsThere = async (name: string) =>
    (await app.sql('SELECT 1 FROM pg_database WHERE datname = $1', [name])).length === 1;
  const events = async (name: string) =>
    data<{ type: string; reason: string | null }[]>(await app.get(`/api/applications:events?filterByTk=${name}`));

  /** One that runs, with keys, logs and a cache of its own on the disk. */
  async function made(values: object = {}): Promise<string> {
    const name = app.name(`r${(sequence += 1)}`);
    await app.create({ name, options: { plugins: ['error-handler'] }, ...values });
    for (const folder of foldersOf(name)) {
      await mkdir(folder, { recursive: true });
      await writeFile(path.join(folder, 'planted'), '');
    }
    return name;
  }

  it('is out of reach at once, keeps what is its own, and comes back as it was', async () => {
    const name = await made({ cname: 'removed.example.test', displayName: 'Removed' });
    const gone = data<Record<string, unknown>>(await act('destroy', name));
    expect(gone).toMatchObject({ name, database: name, databaseDropped: false });
    expect(Date.parse(gone.purgeAt as string) - Date.parse(gone.removedAt as string)).toBe(WEEK);
    expect([await visit(name), (await act('get', name)).status, (await act('start', name)).status]).toEqual([
      404, 404, 404,
    ]);
    // Its domain shows nothing, least of all the sign-in page of the main application.
    for (const Host of ['removed.example.test', 'www.removed.example.test']) {
      const refused = await app.get('/api/app:getInfo', { Host });
      expect([Host, ...codeOf(refused)]).toEqual([Host, 404, 'APP_NOT_FOUND']);
      expect(refused.text).not.toContain(name);
    }
    expect([await listed(), await listed('removed=true')]).toEqual([expect.not.arrayContaining([name]), [name]]);
    expect(app.supervisor.apps[name]).toBeUndefined();

    expect(codeOf(await app.post('/api/applications:create', { name }))).toEqual([409, 'APP_NAME_REMOVED']);
    const domain = { name: app.name('other'), cname: 'removed.example.test' };
    expect(codeOf(await app.post('/api/applications:create', domain))).toEqual([409, 'APP_DOMAIN_TAKEN']);
    const database = { name: app.name('other'), options: { database: { database: name } } };
    expect(codeOf(await app.post('/api/applications:create', database))).toEqual([409, 'APP_DATABASE_IN_USE']);

    const back = data<Record<string, unknown>>(await act('restore', name));
    expect(back).toMatchObject({ name, displayName: 'Removed', removedAt: null, purgeAt: null, stoppedAt: null });
    expect([await visit(name), await listed('removed=true')]).toEqual([200, []]);
    expect((await events(name)).map(({ type }) => type)).toEqual(expect.arrayContaining(['removed', 'restored']));
    expect(codeOf(await act('restore', name))).toEqual([409, 'APP_NOT_REMOVED']);
    expect(codeOf(await act('purge', name))).toEqual([409, 'APP_NOT_REMOVED']);
  });

  it('that was stopped comes back stopped', async () => {
    const name = await made();
    await act('stop', name, 'wait=true');
    await act('destroy', name);
    expect(data<{ state: string }>(await act('restore', name)).state).toBe('stopped');
    expect(await visit(name)).toBe(503);
  });

  it('stays so over a new start of the main application', async () => {
    const name = await made({ startMode: 'eager' });
    await act('destroy', name);
    await app.service.activate();
    expect([await visit(name), await listed('removed=true')]).toEqual([404, expect.arrayContaining([name])]);
    await act('purge', name);
  });

  it('stays so when the main application starts anew in the middle of the removal', async () => {
    const name = await made();
    const leave = app.service.runner(name)?.lease(true, () => leave?.());
    const removing = act('destroy', name);
    await app.until('it drains', () => Promise.resolve(app.service.runner(name) === undefined));
    await app.service.activate();
    expect(codeOf(await app.post('/api/applications:create', { name }))).toEqual([409, 'APP_NAME_REMOVED']);
    leave?.();
    expect(data(await removing)).toMatchObject({ name, databaseDropped: false });
    expect(await listed('removed=true')).toContain(name);
    await act('purge', name);
  });

  it('keeps the options of its instance, which may still be in the making', async () => {
    const name = await made();
    const options = () => JSON.stringify(currentOptionsFactory(app.supervisor)(name, app.service.mainApp(), {}));
    const before = options();
    await act('destroy', name);
    expect(options()).toBe(before);
    await act('purge', name);
  });

  it('comes up by itself where it is eager', async () => {
    const name = await made({ startMode: 'eager' });
    await act('destroy', name);
    await act('restore', name);
    await app.until('it runs', () => Promise.resolve(app.service.runner(name)?.state === 'running'));
  });

  it('is purged with its database and files when that was said, and keeps both when not', async () => {
    const [kept, dropped] = [await made(), await made()];
    await act('destroy', kept);
    await act('destroy', dropped, 'dropDatabase=true');
    for (const name of [kept, dropped]) expect(await databaseIsThere(name)).toBe(true);
    expect(data(await act('purge', kept))).toMatchObject({ database: kept, databaseDropped: false, purgeAt: null });
    expect(data(await act('purge', dropped))).toMatchObject({ databaseDropped: true });
    expect([await databaseIsThere(kept), await databaseIsThere(dropped)]).toEqual([true, false]);
    expect(foldersOf(kept).map((folder) => existsSync(path.join(folder, 'planted')))).toEqual(Array(6).fill(true));
    expect(foldersOf(dropped).map((folder) => existsSync(folder))).toEqual(Array(6).fill(false));
    expect((await events(kept))[0]).toMatchObject({ type: 'purged', reason: 'database-kept' });
    expect((await events(dropped))[0]).toMatchObject({ type: 'purged', reason: 'database-dropped' });
    expect(codeOf(await act('restore', dropped))).toEqual([404, 'APP_NOT_FOUND']);
    await app.sql(`DROP DATABASE "${kept}"`);
  });

  it('is purged by itself when its time is over, and not before', async () => {
    const [young, old] = [await made(), await made()];
    for (const name of [young, old]) await act('destroy', name, 'dropDatabase=true');
    await app.service.writeRow(old, { removedAt: new Date(Date.now() - WEEK) });
    await app.service.bin.purgeDue();
    expect([await databaseIsThere(young), await databaseIsThere(old)]).toEqual([true, false]);
    expect(await listed('removed=true')).toEqual([young]);
    await act('purge', young);
  });

  it('is not purged when it was restored and removed again while others were purged', async () => {
    const [first, second] = [await made(), await made()];
    for (const [days, name] of [[9, first] as const, [8, second] as const]) {
      await act('destroy', name, 'dropDatabase=true');
      await app.service.writeRow(name, { removedAt: new Date(Date.now() - days * DAY) });
    }
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { provisioner } = app.service;
    const original = provisioner.drop.bind(provisioner);
    const drop = jest.spyOn(provisioner, 'drop').mockImplementation((record) => gate.then(() => original(record)));
    const purging = app.service.bin.purgeDue();
    await act('restore', second);
    await act('destroy', second, 'dropDatabase=true');
    go();
    await purging;
    drop.mockRestore();
    expect([await databaseIsThere(first), await databaseIsThere(second)]).toEqual([false, true]);
    await act('purge', second);
  });

  it('is purged when the removal is said again whose purge had failed', async () => {
    const name = await made();
    const gone = new AppError('APP_DATABASE_UNREACHABLE', { reason: 'ECONNREFUSED' });
    const drop = jest.spyOn(app.service.provisioner, 'drop').mockRejectedValueOnce(gone);
    const say = () => act('destroy', name, 'dropDatabase=true&purge=true');
    expect(codeOf(await say())).toEqual([503, 'APP_DATABASE_UNREACHABLE']);
    drop.mockRestore();
    expect(data(await say())).toMatchObject({ databaseDropped: true, removedAt: null });
    expect(await databaseIsThere(name)).toBe(false);
    expect(codeOf(await say())).toEqual([404, 'APP_NOT_FOUND']);
  });

  /** A removed one, with its database, which could not be dropped when its purge was asked for. */
  async function purgedInVain(): Promise<string> {
    const name = await made();
    await act('destroy', name, 'dropDatabase=true');
    const gone = new AppError('APP_DATABASE_UNREACHABLE', { reason: 'ECONNREFUSED' });
    const drop = jest.spyOn(app.service.provisioner, 'drop').mockRejectedValueOnce(gone);
    expect(codeOf(await act('purge', name))).toEqual([503, 'APP_DATABASE_UNREACHABLE']);
    drop.mockRestore();
    return name;
  }

  it('goes on being removed where its purge was interrupted, and the same call ends it', async () => {
    const name = await purgedInVain();
    expect([await listed('removed=true'), await databaseIsThere(name)]).toEqual([[name], true]);
    await app.sql(`DROP DATABASE "${name}"`);
    // As if it had been killed after the drop.
    expect(data(await act('purge', name))).toMatchObject({ databaseDropped: true });
    expect(await listed('removed=true')).toEqual([]);
  });

  it('is not restored without its database when its purge was cut off after the drop', async () => {
    const name = await made();
    await act('destroy', name, 'dropDatabase=true');
    const cut = () => {
      throw new Error('cut off');
    };
    app.main.db.on('applications.beforeDestroy', cut);
    expect((await act('purge', name)).status).toBe(500);
    app.main.db.off('applications.beforeDestroy', cut);
    expect([await databaseIsThere(name), await listed('removed=true')]).toEqual([false, [name]]);
    expect(codeOf(await act('restore', name))).toEqual([409, 'APP_PURGE_BEGUN']);
    // As at the next start.
    await app.service.bin.purgeDue();
    expect([await listed('removed=true'), (await events(name))[0]]).toEqual([
      [],
      expect.objectContaining({ reason: 'database-dropped' }),
    ]);
  });

  it('is restored when a purge was asked for that could not drop the database', async () => {
    const name = await purgedInVain();
    expect((await act('restore', name)).status).toBe(200);
    await app.service.bin.purgeDue();
    expect([await visit(name), await databaseIsThere(name)]).toEqual([200, true]);
  });

  it('is removed by one of two who say so at once', async () => {
    const name = await made();
    const answers = await Promise.all([act('destroy', name), act('destroy', name)]);
    // The other one comes while it is done, or afterwards.
    const [done, other] = answers.map(({ status }) => status).sort() as [number, number];
    expect(done).toBe(200);
    expect([404, 409]).toContain(other);
    await act('purge', name);
  });

  it.each(['..', '.', 'a/b', '../main', '', 'main', 'a\\b', '.hidden'])('has no folder by the name %p', (name) => {
    expect(foldersOf(name)).toEqual([]);
    expect(foldersOf('crm')).toEqual([
      storagePathJoin('apps', 'crm'),
      storagePathJoin('logs', 'crm'),
      storagePathJoin('cache', 'apps', 'crm'),
      storagePathJoin('environment-variables', 'crm'),
      storagePathJoin('tmp', 'backups', 'crm'),
      storagePathJoin('tmp', 'documents', 'crm'),
    ]);
  });
});
