import { withDeadline } from '../../server/lifecycle/deadline';

const late = () => new Error('late');

describe('withDeadline', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('gives the value of work that is in time, and leaves no timer', async () => {
    await expect(withDeadline(Promise.resolve(7), 1_000, late)).resolves.toBe(7);
    expect(jest.getTimerCount()).toBe(0);
  });

  it("gives the work's own failure, and leaves no timer", async () => {
    await expect(withDeadline(Promise.reject(new Error('own')), 1_000, late)).rejects.toThrow('own');
    expect(jest.getTimerCount()).toBe(0);
  });

  it('rejects at the deadline, not before', async () => {
    const outcome = jest.fn();
    withDeadline(new Promise(() => undefined), 1_000, late).catch(outcome);
    await jest.advanceTimersByTimeAsync(999);
    expect(outcome).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(outcome).toHaveBeenCalledWith(late());
    expect(jest.getTimerCount()).toBe(0);
  });

  it('makes its error only when it is needed', async () => {
    const make = jest.fn(late);
    await withDeadline(Promise.resolve(), 1_000, make);
    expect(make).not.toHaveBeenCalled();
  });

  it('hears a failure that comes after the deadline', async () => {
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise((_resolve, reject) => {
      fail = reject;
    });
    const outcome = withDeadline(work, 10, late).catch((error: Error) => error.message);
    await jest.advanceTimersByTimeAsync(10);
    expect(await outcome).toBe('late');
    // Unheard, it would fail this test.
    fail(new Error('too late'));
    await jest.advanceTimersByTimeAsync(10);
  });
});
