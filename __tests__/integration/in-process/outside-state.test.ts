import '../../helpers/in-process-environment';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import { statePrefix } from '../../../server/outside-state';
import { describeWithPostgres, InProcessApp, OURS, SMALL } from '../../helpers/in-process-app';
import { mustFind } from '../../helpers/installed-once';

/** An ID that was purged, and is used again, inherits nothing: with a real Redis for the caches of all applications. */

const REDIS = 'redis://127.0.0.1:6379/12';
/** Of the applications. A plugin with timers of its own, such as the workflows, would leave them at a reload. */
const PLUGINS = ['error-handler'];
const ROOMS = ['apps', 'logs', 'cache/apps', 'backups', 'environment-variables', 'tmp/backups', 'tmp/documents'];

/** Asked in a process of its own, so that the tests can be declared without waiting. */
function isRedisHere(): boolean {
  const script = `const s = require('node:net').connect(6379, '127.0.0.1');
    s.once('connect', () => process.exit(0)).once('error', () => process.exit(1)); s.setTimeout(3000, () => process.exit(1));`;
  return spawnSync(process.execPath, ['-e', script], { timeout: 10_000 }).status === 0;
}

interface RedisClient {
  keys(pattern: string): Promise<string[]>;
  flushDb(): Promise<unknown>;
}

interface CoreCache {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<void>;
}

type Release = () => void | Promise<void>;

interface Channels {
  getFullChannel(channel: string, shared?: boolean): string;
}

function declareTests(): void {
  let app: InProcessApp;
  let sequence = 0;
  /** Locks of applications that may be gone. */
  const held: Release[] = [];

  beforeAll(async () => {
    app = await InProcessApp.start({
      plugins: [...SMALL, OURS],
      env: {
        CACHE_DEFAULT_STORE: 'redis',
        CACHE_REDIS_URL: REDIS,
        APP_SUPERVISOR_QUARANTINE_AFTER: '0',
        APP_SUPERVISOR_TEMPLATES: 'on',
      },
    });
    await redis().flushDb();
  });
  afterAll(async () => {
    for (const release of held) await release();
    await redis().flushDb();
    await app?.end();
  });

  /** The client of the main application's own cache. */
  function redis(): RedisClient {
    const { stores } = app.supervisor.apps.main?.cacheManager as unknown as {
      stores: Map<string, { store: { store: { client: RedisClient } } }>;
    };
    const client = stores.get('redis')?.store.store.client;
    if (!client) throw new Error('the caches are not in Redis');
    return client;
  }

  const storage = (...below: string[]) => path.join(app.storage, ...below);
  const prefixOf = (name: string) => statePrefix(mustFind(app, name));
  const purge = (name: string, dropDatabase: boolean) =>
    app.post(`/api/applications:destroy?filterByTk=${name}&purge=true&dropDatabase=${dropDatabase}`);

  async function instanceOf(name: string): Promise<Application> {
    return app.supervisor.getApp(name);
  }

  const cacheOf = (instance: Application) =>
    instance.cacheManager.createCache({ name: 'planted' }) as unknown as Promise<CoreCache>;

  const channelsOf = (instance: Application) => {
    const queue = (instance as unknown as { eventQueue: Channels }).eventQueue;
    const messages = instance.pubSubManager as unknown as Channels;
    return [queue.getFullChannel('c'), queue.getFullChannel('c', true), messages.getFullChannel('c')];
  };

  /** What an application leaves outside its database. The lock is held until all tests have ended. */
  async function leaveState(name: string) {
    const instance = await instanceOf(name);
    await (await cacheOf(instance)).set('key', 'of the former');
    held.push(await instance.lockManager.acquire('planted', 600_000));
    for (const room of ROOMS) {
      mkdirSync(storage(room, name), { recursive: true });
      writeFileSync(storage(room, name, 'planted'), 'of the former');
    }
    const prefix = prefixOf(name);
    expect((await redis().keys(`${prefix}:*`)).length).toBeGreaterThan(0);
    return { prefix, channels: channelsOf(instance) };
  }

  async function expectNothingOf(former: Awaited<ReturnType<typeof leaveState>>, name: string): Promise<void> {
    const instance = await instanceOf(name);
    expect(prefixOf(name)).not.toBe(former.prefix);
    expect(await redis().keys(`${former.prefix}:*`)).toEqual([]);
    expect(await (await cacheOf(instance)).get('key')).toBeUndefined();
    // It would wait for the former one's lock, or take it from another process.
    const lock = await instance.lockManager.tryAcquire('planted');
    await lock.release();
    for (const channel of channelsOf(instance)) expect(former.channels).not.toContain(channel);
    const planted = ROOMS.filter((room) => existsSync(storage(room, name, 'planted')));
    expect(planted).toEqual([]);
  }

  async function create(): Promise<string> {
    const name = app.name(`o${(sequence += 1)}`);
    await app.create({ name, options: { plugins: PLUGINS } });
    return name;
  }

  it.each([true, false])(
    'an ID that is created again inherits nothing (the database was dropped: %s)',
    async (dropped) => {
      const name = await create();
      const former = await leaveState(name);
      const database = app.service.provisioner.databaseOf(mustFind(app, name));
      await purge(name, dropped);
      // A purge removes what is in Redis, whatever becomes of the database.
      expect(await redis().keys(`${former.prefix}:*`)).toEqual([]);
      await app.create({
        name,
        options: { plugins: PLUGINS, database: { database: app.name(`o${(sequence += 1)}`) } },
      });
      await expectNothingOf(former, name);
      // What belongs to data that was kept is kept with it.
      const apps = existsSync(storage('apps', '.former')) ? readdirSync(storage('apps', '.former')) : [];
      const aside = apps.filter((folder) => folder.startsWith(`${name}-`));
      expect(aside.length).toBe(dropped ? 0 : 1);
      if (!dropped) {
        expect(readFileSync(storage('apps', '.former', String(aside[0]), 'planted'), 'utf8')).toBe('of the former');
        await app.sql(`DROP DATABASE "${database}" WITH (FORCE)`, [], 'postgres');
      }
    },
  );

  it('another database that is adopted under the ID inherits nothing', async () => {
    const [name, other] = [await create(), await create()];
    const former = await leaveState(name);
    const database = app.service.provisioner.databaseOf(mustFind(app, other));
    await purge(other, false);
    await purge(name, true);
    await app.create({ name, adopt: true, options: { plugins: PLUGINS, database: { database } } });
    await expectNothingOf(former, name);
  });

  it('the caches, locks and channels of two applications are apart, and a purge spares those of the other', async () => {
    const [name, other] = [await create(), await create()];
    const [mine, theirs] = [await leaveState(name), await leaveState(other)];
    expect(mine.channels.some((channel) => theirs.channels.includes(channel))).toBe(false);
    const ofMain = await cacheOf(app.supervisor.apps.main as Application);
    await ofMain.set('key', 'of main');
    await purge(name, true);
    expect(await (await cacheOf(await instanceOf(other))).get('key')).toBe('of the former');
    expect(await ofMain.get('key')).toBe('of main');
  });

  it('a lock is of the application after a reload of the instance, too', async () => {
    const [name, other] = [await create(), await create()];
    const instance = await instanceOf(name);
    await instance.reload();
    held.push(await instance.lockManager.acquire('reloaded', 600_000));
    await (await (await instanceOf(other)).lockManager.tryAcquire('reloaded')).release();
    await expect(instance.lockManager.tryAcquire('reloaded')).rejects.toThrow('locked');
  });
}

describeWithPostgres('state outside the database', () => {
  if (isRedisHere()) declareTests();
  else it.skip('with a real Redis (skipped: no Redis at 127.0.0.1:6379)', () => undefined);
});
