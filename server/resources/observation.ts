import type { Application } from '@nocobase/server';
import { APP_STATES, type AppState } from '../../src/app-state';
import { AppError } from '../../src/errors';
import { readDetails } from '../app-details';
import { readLog } from '../app-logs';
import type { AppService } from '../app-service';
import { COLLECTION } from '../registry';
import { EVENTS_KEPT } from '../timeline';
import { flag, positive, refuseUnlessActive, show, target, texts, type Handler } from './call';

const MAX_PAGE_SIZE = 2_000;
const EVENTS_SHOWN = 20;
const LINES_SHOWN = 200;
const LINES_MAX = 1_000;

type Row = Record<string, unknown>;

/** @throws APP_VALUE_INVALID */
function statesOf(value: unknown): AppState[] | undefined {
  const named = texts(value, 'state');
  for (const state of named ?? []) {
    if (state in APP_STATES) continue;
    const reason = `it must be one or more of: ${Object.keys(APP_STATES).join(', ')}`;
    throw new AppError('APP_VALUE_INVALID', { field: 'state', reason });
  }
  return named as AppState[] | undefined;
}

/** The REST actions of `applications` that look, and change nothing. */
export function defineObservation(app: Application, service: AppService): void {
  const repository = () => app.db.getRepository(COLLECTION);
  const { descriptions } = service;

  /** How many of those that are found are in which state. What is in memory is counted without a query. */
  const countStates = async (where: object[]) => {
    if (where.length === 0) return descriptions.countStates();
    const filter = { $and: [{ removedAt: { $empty: true } }, ...where] };
    const rows = (await repository().find({ filter, fields: ['name'], raw: true } as never)) as Row[];
    return descriptions.countStates(rows.map(({ name }) => String(name)));
  };

  const handlers: Record<string, Handler> = {
    list: async (ctx, next) => {
      const { filter, sort, fields, page, pageSize, search, removed, state } = ctx.action.params as Row;
      const size = positive(pageSize, 20, MAX_PAGE_SIZE);
      const number = positive(page, 1, 1_000_000);
      const states = statesOf(state);
      const text = typeof search === 'string' && search.trim() !== '' ? search.trim() : undefined;
      const found = text
        ? { $or: ['name', 'displayName', 'cname'].map((field) => ({ [field]: { $includes: text } })) }
        : undefined;
      const asked = [filter, found].filter((part): part is object => typeof part === 'object' && part !== null);
      const where: object[] = [{ removedAt: { [flag(removed) ? '$notEmpty' : '$empty']: true } }, ...asked];
      // A state is computed; what is removed is at rest for good.
      if (states && !flag(removed)) where.push({ name: { $in: descriptions.namesIn(states) } });
      else if (states && !states.includes('stopped')) where.push({ name: { $in: [] } });
      const [[rows, count], counts] = await Promise.all([
        repository().findAndCount({
          filter: { $and: where },
          fields: fields as string[] | undefined,
          sort: (sort ?? ['sort', 'name']) as string[],
          limit: size,
          offset: (number - 1) * size,
        } as never) as Promise<[{ toJSON(): Row }[], number]>,
        countStates(asked),
      ]);
      const views = rows.map((row) => service.view(row.toJSON()));
      const totalPage = Math.ceil(count / size);
      ctx.body = { count, rows: views, page: number, pageSize: size, totalPage, states: counts };
      await next();
    },

    get: async (ctx, next) => {
      const name = target(ctx);
      const [application, events] = await Promise.all([
        show(app, service, name),
        service.timeline.list(name, EVENTS_SHOWN),
      ]);
      ctx.body = { ...application, events: events.rows };
      await next();
    },

    details: async (ctx, next) => {
      ctx.body = await readDetails(service, target(ctx));
      await next();
    },

    logs: async (ctx, next) => {
      const log = await readLog(service, target(ctx), positive(ctx.action.params.lines, LINES_SHOWN, LINES_MAX));
      // NocoBase would take rows for a page of a list.
      ctx.body = { data: log };
      ctx.withoutDataWrapping = true;
      await next();
    },

    // Also of an application that was removed.
    events: async (ctx, next) => {
      const { page, pageSize } = ctx.action.params as Row;
      const size = positive(pageSize, EVENTS_SHOWN, EVENTS_KEPT);
      const number = positive(page, 1, 1_000_000);
      const { rows, count } = await service.timeline.list(target(ctx), size, (number - 1) * size);
      ctx.body = { count, rows, page: number, pageSize: size, totalPage: Math.ceil(count / size) };
      await next();
    },
  };
  const guarded = Object.entries(handlers).map(([action, handler]) => [
    `${COLLECTION}:${action}`,
    refuseUnlessActive(service, handler),
  ]);
  app.resourceManager.registerActionHandlers(Object.fromEntries(guarded) as never);
}
