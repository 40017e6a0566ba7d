import { AppError } from '../../src/errors';
import { Flight } from '../../server/lifecycle/flight';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('the work of an application', () => {
  it('is the time of all its requests together', () => {
    const flight = new Flight();
    jest.advanceTimersByTime(500);
    expect(flight.workMs).toBe(0);
    const first = flight.lease();
    jest.advanceTimersByTime(100);
    const second = flight.lease();
    jest.advanceTimersByTime(10);
    first();
    first();
    jest.advanceTimersByTime(1_000);
    expect(flight.workMs).toBe(1_120);
    second();
    jest.advanceTimersByTime(1_000);
    expect(flight.workMs).toBe(1_120);
  });

  it('goes on for a request that outlives its instance', async () => {
    const flight = new Flight();
    const release = flight.lease();
    const drained = flight.drain(50, new AppError('APP_STOPPED', { name: 'crm' }));
    await jest.advanceTimersByTimeAsync(200);
    await drained;
    expect([flight.requests, flight.endings, flight.workMs]).toEqual([0, 1, 200]);
    release();
    await jest.advanceTimersByTimeAsync(200);
    expect(flight.workMs).toBe(200);
  });
});
