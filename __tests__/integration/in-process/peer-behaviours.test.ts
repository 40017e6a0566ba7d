import '../../helpers/in-process-environment';
import { Application, AppSupervisor, Plugin } from '@nocobase/server';
import request from 'supertest';
import {
  describeWithPostgres,
  InProcessApp,
  OURS,
  providePlugin,
  runStaticImports,
  SMALL,
} from '../../helpers/in-process-app';

/**
 * What applications, and the core, rely on with multi-app-manager, asked of ours: the behaviours that its own tests
 * hold (FACTS-server, section 6). Rows are written through the repository, instances are asked of the supervisor.
 */

const INTERFACE = ['client', 'ui-schema-storage', 'system-settings'];

describeWithPostgres('before the main application exists', () => {
  let app: InProcessApp;

  beforeAll(async () => {
    app = await InProcessApp.prepare();
    await runStaticImports([OURS]);
  });

  afterAll(() => app?.end());

  it('calls an application initializing while it is looked up, and not_found when it is not there', async () => {
    let finish: () => void = () => undefined;
    const lookUp = jest.spyOn(AppSupervisor.prototype, 'initApp').mockImplementation(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    const { supervisor } = app;
    expect(await supervisor.getAppStatus('nobody')).toBeFalsy();
    const asked = supervisor.getApp('nobody');
    await app.until('it is looked up', () => Promise.resolve(lookUp.mock.calls.length === 1));
    expect(await supervisor.getAppStatus('nobody')).toBe('initializing');
    finish();
    expect(await asked).toBeUndefined();
    expect(await supervisor.getAppStatus('nobody')).toBe('not_found');
    lookUp.mockRestore();
  });

  it('normalises the issuer of single sign-on, and takes a blank one for none', () => {
    app.supervisor.setAppSsoIssuer('  https://login.example.test/api// ');
    expect(app.supervisor.getAppSsoIssuer()).toBe('https://login.example.test/api');
    app.supervisor.setAppSsoIssuer(' \t');
    expect(app.supervisor.getAppSsoIssuer()).toBeUndefined();
  });

  it("keeps manifests in the supervisor's own store, until the supervisor ends", async () => {
    const { supervisor } = app;
    const shop = { uid: 'shop', routePath: '/shop' };
    await supervisor.setAppManifestItem('main', 'portals', 'shop', shop);
    await supervisor.setAppManifestItem('other', 'portals', 'shop', { ...shop, uid: 'other' });
    expect(await supervisor.getAppManifestItems('main', 'portals')).toEqual([shop]);
    expect(await supervisor.getAppManifests('portals', ['main', 'other', 'third'])).toEqual({
      main: [shop],
      other: [{ ...shop, uid: 'other' }],
    });
    await supervisor.removeAppManifestItem('main', 'portals', 'shop');
    await supervisor.removeAppManifest('other', 'portals');
    expect(await supervisor.getAppManifests('portals', ['main', 'other'])).toEqual({});

    await supervisor.setAppManifestItem('main', 'portals', 'shop', shop);
    await supervisor.destroy();
    await runStaticImports([OURS]);
    expect(app.supervisor).not.toBe(supervisor);
    expect(await app.supervisor.getAppManifestItems('main', 'portals')).toEqual([]);
  });

  it.each([
    ['-', null],
    ['!', 'initializing'],
    ['reports', 'initializing'],
    ['*', 'initializing'],
  ])('in a process of the worker mode %s, a status that is set reads %s', async (mode, expected) => {
    process.env.WORKER_MODE = mode;
    try {
      await app.supervisor.setAppStatus('worked-on', 'initializing');
      const { getAppStatus, setAppStatus } = app.supervisor.getDiscoveryAdapter();
      expect([typeof getAppStatus, typeof setAppStatus]).toEqual(['function', 'function']);
      expect(await app.supervisor.getAppStatus('worked-on')).toBe(expected);
    } finally {
      delete process.env.WORKER_MODE;
      await app.supervisor.clearAppStatus('worked-on');
    }
  });
});

describeWithPostgres('applications of a running NocoBase', () => {
  let app: InProcessApp;
  const counted = { load: jest.fn(), install: jest.fn() };

  class Counted extends Plugin {
    override load(): Promise<void> {
      counted.load();
      return Promise.resolve();
    }

    override install(): Promise<void> {
      counted.install();
      return Promise.resolve();
    }
  }

  beforeAll(async () => {
    providePlugin('counted', Counted);
    app = await InProcessApp.start({ plugins: [...SMALL, ...INTERFACE, OURS] });
  });

  afterAll(() => app?.end());

  let last = 0;
  /** A new application, ready, with few plugins. */
  const ready = async (options: object = {}, more: object = {}): Promise<string> => {
    const name = app.name(`app_${(last += 1)}`);
    await app.create({ name, options: { plugins: ['error-handler'], ...options }, ...more });
    return name;
  };
  const asleep = async (options: object = {}): Promise<string> => {
    const name = await ready(options);
    await app.supervisor.removeApp(name);
    expect(app.supervisor.hasApp(name)).toBe(false);
    return name;
  };
  /** The applications that are constructed meanwhile. */
  const constructed = async (work: () => Promise<unknown>): Promise<Application[]> => {
    const found: Application[] = [];
    const noteConstructed = (added: Application) => {
      found.push(added);
    };
    app.supervisor.on('afterAppAdded', noteConstructed);
    await work();
    app.supervisor.removeListener('afterAppAdded', noteConstructed);
    return found;
  };

  it('runs an application when the write that waited for it has ended', async () => {
    const name = await ready();
    expect(await app.supervisor.getAppStatus(name)).toBe('running');
    expect(app.supervisor.hasApp(name)).toBe(true);
    expect((await app.supervisor.getApp(name)).name).toBe(name);
  });

  it('knows an application that somebody constructed, and no other', async () => {
    const { database: _own, ...options } = app.main.options;
    const database = { ...(app.main.db.options as object) } as never;
    const foreign = new Application({ ...options, database, plugins: [], name: app.name('foreign') });
    expect(app.supervisor.hasApp(app.name('foreign'))).toBe(true);
    expect(app.supervisor.hasApp(app.name('nobody'))).toBe(false);
    await foreign.destroy();
    expect(app.supervisor.hasApp(app.name('foreign'))).toBe(false);
    expect(await app.supervisor.getAppStatus(app.name('foreign'))).not.toBe('running');
  });

  it('loads the plugins of a new application, and installs them once', async () => {
    counted.load.mockClear();
    counted.install.mockClear();
    const name = await ready({ plugins: ['counted'] });
    expect(counted.load).toHaveBeenCalled();
    expect(counted.install).toHaveBeenCalledTimes(1);
    await app.supervisor.removeApp(name);
    await app.supervisor.getApp(name);
    expect(counted.install).toHaveBeenCalledTimes(1);
  });

  it('gives the plugins of an application their options', async () => {
    const name = app.name(`app_${(last += 1)}`);
    await app.createAsPeer(name, { plugins: ['field-sort', ['ui-schema-storage', { colour: 'blue' }]] });
    const instance = await app.supervisor.getApp(name);
    expect(instance.pm.get<Plugin>('ui-schema-storage').options).toMatchObject({ colour: 'blue' });
  });

  it('installs an application into a database of its own', async () => {
    const name = await ready({ plugins: ['field-sort', 'ui-schema-storage'] });
    const instance = await app.supervisor.getApp(name);
    expect(instance.db).not.toBe(app.main.db);
    expect((instance.db.options as { database?: string }).database).toBe(name);
    const tables = await app.sql("SELECT 1 FROM information_schema.tables WHERE table_name = 'uiSchemas'", [], name);
    expect(tables).toHaveLength(1);
  });

  it('answers with the application that was asked', async () => {
    const name = await ready({ plugins: ['field-sort', 'error-handler', ...INTERFACE] });
    const ask = async (instance: Application) =>
      (await request(instance.callback()).get('/api/app:getInfo')).body.data.name as unknown;
    expect(await ask(app.main)).toBe('main');
    expect(await ask(await app.supervisor.getApp(name))).toBe(name);
    const byGateway = await app.get('/api/app:getInfo', { 'X-App': name });
    expect(byGateway.body.data.name).toBe(name);
  });

  it('keeps the caches of the applications apart', async () => {
    const [one, two] = [await app.supervisor.getApp(await ready()), await app.supervisor.getApp(await ready())];
    await app.main.cache.set('colour', 'of main');
    await one.cache.set('colour', 'of one');
    await two.cache.set('colour', 'of two');
    const read = await Promise.all([app.main, one, two].map((instance) => instance.cache.get('colour')));
    expect(read).toEqual(['of main', 'of one', 'of two']);
  });

  it('merges what an application says about its database into the options of the main one', async () => {
    const name = app.name(`app_${(last += 1)}`);
    await app.createAsPeer(name, { plugins: ['error-handler'], database: { underscored: true } });
    const { options } = (await app.supervisor.getApp(name)).db;
    expect(options).toMatchObject({ underscored: true, dialect: 'postgres', database: name });
  });

  it('calls the database creator that somebody registered for a connection type of his', async () => {
    const creator = jest.fn().mockResolvedValue(undefined);
    app.supervisor.registerAppDbCreator(({ appOptions }) => appOptions?.dbConnType === 'of-a-third', creator);
    const options = { app: {}, appOptions: { dbConnType: 'of-a-third' } };
    await app.supervisor.createDatabase(options as never);
    expect(creator).toHaveBeenCalledWith(options);
  });

  it('leaves the database of an application to our own creator, which marks it', async () => {
    const name = await ready();
    const marked = await app.sql(
      `SELECT shobj_description(oid, 'pg_database') AS mark FROM pg_database WHERE datname = $1`,
      [name],
    );
    expect(marked).toEqual([{ mark: expect.stringContaining(OURS) }]);
  });

  it('makes no application called main, and writes nothing', async () => {
    const before = await app.repository.count();
    await expect(app.create({ name: 'main', options: { plugins: ['error-handler'] } })).rejects.toThrow(/reserved/);
    expect(await app.repository.count()).toBe(before);
  });

  it('lists the status that the supervisor knows, whatever the row says', async () => {
    const name = await ready();
    const statusInList = async () => {
      const answer = await app.get('/api/applications:list?pageSize=200');
      const rows = answer.body.data as { name: string; status: string }[];
      return rows.find((row) => row.name === name)?.status;
    };
    expect(await statusInList()).toBe('running');
    await app.supervisor.removeApp(name);
    expect(await statusInList()).toBe('stopped');
    const [row] = await app.sql('SELECT status FROM applications WHERE name = $1', [name]);
    expect(row).toEqual({ status: 'pending' });
  });

  it('removes the application with its row', async () => {
    const name = await ready();
    const instance = await app.supervisor.getApp(name);
    await app.repository.destroy({ filter: { name } });
    expect(app.supervisor.hasApp(name)).toBe(false);
    expect(instance.db.closed()).toBe(true);
    expect(await app.supervisor.getAppStatus(name)).toBe('not_found');
    expect(await app.supervisor.getApp(name)).toBeUndefined();
  });

  it('constructs an application when it is asked for, and not before', async () => {
    const name = await asleep();
    expect(await app.supervisor.getAppStatus(name)).toBe('stopped');
    expect((await app.supervisor.getApp(name, { withOutBootStrap: true })) ?? null).toBeNull();
    expect((await app.supervisor.getApp(name)).name).toBe(name);
    expect(app.supervisor.hasApp(name)).toBe(true);
  });

  it('constructs one application for three who ask at once', async () => {
    const name = await asleep();
    let asked: Application[] = [];
    const found = await constructed(async () => {
      asked = await Promise.all([1, 2, 3].map(() => app.supervisor.getApp(name)));
    });
    expect(found.map((instance) => instance.name)).toEqual([name]);
    expect(new Set(asked).size).toBe(1);
    expect(asked[0]?.name).toBe(name);
  });

  it('forgets the status of an instance that was destroyed', async () => {
    const name = await ready();
    const instance = await app.supervisor.getApp(name);
    await instance.destroy();
    expect(app.supervisor.hasApp(name)).toBe(false);
    expect(await app.supervisor.getAppStatus(name)).toBe('stopped');
    expect(app.supervisor.hasAppError(name)).toBe(false);
  });

  it('tells other processes nothing: what starts and sleeps here is the business of this one', async () => {
    const sent = jest.spyOn(AppSupervisor.prototype, 'sendSyncMessage');
    const name = await ready();
    await app.supervisor.removeApp(name);
    await app.supervisor.getApp(name);
    await app.supervisor.stopApp(name);
    expect(sent).not.toHaveBeenCalled();
    sent.mockRestore();
  });

  it('upgrades an application that starts by itself after the main one, and leaves the others alone', async () => {
    const [eager, lazy] = [await asleep({ autoStart: true }), await asleep()];
    const upgraded: string[] = [];
    const found = await constructed(async () => {
      const noteUpgrade = (instance: Application) => {
        instance.on('afterUpgrade', () => {
          upgraded.push(instance.name);
        });
      };
      app.supervisor.on('afterAppAdded', noteUpgrade);
      await app.main.runCommandThrowError('upgrade');
      app.supervisor.removeListener('afterAppAdded', noteUpgrade);
    });
    expect(upgraded).toEqual([eager]);
    expect(found.map((instance) => instance.name)).not.toContain(lazy);
    expect(app.supervisor.hasApp(eager)).toBe(true);
    expect(app.supervisor.hasApp(lazy)).toBe(false);
    await app.repository.destroy({ filter: { name: eager } });
  });

  it('starts an application by itself when its row says so, after the main one was stopped and started', async () => {
    const name = await ready();
    const row = await app.repository.findOne({ filterByTk: name });
    await app.supervisor.removeApp(name);
    await app.main.stop();
    await app.main.start();
    expect(app.supervisor.hasApp(name)).toBe(false);

    await row.update({ options: { autoStart: true } });
    expect(app.supervisor.hasApp(name)).toBe(false);
    await app.main.stop();
    await app.main.start();
    expect(app.supervisor.hasApp(name)).toBe(true);
    await app.until('it runs', async () => (await app.supervisor.getAppStatus(name)) === 'running');
    await app.repository.destroy({ filter: { name } });
  });

  it('does so too when the process is another one, and when the whole preset has to come up', async () => {
    const name = await ready({ plugins: ['nocobase'] });
    const lazy = await ready();
    await app.repository.update({ filterByTk: name, values: { options: { plugins: ['nocobase'], autoStart: true } } });
    await app.restart();
    await app.until('it runs', async () => (await app.supervisor.getAppStatus(name)) === 'running', 60_000);
    expect((await app.supervisor.getApp(name)).pm.has('users')).toBe(true);
    expect(app.supervisor.hasApp(lazy)).toBe(false);
  });
});
