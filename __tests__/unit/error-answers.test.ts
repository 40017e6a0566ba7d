import type { Application } from '@nocobase/server';
import { answerErrors } from '../../server/error-answers';

interface Answer {
  status: number;
  body?: { errors: { message: string; code?: string }[] };
}

/** The default handler as NocoBase's plugin has it. */
function defaultHandler(error: { message: string; status?: number; code?: string }, ctx: Answer): void {
  ctx.status = error.status ?? 500;
  ctx.body = { errors: [{ message: error.message, code: error.code }] };
}

function answerTo(error: object): Answer {
  const errorHandler = { register: () => undefined, defaultHandler };
  const app = { pm: { get: () => ({ errorHandler }) } } as unknown as Application;
  answerErrors(app, () => app);
  const ctx: Answer = { status: 404 };
  errorHandler.defaultHandler(error as { message: string }, ctx);
  return ctx;
}

describe('error responses of an application', () => {
  it.each([
    [{ message: 'data source x does not exist' }, 500, 'APP_UNEXPECTED'],
    [{ message: 'x', status: 503 }, 503, 'APP_UNEXPECTED'],
    [{ message: 'x', code: 'ERR_X' }, 500, 'ERR_X'],
    [{ message: 'x', status: 400 }, 400, undefined],
  ])('%j: %d with the code %s, and the sentence of NocoBase', (error, status, code) => {
    expect(answerTo(error)).toEqual({ status, body: { errors: [{ message: error.message, code }] } });
  });

  it('stay as they are if the error handler is not as expected', () => {
    const app = { pm: { get: () => ({ errorHandler: { register: () => undefined } }) } } as unknown as Application;
    expect(() => answerErrors(app, () => app)).not.toThrow();
  });
});
