import { AppError } from '../../src/errors';
import { Traffic } from '../../server/routing/traffic';
import { FakeRequest, FakeResponse } from './helpers/http';

function visit(traffic: Traffic) {
  const [req, res] = [new FakeRequest(), new FakeResponse()];
  traffic.enter(req.asMessage, res.asResponse);
  return res;
}

const LATE = new AppError('APP_SHUTTING_DOWN');

describe('the requests in the house', () => {
  it('are empty at once when nobody is in, and when the last has left', async () => {
    const traffic = new Traffic();
    await traffic.empty();
    const [first, second] = [visit(traffic), visit(traffic)];
    let empty = false;
    const waiting = traffic.empty().then(() => (empty = true));
    first.close();
    await Promise.resolve();
    expect([traffic.size, empty]).toEqual([1, false]);
    second.close();
    await waiting;
    expect([traffic.size, empty]).toEqual([0, true]);
  });

  it('close their connections after a last call, where it can still be said', () => {
    const traffic = new Traffic();
    const [silent, speaking] = [visit(traffic), visit(traffic)];
    speaking.headersSent = true;
    traffic.lastCall();
    expect(silent.headers.connection).toBe('close');
    expect(speaking.headers.connection).toBeUndefined();
  });

  it('are refused where they have no answer yet', () => {
    const traffic = new Traffic();
    const [silent, speaking] = [visit(traffic), visit(traffic)];
    speaking.headersSent = true;
    traffic.refuseAll(LATE);
    expect([silent.statusCode, silent.json.error.code]).toEqual([503, 'APP_SHUTTING_DOWN']);
    expect(silent.headers['retry-after']).toBeDefined();
    expect(speaking.body).toBeUndefined();
  });
});
