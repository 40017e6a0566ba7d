import { createReadStream } from 'node:fs';
import type { Context } from '@nocobase/actions';
import type { Application } from '@nocobase/server';
import { readFields } from '../../src/application-fields';
import type { Actor } from '../../src/events';
import { isPlainObject } from '../../src/plain-object';
import type { AppService } from '../app-service';
import { JOB_KINDS, JOB_OUTCOMES, type ArchiveJob } from '../archives/archive-job';
import type { Archives, ImportWish } from '../archives/archives';
import type { Registrar } from '../registrar';
import { COLLECTION } from '../registry';
import { callerOf } from './caller';
import {
  assertNotInTheMaking,
  flag,
  given,
  paged,
  pageOf,
  posted,
  refuseUnlessActive,
  registered,
  target,
  withBodyOf,
  wordsAmong,
  type Handler,
} from './call';
import { receiveUpload } from './upload';

/** Actions that change something and take nothing but what their address names. */
const WITHOUT_BODY = ['export', 'linkArchive', 'deleteArchive'];

/** One page of what is at hand as a whole. */
function slice(ctx: Context, all: readonly unknown[]): object {
  const page = pageOf(ctx);
  return paged(all.slice(page.offset, page.offset + page.pageSize), all.length, page);
}

/** @throws APP_ARCHIVE_NOT_FOUND */
export async function sendArchive(ctx: Context, archives: Archives, name: unknown, by: Actor): Promise<void> {
  const { file, archive } = await archives.store.locate(name);
  archives.tellOf(archive.name, 'archive-downloaded', by);
  ctx.withoutDataWrapping = true;
  ctx.set('Cache-Control', 'no-store');
  ctx.attachment(archive.name);
  ctx.type = 'application/x-tar';
  ctx.length = archive.size;
  ctx.body = createReadStream(file);
}

/** The REST actions of `applications` that move one of them: by an archive, in a folder on the server. */
export function defineArchives(app: Application, service: AppService, registrar: Registrar): void {
  const { archives, config } = service;
  const caller = (ctx: Context) => callerOf(ctx, config.trustedProxies);

  /** Accepted work goes on by itself; `wait=true` answers with its end. */
  const answer = async (ctx: Context, job: ArchiveJob) => {
    if (flag(ctx.action.params.wait)) {
      await job.done;
      if (job.failure) throw job.failure;
    }
    ctx.body = job.report();
  };

  const wish = async (ctx: Context, values: unknown): Promise<ImportWish> => {
    const chosen = readFields(values, 'import');
    if (!chosen.name) chosen.name = registrar.freeName(chosen.displayName);
    const { currentUser } = ctx.state as { currentUser?: unknown };
    return { values: chosen, ...(await registrar.examine(chosen)), currentUser, by: await caller(ctx) };
  };

  const handlers: Record<string, Handler> = {
    export: posted(async (ctx, next) => {
      const record = registered(service, target(ctx));
      assertNotInTheMaking(service, record);
      await answer(ctx, await archives.export(record, await caller(ctx)));
      await next();
    }),

    import: posted(async (ctx, next) => {
      if (ctx.is('multipart')) {
        const folder = await archives.openFolder();
        let job: ArchiveJob | undefined;
        try {
          const { file, values } = await receiveUpload(ctx, folder.folder, config.archiveMaxBytes);
          job = await archives.import(file, 'upload', await wish(ctx, values));
        } finally {
          const done = () => archives.closeFolder(folder);
          if (job) void job.done.then(done);
          else await done();
        }
        await answer(ctx, job);
      } else {
        const values = given(ctx);
        const { archive, ...rest } = isPlainObject(values) ? values : {};
        // Of a body that is no object it is said first.
        readFields(isPlainObject(values) ? rest : values, 'import');
        const { file, archive: found } = await archives.store.locate(archive);
        await answer(ctx, await archives.import(file, found.name, await wish(ctx, rest)));
      }
      await next();
    }),

    archiveJobs: async (ctx, next) => {
      const { application, kind, outcome } = ctx.action.params as Record<string, unknown>;
      const kinds = wordsAmong(kind, 'kind', JOB_KINDS);
      const outcomes = wordsAmong(outcome, 'outcome', JOB_OUTCOMES);
      const jobs = archives
        .reports()
        .filter((job) => application === undefined || job.application === application)
        .filter((job) => !kinds || kinds.includes(job.kind))
        .filter((job) => !outcomes || outcomes.includes(job.outcome));
      ctx.body = slice(ctx, jobs);
      await next();
    },

    listArchives: async (ctx, next) => {
      const { application } = ctx.action.params as Record<string, unknown>;
      ctx.body = slice(ctx, await archives.store.list(typeof application === 'string' ? application : undefined));
      await next();
    },

    downloadArchive: async (ctx, next) => {
      await sendArchive(ctx, archives, ctx.action.params.filterByTk, await caller(ctx));
      await next();
    },

    linkArchive: posted(async (ctx, next) => {
      const { archive } = await archives.store.locate(ctx.action.params.filterByTk);
      const { ticket, until } = archives.downloads.issue(archive.name, await caller(ctx));
      const url = `${config.apiBasePath}/appSupervisor:downloadArchive?ticket=${ticket}`;
      ctx.body = { url, expiresAt: new Date(until).toISOString() };
      await next();
    }),

    deleteArchive: posted(async (ctx, next) => {
      const { filterByTk } = ctx.action.params;
      await archives.store.delete(filterByTk);
      archives.tellOf(filterByTk as string, 'archive-deleted', await caller(ctx));
      ctx.body = { archive: filterByTk as string };
      await next();
    }),
  };

  const guarded = Object.entries(handlers).map(([action, handler]) => [
    `${COLLECTION}:${action}`,
    refuseUnlessActive(service, WITHOUT_BODY.includes(action) ? withBodyOf([], handler) : handler),
  ]);
  app.resourceManager.registerActionHandlers(Object.fromEntries(guarded) as never);
}
