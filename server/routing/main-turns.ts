import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AppService } from '../app-service';
import { bodyArrival } from '../limits/body-arrival';
import { isSignedForUser, readToken } from '../limits/token-signature';
import { bodyArrived, whenOver } from './departure';
import { takeFileTurn } from './file-turns';
import { HEALTH_CHECK } from './request-gate';
import type { Router } from './router';
import { secretOf } from './token-secret';

/**
 * Requests to the main application are not refused, and those of signed-in users and of monitors wait for nothing. All
 * others take turns, as the requests of one application do: many of them at once would hold up every application.
 */
export class MainTurns {
  constructor(
    private readonly service: AppService,
    private readonly router: Router,
  ) {}

  /** False: the request goes on. True: its visitor has left while it waited. */
  take(req: IncomingMessage, res: ServerResponse): boolean | Promise<boolean> {
    const { inForce, slots } = this.service.limits.ofMain;
    if (inForce.requestSlots === 0) return false;
    const { needsApp, path } = this.router.place(req);
    if (!needsApp) return takeFileTurn(this.service.limits.ofMain, req, res);
    if (path.endsWith(HEALTH_CHECK)) return false;
    // Most tokens are looked at by NocoBase only: here where the request would wait.
    if (!slots.mayBegin && isSignedForUser(readToken(req), secretOf(this.service, 'main'))) {
      return false;
    }
    const arrival = bodyArrival(req);
    return arrival ? this.takeAfter(arrival, req, res) : this.takeNow(req, res);
  }

  /** A body that arrives slowly takes no turn. */
  private async takeAfter(arrival: Promise<void>, req: IncomingMessage, res: ServerResponse): Promise<boolean> {
    return (await bodyArrived(arrival, req, res)) ? this.takeNow(req, res) : true;
  }

  private takeNow(req: IncomingMessage, res: ServerResponse): boolean | Promise<boolean> {
    const { slots } = this.service.limits.ofMain;
    const begin = () => {
      whenOver(req, res, () => slots.leave());
      return false;
    };
    const outcome = slots.take((left) => whenOver(req, res, left), false);
    if (typeof outcome === 'string') return begin();
    return outcome.then((settled) => {
      if (settled === 'left') return true;
      // It has waited for the longest time: it goes on without a turn.
      return settled === 'admitted' ? begin() : false;
    });
  }
}
