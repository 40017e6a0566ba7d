import { createRequire } from 'node:module';
import type { Application } from '@nocobase/server';
import { changeHost } from './host-parts';
import { confineHandlebars, type HandlebarsEngine } from './handlebars';
import { confineLiquid, type LiquidClass } from './liquid';

/** Returns the ID of the application that runs code now; undefined for the main application. */
type Current = () => string | undefined;

/** The engines that NocoBase renders templates of all applications with, as NocoBase finds them. */
const engines: Record<string, (load: NodeRequire, notify: (notice: string) => void, current: Current) => void> = {
  Handlebars: (load, notify, current) =>
    confineHandlebars((load('@nocobase/utils') as { Handlebars: HandlebarsEngine }).Handlebars, notify, current),
  LiquidJS: (load) => {
    const utils = createRequire(load.resolve('@nocobase/utils'));
    confineLiquid((utils('liquidjs') as { Liquid: LiquidClass }).Liquid);
  },
};

let confined = false;

/**
 * Keeps templates from files, code and memory of the process. Does its work once in a process, for the main application
 * as well: the engines are the same. What is not found is logged.
 */
export function confineTemplates(app: Application, current: Current): void {
  if (confined) return;
  confined = true;
  const warn = (notice: string) => void app.log.warn(notice, { module: 'app-supervisor' });
  for (const [engine, confine] of Object.entries(engines)) {
    const notice = `templates of ${engine} are not confined: this version of NocoBase has another engine`;
    changeHost(app, notice, (load) => confine(load, warn, current));
  }
}
