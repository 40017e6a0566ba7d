import type { AppRunner } from '../../server/lifecycle/app-runner';
import { Flight } from '../../server/lifecycle/flight';
import { ABANDONED_MS, handleLeased, leaseFor } from '../../server/routing/request-lease';
import { AppError } from '../../src/errors';
import { FakeRequest, FakeResponse } from './helpers/http';

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

function arrive() {
  const flight = new Flight();
  const runner = { lease: flight.lease.bind(flight) } as unknown as AppRunner;
  const req = new FakeRequest();
  const res = new FakeResponse();
  leaseFor(runner, req.asMessage, res.asResponse, true);
  let finish: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const work = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  const handle = () => handleLeased(res.asResponse, () => work);
  return { flight, res, handle, finish: () => finish(), fail: (error: Error) => fail(error) };
}

describe('the lease of a request', () => {
  it('ends with the response if no handler has begun', () => {
    const { flight, res } = arrive();
    expect(flight.requests).toBe(1);
    res.close();
    expect(flight.requests).toBe(0);
  });

  it('outlives the response until the handler has ended', async () => {
    const { flight, res, handle, finish } = arrive();
    const handled = handle();
    res.close();
    expect(flight.requests).toBe(1);
    jest.advanceTimersByTime(ABANDONED_MS - 1);
    expect(flight.requests).toBe(1);
    finish();
    await handled;
    expect(flight.requests).toBe(0);
  });

  it('outlives the handler until the response is over: a stream goes on', async () => {
    const { flight, res, handle, finish } = arrive();
    const handled = handle();
    finish();
    await handled;
    expect(flight.requests).toBe(1);
    res.close();
    expect(flight.requests).toBe(0);
  });

  it('ends with a handler that fails, and hands the error on', async () => {
    const { flight, res, handle, fail } = arrive();
    const handled = handle();
    res.close();
    fail(new Error('planted'));
    await expect(handled).rejects.toThrow('planted');
    expect(flight.requests).toBe(0);
  });

  it('is taken again by a handler that begins after its visitor has left', async () => {
    const { flight, res, handle, finish } = arrive();
    res.close();
    const handled = handle();
    expect(flight.requests).toBe(1);
    finish();
    await handled;
    expect(flight.requests).toBe(0);
  });

  it.each([
    ['that has begun before its visitor left', false],
    ['that begins after its visitor left', true],
  ])('ends 15 minutes after the response for a handler %s and never ends', async (_when, late) => {
    const { flight, res, handle, finish } = arrive();
    if (late) res.close();
    const handled = handle();
    if (!late) res.close();
    jest.advanceTimersByTime(ABANDONED_MS - 1);
    expect(flight.requests).toBe(1);
    jest.advanceTimersByTime(1);
    expect(flight.requests).toBe(0);
    finish();
    await handled;
    expect(flight.requests).toBe(0);
  });

  it('counts the end of the handler as use of the application', async () => {
    const { flight, res, handle, finish } = arrive();
    const handled = handle();
    res.close();
    const left = flight.lastActiveAt;
    jest.advanceTimersByTime(60_000);
    finish();
    await handled;
    expect(flight.lastActiveAt).toBe(left + 60_000);
  });

  it('is waited for by a drain, which keeps its deadline', async () => {
    const { flight, res, handle, finish } = arrive();
    const handled = handle();
    res.close();
    let drained = false;
    const draining = flight.drain(30_000, new AppError('APP_STOPPED', { name: 'crm' })).then(() => {
      drained = true;
    });
    await jest.advanceTimersByTimeAsync(29_999);
    expect(drained).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(drained).toBe(true);
    finish();
    await Promise.all([handled, draining]);
  });

  it('lets a request pass that has no lease, e.g. one of the main application', async () => {
    await handleLeased(new FakeResponse().asResponse, () => Promise.resolve());
    await handleLeased(undefined, () => Promise.resolve());
  });
});
