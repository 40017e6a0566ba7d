import { EventEmitter } from 'node:events';
import type { Application } from '@nocobase/server';
import { endReplacedParts } from '../../server/lifecycle/replaced-parts';

type Listener = ((...args: unknown[]) => unknown) & { _reinitializable?: boolean };

/** As NocoBase's: it listens to the instance by itself. */
class CronJobs {
  readonly jobs = new Set<{ running: boolean }>();

  constructor(app: EventEmitter) {
    app.on('afterStart', () => this.jobs.forEach((job) => (job.running = true)));
    app.on('beforeReload', () => this.stop());
  }

  stop(): void {
    this.jobs.forEach((job) => (job.running = false));
  }
}

class Queue {
  readonly events = new Map<string, object>();
  connected = false;
  closed = 0;
  /** What its end waits for. */
  underWay: Promise<void> = Promise.resolve();

  constructor(app: EventEmitter) {
    // The instance awaits its listeners; each asks for the method when it is called.
    app.on('afterStart', (() => this.connect()) as Listener);
    app.on('afterStop', (() => this.close()) as Listener);
  }

  connect(): Promise<void> {
    this.connected = true;
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.closed += 1;
    this.connected = false;
    await this.underWay;
  }
}

/** As much of an instance as a reload makes anew. */
class FakeInstance extends EventEmitter {
  readonly cronJobs: CronJobs[] = [];
  readonly queues: Queue[] = [];
  readonly sources: { closed: number }[] = [];
  dataSourceManager = { dataSources: new Map<string, { close(): Promise<void> }>() };

  constructor() {
    super();
    this.init();
  }

  get cronJobManager(): CronJobs {
    return this.cronJobs.at(-1) as CronJobs;
  }

  get eventQueue(): Queue {
    return this.queues.at(-1) as Queue;
  }

  init(): void {
    for (const event of this.eventNames()) {
      for (const listener of this.listeners(event) as Listener[]) {
        if (listener._reinitializable) this.removeListener(event, listener);
      }
    }
    this.cronJobs.push(new CronJobs(this));
    this.queues.push(new Queue(this));
    this.dataSourceManager = { dataSources: new Map() };
    for (const name of ['main', 'other']) {
      const source = { closed: 0 };
      this.sources.push(source);
      this.dataSourceManager.dataSources.set(name, {
        close: () => {
          source.closed += 1;
          return Promise.reject(new Error('it was closed'));
        },
      });
    }
  }

  /** As the core's, which awaits all listeners of an event. */
  async emitAsync(event: string): Promise<void> {
    await Promise.all(this.listeners(event).map((listener) => (listener as Listener)()));
  }

  async reload(): Promise<void> {
    await this.emitAsync('beforeReload');
    this.init();
    this.cronJobManager.jobs.add({ running: false });
    await this.emitAsync('afterStart');
  }

  get listenerTotal(): number {
    return this.eventNames().reduce((sum, event) => sum + this.listenerCount(event), 0);
  }
}

function world() {
  const app = new FakeInstance();
  endReplacedParts(app as unknown as Application);
  app.cronJobManager.jobs.add({ running: false });
  return app;
}

describe('the parts of an instance that a reload replaces', () => {
  it('run none of their jobs any more', async () => {
    const app = world();
    const jobs = [...app.cronJobManager.jobs];
    await app.emitAsync('afterStart');
    expect(jobs).toEqual([{ running: true }]);
    for (let reload = 0; reload < 3; reload += 1) await app.reload();
    expect(jobs).toEqual([{ running: false }]);
    expect(app.cronJobs.map((one) => [...one.jobs].filter(({ running }) => running).length)).toEqual([0, 0, 0, 1]);
  });

  it('are closed before the new ones begin, and do not connect again', async () => {
    const app = world();
    await app.emitAsync('afterStart');
    app.eventQueue.events.set('channel', {});
    const [first] = app.queues as [Queue];
    for (let reload = 0; reload < 3; reload += 1) await app.reload();
    expect(app.queues.map(({ connected }) => connected)).toEqual([false, false, false, true]);
    expect(app.queues.map(({ closed }) => closed)).toEqual([1, 1, 1, 0]);
    expect(first.events.size).toBe(0);
  });

  it('are waited for, but not for ever', async () => {
    jest.useFakeTimers();
    const app = world();
    app.eventQueue.underWay = new Promise(() => undefined);
    let reloaded = false;
    void app.reload().then(() => (reloaded = true));
    await jest.advanceTimersByTimeAsync(4_900);
    expect(reloaded).toBe(false);
    await jest.advanceTimersByTimeAsync(200);
    expect(reloaded).toBe(true);
    jest.useRealTimers();
  });

  it('leave no listener behind, and those of others stay', async () => {
    const app = world();
    let heard = 0;
    app.on('afterStart', () => (heard += 1));
    await app.reload();
    const before = app.listenerTotal;
    for (let reload = 0; reload < 10; reload += 1) await app.reload();
    expect([app.listenerTotal, heard]).toEqual([before, 11]);
  });

  it('close the databases of further data sources, and leave that of the main one to NocoBase', async () => {
    const app = world();
    await app.reload();
    expect(app.sources.map(({ closed }) => closed)).toEqual([0, 1, 0, 0]);
  });
});
