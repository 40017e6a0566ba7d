import { createRequire } from 'node:module';
import type { Application } from '@nocobase/server';
import { confineHandlebars, type HandlebarsEngine } from './handlebars';
import { confineLiquid, type LiquidClass } from './liquid';

/** The engines that NocoBase renders templates of all applications with, as NocoBase finds them. */
const engines: Record<string, (load: NodeRequire, notify: (notice: string) => void) => void> = {
  Handlebars: (load, notify) =>
    confineHandlebars((load('@nocobase/utils') as { Handlebars: HandlebarsEngine }).Handlebars, notify),
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
export function confineTemplates(app: Application): void {
  if (confined) return;
  confined = true;
  const warn = (notice: string, more: object = {}) => app.log.warn(notice, { module: 'app-supervisor', ...more });
  const load = createRequire(require.resolve('@nocobase/server'));
  for (const [engine, confine] of Object.entries(engines)) {
    try {
      confine(load, warn);
    } catch (error) {
      warn(`templates of ${engine} are not confined: this version of NocoBase has another engine`, {
        error: String(error),
      });
    }
  }
}
