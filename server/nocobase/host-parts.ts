import { createRequire } from 'node:module';
import type { Application } from '@nocobase/server';

/** Loads modules as NocoBase's server finds them. */
export const hostRequire = (): NodeRequire => createRequire(require.resolve('@nocobase/server'));

/**
 * Changes a part of NocoBase. A version of NocoBase that lacks the part keeps no application from running: it is logged.
 * @param notice names what stays as it is in that case
 * @param change throws if the part is missing
 */
export function changeHost(app: Pick<Application, 'log'>, notice: string, change: (load: NodeRequire) => void): void {
  try {
    change(hostRequire());
  } catch (error) {
    app.log.warn(notice, { module: 'app-supervisor', error: String(error) });
  }
}
