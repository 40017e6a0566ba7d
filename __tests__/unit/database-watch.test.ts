import type { AppRunner } from '../../server/lifecycle/app-runner';
import { CHECK_PAUSE_MS, DatabaseWatch, type DatabaseWatchHost } from '../../server/lifecycle/database-watch';
import type { AppRecord } from '../../src/app-record';
import type { AppState } from '../../src/app-state';
import { AppError } from '../../src/errors';

const AWAY = new AppError('APP_DATABASE_UNREACHABLE', { reason: 'ECONNREFUSED' });
const GONE = new AppError('APP_DATABASE_MISSING', { database: 'crm' });

function build(...answers: (Error | undefined)[]) {
  const runner = {
    state: 'running' as AppState,
    takeDown: jest.fn(() => {
      runner.state = 'failed';
      return Promise.resolve();
    }),
  };
  const verify = jest.fn(() => {
    const error = answers.shift();
    return error ? Promise.reject(error) : Promise.resolve();
  });
  const host = {
    supervisor: { logger: { warn: jest.fn() } },
    fence: { outside: <T>(work: () => T) => work() },
    runners: new Map([['crm', runner as unknown as AppRunner]]),
    record: (name: string) => (name === 'crm' ? ({ name } as AppRecord) : undefined),
    places: { verify },
  } satisfies DatabaseWatchHost;
  const watch = new DatabaseWatch(host, () => Promise.resolve());
  const suspect = async () => {
    watch.suspect('crm');
    await watch.settled('crm');
  };
  return { runner, verify, watch, suspect, warn: host.supervisor.logger.warn };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('the watch over databases', () => {
  it('does nothing while the database answers', async () => {
    const { runner, suspect, watch, warn } = build(undefined);
    await suspect();
    expect(runner.takeDown).not.toHaveBeenCalled();
    expect(warn).not.toHaveBeenCalled();
    expect(watch.isLost('crm')).toBe(false);
  });

  it('takes an application down whose database is missing', async () => {
    const { runner, suspect, watch, verify } = build(GONE);
    await suspect();
    expect(runner.takeDown).toHaveBeenCalledWith(GONE);
    expect(verify).toHaveBeenCalledTimes(1);
    expect(watch.isLost('crm')).toBe(true);
  });

  it('tells a request of the loss before the application is down', async () => {
    const { runner, watch } = build(GONE);
    let down: () => void = () => undefined;
    runner.takeDown.mockImplementation(() => new Promise<void>((resolve) => (down = resolve)));
    expect(await watch.judge('crm')).toBe(GONE);
    expect(await watch.judge('crm')).toBe(GONE);
    down();
    await watch.settled('crm');
    expect(runner.takeDown).toHaveBeenCalledTimes(1);
    expect(await build(undefined).watch.judge('crm')).toBeUndefined();
  });

  it('asks twice before it takes a server for away', async () => {
    const once = build(AWAY, undefined);
    await once.suspect();
    expect(once.runner.takeDown).not.toHaveBeenCalled();
    const twice = build(AWAY, AWAY);
    await twice.suspect();
    expect(twice.runner.takeDown).toHaveBeenCalledWith(AWAY);
  });

  it.each([
    new AppError('APP_DATABASE_BUSY', { name: 'crm', seconds: 1 }),
    new AppError('APP_DATABASE_FAILED', { reason: 'SQLSTATE 53300' }),
    new AppError('APP_DATABASE_FULL'),
    new Error('planted'),
  ])('takes no other failure of a check for a loss: %s', async (error) => {
    const { runner, suspect } = build(error, error);
    await suspect();
    expect(runner.takeDown).not.toHaveBeenCalled();
  });

  it('checks once at a time, and not again for a while', async () => {
    const { verify, watch, suspect } = build();
    for (let request = 0; request < 50; request += 1) watch.suspect('crm');
    await watch.settled('crm');
    await suspect();
    expect(verify).toHaveBeenCalledTimes(1);
    jest.advanceTimersByTime(CHECK_PAUSE_MS);
    await suspect();
    expect(verify).toHaveBeenCalledTimes(2);
  });

  it('leaves an application alone that no longer runs', async () => {
    const { runner, suspect, watch } = build(GONE);
    runner.state = 'stopped';
    await suspect();
    expect(runner.takeDown).not.toHaveBeenCalled();
    expect(watch.isLost('crm')).toBe(false);
  });

  it('forgets a loss when the application came up, or was stopped', async () => {
    const { runner, suspect, watch } = build(GONE);
    await suspect();
    runner.state = 'running';
    expect(watch.isLost('crm')).toBe(false);
    runner.state = 'failed';
    expect(watch.isLost('crm')).toBe(false);
  });

  it('knows nothing of an application that is not registered', async () => {
    const { watch, verify } = build(GONE);
    watch.suspect('nope');
    await watch.settled('nope');
    expect(verify).not.toHaveBeenCalled();
  });
});
