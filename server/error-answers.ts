import type { Application } from '@nocobase/server';
import { type AppError, ERROR_TABLE, type ErrorAnswer, type ErrorParams, fillMessage, isAppError } from '../src/errors';

/** The package's name: also the namespace of its texts. */
export const PACKAGE = 'nocobase-plugin-app-supervisor';
const RETRY_AFTER_SECONDS = 5;

interface ErrorContext {
  status: number;
  body: unknown;
  i18n?: { language?: string };
  set(header: string, value: string): void;
}

interface ErrorHandler {
  register(guard: (error: unknown) => error is AppError, render: (error: AppError, ctx: ErrorContext) => void): void;
}

/** A sentence of ours in the language of a caller. The texts are the main application's. */
export function translate(mainApp: Application, sentence: string, params: ErrorParams, language?: string): string {
  return fillMessage(mainApp.i18n.t(sentence, { ns: PACKAGE, lng: language }), params);
}

/** The language that a caller asked for, as NocoBase found it. */
export function languageOf(ctx: object): string | undefined {
  return (ctx as { i18n?: { language?: string } }).i18n?.language;
}

/** An error in the language of a caller. */
export function answerOf(mainApp: Application, error: AppError, language?: string): ErrorAnswer {
  const { code, params, operation } = error;
  const message = translate(mainApp, ERROR_TABLE[code].message, params, language);
  return { code, message, ...(operation && { operation }) };
}

/** Our errors in the answers of this application, in the caller's language. */
export function answerErrors(app: Application, mainApp: () => Application): void {
  const plugin = app.pm.get('error-handler') as { errorHandler?: ErrorHandler } | undefined;
  plugin?.errorHandler?.register(isAppError, (error, ctx) => {
    ctx.status = error.status;
    if (error.status === 503) ctx.set('Retry-After', String(RETRY_AFTER_SECONDS));
    ctx.body = { errors: [answerOf(mainApp(), error, languageOf(ctx))] };
  });
}
