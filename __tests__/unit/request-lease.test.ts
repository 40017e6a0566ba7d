import { AsyncResource } from 'node:async_hooks';
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

const LATE = new AppError('APP_WAIT_TIMEOUT', { name: 'crm' });

function arrive(flight = new Flight()) {
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

  it('does not keep a command waiting that its own handler gives, and is waited for by the end of the instance', async () => {
    const { flight, res } = arrive();
    const other = arrive(flight);
    const done: string[] = [];
    const command = () => {
      done.push('command');
      return Promise.resolve();
    };
    const handled = handleLeased(res.asResponse, () => flight.runCommand(command, 10_000, LATE));
    await jest.advanceTimersByTimeAsync(1);
    expect(done).toEqual([]);
    other.res.close();
    await handled;
    expect(done).toEqual(['command']);
    const ended = flight.drain(10_000, LATE).then(() => done.push('drained'));
    await jest.advanceTimersByTimeAsync(1);
    expect(done).toEqual(['command']);
    res.close();
    await ended;
    expect(flight.requests).toBe(0);
  });

  it('is left alone by what a former handler left behind', async () => {
    const { flight, res } = arrive();
    let give: () => Promise<void> = () => Promise.resolve();
    await handleLeased(res.asResponse, async () => {
      give = AsyncResource.bind(() => flight.runCommand(() => Promise.resolve(), 10_000, LATE));
    });
    const given = give();
    await jest.advanceTimersByTimeAsync(1);
    expect(flight.hold.isDraining).toBe(true);
    res.close();
    await given;
  });

  it.each([
    ['a command leaves a response alone that has begun', true, 'command', 200],
    ['the end of the instance cuts a response that has begun', true, 'end', 200],
    ['a command refuses a request without a response', false, 'command', 503],
    ['the end of the instance refuses a request without a response', false, 'end', 503],
  ])('after the deadline: %s', async (_, begun, cause, status) => {
    const { flight, res } = arrive();
    res.headersSent = begun;
    const over = cause === 'end' ? flight.drain(1_000, LATE) : flight.runCommand(() => Promise.resolve(), 1_000, LATE);
    await jest.advanceTimersByTimeAsync(1_000);
    await over;
    expect([res.statusCode, res.destroyed]).toEqual([status, begun && cause === 'end']);
    res.close();
  });

  it('lets a request pass that has no lease, e.g. one of the main application', async () => {
    await handleLeased(new FakeResponse().asResponse, () => Promise.resolve());
    await handleLeased(undefined, () => Promise.resolve());
  });
});
