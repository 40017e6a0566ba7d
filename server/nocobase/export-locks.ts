import fs from 'node:fs';
import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { changeHost, hostRequire } from './host-parts';
import { loadAnew } from './load-anew';
import { boundsOf, loadImporter, withRowsRead, type ImportContext } from './spreadsheets';

/**
 * NocoBase exports and imports one file at a time, by a lock in the module of the action: one application that exports
 * for long keeps all others from it. Here each instance gets the module anew, with a lock of its own. Spreadsheets that are
 * imported are read in a thread.
 */

type Handler = (this: unknown, ctx: ExportContext, next: () => Promise<void>) => Promise<void>;

interface ExportContext extends ImportContext {
  /** Set by a plugin that has done the export by itself. */
  exportHandled?: boolean;
}

interface ResourceManager {
  getRegisteredHandler(name: string): Handler | undefined;
  registerActionHandler(name: string, handler: Handler): void;
}

interface LockedAction {
  action: string;
  plugin: string;
  /** The file below the package of the plugin. */
  file: string;
  /** The function that the file exports. */
  handler: string;
}

export const LOCKED_ACTIONS: readonly LockedAction[] = [
  {
    action: 'export',
    plugin: 'action-export',
    file: '@nocobase/plugin-action-export/dist/server/actions/export-xlsx.js',
    handler: 'exportXlsx',
  },
  {
    action: 'importXlsx',
    plugin: 'action-import',
    file: '@nocobase/plugin-action-import/dist/server/actions/import-xlsx.js',
    handler: 'importXlsx',
  },
];

type Load = (file: string, importBytes: number) => Record<string, unknown>;

function loadOwn(file: string, importBytes: number): Record<string, unknown> {
  const place = hostRequire().resolve(file);
  if (!file.endsWith('import-xlsx.js')) return loadAnew(place);
  const { exports, library } = loadImporter(place);
  const { importXlsx } = exports;
  if (typeof importXlsx !== 'function') return exports;
  return { importXlsx: withRowsRead(importXlsx as Handler, library, boundsOf(importBytes)) };
}

/** The action with a lock of its own; a call during another one answers 429 `APP_BUSY`. */
export function withOwnLock(handler: Handler, name: string): Handler {
  let running = false;
  return async function lockedAction(this: unknown, ctx, next) {
    if (ctx.exportHandled) return handler.call(this, ctx, next);
    if (running) {
      // Only the action removes it, and it does not run.
      if (ctx.file?.path) await fs.promises.rm(ctx.file.path, { force: true });
      throw new AppError('APP_BUSY', { name });
    }
    running = true;
    let held = true;
    const release = () => {
      // The next call may hold it already.
      if (held) running = false;
      held = false;
    };
    try {
      // The action has ended when it goes on to the next one.
      await handler.call(this, ctx, () => {
        release();
        return next();
      });
    } finally {
      release();
    }
  };
}

/**
 * Gives the exports and imports of this instance locks of their own, in each of its data sources. Call it after each
 * load.
 * @param importBytes what an imported spreadsheet may hold when it is unpacked
 * @param load loads a file of a package anew
 */
export function separateExportLocks(app: Application, importBytes: number, load: Load = loadOwn): void {
  for (const locked of LOCKED_ACTIONS) {
    const plugin = app.pm.get(locked.plugin);
    if (!plugin) continue;
    const notice = `the action "${locked.action}" shares its lock with other applications: this version of NocoBase has another action`;
    changeHost(app, notice, () => {
      const handler = load(locked.file, importBytes)[locked.handler];
      if (typeof handler !== 'function') throw new TypeError(`${locked.file} exports no ${locked.handler}`);
      const own = withOwnLock((handler as Handler).bind(plugin), app.name);
      app.dataSourceManager.afterAddDataSource((dataSource) => {
        const manager = dataSource.resourceManager as unknown as ResourceManager;
        // Another plugin's action of the same name stays.
        if (!manager.getRegisteredHandler(locked.action)?.name.endsWith(locked.handler)) return;
        manager.registerActionHandler(locked.action, own);
      });
    });
  }
}
