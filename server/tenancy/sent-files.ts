import { ReadStream } from 'node:fs';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import { storagePathJoin } from '@nocobase/utils';
import { AppError } from '../../src/errors';

/** `<prefix>-<epoch milliseconds>-<random>` with an extension, as NocoBase's exports name their files. */
const EXPORT_FILE = /^[\w-]{1,60}-\d{13}-[a-z0-9]{4,16}(\.[a-z0-9]{1,8})?$/;

/** The folders of the process, as absolute paths. */
export interface SendingFolders {
  /** NocoBase's storage folder. */
  storage: string;
  /** Packages. */
  modules?: string;
}

/**
 * Whether an action of the application may answer with this file. Rows hold paths of files, and administrators can
 * write rows in several ways, so the path alone decides. Whose uploads they are is decided where they are stored.
 */
export function maySend(file: unknown, application: string, { storage, modules }: SendingFolders): boolean {
  if (typeof file !== 'string') return false;
  const absolute = path.resolve(file);
  const below = (...folder: string[]) => absolute.startsWith(path.join(storage, ...folder) + path.sep);
  if (below('uploads') || below('backups', application) || below('logs', application)) return true;
  const { dir, base } = path.parse(absolute);
  if (dir === path.join(storage, 'tmp') && EXPORT_FILE.test(base)) return true;
  return modules !== undefined && absolute.startsWith(path.resolve(modules) + path.sep);
}

interface AnswerContext {
  action?: { resourceName?: string; actionName?: string };
  body: unknown;
}

/**
 * @param action what would send the file
 * @throws APP_ACTION_LEAVES_APPLICATION
 */
export function assertSendable(app: Application, file: unknown, action: string): void {
  const folders = { storage: path.resolve(storagePathJoin()), modules: process.env.NODE_MODULES_PATH };
  if (!maySend(file, app.name, folders)) throw new AppError('APP_ACTION_LEAVES_APPLICATION', { action });
}

/** Refuses answers that would send a file from outside the application's folders. Call it again after each reload. */
export function confineSentFiles(app: Application): void {
  app.resourceManager.use(
    (async (ctx: AnswerContext, next: () => Promise<void>) => {
      await next();
      const { body, action } = ctx;
      if (!(body instanceof ReadStream)) return;
      try {
        assertSendable(app, body.path, `${action?.resourceName ?? ''}:${action?.actionName ?? ''}`);
      } catch (error) {
        body.destroy();
        ctx.body = null;
        throw error;
      }
    }) as never,
    { tag: 'appSupervisorSentFiles' },
  );
}
