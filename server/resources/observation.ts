import type { Application } from '@nocobase/server';
import { APP_STATES, type AppState } from '../../src/app-state';
import { APP_EVENT_TYPES, type AppEventType } from '../../src/events';
import { readDetails } from '../app-details';
import { readLog } from '../app-logs';
import type { AppService } from '../app-service';
import { COLLECTION } from '../registry';
import { EVENTS_KEPT } from '../timeline';
import {
  flag,
  pageOf,
  paged,
  positive,
  refuseUnlessActive,
  registered,
  show,
  target,
  timeOf,
  wordsAmong,
  type Handler,
} from './call';
import { assertFilter, orderOf, pickerOf, readFiltered } from './list-query';

const EVENTS_SHOWN = 20;
const LINES_SHOWN = 200;
const LINES_MAX = 1_000;

const STATES = Object.keys(APP_STATES) as AppState[];
const EVENT_TYPES = Object.keys(APP_EVENT_TYPES) as AppEventType[];

type Row = Record<string, unknown>;

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
      const { filter, sort, fields, search, removed, state } = ctx.action.params as Row;
      const page = pageOf(ctx);
      const states = wordsAmong(state, 'state', STATES);
      const { collection } = repository();
      const order = orderOf(sort, collection);
      assertFilter(filter, collection);
      const text = typeof search === 'string' && search.trim() !== '' ? search.trim() : undefined;
      const found = text
        ? { $or: ['name', 'displayName', 'cname'].map((field) => ({ [field]: { $includes: text } })) }
        : undefined;
      const asked = [filter, found].filter((part): part is object => typeof part === 'object' && part !== null);
      const where: object[] = [{ removedAt: { [flag(removed) ? '$notEmpty' : '$empty']: true } }, ...asked];
      // A state is computed; what is removed is at rest for good.
      if (states && !flag(removed)) where.push({ name: { $in: descriptions.namesIn(states) } });
      else if (states && !states.includes('stopped')) where.push({ name: { $in: [] } });
      const pick = pickerOf(fields);
      const read = () =>
        Promise.all([
          repository().findAndCount({
            filter: { $and: where },
            // Pictures have addresses of their own.
            except: ['iconImage'],
            sort: order ?? ['sort', 'name'],
            limit: page.pageSize,
            offset: page.offset,
          } as never) as Promise<[{ toJSON(): Row }[], number]>,
          countStates(asked),
        ]);
      const [[rows, count], counts] = await readFiltered(filter, read);
      const icons = await service.icons.urlsOf(rows.map((row) => String(row.toJSON().name)));
      // Of whole rows: what is computed needs more than what is asked for.
      const views = rows.map((row) => {
        const view = service.view(row.toJSON());
        return pick({ ...view, iconUrl: icons.get(view.name) ?? null });
      });
      ctx.body = paged(views, count, page, { states: counts });
      await next();
    },

    get: async (ctx, next) => {
      const name = target(ctx);
      const [application, events] = await Promise.all([
        show(app, service, name),
        service.timeline.list(name, { limit: EVENTS_SHOWN }),
      ]);
      ctx.body = { ...application, events: events.rows };
      await next();
    },

    details: async (ctx, next) => {
      ctx.body = await readDetails(service, registered(service, target(ctx)).name);
      await next();
    },

    logs: async (ctx, next) => {
      const { name } = registered(service, target(ctx));
      const log = await readLog(service, name, positive(ctx.action.params.lines, LINES_SHOWN, LINES_MAX));
      // NocoBase would take rows for a page of a list.
      ctx.body = { data: log };
      ctx.withoutDataWrapping = true;
      await next();
    },

    // Also of an application that was removed.
    events: async (ctx, next) => {
      const { type, since } = ctx.action.params as Row;
      const page = pageOf(ctx, EVENTS_KEPT);
      const asked = { types: wordsAmong(type, 'type', EVENT_TYPES), since: timeOf(since, 'since') };
      const { rows, count } = await service.timeline.list(target(ctx), {
        limit: page.pageSize,
        offset: page.offset,
        ...asked,
      });
      ctx.body = paged(rows, count, page);
      await next();
    },
  };
  const guarded = Object.entries(handlers).map(([action, handler]) => [
    `${COLLECTION}:${action}`,
    refuseUnlessActive(service, handler),
  ]);
  app.resourceManager.registerActionHandlers(Object.fromEntries(guarded) as never);
}
