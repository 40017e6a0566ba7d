import { EventEmitter } from 'node:events';
import type Database from '@nocobase/database';
import { Sequelize } from 'sequelize';
import fc from 'fast-check';
import { connectionManagerOf, type CoreConnection, type CoreConnectionManager } from '../../server/core';
import { ConnectionBudget } from '../../server/lifecycle/connection-budget';
import { CLOSE_PATIENCE_MS, countConnections, type AppPoolOptions } from '../../server/lifecycle/pooled-connections';

const POOL: AppPoolOptions = { max: 2, min: 0, idle: 5_000, evict: 1_000, acquire: 30_000, stretch: 2 };

/** The sockets to a server, which the driver opens and closes. */
class Server {
  readonly sockets = new Set<Socket>();
  most = 0;
  connectMs = 5;
  refuses = false;

  async dial(): Promise<Socket> {
    const socket = new Socket(this);
    if (this.refuses) {
      await later(this.connectMs);
      throw new Error('refused');
    }
    this.sockets.add(socket);
    this.most = Math.max(this.most, this.sockets.size);
    await later(this.connectMs);
    return socket;
  }

  async hangUp(socket: Socket): Promise<void> {
    await later(2);
    this.sockets.delete(socket);
  }
}

class Socket extends EventEmitter implements CoreConnection {
  broken = false;
  constructor(readonly server: Server) {
    super();
  }

  /** The server closes it: the driver tells the pool, and then its own end. */
  kill(pool: { destroy(connection: Socket): Promise<void> }): void {
    this.server.sockets.delete(this);
    this.broken = true;
    pool.destroy(this).catch(() => undefined);
    this.emit('end');
  }
}

const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Sequelize's own connection manager and pool, over a driver of the test. */
class App {
  readonly db: Database;

  constructor(
    readonly name: string,
    readonly server: Server,
    budget: ConnectionBudget,
    pool: Partial<AppPoolOptions> = {},
  ) {
    const options = { dialect: 'postgres' as const, logging: false as const, databaseVersion: '15.0.0' };
    const sequelize = new Sequelize({ ...options, pool: { ...POOL, ...pool } });
    this.db = { sequelize, reconnect: () => Promise.resolve(this.renew()) } as unknown as Database;
    this.drive();
    countConnections(this.db, name, budget);
  }

  get manager(): CoreConnectionManager {
    return connectionManagerOf(this.db);
  }

  /** What NocoBase's `Database.reconnect` does. */
  private renew(): void {
    const { sequelize } = this.db as unknown as { sequelize: Record<string, { connectionManager: object }> };
    const dialect = sequelize.dialect as { connectionManager: object };
    const Manager = dialect.connectionManager.constructor as new (...given: unknown[]) => object;
    const manager = new Manager(dialect, sequelize);
    dialect.connectionManager = manager;
    (sequelize as unknown as { connectionManager: object }).connectionManager = manager;
    this.drive();
  }

  private drive(): void {
    Object.assign(this.manager, {
      connect: () => this.server.dial(),
      disconnect: (socket: Socket) => this.server.hangUp(socket),
      _validate: (socket: Socket) => !socket.broken,
    });
    this.manager.config.pool.validate = (socket) => !(socket as Socket).broken;
  }

  /** Something that needs a connection for a time. */
  async query(ms: number, within?: () => Promise<unknown>): Promise<void> {
    const { manager } = this;
    const connection = await manager.getConnection();
    try {
      await later(ms);
      await within?.();
    } finally {
      manager.releaseConnection(connection);
    }
  }
}

describe('pooled connections', () => {
  let server: Server;
  let budget: ConnectionBudget;

  beforeEach(() => {
    jest.useFakeTimers();
    server = new Server();
    budget = new ConnectionBudget(3);
  });
  afterEach(() => jest.useRealTimers());

  const pass = (ms = 0) => jest.advanceTimersByTimeAsync(ms);
  const drained = async () => {
    await pass(20_000);
    expect([server.sockets.size, budget.snapshot()]).toEqual([
      0,
      { limit: budget.limit, inUse: 0, waiting: 0, holders: {} },
    ]);
  };

  it('have a permit from before they are opened until after they are closed', async () => {
    const app = new App('a', server, budget);
    const done = app.query(10);
    await pass(1);
    expect([server.sockets.size, budget.snapshot().inUse]).toEqual([1, 1]);
    await pass(100);
    await done;
    expect([server.sockets.size, budget.snapshot().inUse]).toEqual([1, 1]);
    await drained();
  });

  it('give the permit back when they cannot be opened, or not be used', async () => {
    const app = new App('a', server, budget);
    server.refuses = true;
    const refused = expect(app.query(1)).rejects.toThrow('refused');
    await pass(100);
    await refused;
    expect(budget.snapshot().inUse).toBe(0);
    server.refuses = false;
    app.db.sequelize.addHook('afterConnect', 'broken', () => {
      throw new Error('unusable');
    });
    const unusable = expect(app.query(1)).rejects.toThrow('unusable');
    await pass(100);
    await unusable;
    app.db.sequelize.removeHook('afterConnect', 'broken');
    expect(server.sockets.size).toBe(0);
    await drained();
  });

  it('stretch when nothing moves, and shrink again', async () => {
    budget.limit = 20;
    const app = new App('a', server, budget, { stretch: 5 });
    // Each needs a second one in the middle: three that hold all that the pool normally has.
    const all = Promise.all([1, 2, 3].map(() => app.query(10, () => app.query(10))));
    await pass(900);
    expect(server.sockets.size).toBe(2);
    await pass(5_000);
    await all;
    expect(server.most).toBeGreaterThan(2);
    expect(server.most).toBeLessThanOrEqual(5);
    expect(server.sockets.size).toBeLessThanOrEqual(2);
    await Promise.all([pass(1_000), ...[1, 2, 3, 4].map(() => app.query(10))]);
    expect(server.sockets.size).toBeLessThanOrEqual(2);
    await drained();
  });

  it('do not stretch for what is merely busy, nor beyond their bound', async () => {
    budget.limit = 20;
    const app = new App('a', server, budget, { stretch: 3 });
    const busy = Promise.all(Array.from({ length: 60 }, () => app.query(100)));
    await pass(5_000);
    await busy;
    expect(server.most).toBe(2);
    const slow = Promise.all(Array.from({ length: 6 }, () => app.query(4_000)));
    await pass(20_000);
    await slow;
    expect(server.most).toBe(3);
    await drained();
  });

  it('refuse with a code after the time that one waits for a connection, whatever one waited for', async () => {
    budget.limit = 1;
    const [holder, other] = [new App('a', server, budget), new App('b', server, budget)];
    const long = holder.query(60_000);
    await pass(10);
    const outcomes = [holder.query(1), other.query(1), other.query(1)].map((query) =>
      query.then(
        () => 'answered',
        (error: { code?: string }) => error.code,
      ),
    );
    await pass(30_100);
    expect(await Promise.all(outcomes)).toEqual(['APP_DATABASE_BUSY', 'APP_DATABASE_BUSY', 'APP_DATABASE_BUSY']);
    expect(budget.snapshot().waiting).toBe(0);
    await pass(60_000);
    await long;
    await drained();
  });

  it('are not opened for somebody who does not wait any longer, and he who comes just then gets his', async () => {
    const [app, other] = [new App('a', server, budget), new App('b', server, budget)];
    const foreign = Promise.all([other.query(2_000), other.query(2_000)]);
    await pass(10);
    const first = app.query(50);
    await pass(20);
    // Waits for a second connection, and is served by the first; another one comes in the same moment.
    const second = app.query(10).then(() => app.query(10));
    await pass(1);
    expect(budget.snapshot().waiting).toBe(1);
    await pass(300);
    await Promise.all([first, second]);
    expect(budget.snapshot().waiting).toBe(0);
    await pass(2_000);
    await foreign;
    await drained();
  });

  it('are counted by the new manager after a reconnect', async () => {
    const app = new App('a', server, budget);
    await Promise.all([app.query(1), pass(100)]);
    await Promise.all([app.manager.close(), pass(500)]);
    expect(budget.snapshot().inUse).toBe(0);
    await app.db.reconnect();
    await Promise.all([app.query(1), pass(100)]);
    expect([server.sockets.size, budget.snapshot().inUse]).toEqual([1, 1]);
    await drained();
  });

  it('are cut off when they are not given back after the pool was closed', async () => {
    const app = new App('a', server, budget);
    await Promise.all([app.manager.getConnection(), pass(100)]);
    const closed = app.manager.close();
    await pass(CLOSE_PATIENCE_MS - 100);
    expect(server.sockets.size).toBe(1);
    await pass(1_000);
    await closed;
    expect([server.sockets.size, budget.snapshot().inUse]).toEqual([0, 0]);
  });

  it('let nobody wait for a permit in a pool that is closed', async () => {
    budget.limit = 1;
    const [holder, app] = [new App('a', server, budget), new App('b', server, budget)];
    const long = holder.query(5_000);
    await pass(10);
    const late = expect(app.query(1)).rejects.toMatchObject({ code: 'APP_DATABASE_BUSY' });
    await pass(10);
    const closed = app.manager.close();
    await pass(500);
    await Promise.all([late, closed]);
    await pass(5_000);
    await long;
    await drained();
  });

  type Step =
    | { do: 'query' | 'nested'; app: number; ms: number }
    | { do: 'kill' | 'reconnect'; app: number }
    | { do: 'refuse' | 'accept' }
    | { do: 'pass'; ms: number };

  it('are never more than the budget, and none is lost, whatever happens', async () => {
    const which = fc.nat(3);
    const step: fc.Arbitrary<Step> = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constantFrom('query' as const, 'query' as const, 'nested' as const),
          app: which,
          ms: fc.constantFrom(1, 20, 400, 3_000),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('kill' as const, 'reconnect' as const), app: which }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('refuse' as const, 'accept' as const) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 4, 100, 2_000) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 40 }), async (limit, steps) => {
        server = new Server();
        budget = new ConnectionBudget(limit);
        const apps = [0, 1, 2, 3].map((at) => new App(`app${at}`, server, budget, { stretch: 3 }));
        const outcomes: Promise<string>[] = [];
        for (const one of steps) {
          const app = 'app' in one ? (apps[one.app] as App) : undefined;
          if (one.do === 'pass') await pass(one.ms);
          else if (one.do === 'refuse' || one.do === 'accept') server.refuses = one.do === 'refuse';
          else if (app && (one.do === 'query' || one.do === 'nested')) {
            const query = app.query(one.ms, one.do === 'nested' ? () => app.query(one.ms) : undefined);
            outcomes.push(
              query.then(
                () => 'answered',
                (error: { code?: string; message: string }) => error.code ?? error.message,
              ),
            );
          } else if (app && one.do === 'kill') {
            for (const socket of [...server.sockets]) socket.kill(app.manager.pool as never);
          } else if (app) {
            app.manager.close().catch(() => undefined);
            await app.db.reconnect();
          }
          await pass();
          expect(server.sockets.size).toBeLessThanOrEqual(limit);
        }
        server.refuses = false;
        await pass(400_000);
        expect(server.most).toBeLessThanOrEqual(limit);
        await Promise.all(outcomes);
        expect([server.sockets.size, budget.snapshot().inUse, budget.snapshot().waiting]).toEqual([0, 0, 0]);
        // And all can be had again.
        const all = Promise.all(apps.map((app) => app.query(1)));
        await pass(5_000);
        await all;
        await pass(20_000);
        expect(jest.getTimerCount()).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
