import { ReadStream, realpathSync } from 'node:fs';
import path from 'node:path';
import type { Application } from '@nocobase/server';
import { storagePathJoin } from '@nocobase/utils';
import { AppError } from '../../src/errors';
import { addResourceMiddleware } from '../nocobase/resource-middlewares';

/** `<prefix>-<epoch milliseconds>-<random>` with an extension, as NocoBase's exports name their files. */
const EXPORT_FILE = /^[\w-]{1,60}-\d{13}-[a-z0-9]{4,16}(\.[a-z0-9]{1,8})?$/;

/** The folders of the process, as absolute paths. */
export interface SendingFolders {
  /** NocoBase's storage folder. */
  storage: string;
  /** The application's own folder in `storage/uploads`; undefined if it has none yet. */
  uploads?: string;
  /** Packages. */
  modules?: string;
}

/**
 * Whether an action of the application may answer with this file. Rows hold paths of files, and administrators can
 * write rows in several ways, so the path alone decides. Links are to be followed before.
 */
export function maySend(file: unknown, application: string, { storage, uploads, modules }: SendingFolders): boolean {
  if (typeof file !== 'string') return false;
  const absolute = path.resolve(file);
  const below = (folder: string) => absolute.startsWith(folder + path.sep);
  if (uploads !== undefined && below(path.resolve(uploads))) return true;
  if (['backups', 'logs'].some((folder) => below(path.join(storage, folder, application)))) return true;
  const { dir, base } = path.parse(absolute);
  if (dir === path.join(storage, 'tmp') && EXPORT_FILE.test(base)) return true;
  return modules !== undefined && below(path.resolve(modules));
}

/** Returns the path without links; that of the folder if there is no such file. */
function withoutLinks(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    const { dir, base } = path.parse(path.resolve(file));
    return dir === path.dirname(dir) ? file : path.join(withoutLinks(dir), base);
  }
}

/** Returns the application's own folder below that of all uploads, if it has one. */
export type OwnFolder = () => string | undefined;

/**
 * @param action what would send the file
 * @throws APP_ACTION_LEAVES_APPLICATION
 */
export function assertSendable(app: Application, ownFolder: OwnFolder, file: unknown, action: string): void {
  const storage = withoutLinks(storagePathJoin());
  const own = ownFolder();
  const uploads = own === undefined ? undefined : withoutLinks(storagePathJoin('uploads', own));
  const { NODE_MODULES_PATH } = process.env;
  const modules = NODE_MODULES_PATH === undefined ? undefined : withoutLinks(NODE_MODULES_PATH);
  const found = typeof file === 'string' ? withoutLinks(file) : file;
  if (!maySend(found, app.name, { storage, uploads, modules })) {
    throw new AppError('APP_ACTION_LEAVES_APPLICATION', { action });
  }
}

interface AnswerContext {
  action?: { resourceName?: string; actionName?: string };
  body: unknown;
}

/** Refuses answers that would send a file from outside the application's folders. Call it again after each reload. */
export function confineSentFiles(app: Application, ownFolder: OwnFolder): void {
  const check = (ctx: AnswerContext): void => {
    const { body, action } = ctx;
    if (!(body instanceof ReadStream)) return;
    try {
      assertSendable(app, ownFolder, body.path, `${action?.resourceName ?? ''}:${action?.actionName ?? ''}`);
    } catch (error) {
      body.destroy();
      ctx.body = null;
      throw error;
    }
  };
  addResourceMiddleware(app, 'first', (ctx: AnswerContext, next) => next().then(() => check(ctx)));
}
