import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import type { AppLimits } from './app-limits';

/** The actions by which the file manager takes a file. */
const UPLOADS = new Set(['upload', 'create', 'update']);

interface UploadContext {
  action: { resourceName: string; actionName: string };
  db: { getCollection(name: string): { options?: { template?: unknown } } | undefined };
  request: { is(type: string): string | false | null; length?: number };
}

/** Whether a call brings a file, as the file manager decides it. */
function isUpload({ action, db, request }: UploadContext): boolean {
  if (!UPLOADS.has(action.actionName)) return false;
  if (db.getCollection(action.resourceName)?.options?.template !== 'file') return false;
  return Boolean(request.is('multipart/*'));
}

/** Refuses new uploads of an application that uses all of its storage, before a byte of the file is read. */
export function limitUploads(app: Application, limits: AppLimits): void {
  const { name } = app;
  const refuseFull = (ctx: UploadContext, next: () => Promise<void>) =>
    limits.of(name).inForce.storage > 0 && isUpload(ctx) ? upload(ctx, next) : next();
  const upload = async (ctx: UploadContext, next: () => Promise<void>) => {
    const bytes = ctx.request.length ?? 0;
    if (await limits.storage.exceeds(name, bytes)) {
      limits.note(name, 'storage');
      throw new AppError('APP_STORAGE_LIMIT', { name, limit: limits.of(name).inForce.storage });
    }
    await next();
    limits.storage.add(name, bytes);
  };
  app.resourceManager.use(refuseFull as never, { before: 'createMiddleware', tag: 'app-supervisor:storage' });
}
