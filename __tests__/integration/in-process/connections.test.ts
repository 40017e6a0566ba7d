import '../../helpers/in-process-environment';
import { Plugin, type Application } from '@nocobase/server';
import { connectionManagerOf } from '../../../server/core';
import { describeWithPostgres, InProcessApp, providePlugin } from '../../helpers/in-process-app';

/** Of the server's connections the process has six: two are set aside for the main application, four are shared. */
const ENV = {
  DB_POOL_MAX: '2',
  APP_SUPERVISOR_MAX_CONNECTIONS: '6',
  APP_SUPERVISOR_CONNECTION_TIMEOUT: '8',
};
const SHARED = 4;
const APPLICATIONS = 5;

/** Anybody may ask for the version of an application, which is a query of its database. */
class OpenVersion extends Plugin {
  override load(): Promise<void> {
    this.app.acl.allow('applicationVersion', 'list', 'public');
    return Promise.resolve();
  }
}

describeWithPostgres('database connections', () => {
  let app: InProcessApp;
  const names: string[] = [];
  let instances: Application[];

  beforeAll(async () => {
    providePlugin('open-version', OpenVersion);
    app = await InProcessApp.start({ env: ENV });
    for (let count = 0; count < APPLICATIONS; count += 1) {
      const name = app.name(`app_${count}`);
      names.push(name);
      await app.create({ name, options: { plugins: ['error-handler', 'open-version'] } });
    }
    instances = names.map((name) => app.supervisor.apps[name] as Application);
  }, 240_000);

  afterAll(async () => {
    await app?.end();
    for (const name of Object.keys(ENV)) delete process.env[name];
  });

  const budget = () => {
    const snapshot = app.service.connections.snapshot(app.supervisor.getApps());
    if (!snapshot) throw new Error('nothing is counted');
    return snapshot;
  };
  const query = (instance: Application, sql = 'SELECT 1') => instance.db.sequelize.query(sql);
  const isOfApps = (database: string) => names.includes(database);
  const open = async () => (await app.connections()).filter(isOfApps);
  /** Every connection is closed, and every permit is back. */
  const drained = async () => {
    await app.until('no connection of an application is left', async () => (await open()).length === 0, 20_000);
    // A server forgets a connection a moment before we hear of its end.
    await app.until('every permit is back', () => Promise.resolve(budget().applications.inUse === 0), 2_000);
    expect(budget().applications).toEqual({ limit: SHARED, inUse: 0, waiting: 0, holders: {} });
  };
  /** Samples what the server counts while the work runs. */
  const sampled = async (work: Promise<unknown>): Promise<number[]> => {
    const samples: number[] = [];
    let done = false;
    const watch = (async () => {
      while (!done) samples.push((await open()).length);
    })();
    await work.finally(() => {
      done = true;
    });
    await watch;
    return samples;
  };

  it('drain to zero when they are not used, and say so', async () => {
    await query(instances[0] as Application);
    expect(budget().applications.holders[names[0] as string]).toEqual({ inUse: 1, waiting: 0 });
    await drained();
    const { body } = await app.get('/api/appSupervisor:info');
    expect((body as { data: { connections: unknown } }).data.connections).toEqual({
      limit: 6,
      main: { reserved: 2, inUse: expect.any(Number) as number },
      applications: { limit: SHARED, inUse: 0, waiting: 0, holders: {} },
      otherServers: [],
      external: [],
    });
  });

  it('stay within the budget however many applications are busy, and every query is answered', async () => {
    const busy = instances.flatMap((instance) => [
      ...Array.from({ length: 20 }, () => query(instance, 'SELECT pg_sleep(0.02)')),
      ...Array.from({ length: 2 }, () =>
        instance.db.sequelize.transaction(async (transaction) => {
          for (let step = 0; step < 3; step += 1) {
            await instance.db.sequelize.query('SELECT pg_sleep(0.03)', { transaction });
          }
        }),
      ),
    ]);
    const samples = await sampled(Promise.all(busy));
    expect(Math.max(...samples)).toBeLessThanOrEqual(SHARED);
    expect(Math.max(...samples)).toBeGreaterThan(1);
    await drained();
  });

  it('are given in the middle of transactions too, when all are held by such', async () => {
    const needy = instances.map((instance) =>
      instance.db.sequelize.transaction(async (transaction) => {
        await instance.db.sequelize.query('SELECT pg_sleep(0.2)', { transaction });
        // Outside of the transaction: a second connection.
        await query(instance);
      }),
    );
    const samples = await sampled(Promise.all(needy));
    expect(Math.max(...samples)).toBeLessThanOrEqual(SHARED);
    await drained();
  });

  it('end in an answer where one application needs more than it may ever have', async () => {
    const [instance] = instances as [Application];
    expect(connectionManagerOf(instance.db).config.pool).toMatchObject({ max: 2, min: 0, stretch: 2 });
    const stuck = instance.db.sequelize.transaction(async (transaction) => {
      await instance.db.sequelize.query('SELECT 1', { transaction });
      const second = await instance.db.sequelize.transaction();
      try {
        return await query(instance);
      } finally {
        await second.rollback();
      }
    });
    await expect(stuck).rejects.toMatchObject({ code: 'APP_DATABASE_BUSY', status: 503 });
    await drained();
  });

  it('refuse with a code when none is free in time, and the main application waits for nobody', async () => {
    const held = await Promise.all(
      instances.slice(0, 3).map((instance) => instance.db.sequelize.transaction({ autocommit: false } as object)),
    );
    const answer = app.get('/api/applicationVersion:list', { 'X-App': names[4] as string, 'X-Locale': 'zh-CN' });
    await Promise.all(Array.from({ length: 10 }, () => query(app.main)));
    const { status, headers, body } = await answer;
    expect([status, headers['retry-after'], body]).toEqual([
      503,
      '5',
      { errors: [{ code: 'APP_DATABASE_BUSY', message: expect.stringContaining(names[4] as string) as string }] },
    ]);
    await Promise.all(held.map((transaction) => transaction.rollback()));
    await query(instances[4] as Application);
    await drained();
  });

  it('lose no permit when they cannot be opened', async () => {
    const [instance] = instances as [Application];
    const { config } = connectionManagerOf(instance.db) as unknown as { config: { database: string } };
    const { database } = config;
    config.database = app.name('missing');
    await expect(query(instance)).rejects.toThrow();
    config.database = database;
    await query(instance);
    // The driver connects, and what follows fails.
    const broken = () => {
      throw new Error('after it was opened');
    };
    instance.db.sequelize.addHook('afterConnect', 'broken', broken);
    await drained();
    await expect(query(instance)).rejects.toThrow('after it was opened');
    instance.db.sequelize.removeHook('afterConnect', 'broken');
    await query(instance);
    await drained();
  });

  it('lose no permit when the server closes them, idle or busy', async () => {
    const [instance] = instances as [Application];
    const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${names[0]}'`;
    await query(instance);
    await app.sql(kill, [], 'postgres');
    await drained();
    const busy = [query(instance, 'SELECT pg_sleep(30)'), query(instance, 'SELECT pg_sleep(30)')];
    const ended = Promise.allSettled(busy);
    await app.until('both are at work', async () => (await open()).length === 2);
    await app.sql(kill, [], 'postgres');
    expect((await ended).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    // The pool may yet hand out one whose end has not reached it.
    const works = () =>
      query(instance).then(
        () => true,
        () => false,
      );
    await app.until('it asks its database again', works);
    await drained();
  });

  it('are counted after a reconnect, a reload and a restart', async () => {
    const [instance] = instances as [Application];
    const count = () => budget().applications.holders[instance.name]?.inUse ?? 0;
    await query(instance);
    await instance.db.close();
    expect(count()).toBe(0);
    await instance.db.reconnect();
    await query(instance);
    expect(count()).toBe(1);
    const before = instance.db;
    await instance.reload();
    expect(instance.db).not.toBe(before);
    await query(instance);
    expect(count()).toBe((await open()).length);
    await instance.restart();
    await query(instance);
    expect(count()).toBe((await open()).length);
    expect(count()).toBeGreaterThan(0);
    await drained();
  });

  it('are cut off when a pool is closed and somebody does not give them back', async () => {
    const [instance] = instances as [Application];
    await instance.db.sequelize.transaction();
    expect((await open()).length).toBe(1);
    await app.supervisor.removeApp(instance.name);
    await drained();
    await app.supervisor.getApp(instance.name);
    expect(app.supervisor.hasApp(instance.name)).toBe(true);
  }, 60_000);

  it('are counted while databases are made', async () => {
    const counted: unknown[] = [];
    const { connections } = app.service;
    const lend = jest.spyOn(connections, 'lend');
    lend.mockImplementation((work) => {
      lend.mockRestore();
      return connections.lend(() => {
        counted.push(budget().applications.holders['(provisioning)']);
        return work();
      });
    });
    const last = app.name('last');
    names.push(last);
    await app.create({ name: last, options: { plugins: ['error-handler'] } });
    expect(counted).toEqual([{ inUse: 1, waiting: 0 }]);
    await drained();
  });
});
