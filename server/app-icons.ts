import { createHash } from 'node:crypto';
import type { Context } from '@nocobase/actions';
import type { Application } from '@nocobase/server';
import { Op } from 'sequelize';
import { AppError } from '../src/errors';
import type { FaultFence } from './lifecycle/fault-fence';
import { COLLECTION } from './registry';

export interface IconsHost {
  config: { apiBasePath: string };
  fence: FaultFence;
  mainApp(): Application;
}

interface Picture {
  type: string;
  content: Buffer;
}

/** Hexadecimal digits: the address of a picture that was never shown cannot be guessed. */
const ID_LENGTH = 32;
/** An address never has another content. */
const CACHE = 'public, max-age=31536000, immutable';

/**
 * The pictures of applications, at addresses that are made of their content: a browser keeps them, and asks without a
 * token. Only the addresses are in memory.
 */
export class AppIcons {
  /** The ID of the picture of each application that was looked at; empty without a picture. */
  private readonly ids = new Map<string, string>();
  /** All applications with a picture were looked at. */
  private complete = false;
  private changes = 0;
  private lookingAtAll?: Promise<void>;

  constructor(private readonly host: IconsHost) {}

  /** The addresses of the pictures of these applications, below the main application's address. */
  async urlsOf(names: readonly string[]): Promise<Map<string, string>> {
    const missing = names.filter((name) => !this.ids.has(name));
    if (missing.length > 0) await this.look(missing);
    const { apiBasePath } = this.host.config;
    const found = names.flatMap((name) => {
      const id = this.ids.get(name);
      return id ? [[name, `${apiBasePath}/appSupervisor:icon?id=${id}`] as const] : [];
    });
    return new Map(found);
  }

  async urlOf(name: string): Promise<string | null> {
    return (await this.urlsOf([name])).get(name) ?? null;
  }

  /** @throws APP_FILE_NOT_FOUND if no application has this picture any more */
  async read(id: unknown): Promise<Picture> {
    let name = this.nameOf(id);
    if (name === undefined && !this.complete) {
      // Strangers may ask for any number of unknown pictures: their requests share one query.
      this.lookingAtAll ??= this.look().finally(() => (this.lookingAtAll = undefined));
      await this.lookingAtAll;
      name = this.nameOf(id);
    }
    const [row] = name === undefined ? [] : await this.rows([name]);
    const [, type = '', content = ''] = /^data:([^;]+);base64,(.*)$/s.exec(row?.iconImage ?? '') ?? [];
    if (!row || idOf(row.iconImage) !== id) throw new AppError('APP_FILE_NOT_FOUND');
    return { type, content: Buffer.from(content, 'base64') };
  }

  /** The row of the application was written, or is gone. */
  forget(name: string): void {
    this.changes += 1;
    this.ids.delete(name);
    this.complete = false;
  }

  /** The rows are read anew. */
  clear(): void {
    this.changes += 1;
    this.ids.clear();
    this.complete = false;
  }

  private nameOf(id: unknown): string | undefined {
    if (typeof id !== 'string' || id.length !== ID_LENGTH) return undefined;
    for (const [name, known] of this.ids) if (known === id) return name;
    return undefined;
  }

  /** Where the database does not answer, the applications are shown without a picture. */
  private async look(names?: readonly string[]): Promise<void> {
    const { changes } = this;
    const rows = await this.rows(names).catch(() => undefined);
    // A picture that was changed meanwhile is looked at the next time.
    if (!rows || changes !== this.changes) return;
    for (const name of names ?? []) this.ids.set(name, '');
    for (const { name, iconImage } of rows) this.ids.set(name, idOf(iconImage));
    if (!names) this.complete = true;
  }

  private rows(names?: readonly string[]): Promise<{ name: string; iconImage: string }[]> {
    const where = { iconImage: { [Op.not]: null }, ...(names && { name: [...names] }) };
    // The main application's connections are not the work of the application that asks.
    return this.host.fence.outside(() =>
      this.host
        .mainApp()
        .db.getModel(COLLECTION)
        .findAll({ attributes: ['name', 'iconImage'], where, raw: true }),
    ) as unknown as Promise<{ name: string; iconImage: string }[]>;
  }
}

function idOf(iconImage: string): string {
  return createHash('sha256').update(iconImage).digest('hex').slice(0, ID_LENGTH);
}

/** `appSupervisor:icon` of the main application, and of each sub-application. */
export function iconAction(icons: AppIcons) {
  return async (ctx: Context, next: () => Promise<void>): Promise<void> => {
    const { id } = ctx.action.params as { id?: unknown };
    const { type, content } = await icons.read(id);
    ctx.withoutDataWrapping = true;
    ctx.set('ETag', `"${String(id)}"`);
    ctx.set({ 'Cache-Control': CACHE, 'X-Content-Type-Options': 'nosniff' });
    ctx.status = 200;
    if (ctx.fresh) ctx.status = 304;
    else {
      ctx.type = type;
      ctx.body = content;
    }
    await next();
  };
}
