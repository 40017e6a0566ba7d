import { createReadStream } from 'node:fs';
import type { Context } from '@nocobase/actions';
import type { Application } from '@nocobase/server';
import { isPlainObject } from '../../src/app-record';
import { AppError } from '../../src/errors';
import { actorOf } from '../actor';
import type { AppService } from '../app-service';
import type { ArchiveJob } from '../archives/archive-job';
import type { ImportWish } from '../archives/archives';
import type { Registrar } from '../registrar';
import { COLLECTION } from '../registry';
import { CREATABLE_FIELDS } from './applications';
import { flag, given, pick, refuseUnlessActive, target, type Handler } from './call';
import { receiveUpload } from './upload';

/** An application from an archive has its users, and its database is made for it. */
const IMPORTABLE_FIELDS = CREATABLE_FIELDS.filter((field) => field !== 'admin' && field !== 'adopt');

/** The REST actions of `applications` that move one of them: by an archive, in a folder on the server. */
export function defineArchives(app: Application, service: AppService, registrar: Registrar): void {
  const { archives } = service;

  /** Accepted work goes on by itself; `wait=true` answers with its end. */
  const answer = async (ctx: Context, job: ArchiveJob) => {
    if (flag(ctx.action.params.wait)) {
      await job.done;
      if (job.failure) throw job.failure;
    }
    ctx.body = job.report();
  };

  const wish = (ctx: Context, values: Record<string, unknown>): ImportWish => {
    const chosen = pick(values, IMPORTABLE_FIELDS);
    if (!chosen.name) chosen.name = registrar.freeName(chosen.displayName);
    const { currentUser } = ctx.state as { currentUser?: unknown };
    return { values: chosen, ...registrar.examine(chosen), currentUser, by: actorOf(currentUser) };
  };

  const handlers: Record<string, Handler> = {
    export: async (ctx, next) => {
      const name = target(ctx);
      const record = service.registry.get(name);
      if (!record) throw new AppError('APP_NOT_FOUND', { name });
      await answer(ctx, await archives.export(record, actorOf(ctx.state.currentUser)));
      await next();
    },

    import: async (ctx, next) => {
      if (ctx.is('multipart')) {
        const folder = await archives.openFolder();
        let job: ArchiveJob | undefined;
        try {
          const { file, values } = await receiveUpload(ctx, folder.folder, service.config.archiveMaxBytes);
          job = await archives.import(file, 'upload', wish(ctx, values));
        } finally {
          const done = () => archives.closeFolder(folder);
          if (job) void job.done.then(done);
          else await done();
        }
        await answer(ctx, job);
      } else {
        const values = given(ctx);
        const { archive, ...rest } = isPlainObject(values) ? values : {};
        const { file, archive: found } = await archives.store.locate(archive);
        await answer(ctx, await archives.import(file, found.name, wish(ctx, rest)));
      }
      await next();
    },

    archiveJobs: async (ctx, next) => {
      ctx.body = archives.reports();
      await next();
    },

    listArchives: async (ctx, next) => {
      ctx.body = await archives.store.list();
      await next();
    },

    downloadArchive: async (ctx, next) => {
      const { file, archive } = await archives.store.locate(ctx.action.params.filterByTk);
      ctx.withoutDataWrapping = true;
      ctx.attachment(archive.name);
      ctx.type = 'application/x-tar';
      ctx.length = archive.size;
      ctx.body = createReadStream(file);
      await next();
    },

    deleteArchive: async (ctx, next) => {
      const { filterByTk } = ctx.action.params;
      await archives.store.delete(filterByTk);
      ctx.body = { archive: filterByTk as string };
      await next();
    },
  };

  const guarded = Object.entries(handlers).map(([action, handler]) => [
    `${COLLECTION}:${action}`,
    refuseUnlessActive(service, handler),
  ]);
  app.resourceManager.registerActionHandlers(Object.fromEntries(guarded) as never);
}
