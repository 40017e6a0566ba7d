import type { IncomingMessage, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import type { Application } from '@nocobase/server';
import {
  AppError,
  ERROR_TABLE,
  type ErrorAnswer,
  type ErrorCode,
  type ErrorParams,
  isAppError,
  visitorSentence,
} from '../src/errors';
import { fillMessage, readPhrase, TRANSLATED_PARAMS } from '../src/phrase';
import { chainOf } from './databases/error-chain';
import { lossOf, mayBeLoss } from './databases/loss';
import { mistakeOf, type FailedContext } from './databases/request-mistakes';
import { writeCors } from './nocobase/cors';

/** The package's name: also the namespace of its texts. */
export const PACKAGE = 'nocobase-plugin-app-supervisor';
const RETRY_AFTER_SECONDS = 5;

interface ErrorContext extends FailedContext {
  req: IncomingMessage;
  res: ServerResponse;
  status: number;
  body: unknown;
  i18n?: { language?: string };
  get(header: string): string;
  set(header: string, value: string): void;
}

interface ErrorHandler {
  register<E>(guard: (error: unknown) => error is E, render: (error: E, ctx: ErrorContext) => void): void;
  handlers?: unknown;
  /** Asks the registered handlers, and then the default one. */
  renderError?(error: unknown, ctx: ErrorContext): void;
  /** Renders what no registered handler knows. */
  defaultHandler?(error: unknown, ctx: ErrorContext): void;
}

/** A sentence of ours, and the phrases in it, in the language of a caller. The texts are the main application's. */
export function translate(mainApp: Application, sentence: string, params: ErrorParams, language?: string): string {
  const translated = Object.entries(params).map(([key, value]) => {
    if (typeof value === 'object') return [key, translate(mainApp, value.template, value.params, language)] as const;
    const isOurs = typeof value === 'string' && TRANSLATED_PARAMS.has(key);
    return [key, isOurs ? translateReason(mainApp, value, language) : value] as const;
  });
  return fillMessage(mainApp.i18n.t(sentence, { ns: PACKAGE, lng: language }), Object.fromEntries(translated));
}

/**
 * A plain reason in the language of a caller. One that was stored is filled already: it is read back. A code, and whatever
 * is not a text of ours, is returned as it is, and never given to i18next, which would fill in what stands in it.
 */
function translateReason(mainApp: Application, text: string, language = mainApp.i18n.language): string {
  const texts = (mainApp.i18n.getResourceBundle(language, PACKAGE) ?? {}) as Readonly<Record<string, string>>;
  if (Object.hasOwn(texts, text)) return texts[text] as string;
  if (!text.includes(' ')) return text;
  // Whole sentences begin with a capital letter; texts of the client have "{{…}}".
  const templates = Object.keys(texts).filter((key) => /^[^A-Z]/.test(key) && /(?<!\{)\{\w+\}(?!\})/.test(key));
  const read = readPhrase(templates, text);
  return read ? translate(mainApp, read.template, read.params, language) : text;
}

/** The language that a caller asked for, as NocoBase found it. */
export function languageOf(ctx: object): string | undefined {
  return (ctx as { i18n?: { language?: string } }).i18n?.language;
}

/** An error in the language of a caller. */
export function answerOf(mainApp: Application, error: AppError, language?: string): ErrorAnswer {
  const { code, params, operation } = error;
  const message = translate(mainApp, ERROR_TABLE[code].message, params, language);
  const { field } = params;
  return { code, message, ...(typeof field === 'string' && { field }), ...(operation && { operation }) };
}

/** The same for visitors of an application: without what is an administrator's to know. */
function visitorAnswerOf(mainApp: Application, error: AppError, language?: string): ErrorAnswer {
  const message = translate(mainApp, visitorSentence(error), error.params, language);
  return { ...answerOf(mainApp, error, language), message };
}

/** Our error, or the one that a plugin has wrapped: NocoBase's import reports a refused row as an error of its own. */
function ownError(error: unknown): AppError | undefined {
  for (const one of chainOf(error)) if (isAppError(one)) return one;
  return undefined;
}

/** The header by which a caller names the data source of a request. */
const DATA_SOURCE = 'X-Data-Source';

/** Told of an error by which the database of the application may be lost. */
export type Suspicion = () => void;

/** Looks at the database of the application; resolves to its loss. Never rejects. */
export type LossJudge = () => Promise<AppError | undefined>;

/** The tag of the middleware of NocoBase's plugin that answers errors. */
const ERROR_HANDLER = 'errorHandler';

/**
 * A statement on a table that is not there is a mistake of its author, or the schema is gone. In the second case the
 * request is answered with the loss, and not with the words of the driver. Call it before each load.
 */
export function answerMissingTables(app: Pick<Application, 'use'>, judge: LossJudge): void {
  const explain = async (error: unknown): Promise<never> => {
    throw (mayBeLoss(error) && (await judge())) || error;
  };
  const middleware = (_ctx: unknown, next: () => Promise<unknown>) => next().catch(explain);
  app.use(middleware, { tag: 'app-supervisor-missing-tables', after: ERROR_HANDLER, before: 'cors' });
}

/** Headers of an answer that is not given. Those of the connection and of its origin stay. */
const OF_CONTENT = /^(?:content-(?!security-policy).+|etag|last-modified|cache-control|expires|location)$/;

/** Headers that an error needs. One that was thrown outside of NocoBase's `cors` has none for pages of other origins. */
function writeHeaders(ctx: ErrorContext, { status }: AppError): void {
  if (status === 503 || status === 429) ctx.set('Retry-After', String(RETRY_AFTER_SECONDS));
  writeCors(ctx.req, ctx.res);
}

const isRefusal = (error: unknown) => {
  const { status } = (error ?? {}) as { status?: unknown };
  return typeof status === 'number' && status < 500;
};

/** As much of a Koa context as is needed where Koa answers an error that no middleware has answered. */
interface OuterContext extends ErrorContext {
  writable: boolean;
  onerror(error: unknown): void;
}

const answering = new WeakSet<object>();

/**
 * Some plugins add middlewares outside of NocoBase's handler of errors. Koa would answer their errors with a text. They are
 * answered with a code here, and stand in the log.
 */
export function answerOuterErrors(app: Application, mainApp: () => Application): void {
  const context = app.context as unknown as OuterContext;
  if (answering.has(context)) return;
  answering.add(context);
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with the context of each request
  const answerByKoa = context.onerror;
  const answer = (ctx: OuterContext, error: unknown): void => {
    const own = ownError(error);
    // Koa also calls it at the end of each response.
    const isOver = ctx.res.headersSent || !ctx.writable;
    if (isOver || (!own && isRefusal(error))) return answerByKoa.call(ctx, error);
    const coded = own ?? new AppError(lossOf(error) ?? 'APP_UNEXPECTED', {}, error);
    app.log.error('request', { module: 'app-supervisor', error: inspect(error) });
    for (const name of ctx.res.getHeaderNames()) if (OF_CONTENT.test(name)) ctx.res.removeHeader(name);
    ctx.status = coded.status;
    writeHeaders(ctx, coded);
    ctx.set('Content-Type', 'application/json; charset=utf-8');
    const describe = own && app === mainApp() ? answerOf : visitorAnswerOf;
    ctx.res.end(JSON.stringify({ errors: [describe(mainApp(), coded, languageOf(ctx))] }));
  };
  context.onerror = function (error) {
    try {
      answer(this, error);
    } catch (fault) {
      // An error with a hostile property, for example. Koa answers with a text.
      answerByKoa.call(this, fault instanceof Error ? fault : new Error('an error could not be read'));
    }
  };
}

/** Errors of JavaScript itself: their words are for the log. */
const INNER_ERRORS = [TypeError, ReferenceError, RangeError, SyntaxError, URIError];

/**
 * Our errors in the answers of this application, in the caller's language. An error by which its database is lost, or a
 * connection was cut, is answered as 503 with a code; the driver's words stand in the log of the application.
 */
export function answerErrors(app: Application, mainApp: () => Application, suspect: Suspicion = () => undefined): void {
  const plugin = app.pm.get('error-handler') as { errorHandler?: ErrorHandler } | undefined;
  const { errorHandler } = plugin ?? {};
  const answer = (ctx: ErrorContext, error: AppError, forVisitor: boolean) => {
    ctx.status = error.status;
    writeHeaders(ctx, error);
    const describe = forVisitor ? visitorAnswerOf : answerOf;
    ctx.body = { errors: [describe(mainApp(), error, languageOf(ctx))] };
  };
  errorHandler?.register(
    (error): error is Error => ownError(error) !== undefined,
    (error, ctx) => answer(ctx, ownError(error) as AppError, app !== mainApp()),
  );
  errorHandler?.register(
    (error): error is Error => {
      const lost = lossOf(error) !== undefined;
      if (lost) suspect();
      return lost;
    },
    (error, ctx) => answer(ctx, new AppError(lossOf(error) ?? 'APP_DATABASE_UNREACHABLE', {}, error), true),
  );
  // Ours first: NocoBase's own would answer with the words of the driver.
  const { handlers } = errorHandler ?? {};
  if (Array.isArray(handlers)) handlers.unshift(...handlers.splice(-2));
  if (errorHandler) {
    codeMistakes(errorHandler, (ctx, error) => answer(ctx, error, app !== mainApp()));
    const answerMistake = (ctx: ErrorContext) => {
      const known = app.dataSourceManager.dataSources;
      const asked = ctx.get(DATA_SOURCE);
      if (asked === '' || known.has(asked)) return false;
      const error = new AppError('APP_VALUE_INVALID', { field: DATA_SOURCE, reason: 'there is no such data source' });
      answer(ctx, error, true);
      return true;
    };
    const answerInner = (error: unknown, ctx: ErrorContext) => {
      const isInner = INNER_ERRORS.some((kind) => error instanceof kind) && !isRefusal(error);
      if (isInner) answer(ctx, new AppError('APP_UNEXPECTED'), true);
      return isInner;
    };
    codeUnexpected(errorHandler, answerMistake, answerInner);
  }
}

/** An action that failed for a mistake of its caller is answered 400, whatever NocoBase makes of the error. */
function codeMistakes(handler: ErrorHandler, answer: (ctx: ErrorContext, error: AppError) => void): void {
  if (typeof handler.renderError !== 'function') return;
  const render = handler.renderError.bind(handler);
  handler.renderError = (error, ctx) => {
    const isKnown = ownError(error) !== undefined || lossOf(error) !== undefined;
    const mistake = isKnown ? undefined : mistakeOf(error, ctx);
    if (mistake) answer(ctx, mistake);
    else render(error, ctx);
  };
}

/**
 * Errors of NocoBase and its plugins that have no code get one if they are answered with 5xx; the sentence stays.
 * @param answerMistake answers a request that failed for a mistake of its caller; returns false for another request
 * @param answerInner answers a request that failed by an error of JavaScript itself; returns false for another error
 */
function codeUnexpected(
  handler: ErrorHandler,
  answerMistake: (ctx: ErrorContext) => boolean,
  answerInner: (error: unknown, ctx: ErrorContext) => boolean,
): void {
  if (typeof handler.defaultHandler !== 'function') return;
  const renderDefault = handler.defaultHandler.bind(handler);
  handler.defaultHandler = (error, ctx) => {
    if (answerMistake(ctx)) return;
    if (answerInner(error, ctx)) return;
    renderDefault(error, ctx);
    const { errors } = (ctx.body ?? {}) as { errors?: { code?: unknown }[] };
    const [first] = Array.isArray(errors) ? errors : [];
    if (ctx.status >= 500 && first && first.code === undefined) first.code = 'APP_UNEXPECTED' satisfies ErrorCode;
  };
}
