import type { Application } from '@nocobase/server';
import type { AppLimits } from './app-limits';
import { addResourceMiddleware } from '../nocobase/resource-middlewares';

/**
 * While many requests of an application wait and other applications are in use, an action runs in a later turn of the
 * event loop than NocoBase's steps before it: the requests of the others wait for the shorter of the two stretches. Call
 * it at each load.
 */
export function separateActions(app: Application, limits: AppLimits): void {
  const separate = (_ctx: object, next: () => Promise<void>): Promise<void> =>
    limits.of(app.name).slots.isCrowded ? new Promise(setImmediate).then(next) : next();
  addResourceMiddleware(app, 'admitted', separate);
}
