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

  async function answerTo(handle: Handle, url = '/static/plugins/@nocobase/server/x.js') {
    gateway.requestHandler = handle;
    answerFailedRequests((error) => reported.push(error));
    answerFailedRequests((error) => reported.push(error));
    const res = new FakeResponse();
    await gateway.requestHandler(new FakeRequest({ url }).asMessage, res.asResponse);
    leaveFailedRequests();
    expect(gateway.requestHandler).toBe(handle);
    return res;
  }

  it.each([
    '/static/plugins/none/x.js',
    '/static/plugins/none',
    '/static/plugins/',
    '/static/plugins/@none/none/x.js',
    '/static/plugins/@nocobase/none/x.js',
    '/static/plugins/@nocobase/x.js',
    `/static/plugins/v${'x'.repeat(15_000)}/x.js`,
    `/static/plugins/@a/v${'x'.repeat(300)}/x.js`,
    '/static/plugins/none?x=/static/plugins/@nocobase/server/x.js',
    '/static\\plugins\\none\\x.js',
    'http://localhost/static/plugins/none/x.js',
    '/static/plugins/%6eone/x.js',
    '/static/plugins/.cache/x.js',
    '/static/plugins/./x.js',
    '/static/plugins/@/x/x.js',
  ])('never reaches NocoBase if it asks for a file of a plugin that is not installed: %s', async (url) => {
    const handle = jest.fn(() => Promise.resolve());
    const res = await answerTo(handle, url);
    expect([res.statusCode, res.json.error.code]).toEqual([404, 'APP_FILE_NOT_FOUND']);
    expect([handle.mock.calls, reported]).toEqual([[], []]);
  });

  it.each([
    '/static/plugins/@nocobase/server/x.js',
    '/static/plugins/pg/package.json?v=1',
    '/api/users:list?x=/static/plugins/none/x.js',
    '/storage/uploads/static/plugins/none/x.js',
    '//static/plugins/none/x.js',
  ])('reaches NocoBase if it asks for something else: %s', async (url) => {
    const handle = jest.fn(() => Promise.resolve());
    await answerTo(handle, url);
    expect(handle).toHaveBeenCalledTimes(1);
  });

  it('is answered 404 if NocoBase finds no package that it asks for', async () => {
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
