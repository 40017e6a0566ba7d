import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../../src/errors';
import type { AppService } from '../app-service';
import { CommandHold } from '../lifecycle/command-hold';
import { withDeadline } from '../lifecycle/deadline';
import type { CommandGate } from '../lifecycle/own-commands';
import { ownRequest, runRequest, type OwnRequest } from '../lifecycle/work-context';
import type { WaitingRoom } from '../lifecycle/waiting-room';
import { departure } from './departure';
import { refuse } from './refusal';
import { HEALTH_CHECK } from './request-gate';
import type { Router } from './router';
import type { Traffic } from './traffic';

/** On the response of a request to the main application that has reached it. */
const OWN = Symbol('the request of this response');

type Marked = ServerResponse & { [OWN]?: OwnRequest };

/** Runs the handler of a request to the main application, so that a command that it gives does not wait for it. */
export function runMainRequest(res: ServerResponse | undefined, handler: () => Promise<void>): Promise<void> {
  if (!res) return handler();
  const own: OwnRequest = {};
  (res as Marked)[OWN] = own;
  return runRequest(own, handler);
}

/**
 * Holds the requests to the main application while it executes a command of its own, e.g. reloads itself. Requests to it
 * hold no leases: those in flight are looked for when a command begins, so that requests cost nothing until then.
 */
export class MainCommands implements CommandGate {
  readonly hold = new CommandHold();
  private readonly waiting = new WeakSet<ServerResponse>();

  constructor(
    private readonly service: AppService,
    private readonly router: Router,
    private readonly traffic: Traffic,
    private readonly room: WaitingRoom,
  ) {}

  /** Whether a request to the main application must wait now. */
  holds(req: IncomingMessage): boolean {
    return this.hold.ended !== undefined && this.needsMain(req);
  }

  /**
   * Waits until no command is in progress.
   * @returns false if the visitor has left
   * @throws APP_TOO_MANY_WAITING, APP_WAIT_TIMEOUT
   */
  async wait(req: IncomingMessage, res: ServerResponse): Promise<boolean> {
    // The next command does not wait for requests that wait for it.
    this.waiting.add(res);
    try {
      for (let { ended } = this.hold; ended; { ended } = this.hold) {
        if (!(await this.room.hold(ended, departure(req, res)))) return false;
      }
      return true;
    } finally {
      this.waiting.delete(res);
    }
  }

  run<T>(command: () => Promise<T>): Promise<T> {
    return this.hold.run(() => this.drain(), command);
  }

  /** Pages, files of the client and the question of a TLS proxy do not need it. Monitors are told its present state. */
  private needsMain(req: IncomingMessage): boolean {
    const { needsApp, path } = this.router.place(req);
    return needsApp && !path.endsWith(HEALTH_CHECK) && this.router.askedHost(req) === undefined;
  }

  /**
   * Waits for the requests in flight as long as Stop does. Then those without a response are refused. A body that is
   * still arriving goes on, and so does a response that has begun: nothing of them ends with a reload.
   */
  private async drain(): Promise<void> {
    const own = ownRequest();
    const inFlight = this.traffic.find(
      (req, res) =>
        !this.waiting.has(res) &&
        !(own && (res as Marked)[OWN] === own) &&
        this.router.route(req).kind === 'main' &&
        this.needsMain(req),
    );
    const over = Promise.all(inFlight.map(([res, req]) => departure(req, res)));
    await withDeadline(over, this.service.config.drainTimeoutMs, () => new Error('not drained')).catch(() => {
      const error = new AppError('APP_WAIT_TIMEOUT', { name: 'main' });
      for (const [res, req] of inFlight) if (req.complete) refuse(req, res, error);
    });
  }
}
