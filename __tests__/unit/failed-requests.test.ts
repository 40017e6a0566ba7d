import { Gateway } from '@nocobase/server';
import { answerFailedRequests, leaveFailedRequests } from '../../server/routing/failed-requests';
import { FakeRequest, FakeResponse } from './helpers/http';

type Handle = (req: unknown, res: unknown) => Promise<unknown>;
const gateway = Gateway.prototype as unknown as { requestHandler: Handle };

describe('a request on which the gateway of NocoBase fails', () => {
  const untouched = gateway.requestHandler;
  const reported: unknown[] = [];

  afterEach(() => {
    leaveFailedRequests();
    gateway.requestHandler = untouched;
    reported.length = 0;
  });

  async function answerTo(handle: Handle, url = '/static/plugins/none/x.js') {
    gateway.requestHandler = handle;
    answerFailedRequests((error) => reported.push(error));
    answerFailedRequests((error) => reported.push(error));
    const res = new FakeResponse();
    await gateway.requestHandler(new FakeRequest({ url }).asMessage, res.asResponse);
    leaveFailedRequests();
    expect(gateway.requestHandler).toBe(handle);
    return res;
  }

  it('is answered 404 if it asks for a file of a plugin that is not installed', async () => {
    const missing = Object.assign(new Error('Cannot find module x'), { code: 'MODULE_NOT_FOUND' });
    const res = await answerTo(() => Promise.reject(missing));
    expect([res.statusCode, res.json.error.code, reported]).toEqual([404, 'APP_FILE_NOT_FOUND', []]);
  });

  it('is answered with a coded 500 if a module of the installation is missing', async () => {
    const missing = Object.assign(new Error('Cannot find module x'), { code: 'MODULE_NOT_FOUND' });
    const res = await answerTo(() => Promise.reject(missing), '/api/users:list');
    expect([res.statusCode, res.json.error.code, reported]).toEqual([500, 'APP_UNEXPECTED', [missing]]);
  });

  it('is answered with a coded 500 otherwise, and the log has the reason', async () => {
    const error = new TypeError('x');
    const res = await answerTo(() => Promise.reject(error));
    expect([res.statusCode, res.json.error.code, reported]).toEqual([500, 'APP_UNEXPECTED', [error]]);
    expect(res.body).not.toContain('TypeError');
  });

  it('ends in the middle of its answer if that has begun', async () => {
    const res = await answerTo((_, response) => {
      (response as FakeResponse).headersSent = true;
      return Promise.reject(new Error('x'));
    });
    expect(res.destroyed).toBe(true);
  });

  it('keeps the answer of one that is handled', async () => {
    const res = await answerTo((_, response) => {
      (response as FakeResponse).statusCode = 204;
      return Promise.resolve();
    });
    expect([res.statusCode, res.body, reported]).toEqual([204, undefined, []]);
  });
});
