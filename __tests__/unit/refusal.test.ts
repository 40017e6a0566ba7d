import type { AppRunner } from '../../server/lifecycle/app-runner';
import { cutOff, refuse } from '../../server/routing/refusal';
import { AppError } from '../../src/errors';
import { FakeRequest, FakeResponse } from './helpers/http';

const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const stopped = () => new AppError('APP_STOPPED', { name: 'crm' });
const failed = (reason = 'x') => new AppError('APP_BOOT_FAILED', { name: 'crm', step: 'load', reason });

function answer(error: AppError, headers: Record<string, string> = {}, method = 'GET', runner?: AppRunner) {
  const req = new FakeRequest({ headers, method });
  const res = new FakeResponse();
  refuse(req.asMessage, res.asResponse, error, runner);
  return { req, res };
}

const runnerWith = (condition: object) => ({ describe: () => condition }) as unknown as AppRunner;

describe('a refusal to a script', () => {
  it("is JSON in the core's shape, with our code", () => {
    const { res, req } = answer(stopped(), { accept: 'application/json' });
    expect(res.statusCode).toBe(503);
    expect(res.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(res.json).toEqual({
      error: {
        code: 'APP_STOPPED',
        status: 503,
        message: 'The application "crm" was stopped by its administrator.',
        maintaining: true,
      },
    });
    expect(req.resumed).toBe(true);
  });

  it.each([{}, { accept: '*/*' }, { accept: 'text/css' }])('is JSON also for %p', (headers) => {
    expect(answer(stopped(), headers as Record<string, string>).res.json.error.code).toBe('APP_STOPPED');
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('is JSON for %s, whatever is accepted', (method) => {
    expect(answer(stopped(), BROWSER, method).res.json.error.code).toBe('APP_STOPPED');
  });

  it('takes back what the application had said of its own answer', () => {
    const res = new FakeResponse();
    const own = { 'Content-Length': '5000', 'Content-Encoding': 'gzip', 'Set-Cookie': 'a=b', ETag: '"x"' };
    const kept = { 'access-control-allow-origin': 'https://example.test', vary: 'Origin', connection: 'close' };
    for (const [name, value] of Object.entries({ ...own, ...kept })) res.setHeader(name, value);
    res.statusMessage = 'OK';
    cutOff(new FakeRequest().asMessage, res.asResponse, stopped());
    expect(res.headers).toEqual({
      ...kept,
      'cache-control': 'no-store',
      'retry-after': '5',
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(res.body ?? '')),
    });
    expect([res.statusCode, res.statusMessage]).toEqual([503, 'Service Unavailable']);
  });

  it('never holds where the error comes from', () => {
    const origin = new Error('postgres://nb:Planted-4712@db');
    const { res } = answer(new AppError('APP_DATABASE_FAILED', { reason: 'unknown error' }, origin));
    expect(res.body).not.toMatch(/Planted|postgres:|stack| at /);
  });
});

describe('a refusal to a browser', () => {
  it('is a small page that stands alone', () => {
    const { res } = answer(stopped(), BROWSER);
    expect(res.statusCode).toBe(503);
    expect(res.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(res.body).toMatch(/^<!doctype html>/);
    expect(res.body).toContain('<code>APP_STOPPED</code>');
    expect(res.body).not.toMatch(/<script|<link|src=|href=/);
  });

  it('is a page for HEAD too', () => {
    expect(answer(stopped(), BROWSER, 'HEAD').res.headers['content-type']).toMatch(/text\/html/);
  });

  it('lets nothing from outside into the page', () => {
    const evil = new AppError('APP_NOT_FOUND', { name: '<img src=x onerror=alert(1)>' });
    expect(answer(evil, BROWSER).res.body).not.toContain('<img');
    expect(answer(failed('"><script>alert(1)</script>'), BROWSER).res.body).not.toContain('<script');
  });

  it('keeps the reason of a failure from visitors', () => {
    expect(answer(failed('Planted'), BROWSER).res.body).not.toContain('Planted');
  });

  it('comes again by itself where waiting helps, and only there', () => {
    expect(answer(stopped(), BROWSER).res.body).toContain('http-equiv="refresh"');
    expect(answer(new AppError('APP_NOT_FOUND', { name: 'x' }), BROWSER).res.body).not.toContain('refresh');
  });

  it.each([
    ['zh-CN,zh;q=0.9,en;q=0.8', 'zh-CN', '应用已停止'],
    ['zh', 'zh-CN', '应用已停止'],
    ['ZH-tw', 'zh-CN', '应用已停止'],
    ['en-US,en;q=0.9,zh;q=0.8', 'en', 'Application stopped'],
    ['zha', 'en', 'Application stopped'],
    ['', 'en', 'Application stopped'],
  ])('speaks the language of "%s"', (language, lang, title) => {
    const { res } = answer(stopped(), { ...BROWSER, 'accept-language': language });
    expect(res.body).toContain(`<html lang="${lang}">`);
    expect(res.body).toContain(`<h1>${title}</h1>`);
  });
});

describe('Retry-After', () => {
  beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
  afterEach(() => jest.useRealTimers());

  it('comes with every 503, and with no other', () => {
    expect(answer(stopped()).res.headers['retry-after']).toBe('5');
    for (const error of [new AppError('APP_NOT_FOUND', { name: 'x' }), new AppError('APP_REQUEST_INVALID')]) {
      expect(answer(error).res.headers).not.toHaveProperty('retry-after');
    }
  });

  it('tells when the next attempt will be made, in whole seconds from 1', () => {
    const after = (ms: number) =>
      answer(failed(), {}, 'GET', runnerWith({ state: 'failed', retryAt: 1_000_000 + ms })).res.headers['retry-after'];
    expect(after(12_345)).toBe('13');
    expect(after(1)).toBe('1');
    expect(after(-5_000)).toBe('1');
  });
});

describe('every refusal', () => {
  it.each([stopped(), failed(), new AppError('APP_NOT_FOUND', { name: 'x' }), new AppError('APP_REQUEST_INVALID')])(
    'is stored nowhere: %p',
    (error) => {
      expect(answer(error).res.headers['cache-control']).toBe('no-store');
      expect(answer(error, BROWSER).res.headers['cache-control']).toBe('no-store');
    },
  );

  it('comes too late for an answer that has begun, or a visitor who has left', () => {
    for (const late of [{ headersSent: true }, { destroyed: true }]) {
      const res = new FakeResponse();
      Object.assign(res, late);
      refuse(new FakeRequest().asMessage, res.asResponse, stopped());
      expect(res.body).toBeUndefined();
      expect(res.headers).toEqual({});
    }
  });
});

describe('a request that is not waited for any longer', () => {
  it('is answered when it has no answer yet', () => {
    const [req, res] = [new FakeRequest(), new FakeResponse()];
    cutOff(req.asMessage, res.asResponse, stopped());
    expect([res.statusCode, res.json.error.code, res.destroyed]).toEqual([503, 'APP_STOPPED', false]);
  });

  it('ends in the middle of the answer that has begun', () => {
    const [req, res] = [new FakeRequest(), new FakeResponse()];
    res.headersSent = true;
    cutOff(req.asMessage, res.asResponse, stopped());
    expect([res.destroyed, res.body]).toEqual([true, undefined]);
  });
});
