import { EventEmitter } from 'node:events';
import type { Application } from '@nocobase/server';
import { LINGER_MS, releaseBelongings, trackBelongings } from '../../server/lifecycle/belongings';

class FakeLogger {
  silent = false;
  closed = 0;
  readonly levels = {};

  close(): void {
    this.closed += 1;
  }
}

/** As much of an instance as a reload makes anew. */
class FakeInstance extends EventEmitter {
  readonly name = 'crm';
  readonly all: FakeLogger[] = [];
  log = this.make();
  requestLogger = this.make();
  sqlLogger = this.make();

  createLogger(_options: object): FakeLogger {
    return this.make();
  }

  init(): void {
    this.log = this.make();
    this.requestLogger = this.make();
    this.sqlLogger = this.createLogger({});
  }

  private make(): FakeLogger {
    const logger = new FakeLogger();
    this.all.push(logger);
    return logger;
  }

  get open(): number {
    return this.all.filter(({ closed }) => closed === 0).length;
  }

  get asApplication(): Application {
    return this as unknown as Application;
  }
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('what a reload replaces', () => {
  it('is closed after a while: the number of open loggers stays the same', () => {
    const app = new FakeInstance();
    trackBelongings(app.asApplication);
    for (let plugin = 0; plugin < 4; plugin += 1) app.createLogger({});
    const before = app.open;
    for (let reload = 0; reload < 10; reload += 1) {
      app.init();
      for (let plugin = 0; plugin < 4; plugin += 1) app.createLogger({});
    }
    expect(app.open).toBe(before * 11);
    jest.advanceTimersByTime(LINGER_MS);
    expect(app.open).toBe(before);
    expect(app.log.closed).toBe(0);
    expect(app.all.every(({ closed }) => closed <= 1)).toBe(true);
  });

  it('takes lines for a while, and is silent afterwards', () => {
    const app = new FakeInstance();
    trackBelongings(app.asApplication);
    const { log } = app;
    app.init();
    jest.advanceTimersByTime(LINGER_MS - 1);
    expect([log.closed, log.silent]).toEqual([0, false]);
    jest.advanceTimersByTime(1);
    expect([log.closed, log.silent]).toEqual([1, true]);
  });

  it('makes the parent of a child silent too, since the child writes to it', () => {
    const app = new FakeInstance();
    const parent = app.log;
    app.log = Object.create(parent) as FakeLogger;
    trackBelongings(app.asApplication);
    app.init();
    jest.advanceTimersByTime(LINGER_MS);
    expect(parent.silent).toBe(true);
  });

  it('is closed at once when the instance is destroyed', async () => {
    const app = new FakeInstance();
    trackBelongings(app.asApplication);
    app.createLogger({});
    const { log } = app;
    app.init();
    await releaseBelongings(app.asApplication);
    expect(log.closed).toBe(1);
    jest.advanceTimersByTime(LINGER_MS);
    expect(log.closed).toBe(1);
  });

  it('is tracked once, however often that is asked for', () => {
    const app = new FakeInstance();
    trackBelongings(app.asApplication);
    const { createLogger } = app;
    trackBelongings(app.asApplication);
    expect(app.createLogger).toBe(createLogger);
  });
});
