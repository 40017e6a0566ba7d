import type { Context } from '@nocobase/actions';
import type { Application } from '@nocobase/server';
import type { AppRecord } from '../../src/app-record';
import { assertKnownFields } from '../../src/application-fields';
import { AppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import { isPlainObject } from '../../src/plain-object';
import { absence } from '../absence';
import { redact } from '../app-options';
import type { AppService } from '../app-service';
import type { AppView } from '../app-view';
import { languageOf, translate } from '../error-answers';
import { COLLECTION } from '../registry';
import { retold } from '../retold';

/** What the actions have in common: reading what a caller gives, and answering with an application. */

const PAGE_SIZE = 20;
const MAX_PAGE_SIZE = 2_000;

export type Handler = (ctx: Context, next: () => Promise<void>) => Promise<void>;

export function flag(value: unknown): boolean {
  return value === true || value === 'true' || value === '1' || value === 1;
}

export function positive(value: unknown, fallback: number, max: number): number {
  const number = Number(value ?? fallback);
  return Number.isSafeInteger(number) && number > 0 ? Math.min(number, max) : fallback;
}

/** What every list takes. */
export interface PageRequest {
  page: number;
  pageSize: number;
  offset: number;
}

/** @param most how many a page may have */
export function pageOf(ctx: Context, most = MAX_PAGE_SIZE): PageRequest {
  const { page, pageSize } = ctx.action.params as Record<string, unknown>;
  const size = positive(pageSize, PAGE_SIZE, most);
  const number = positive(page, 1, 1_000_000);
  return { page: number, pageSize: size, offset: (number - 1) * size };
}

/** One page of a list, as NocoBase answers with it: the rows as `data`, the rest as `meta`. */
export function paged(rows: readonly unknown[], count: number, { page, pageSize }: PageRequest, more: object = {}) {
  return { count, rows, page, pageSize, totalPage: Math.ceil(count / pageSize), ...more };
}

const GIVEN = Symbol('values of an application as the caller gave them');

/** The values that the caller gave; what NocoBase holds of them, and logs, is without secrets. */
export function given(ctx: Context): unknown {
  const state = ctx.state as Record<symbol, unknown>;
  return GIVEN in state ? state[GIVEN] : ctx.action.params.values;
}

/** Before anything else may refuse and log the call: NocoBase writes the values of every action into its request log. */
export function concealSecrets(ctx: Context, next: () => Promise<void>): Promise<void> {
  const { action } = ctx;
  if (action?.resourceName === COLLECTION && action.params?.values !== undefined) {
    (ctx.state as Record<symbol, unknown>)[GIVEN] = action.params.values as unknown;
    const clean = redact(action.params.values);
    // Nobody needs to read a picture in a log.
    action.params.values = isPlainObject(clean) && clean.iconImage ? { ...clean, iconImage: '…' } : clean;
  }
  return next();
}

/** NocoBase lets nobody destroy without a filter; what the body names is one. */
export function nameTargets(ctx: Context, next: () => Promise<void>): Promise<void> {
  const { action } = ctx;
  if (action?.resourceName === COLLECTION && (action.actionName === 'destroy' || action.actionName === 'update')) {
    const { filterByTk, values } = action.params as { filterByTk?: unknown; values?: unknown };
    if (action.actionName === 'destroy' && filterByTk === undefined && isPlainObject(values) && 'names' in values) {
      action.params.filterByTk = Array.isArray(values.names) ? values.names : [values.names];
    }
    // Before NocoBase refuses it in words of its own.
    if (['', undefined, null].includes(action.params.filterByTk as string | undefined | null)) throw unnamed();
  }
  return next();
}

const unnamed = () =>
  new AppError('APP_VALUE_INVALID', { field: 'filterByTk', reason: 'name the application by its ID' });

/** The one application that an action is for. @throws APP_NOT_FOUND, APP_VALUE_INVALID if it names none */
export function target(ctx: Context): string {
  const key = ctx.action.params.filterByTk;
  if (typeof key === 'string' && key !== '') return key;
  if (key === undefined || key === null || key === '') throw unnamed();
  throw new AppError('APP_NOT_FOUND', { name: typeof key === 'string' ? key : typeof key });
}

/** A list of words: an array, what a long one becomes in a query, or text with commas. @throws APP_VALUE_INVALID */
export function texts(value: unknown, field: string): string[] | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const given: unknown[] = Array.isArray(value)
    ? value
    : isPlainObject(value)
      ? Object.values(value)
      : typeof value === 'string'
        ? value.split(',').map((item) => item.trim())
        : [value];
  const list = given.filter((item): item is string => typeof item === 'string' && item !== '');
  if (list.length !== given.length) throw new AppError('APP_VALUE_INVALID', { field, reason: 'it must be a list' });
  return [...new Set(list)];
}

/** Words of a call that must be among those that are known. @throws APP_VALUE_INVALID */
export function wordsAmong<T extends string>(value: unknown, field: string, known: readonly T[]): T[] | undefined {
  const named = texts(value, field);
  if (!named?.some((word) => !known.includes(word as T))) return named as T[] | undefined;
  throw new AppError('APP_VALUE_INVALID', {
    field,
    reason: phrase('it must be one or more of: {values}', { values: known.join(', ') }),
  });
}

/** A point in time, in ISO form or in epoch milliseconds. @throws APP_VALUE_INVALID */
export function timeOf(value: unknown, field: string): Date | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  const isMilliseconds = /^\d{9,15}$/.test(text);
  const time = new Date(isMilliseconds ? Number(text) : /^\d{4}-\d\d/.test(text) ? text : NaN);
  if (!Number.isNaN(time.getTime())) return time;
  throw new AppError('APP_VALUE_INVALID', { field, reason: 'it must be a time, e.g. 2026-01-31T12:00:00Z' });
}

/** What a call names its applications with, as it was given: in the address, else in the body. */
export function namedIn(ctx: Context): unknown {
  const { filterByTk, values } = ctx.action.params as { filterByTk?: unknown; values?: unknown };
  return filterByTk ?? (isPlainObject(values) ? values.names : undefined);
}

/** The applications that a call names, one or many; undefined when it names none. @throws APP_VALUE_INVALID */
export function targets(ctx: Context): string[] | undefined {
  const named = namedIn(ctx);
  return texts(typeof named === 'string' && named !== '' ? [named] : named, 'names');
}

/** For what changes something: an address that is merely opened, in a page or by a crawler, must not. */
export function posted(handler: Handler): Handler {
  return async (ctx, next) => {
    if (ctx.method === 'GET' || ctx.method === 'HEAD') throw new AppError('APP_POST_REQUIRED');
    await handler(ctx, next);
  };
}

/** What all actions on applications have around them: they need us to be at work, and answer in the caller's language. */
export function refuseUnlessActive(service: AppService, handler: Handler): Handler {
  return async (ctx, next) => {
    if (service.phase === 'standby') throw new AppError('APP_SUPERVISOR_STANDBY');
    if (!service.active) throw service.obstacle ?? new AppError('APP_SUPERVISOR_RESTART_REQUIRED');
    await handler(ctx, next);
    const language = languageOf(ctx);
    if (!language || language.startsWith('en')) return;
    ctx.body = retold(ctx.body, (sentence, params) => translate(service.mainApp(), sentence, params, language));
  };
}

/** For an action whose body holds nothing but these fields. @throws what `assertKnownFields` throws */
export function withBodyOf(fields: readonly string[], handler: Handler): Handler {
  return async (ctx, next) => {
    assertKnownFields(given(ctx), fields);
    await handler(ctx, next);
  };
}

/** The application, where it is registered. @throws APP_NOT_FOUND, or what it is busy with */
export function registered(service: AppService, name: string): AppRecord {
  const record = service.registry.get(name);
  if (!record) throw absence(service, name);
  return record;
}

/** For what needs its data. @throws APP_BEING_MADE */
export function assertNotInTheMaking(service: AppService, { name, provisioning }: AppRecord): void {
  const { state, journey } = service.describe(name) ?? {};
  if (state !== 'creating' || journey?.outcome !== 'pending') return;
  const kind = provisioning?.cloneOf === undefined ? 'creation' : 'clone';
  const since = new Date(journey.startedAt).toISOString();
  throw new AppError('APP_BEING_MADE', { name }, undefined, { kind, application: name, since, by: journey.by });
}

/** The application as it is. @throws APP_NOT_FOUND, or what it is busy with */
export async function show(app: Application, service: AppService, name: string): Promise<AppView> {
  const row = service.registry.has(name)
    ? ((await app.db.getRepository(COLLECTION).findOne({ filterByTk: name })) as { toJSON(): object } | null)
    : null;
  if (!row) throw absence(service, name);
  return { ...service.view(row.toJSON() as Record<string, unknown>), iconUrl: await service.icons.urlOf(name) };
}
