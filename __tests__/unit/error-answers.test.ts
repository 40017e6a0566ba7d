import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import type { Application } from '@nocobase/server';
import Koa from 'koa';
import { answerErrors, answerOuterErrors } from '../../server/error-answers';
import { AppError } from '../../src/errors';

interface Answer {
  req?: object;
  status: number;
  body?: { errors: { message: string; code?: string }[] };
}

/** The default handler as NocoBase's plugin has it. */
function defaultHandler(error: { message: string; status?: number; code?: string }, ctx: Answer): void {
  ctx.status = error.status ?? 500;
  ctx.body = { errors: [{ message: error.message, code: error.code }] };
}

/** Without an origin. */
const REQUEST = { req: { headers: {} }, res: {} };

const i18n = { t: (sentence: string) => sentence, getResourceBundle: () => undefined };

function answerTo(error: object, dataSource = ''): Answer {
  const errorHandler = { register: () => undefined, defaultHandler };
  const dataSourceManager = { dataSources: new Map([['main', {}]]) };
  const app = { i18n, dataSourceManager, pm: { get: () => ({ errorHandler }) } } as unknown as Application;
  answerErrors(app, () => app);
  const ctx = { ...REQUEST, status: 404, get: () => dataSource };
  errorHandler.defaultHandler(error as { message: string }, ctx);
  const { status, body }: Answer = ctx;
  return { status, body };
}

type Register = (guard: (error: unknown) => boolean, render: (error: unknown, ctx: Answer) => void) => void;

/** What the first handler that knows the error answers, as NocoBase's plugin asks them. */
function firstAnswerTo(error: unknown): Answer | undefined {
  const handlers: { guard: Parameters<Register>[0]; render: Parameters<Register>[1] }[] = [];
  const register: Register = (guard, render) => handlers.push({ guard, render });
  const app = { i18n, pm: { get: () => ({ errorHandler: { register, handlers } }) } } as unknown as Application;
  answerErrors(app, () => app);
  const ctx = { ...REQUEST, status: 404 };
  handlers.find(({ guard }) => guard(error))?.render(error, ctx);
  const { status, body }: Answer = ctx;
  return { status, ...(body && { body }) };
}

describe('error responses of an application', () => {
  it('name our code, also where a plugin has wrapped our error in one of its own', () => {
    const limit = new AppError('APP_USERS_LIMIT', { name: 'crm', limit: 3 });
    const wrapped = new Error('Import failed at row 1', { cause: limit });
    for (const error of [limit, wrapped, new Error('x', { cause: wrapped })]) {
      expect(firstAnswerTo(error)).toMatchObject({ status: 409, body: { errors: [{ code: 'APP_USERS_LIMIT' }] } });
    }
    expect(firstAnswerTo(new Error('x', { cause: new Error('y') }))).toEqual({ status: 404 });
  });

  it.each([
    [{ message: 'x' }, 500, 'APP_UNEXPECTED'],
    [{ message: 'x', status: 503 }, 503, 'APP_UNEXPECTED'],
    [{ message: 'x', code: 'ERR_X' }, 500, 'ERR_X'],
    [{ message: 'x', status: 400 }, 400, undefined],
  ])('%j: %d with the code %s, and the sentence of NocoBase', (error, status, code) => {
    expect(answerTo(error)).toEqual({ status, body: { errors: [{ message: error.message, code }] } });
  });

  it('name a data source that the caller asked for and that is not there', () => {
    const failed = { message: 'data source x does not exist' };
    expect(answerTo(failed, 'x')).toMatchObject({ status: 400, body: { errors: [{ code: 'APP_VALUE_INVALID' }] } });
    expect(answerTo(failed, 'main').status).toBe(500);
  });

  it('stay as they are if the error handler is not as expected', () => {
    const app = { pm: { get: () => ({ errorHandler: { register: () => undefined } }) } } as unknown as Application;
    expect(() => answerErrors(app, () => app)).not.toThrow();
  });
});

describe('a failure by a mistake of the caller', () => {
  /** The answer of the handler that NocoBase's plugin asks first. */
  function renderedFor(error: unknown, params: object = {}): Answer {
    const handler = {
      register: () => undefined,
      renderError: (_error: unknown, ctx: Answer) => void (ctx.status = 500),
    };
    const app = { i18n, pm: { get: () => ({ errorHandler: handler }) } } as unknown as Application;
    answerErrors(app, () => app);
    const ctx = { ...REQUEST, status: 404, get: () => '', action: { params } };
    handler.renderError(error, ctx);
    return ctx;
  }
  const driver = (code: string | number) =>
    Object.assign(new Error('words of the driver'), { name: 'SequelizeDatabaseError', parent: { code } });

  it.each<[unknown, object, string]>([
    [driver('2201W'), {}, 'values'],
    [driver('22P02'), { filter: { id: 'x' } }, 'filter'],
    [driver('22003'), { filterByTk: '99999999999999999999' }, 'filterByTk'],
    [driver('42883'), { filter: { id: 'x' } }, 'filter'],
    [driver('54011'), { fields: ['a'] }, 'values'],
    [driver(1366), { filter: { id: 'x' } }, 'filter'],
    [new TypeError('sort.includes is not a function'), { sort: { 0: 'a' } }, 'sort'],
    [driver('42601'), { sort: '-' }, 'sort'],
  ])('is 400 without the words of the driver: %s %j', (error, params, field) => {
    const { status, body } = renderedFor(error, params);
    expect([status, body?.errors[0]]).toMatchObject([400, { code: 'APP_VALUE_INVALID', field }]);
    expect(JSON.stringify(body)).not.toContain('driver');
  });

  it.each<[unknown, object]>([
    [new TypeError('x is not a function'), { sort: 'a', page: 1 }],
    [driver('42P01'), { filter: {} }],
    [driver('57P01'), { sort: '-' }],
    [Object.assign(new Error('of another service'), { code: '22P02' }), { filter: {} }],
    [Object.assign(new Error('no'), { status: 422 }), { sort: '-' }],
    [new AppError('APP_BUSY', { name: 'crm' }), { sort: '-' }],
    ['text', {}],
    [undefined, {}],
  ])('is no other one: %s %j', (error, params) => {
    expect(renderedFor(error, params)).toMatchObject({ status: 500 });
  });
});

describe('an error that a plugin throws outside of the handler of NocoBase', () => {
  const log = { error: jest.fn() };
  const other = { i18n } as unknown as Application;

  /** A Koa application with a middleware that writes headers and fails. Koa's own log is silent. */
  async function ask(error: unknown, begin?: (res: ServerResponse) => void, origin?: string, isMain = false) {
    const koa = new Koa();
    koa.silent = true;
    Object.assign(koa, { i18n, log });
    const app = koa as unknown as Application;
    answerOuterErrors(app, () => (isMain ? app : other));
    koa.use((ctx) => {
      ctx.set({ 'Content-Type': 'text/html', ETag: 'x', 'Content-Security-Policy': 'sandbox', Vary: 'Origin' });
      if (!begin) ctx.set('Content-Length', '5');
      begin?.(ctx.res);
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      return Promise.reject(error);
    });
    const server = koa.listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const answer = await fetch(`http://127.0.0.1:${port}/`, {
        headers: origin === undefined ? {} : { Origin: origin },
      });
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }

  it.each<[unknown, number, string]>([
    [new TypeError('Cannot read properties of null'), 500, 'APP_UNEXPECTED'],
    [new Error('words of a plugin'), 500, 'APP_UNEXPECTED'],
    [Object.assign(new Error('gateway'), { status: 502 }), 500, 'APP_UNEXPECTED'],
    ['text', 500, 'APP_UNEXPECTED'],
    [undefined, 500, 'APP_UNEXPECTED'],
    [null, 500, 'APP_UNEXPECTED'],
    [new AppError('APP_BUSY', { name: 'crm' }), 429, 'APP_BUSY'],
    [new Error('x', { cause: new AppError('APP_USERS_LIMIT', { name: 'crm', limit: 3 }) }), 409, 'APP_USERS_LIMIT'],
  ])('is answered with a code, and without its words: %s', async (error, status, code) => {
    const answer = await ask(error);
    const { text } = answer;
    expect(JSON.parse(text)).toMatchObject({ errors: [{ code }] });
    expect(answer.status).toBe(status);
    expect(text).not.toMatch(/Cannot read|words|gateway|text/);
    const logged = { module: 'app-supervisor', error: inspect(error) };
    expect(log.error).toHaveBeenLastCalledWith('request', logged);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-security-policy': 'sandbox',
      ...(status === 429 && { 'retry-after': '5' }),
    });
    // Of the headers of the middleware, those of the content are gone.
    const { date: _date, connection: _connection, ...own } = Object.fromEntries(answer.headers);
    expect(Object.keys(own).sort()).toEqual(
      [
        ...['content-security-policy', 'content-type', 'transfer-encoding', 'vary', 'keep-alive'],
        ...(status === 429 ? ['retry-after'] : []),
      ].sort(),
    );
  });

  it('may be read by a page of another origin', async () => {
    const origin = 'https://shop.example.com';
    const { headers } = await ask(new AppError('APP_BUSY', { name: 'crm' }), undefined, origin);
    expect(headers.get('access-control-allow-origin')).toBe(origin);
    expect(headers.get('access-control-expose-headers')).toContain('Retry-After');
  });

  it.each([400, 401, 404, 405])('stays a refusal if it is one: %i', async (status) => {
    const answer = await ask(Object.assign(new Error('no'), { status, expose: true }));
    expect([answer.status, answer.text]).toEqual([status, 'no']);
  });

  it('by which the database is lost is told in words for visitors, in the main application, too', async () => {
    const lost = Object.assign(new Error('words of the driver'), { code: 'ECONNREFUSED' });
    const error = Object.assign(new Error('wrapped'), { name: 'SequelizeConnectionRefusedError', parent: lost });
    const { status, text } = await ask(error, undefined, undefined, true);
    expect([status, text]).toEqual([503, expect.stringContaining('APP_DATABASE_UNREACHABLE')]);
    expect(text).not.toMatch(/\{\w+\}|words/);
  });

  it.each([
    Object.create(null),
    Object.defineProperty(new Error('x'), 'status', { get: () => JSON.parse('{') as number }),
    { toString: 4 },
  ])('is answered whatever it is (%#)', async (error: unknown) => {
    const { status } = await ask(error);
    expect(status).toBe(500);
  });

  it('is not answered if the answer has begun', async () => {
    log.error.mockClear();
    const answer = await ask(new TypeError('late'), (res) => {
      res.writeHead(200).write('begun');
      setTimeout(() => res.end(', ended'), 100);
    });
    expect([answer.status, answer.text]).toEqual([200, 'begun, ended']);
    expect(log.error).not.toHaveBeenCalled();
  });
});
