import type { Context } from '@nocobase/actions';
import type { Application } from '@nocobase/server';
import { checkCreate, isPlainObject, UPDATABLE_FIELDS, type AppRecord } from '../../src/app-record';
import { AppError, ERROR_TABLE } from '../../src/errors';
import type { Actor } from '../../src/events';
import { GENERAL_ADVICE, PREFLIGHT_ADVICE } from '../../src/preflight';
import { redact } from '../app-options';
import type { Accepted, AppService } from '../app-service';
import { translate } from '../error-answers';
import type { Registrar } from '../registrar';
import { COLLECTION } from '../registry';
import { EVENTS_KEPT } from '../timeline';
import { actorOf } from '../actor';

type Handler = (ctx: Context, next: () => Promise<void>) => Promise<void>;

const CREATABLE_FIELDS = [
  ...['name', 'displayName', 'cname', 'icon', 'pinned', 'startMode', 'options', 'admin', 'adopt'],
  ...['idleTimeout', 'keepAwake', 'onSchedule'],
];
/** What may be said of a clone; the rest is as in its original. */
const CLONED_FIELDS = ['name', 'displayName', 'cname', 'startMode', 'admin'];
const CLOSED_ACTIONS = ['updateOrCreate', 'firstOrCreate', 'query', 'add', 'set', 'remove', 'toggle', 'export'];
const MAX_PAGE_SIZE = 2_000;
const EVENTS_SHOWN = 20;

function flag(value: unknown): boolean {
  return value === true || value === 'true' || value === '1' || value === 1;
}

function positive(value: unknown, fallback: number, max: number): number {
  const number = Number(value ?? fallback);
  return Number.isSafeInteger(number) && number > 0 ? Math.min(number, max) : fallback;
}

function pick(values: unknown, fields: readonly string[]): Record<string, unknown> {
  const given = isPlainObject(values) ? values : {};
  return Object.fromEntries(fields.filter((field) => field in given).map((field) => [field, given[field]]));
}

const GIVEN = Symbol('values of an application as the caller gave them');

/** The values that the caller gave; what NocoBase holds of them, and logs, is without secrets. */
function given(ctx: Context): unknown {
  const state = ctx.state as Record<symbol, unknown>;
  return GIVEN in state ? state[GIVEN] : ctx.action.params.values;
}

/** Before anything else may refuse and log the call: NocoBase writes the values of every action into its request log. */
async function concealSecrets(ctx: Context, next: () => Promise<void>): Promise<void> {
  const { action } = ctx;
  if (action?.resourceName === COLLECTION && action.params?.values !== undefined) {
    (ctx.state as Record<symbol, unknown>)[GIVEN] = action.params.values as unknown;
    action.params.values = redact(action.params.values);
  }
  await next();
}

/** The one application that an action is for. @throws APP_NOT_FOUND */
function target(ctx: Context): string {
  const key = ctx.action.params.filterByTk;
  if (typeof key === 'string' && key !== '') return key;
  throw new AppError('APP_NOT_FOUND', { name: typeof key === 'string' ? key : typeof key });
}

/** The applications that a call names, one or many; undefined when it names none. @throws APP_VALUE_INVALID */
function targets(ctx: Context): string[] | undefined {
  const { filterByTk, values } = ctx.action.params as { filterByTk?: unknown; values?: unknown };
  const named = filterByTk ?? (isPlainObject(values) ? values.names : undefined);
  if (named === undefined || named === null || named === '') return undefined;
  const names: unknown[] = Array.isArray(named) ? named : [named];
  const list = names.filter((name): name is string => typeof name === 'string' && name !== '');
  if (list.length !== names.length)
    throw new AppError('APP_VALUE_INVALID', { field: 'names', reason: 'it must be IDs' });
  return [...new Set(list)];
}

/** What a clone is created with: what the caller says, else what the original has. */
function cloneValues(source: AppRecord, named: Record<string, unknown>): Record<string, unknown> {
  const { database, ...options } = source.options;
  const { database: _name, ...settings } = database ?? {};
  const { icon, startMode, idleTimeout, keepAwake, onSchedule } = source;
  const inherited = { icon, startMode, idleTimeout, keepAwake, onSchedule };
  return {
    ...inherited,
    ...named,
    options: { ...options, ...(Object.keys(settings).length && { database: settings }) },
  };
}

/** A unique index that was hit by two at once, told as the check before would have told it. */
function explainWriteError(error: unknown, values: Record<string, unknown>): unknown {
  const { name, fields, errors } = (error ?? {}) as { name?: string; fields?: object; errors?: { path?: string }[] };
  if (name !== 'SequelizeUniqueConstraintError') return error;
  const columns = [...Object.keys(fields ?? {}), ...(errors ?? []).map((item) => item.path)];
  if (columns.includes('cname')) {
    return new AppError('APP_DOMAIN_TAKEN', { domain: String(values.cname), owner: 'another application' }, error);
  }
  return new AppError('APP_NAME_TAKEN', { name: String(values.name) }, error);
}

/** The REST actions of `applications`; each validates, asks the service, and answers with the application as it is. */
export function defineApplications(app: Application, service: AppService, registrar: Registrar): void {
  const repository = () => app.db.getRepository(COLLECTION);
  app.resourceManager.use(concealSecrets as never, { before: 'auth' });

  const show = async (name: string) => {
    const row = service.registry.has(name) ? await repository().findOne({ filterByTk: name }) : undefined;
    if (!row) throw new AppError('APP_NOT_FOUND', { name });
    return service.view(row.toJSON() as Record<string, unknown>);
  };

  const everyName = () => [...service.registry.all()].map(({ name }) => name).sort();

  /** Accepted work goes on by itself; `wait=true` answers with its end. */
  const perform = (accept: (name: string, by: Actor) => Promise<Accepted>): Handler => {
    return async (ctx, next) => {
      const name = target(ctx);
      if (!service.registry.has(name)) throw new AppError('APP_NOT_FOUND', { name });
      const { done } = await accept(name, actorOf(ctx.state.currentUser));
      if (flag(ctx.action.params.wait)) await done;
      else done.catch((error: unknown) => app.log.warn(String(error), { module: 'app-supervisor', application: name }));
      ctx.body = await show(name);
      await next();
    };
  };

  const handlers: Record<string, Handler> = {
    list: async (ctx, next) => {
      const { filter, sort, fields, page, pageSize, search, removed } = ctx.action.params as Record<string, unknown>;
      const size = positive(pageSize, 20, MAX_PAGE_SIZE);
      const number = positive(page, 1, 1_000_000);
      const text = typeof search === 'string' && search.trim() !== '' ? search.trim() : undefined;
      const found = text
        ? { $or: ['name', 'displayName', 'cname'].map((field) => ({ [field]: { $includes: text } })) }
        : undefined;
      const inBin = { removedAt: { [flag(removed) ? '$notEmpty' : '$empty']: true } };
      const where = [inBin, filter, found].filter(Boolean);
      const [rows, count] = await repository().findAndCount({
        filter: { $and: where },
        fields: fields as string[] | undefined,
        sort: (sort ?? ['sort', 'name']) as string[],
        limit: size,
        offset: (number - 1) * size,
      } as never);
      const views = rows.map((row: { toJSON(): unknown }) => service.view(row.toJSON() as Record<string, unknown>));
      ctx.body = { count, rows: views, page: number, pageSize: size, totalPage: Math.ceil(count / size) };
      await next();
    },

    get: async (ctx, next) => {
      const name = target(ctx);
      const [application, events] = await Promise.all([show(name), service.timeline.list(name, EVENTS_SHOWN)]);
      ctx.body = { ...application, events: events.rows };
      await next();
    },

    // Also of an application that was removed.
    events: async (ctx, next) => {
      const { page, pageSize } = ctx.action.params as Record<string, unknown>;
      const size = positive(pageSize, EVENTS_SHOWN, EVENTS_KEPT);
      const number = positive(page, 1, 1_000_000);
      const { rows, count } = await service.timeline.list(target(ctx), size, (number - 1) * size);
      ctx.body = { count, rows, page: number, pageSize: size, totalPage: Math.ceil(count / size) };
      await next();
    },

    create: async (ctx, next) => {
      const values = pick(given(ctx), CREATABLE_FIELDS);
      if (!values.name) values.name = registrar.freeName(values.displayName);
      checkCreate(values);
      const name = values.name as string;
      try {
        await repository().create({ values, context: ctx });
      } catch (error) {
        throw explainWriteError(error, values);
      }
      if (flag(ctx.action.params.wait)) await service.settled(name);
      ctx.body = await show(name);
      await next();
    },

    checkDatabase: async (ctx, next) => {
      const values = pick(given(ctx), ['name', 'displayName', 'options', 'adopt']);
      if (!values.name) values.name = registrar.freeName(values.displayName);
      const results = await service.places.examine(values);
      const say = (sentence: string, error: AppError) =>
        translate(app, sentence, error.params, (ctx.i18n as { language?: string } | undefined)?.language);
      const checks = results.map(({ check, error }) => ({
        check,
        ok: !error,
        ...(error && {
          code: error.code,
          message: say(ERROR_TABLE[error.code].message, error),
          advice: say(PREFLIGHT_ADVICE[error.code] ?? GENERAL_ADVICE, error),
        }),
      }));
      ctx.body = { ok: checks.every(({ ok }) => ok), checks };
      await next();
    },

    clone: async (ctx, next) => {
      const source = service.registry.get(target(ctx));
      if (!source) throw new AppError('APP_NOT_FOUND', { name: target(ctx) });
      const values = cloneValues(source, pick(given(ctx), CLONED_FIELDS));
      if (!values.name) values.name = registrar.freeName(values.displayName ?? source.name);
      checkCreate(values);
      await service.copies.assertCopyable(source);
      const context = Object.assign(Object.create(ctx as object) as object, { cloneOf: source.name });
      try {
        await repository().create({ values, context });
      } catch (error) {
        throw explainWriteError(error, values);
      }
      if (flag(ctx.action.params.wait)) await service.settled(values.name as string);
      ctx.body = await show(values.name as string);
      await next();
    },

    update: async (ctx, next) => {
      const name = target(ctx);
      if (!service.registry.has(name)) throw new AppError('APP_NOT_FOUND', { name });
      const values = pick(given(ctx), ['name', ...UPDATABLE_FIELDS]);
      if ('name' in values && values.name !== name) throw new AppError('APP_NAME_IMMUTABLE');
      delete values.name;
      try {
        if (Object.keys(values).length) await repository().update({ filterByTk: name, values, context: ctx });
      } catch (error) {
        throw explainWriteError(error, values);
      }
      ctx.body = await show(name);
      await next();
    },

    destroy: async (ctx, next) => {
      const name = target(ctx);
      const values = isPlainObject(ctx.action.params.values) ? ctx.action.params.values : {};
      const asked = (option: 'dropDatabase' | 'purge') => flag(ctx.action.params[option] ?? values[option]);
      const by = actorOf(ctx.state.currentUser);
      ctx.body = await service.bin.remove(name, { dropDatabase: asked('dropDatabase'), purge: asked('purge'), by });
      await next();
    },

    restore: async (ctx, next) => {
      const name = target(ctx);
      await service.bin.restore(name, actorOf(ctx.state.currentUser));
      ctx.body = await show(name);
      await next();
    },

    purge: async (ctx, next) => {
      ctx.body = await service.bin.purge(target(ctx), actorOf(ctx.state.currentUser));
      await next();
    },

    start: perform((name, by) => service.start(name, by)),
    stop: perform((name, by) => service.stop(name, by)),
    restart: perform((name, by) => service.restart(name, by)),

    upgrade: async (ctx, next) => {
      const { all, force, wait } = ctx.action.params as Record<string, unknown>;
      const named = targets(ctx);
      if (!named === !flag(all)) {
        throw new AppError('APP_VALUE_INVALID', { field: 'names', reason: 'give IDs, or else all=true' });
      }
      const run = service.upgrades.start(named ?? everyName(), {
        force: flag(force),
        by: actorOf(ctx.state.currentUser),
      });
      if (flag(wait)) {
        await run.done;
        const failure = named?.length === 1 ? run.failureOf(named[0] as string) : undefined;
        if (failure) throw failure;
      }
      ctx.body = run.report();
      await next();
    },

    upgradePlan: async (ctx, next) => {
      const names = targets(ctx) ?? everyName();
      for (const name of names) if (!service.registry.has(name)) throw new AppError('APP_NOT_FOUND', { name });
      const applications = await service.upgrades.plan(names);
      ctx.body = { version: service.versions.installedCore, applications, run: service.upgrades.run?.report() ?? null };
      await next();
    },
  };

  const refuseUnlessActive = (handler: Handler): Handler => {
    return async (ctx, next) => {
      if (!service.active) throw service.obstacle ?? new AppError('APP_SUPERVISOR_RESTART_REQUIRED');
      await handler(ctx, next);
    };
  };
  const guarded: [string, Handler][] = Object.entries(handlers).map(([action, handler]) => [
    `${COLLECTION}:${action}`,
    refuseUnlessActive(handler),
  ]);
  // NocoBase's general actions of a collection would go past what is checked and hidden here.
  const closed: Handler = (ctx) => ctx.throw(404);
  for (const action of CLOSED_ACTIONS) guarded.push([`${COLLECTION}:${action}`, closed]);
  app.resourceManager.registerActionHandlers(Object.fromEntries(guarded) as never);
}
