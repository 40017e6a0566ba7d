import { WaitingRoom } from '../../server/lifecycle/waiting-room';
import { AppError } from '../../src/errors';

const NEVER = new Promise<never>(() => undefined);

function deferred<T = void>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((done, fail) => {
    resolve = done;
    reject = fail;
  });
  return { promise, resolve, reject };
}

function makeRoom(maxWaiting: number, waitTimeoutMs = 1_000) {
  const refused = jest.fn();
  const limits = { maxWaiting, waitTimeoutMs };
  return { room: new WaitingRoom('crm', () => limits, refused), refused, limits };
}

describe('WaitingRoom', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('holds until it is ready, and gives the place back', async () => {
    const { room } = makeRoom(1);
    const ready = deferred();
    const held = room.hold(ready.promise, NEVER);
    expect(room.occupied).toBe(1);
    ready.resolve();
    expect(await held).toBe(true);
    expect(room.occupied).toBe(0);
  });

  it('holds as many as there are places, and sends the next away at once', async () => {
    const { room, refused } = makeRoom(3);
    const ready = deferred();
    const held = [1, 2, 3].map(() => room.hold(ready.promise, NEVER));
    await expect(room.hold(ready.promise, NEVER)).rejects.toMatchObject({ code: 'APP_TOO_MANY_WAITING', status: 503 });
    expect(refused).toHaveBeenCalledTimes(1);
    expect(room.occupied).toBe(3);
    ready.resolve();
    expect(await Promise.all(held)).toEqual([true, true, true]);
    expect(await room.hold(ready.promise, NEVER)).toBe(true);
  });

  it('holds nobody with 0 places', async () => {
    const { room, refused } = makeRoom(0);
    await expect(room.hold(Promise.resolve(), NEVER)).rejects.toMatchObject({ code: 'APP_TOO_MANY_WAITING' });
    expect(refused).toHaveBeenCalledTimes(1);
    expect(room.occupied).toBe(0);
  });

  // Nobody else listens to what the visitor would have waited for; unheard, its failure would fail this test.
  it('hears the failure of what a visitor who was sent away would have waited for', async () => {
    const { room } = makeRoom(0);
    const ready = deferred();
    await expect(room.hold(ready.promise, NEVER)).rejects.toMatchObject({ code: 'APP_TOO_MANY_WAITING' });
    ready.reject(new Error('boot failed'));
    await jest.advanceTimersByTimeAsync(1);
  });

  it('sends everybody away at the deadline, and their places are free', async () => {
    const { room, refused } = makeRoom(2, 1_000);
    const outcomes = [1, 2].map(() => room.hold(NEVER, NEVER).catch((error: AppError) => error.code));
    await jest.advanceTimersByTimeAsync(999);
    expect(room.occupied).toBe(2);
    await jest.advanceTimersByTimeAsync(1);
    expect(await Promise.all(outcomes)).toEqual(['APP_WAIT_TIMEOUT', 'APP_WAIT_TIMEOUT']);
    expect(room.occupied).toBe(0);
    expect(refused).toHaveBeenCalledTimes(2);
  });

  it('frees the place of a visitor who leaves, at once, and the others go on waiting', async () => {
    const { room, refused } = makeRoom(2);
    const ready = deferred();
    const leaving = deferred();
    const gone = room.hold(ready.promise, leaving.promise);
    const stays = room.hold(ready.promise, NEVER);
    leaving.resolve();
    expect(await gone).toBe(false);
    expect(room.occupied).toBe(1);
    const third = room.hold(ready.promise, NEVER);
    ready.resolve();
    expect(await Promise.all([stays, third])).toEqual([true, true]);
    expect(refused).not.toHaveBeenCalled();
  });

  it('gives all who wait the same failure', async () => {
    const { room } = makeRoom(50);
    const ready = deferred();
    const outcomes = Array.from({ length: 50 }, () => room.hold(ready.promise, NEVER).catch((error: Error) => error));
    const failure = new AppError('APP_BOOT_FAILED', { name: 'crm', step: 'load', reason: 'x' });
    ready.reject(failure);
    for (const outcome of await Promise.all(outcomes)) expect(outcome).toBe(failure);
    expect(room.occupied).toBe(0);
  });

  it('hears a failure that comes after everybody has left', async () => {
    const { room } = makeRoom(1);
    const ready = deferred();
    expect(await room.hold(ready.promise, Promise.resolve())).toBe(false);
    ready.reject(new Error('boot failed'));
    await jest.advanceTimersByTimeAsync(1);
    expect(room.occupied).toBe(0);
  });

  it('reads its limits at each visit', async () => {
    const { room, limits } = makeRoom(0);
    limits.maxWaiting = 1;
    expect(await room.hold(Promise.resolve(), NEVER)).toBe(true);
  });
});
