import type { Context } from '@nocobase/actions';
import type { Application } from '@nocobase/server';
import { checkCreate, type AppRecord } from '../../src/app-record';
import { readFields } from '../../src/application-fields';
import { withoutNulls } from '../../src/app-options';
import { AppError, ERROR_TABLE, isAppError } from '../../src/errors';
import type { Actor } from '../../src/events';
import { isPlainObject } from '../../src/plain-object';
import { GENERAL_ADVICE, PREFLIGHT_ADVICE } from '../../src/preflight';
import type { Accepted, AppService } from '../app-service';
import { requestHost } from '../client-address';
import { resetPassword, type PasswordRequest } from '../administrator-password';
import { acceptDatabase } from '../database-acceptance';
import { answerOf, languageOf, translate } from '../error-answers';
import { rowOptions } from '../lifecycle/row-options';
import type { Registrar, RowModel } from '../registrar';
import { COLLECTION } from '../registry';
import { isolateApplication, namesToIsolate } from '../isolation';
import { withEach, withNamed } from './bulk';
import { Turns } from './turns';
import { callerOf } from './caller';
import {
  assertNotInTheMaking,
  concealSecrets,
  flag,
  given,
  nameTargets,
  posted,
  refuseUnlessActive,
  registered,
  show,
  target,
  targets,
  withBodyOf,
  type Handler,
} from './call';
import { addResourceMiddleware } from '../nocobase/resource-middlewares';

/** How many are removed at a time: each may wait for requests in flight, and drop a database. */
const REMOVALS = 8;
/** The same: each is down meanwhile, and locks its tables. */
const ISOLATIONS = 4;
/** What the bodies of actions may hold that write no fields of an application. */
const BODIES: Readonly<Record<string, readonly string[]>> = {
  ...{
    start: ['names'],
    stop: ['names'],
    restart: ['names'],
    upgrade: ['names'],
    restore: ['names'],
    purge: ['names'],
    isolate: ['names'],
    acceptDatabase: ['names'],
    resetPassword: ['account', 'password'],
  },
  destroy: ['names', 'dropDatabase', 'purge'],
};
/** Of the actions here, those that change nothing. */
const QUESTIONS = ['checkDatabase', 'checkDomain', 'upgradePlan'];

/** What a clone is created with: what the caller says, else what the original has. */
function cloneValues(source: AppRecord, iconImage: unknown, named: Record<string, unknown>): Record<string, unknown> {
  const { database, ...options } = rowOptions(source).options;
  // Of the database how its tables are called, which are copied, and not how it is reached.
  const { tablePrefix, underscored, pool } = database ?? {};
  const settings = withoutNulls({ tablePrefix, underscored, pool });
  const { icon, hidden, startMode, idleTimeout, keepAwake, onSchedule, limits } = source;
  const inherited = { icon, iconImage, hidden, startMode, idleTimeout, keepAwake, onSchedule, limits };
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
  addResourceMiddleware(app, 'first', concealSecrets);
  addResourceMiddleware(app, 'first', nameTargets);

  const caller = (ctx: Context) => callerOf(ctx, service.config.trustedProxies);
  const updates = new Turns();
  const everyName = () => [...service.registry.all()].map(({ name }) => name).sort();

  /** Accepted work goes on by itself; `wait=true` answers with its end. */
  const perform = (accept: (name: string, by: Actor) => Promise<Accepted>): Handler => {
    return async (ctx, next) => {
      const wait = flag(ctx.action.params.wait);
      const by = await caller(ctx);
      const act = async (name: string) => {
        registered(service, name);
        const { done } = await accept(name, by);
        const report = { module: 'app-supervisor', application: name };
        if (wait) await done;
        else done.catch((error: unknown) => app.log.warn(String(error), report));
        return show(app, service, name);
      };
      ctx.body = await withNamed(app, ctx, act);
      await next();
    };
  };

  /** Registers what was checked; the application as it is then or, with `wait=true`, when it is made. */
  const register = async (ctx: Context, values: Record<string, unknown>, context: object = ctx) => {
    const name = values.name as string;
    // Told of with the row.
    await caller(ctx);
    try {
      await repository().create({ values, context });
    } catch (error) {
      throw explainWriteError(error, values);
    }
    if (flag(ctx.action.params.wait)) await service.settled(name);
    return show(app, service, name);
  };

  const handlers: Record<string, Handler> = {
    create: async (ctx, next) => {
      const values = readFields(given(ctx), 'create');
      if (!values.name) values.name = registrar.freeName(values.displayName);
      checkCreate(values);
      ctx.body = await register(ctx, values);
      await next();
    },

    checkDatabase: async (ctx, next) => {
      const values = readFields(given(ctx), 'create');
      if (!values.name) values.name = registrar.freeName(values.displayName);
      const { name, options, adopt } = values;
      const { record, results } = await service.places.examine({ name, options, adopt });
      const say = (sentence: string, error?: AppError) =>
        translate(app, sentence, error?.params ?? {}, languageOf(ctx));
      const adviceOn = (error: AppError) => say(PREFLIGHT_ADVICE[error.code] ?? GENERAL_ADVICE, error);
      const checks = results.map(({ check, error, foreseen, advice }) => ({
        check,
        ok: !error,
        ...(advice && { advice: say(advice) }),
        ...(foreseen && { advice: adviceOn(foreseen) }),
        ...(error && {
          code: error.code,
          message: say(ERROR_TABLE[error.code].message, error),
          advice: adviceOn(error),
        }),
      }));
      const ok = checks.every((check) => check.ok);
      ctx.body = { ok, checks, isolation: ok && record ? await service.roles.foresee(record) : null };
      await next();
    },

    checkDomain: async (ctx, next) => {
      const { domain, filterByTk } = ctx.action.params as Record<string, unknown>;
      const self = filterByTk === undefined ? undefined : registered(service, target(ctx)).name;
      if (typeof domain !== 'string') {
        throw new AppError('APP_VALUE_INVALID', { field: 'domain', reason: 'give a host name' });
      }
      try {
        ctx.body = { ok: true, domain: registrar.examineDomain(domain, self) };
      } catch (error) {
        if (!isAppError(error)) throw error;
        ctx.body = { ok: false, ...answerOf(app, error, languageOf(ctx)) };
      }
      await next();
    },

    clone: async (ctx, next) => {
      const source = registered(service, target(ctx));
      assertNotInTheMaking(service, source);
      const row = (await repository().findOne({ filterByTk: source.name, fields: ['iconImage'] })) as RowModel | null;
      const values = cloneValues(source, row?.get('iconImage'), readFields(given(ctx), 'clone'));
      if (!values.name) values.name = registrar.freeName(values.displayName ?? source.name);
      checkCreate(values, { inherited: true });
      await service.copies.assertCopyable(source);
      const context = Object.assign(Object.create(ctx as object) as object, { cloneOf: source.name });
      ctx.body = await register(ctx, values, context);
      await next();
    },

    update: async (ctx, next) => {
      const { name } = registered(service, target(ctx));
      await caller(ctx);
      const values = readFields(given(ctx), 'update', name);
      // A patch of options is made from what the update before has left.
      const write = async () => {
        const release = registrar.holdDomains(name, values);
        try {
          await repository().update({ filterByTk: name, values, context: ctx });
        } finally {
          release();
        }
      };
      try {
        if (Object.keys(values).length) await updates.take(name, write);
      } catch (error) {
        throw explainWriteError(error, values);
      }
      ctx.body = await show(app, service, name);
      await next();
    },

    destroy: async (ctx, next) => {
      const values = isPlainObject(ctx.action.params.values) ? ctx.action.params.values : {};
      const asked = (option: 'dropDatabase' | 'purge') => flag(ctx.action.params[option] ?? values[option]);
      const removal = {
        dropDatabase: asked('dropDatabase'),
        purge: asked('purge'),
        by: await caller(ctx),
      };
      ctx.body = await withNamed(app, ctx, (name) => service.bin.remove(name, removal), REMOVALS);
      await next();
    },

    restore: async (ctx, next) => {
      const by = await caller(ctx);
      const restore = async (name: string) => {
        await service.bin.restore(name, by);
        if (flag(ctx.action.params.wait)) await service.settled(name);
        return show(app, service, name);
      };
      ctx.body = await withNamed(app, ctx, restore);
      await next();
    },

    purge: async (ctx, next) => {
      const by = await caller(ctx);
      ctx.body = await withNamed(app, ctx, (name) => service.bin.purge(name, by), REMOVALS);
      await next();
    },

    start: perform((name, by) => service.start(name, by)),
    stop: perform((name, by) => service.stop(name, by)),
    restart: perform((name, by) => service.restart(name, by)),

    acceptDatabase: perform(async (name, by) => {
      await acceptDatabase(service, name, by);
      const stopped = service.registry.get(name)?.stoppedAt !== undefined;
      return stopped ? { done: Promise.resolve() } : service.start(name, by);
    }),

    resetPassword: async (ctx, next) => {
      const { name } = registered(service, target(ctx));
      const asked = given(ctx) as PasswordRequest;
      ctx.body = await resetPassword(service, name, asked, await caller(ctx));
      await next();
    },

    upgrade: async (ctx, next) => {
      const { all, force, wait } = ctx.action.params as Record<string, unknown>;
      const named = targets(ctx);
      if (!named === !flag(all)) {
        throw new AppError('APP_VALUE_INVALID', { field: 'names', reason: 'give IDs, or else all=true' });
      }
      for (const name of named ?? []) registered(service, name);
      const by = await caller(ctx);
      const run = service.upgrades.start(named ?? everyName(), {
        force: flag(force),
        by,
      });
      if (flag(wait)) {
        await run.done;
        const failure = named?.length === 1 ? run.failureOf(named[0] as string) : undefined;
        if (failure) throw failure;
      }
      ctx.body = run.report();
      await next();
    },

    isolate: async (ctx, next) => {
      const by = await caller(ctx);
      const isolate = async (name: string) => {
        assertNotInTheMaking(service, registered(service, name));
        await isolateApplication(service, name, by);
        return show(app, service, name);
      };
      const all = flag((ctx.action.params as Record<string, unknown>).all);
      if (all && targets(ctx)) {
        throw new AppError('APP_VALUE_INVALID', { field: 'names', reason: 'give IDs, or else all=true' });
      }
      ctx.body = all
        ? await withEach(app, ctx, namesToIsolate(service), ISOLATIONS, isolate)
        : await withNamed(app, ctx, isolate, ISOLATIONS);
      await next();
    },

    upgradePlan: async (ctx, next) => {
      const names = targets(ctx) ?? everyName();
      for (const name of names) registered(service, name);
      const applications = await service.upgrades.plan(names);
      ctx.body = { version: service.versions.installedCore, applications, run: service.upgrades.run?.report() ?? null };
      await next();
    },
  };
  const noted = (handler: Handler): Handler => {
    return (ctx, next) => {
      registrar.noteOperatorHost(requestHost(ctx.req, service.config.trustedProxies));
      return handler(ctx, next);
    };
  };
  const guarded = Object.entries(handlers).map(([action, handler]) => {
    const body = BODIES[action];
    const strict = body ? withBodyOf(body, handler) : handler;
    return [
      `${COLLECTION}:${action}`,
      refuseUnlessActive(service, noted(QUESTIONS.includes(action) ? strict : posted(strict))),
    ];
  });
  app.resourceManager.registerActionHandlers(Object.fromEntries(guarded) as never);
}
