import { realpath } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { AppError } from '../../src/errors';
import { APP_FOLDERS, storageAccess, type StorageAccess } from '../../src/policies/upload-owner';
import type { AppService } from '../app-service';
import { isInside, ownUploads, uploadsFolder } from '../lifecycle/upload-folders';

/** Resolves links; undefined if there is no such file. */
async function resolved(file: string): Promise<string | undefined> {
  return realpath(file).catch(() => undefined);
}

/** Keeps requests for paths below `/storage/` to the uploads of the application that they are routed to. */
export class StorageGuard {
  constructor(private readonly service: Pick<AppService, 'config' | 'record' | 'registry'>) {}

  /**
   * Decides by the path alone, before the application boots.
   * @param rest what follows `/storage/`
   * @param name the application; undefined for the main application
   * @throws APP_FILE_NOT_FOUND
   */
  assertOwn(rest: string, name: string | undefined): void {
    if (this.access(rest, name).kind === 'none') throw new AppError('APP_FILE_NOT_FOUND');
  }

  /**
   * Decides by what is on the disk, once the application is up. Links are followed: none leads out of its own folder.
   * An address of the folder that older versions shared is redirected to the application's own copy.
   * @returns whether the request is answered
   * @throws APP_FILE_NOT_FOUND
   */
  async settle(rest: string, name: string, req: IncomingMessage, res: ServerResponse): Promise<boolean> {
    const own = this.ownFolder(name);
    const access = this.access(rest, name);
    if (own === undefined || access.kind === 'none' || access.kind === 'app') throw new AppError('APP_FILE_NOT_FOUND');
    const below = access.kind === 'own' ? access.path : decodeURIComponent(rest.slice('uploads/'.length));
    const file = await resolved(path.join(uploadsFolder(), below));
    const root = await resolved(path.join(uploadsFolder(), own));
    if (file === undefined ? access.kind === 'own' : root === undefined || !isInside(root, file)) {
      throw new AppError('APP_FILE_NOT_FOUND');
    }
    // NocoBase answers for a missing file, after it has asked for a token.
    if (access.kind === 'pass') return false;
    this.redirect(req, res, access.path);
    return true;
  }

  private access(rest: string, name: string | undefined): StorageAccess {
    // An application without a folder yet gets one when it boots; until then, nothing in one is its own.
    const access = storageAccess(rest, name === undefined ? undefined : (this.ownFolder(name) ?? ''));
    return access.kind === 'app' && this.isTaken(access.folder) ? { kind: 'none' } : access;
  }

  private isTaken(folder: string): boolean {
    const taken = `${APP_FOLDERS}/${folder}`.toLowerCase();
    return this.service.registry.everyone().some((record) => ownUploads(record)?.toLowerCase() === taken);
  }

  private ownFolder(name: string): string | undefined {
    const record = this.service.record(name);
    return record && ownUploads(record);
  }

  private redirect(req: IncomingMessage, res: ServerResponse, file: string): void {
    const target = (req as { originalUrl?: string }).originalUrl ?? req.url ?? '';
    const query = target.indexOf('?');
    const encoded = file.split('/').map(encodeURIComponent).join('/');
    req.resume();
    res.statusCode = 302;
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('Content-Length', '0');
    res.setHeader(
      'Location',
      `${this.service.config.publicPath}/storage/uploads/${encoded}${query < 0 ? '' : target.slice(query)}`,
    );
    res.end();
  }
}
