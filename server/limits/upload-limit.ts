import type { IncomingMessage } from 'node:http';
import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import type { AppLimits } from './app-limits';
import { receivedBytes, watchBody } from './body-arrival';
import { addResourceMiddleware } from '../nocobase/resource-middlewares';

/** The actions by which the file manager takes a file. */
const UPLOADS = new Set(['upload', 'create', 'update']);

interface UploadContext {
  action: { resourceName: string; actionName: string };
  db: { getCollection(name: string): { options?: { template?: unknown } } | undefined };
  req: IncomingMessage;
  request: { is(type: string): string | false | null; length?: number };
}

/** Whether a call brings a file, as the file manager decides it. */
function isUpload({ action, db, request }: UploadContext): boolean {
  if (!UPLOADS.has(action.actionName)) return false;
  if (db.getCollection(action.resourceName)?.options?.template !== 'file') return false;
  return Boolean(request.is('multipart/*'));
}

/**
 * Refuses new uploads of an application that uses all of its storage, before a byte of the file is read. One that names no
 * size is refused while it arrives.
 */
export function limitUploads(app: Application, limits: AppLimits): void {
  const { name } = app;
  const refuseFull = (ctx: UploadContext, next: () => Promise<void>) =>
    limits.of(name).inForce.storage > 0 && isUpload(ctx) ? upload(ctx, next) : next();
  const storageLimit = () => {
    limits.note(name, 'storage');
    return new AppError('APP_STORAGE_LIMIT', { name, limit: limits.of(name).inForce.storage });
  };
  const upload = async ({ req, request }: UploadContext, next: () => Promise<void>) => {
    const known = request.length ?? receivedBytes(req);
    const stored = await limits.storage.begin(name, known, () => receivedBytes(req));
    if (!stored) throw storageLimit();
    if (request.length === undefined) {
      const grow = (bytes: number) => {
        if (stored.grow(bytes)) return undefined;
        // Its handler ends seconds later, when the connection is closed.
        stored.end(false);
        return storageLimit();
      };
      const error = grow(receivedBytes(req) - known);
      if (error) throw error;
      watchBody(req, grow);
    }
    let isStored = false;
    try {
      await next();
      isStored = true;
    } finally {
      stored.end(isStored);
    }
  };
  addResourceMiddleware(app, 'first', refuseFull);
}
