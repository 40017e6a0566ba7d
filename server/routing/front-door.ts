import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse } from 'node:url';
import { quotable } from '../../src/app-name';
import { AppError, isAppError } from '../../src/errors';
import type { Route } from '../../src/policies/host-match';
import type { AppService } from '../app-service';
import type { AppRunner } from '../lifecycle/app-runner';
import { WaitingRoom } from '../lifecycle/waiting-room';
import { departure } from './departure';
import { wantsPage } from '../limits/error-response';
import { takeFileTurn } from './file-turns';
import { MainCommands } from './main-commands';
import { MainTurns } from './main-turns';
import { refuse } from './refusal';
import { HEALTH_CHECK, RequestGate } from './request-gate';
import { leaseFor } from './request-lease';
import { progressOf } from './response-head';
import type { Router } from './router';
import { separateOrigin, sharesOrigin } from './shared-origin';
import { StorageGuard } from './storage-guard';
import { Traffic } from './traffic';

/** One request on its way in. */
interface Visit {
  req: IncomingMessage;
  res: ServerResponse;
  /** Set by `resolve`. */
  runner?: AppRunner;
  needsApp: boolean;
  /** The part of the path behind `/storage/`, as the request arrived. */
  storagePath?: string;
}

/** True: the request is answered. False: it goes on to NocoBase. Undefined: the next step decides. */
type Outcome = boolean | undefined;
/** A step that waits for nothing returns no promise: each promise costs every request. */
type Step = (visit: Visit) => Outcome | Promise<Outcome>;

/** The core stops at anything but `false`. */
const ANSWERED = Promise.resolve(true);

/** NocoBase would reject on a URL that cannot be parsed, and never answer; a path always can be. */
function isReadable(url: string | undefined): boolean {
  if (url?.startsWith('/')) return true;
  try {
    // The parser that NocoBase uses.
    return parse(url ?? '').pathname !== null;
  } catch {
    return false;
  }
}

function whoIs(route: Route): string {
  return route.kind === 'app' || route.kind === 'unknown' ? route.name : 'main';
}

/**
 * The first to see every request (`Gateway.registerRequestHandler`), before NocoBase resolves, logs or looks up
 * anything: resolve, refuse, admit, hold. A request for the main application passes without a promise or a query, unless it
 * waits for its turn, or for the end of a command of the main application.
 */
export class FrontDoor {
  readonly traffic = new Traffic();
  readonly mainCommands: MainCommands;
  private readonly mainRoom: WaitingRoom;
  private readonly storage: StorageGuard;
  private readonly gate: RequestGate;
  private readonly mainTurns: MainTurns;
  /** Of a request that has passed the gate. */
  private readonly steps: readonly Step[] = [
    (visit) => this.answerProxy(visit),
    (visit) => this.resolve(visit),
    (visit) => this.guardStorage(visit),
    (visit) => this.answerMonitor(visit),
    (visit) => this.admit(visit),
    (visit) => this.hold(visit),
  ];
  /** While this process does not manage the applications yet: it passes the gate once it does. */
  private readonly earlySteps: readonly Step[] = [
    (visit) => this.awaitMain(visit),
    (visit) => this.answerProxy(visit),
    (visit) => this.awaitLeader(visit),
    ({ req, res }) => this.gate.refuses(req, res) || undefined,
    ...this.steps,
  ];

  constructor(
    private readonly service: AppService,
    private readonly router: Router,
  ) {
    this.storage = new StorageGuard(service);
    this.gate = new RequestGate(service, router);
    this.mainTurns = new MainTurns(service, router);
    this.mainRoom = new WaitingRoom(
      'main',
      () => service.config,
      () => undefined,
    );
    this.mainCommands = new MainCommands(service, router, this.traffic, this.mainRoom);
  }

  /** NocoBase goes on when the answer is `false`, and stops at anything else; a throw would only be printed. */
  handle(req: IncomingMessage, res: ServerResponse): Promise<boolean> | false {
    const { phase } = this.service;
    if (phase === 'off' || phase === 'inert') return false;
    // Its body was refused while it arrived.
    if (res.headersSent) return Promise.resolve(true);
    if (this.service.ending) {
      res.setHeader('Connection', 'close');
      refuse(req, res, new AppError('APP_SHUTTING_DOWN'));
      return Promise.resolve(true);
    }
    const { urlBytes } = this.service.config.sizes;
    if (req.url !== undefined && req.url.length > urlBytes) {
      refuse(req, res, new AppError('APP_URL_TOO_LONG', { limit: urlBytes / 1_024 }));
      return Promise.resolve(true);
    }
    if (this.gate.refusesQuery(req, res)) return ANSWERED;
    if (!isReadable(req.url) || !this.router.isAllowed(req)) {
      this.gate.refuseUnreadable(req, res);
      return ANSWERED;
    }
    const ready = phase === 'active' && this.service.mainUp;
    const isMains = this.service.routes && this.service.mainUp && this.router.isForMain(req);
    if (ready && !isMains && this.gate.refuses(req, res)) return ANSWERED;
    if (isMains && this.answersMainMonitor(req, res)) return ANSWERED;
    this.traffic.enter(req, res);
    if (isMains && this.mainCommands.holds(req)) return this.awaitMainCommand(req, res);
    return this.letIn(req, res, isMains);
  }

  /** @param isMains whether the request is known to be for the main application */
  private letIn(req: IncomingMessage, res: ServerResponse, isMains: boolean): Promise<boolean> | false {
    const storagePath = this.router.storagePath(req);
    if (isMains && storagePath === undefined && this.router.askedHost(req) === undefined) {
      this.service.limits.use.note('main', progressOf(res));
      const turn = this.mainTurns.take(req, res);
      return turn === true ? ANSWERED : turn;
    }
    const ready = this.service.phase === 'active' && this.service.mainUp;
    const visit: Visit = { req, res, needsApp: true, storagePath };
    try {
      const outcome = this.walk(visit, ready ? this.steps : this.earlySteps);
      if (typeof outcome === 'boolean') return outcome && ANSWERED;
      return outcome.catch((error: unknown) => this.answerError(visit, error));
    } catch (error) {
      this.answerError(visit, error);
      return ANSWERED;
    }
  }

  private answerError({ req, res, runner }: Visit, error: unknown): true {
    if (!isAppError(error)) this.service.supervisor.logger.error('front door', { error: String(error) });
    const coded = isAppError(error)
      ? error
      : new AppError('APP_BOOT_FAILED', { name: '', step: 'route', reason: 'internal error' });
    this.gate.refuse(req, res, coded, runner);
    return true;
  }

  /** The answer of the core, without the way to it. Monitors ask often, and while applications are at work. */
  private answersMainMonitor(req: IncomingMessage, res: ServerResponse): boolean {
    if (!req.url?.endsWith(HEALTH_CHECK) || !this.router.place(req).needsApp) return false;
    if (this.service.supervisor.appStatus.main !== 'running') return false;
    res.end('ok');
    return true;
  }

  /** Waits while the main application executes a command of its own. */
  private async awaitMainCommand(req: IncomingMessage, res: ServerResponse): Promise<boolean> {
    try {
      if (!(await this.mainCommands.wait(req, res)) || res.headersSent) return true;
    } catch (error) {
      if (!isAppError(error)) throw error;
      this.gate.refuse(req, res, error, undefined, error.code !== 'APP_TOO_MANY_WAITING');
      return true;
    }
    const { phase } = this.service;
    // The command has disabled this plugin.
    if (phase === 'off' || phase === 'inert') return false;
    return this.letIn(req, res, true);
  }

  /** Takes the steps from this one on until one of them decides. */
  private walk(visit: Visit, steps: readonly Step[], from = 0): boolean | Promise<boolean> {
    for (let at = from; at < steps.length; at += 1) {
      const outcome = (steps[at] as Step)(visit);
      if (outcome === undefined) continue;
      if (typeof outcome === 'boolean') return outcome || this.letGo(visit);
      return outcome.then((decided) =>
        decided === undefined ? this.walk(visit, steps, at + 1) : decided || this.letGo(visit),
      );
    }
    return this.letGo(visit);
  }

  /** The last look at a request that goes on to NocoBase. Returns true if it is answered after all. */
  private letGo({ req, res, runner, storagePath }: Visit): boolean | Promise<boolean> {
    return storagePath !== undefined && runner !== undefined && this.storage.settle(storagePath, runner.name, req, res);
  }

  /**
   * While the main application itself comes up, who needs an answer of an application waits here. Where it does not
   * come up, NocoBase says so itself; but not to who names another application, whose name nobody has checked.
   */
  private async awaitMain({ req, res }: Visit): Promise<Outcome> {
    if (this.service.mainUp) return undefined;
    const { kind } = this.router.routeUnlisted(req);
    if (kind === 'malformed') this.unreadable();
    if (!this.router.place(req).needsApp) return false;
    if (!(await this.mainRoom.hold(this.service.mainIsUp(), departure(req, res)))) return true;
    if (this.service.mainUp) return this.service.routes ? undefined : false;
    if (kind !== 'main') throw new AppError('APP_MAIN_NOT_RUNNING');
    return false;
  }

  /**
   * A proxy that ends TLS asks whether it may have a certificate made for a host (`appSupervisor:ask?domain=<host>`).
   * Who asks shows no token, and learns no more than a request with this host would tell him: yes or no.
   */
  private answerProxy({ req, res }: Visit): Outcome {
    const host = this.router.askedHost(req);
    if (host === undefined) return undefined;
    req.resume();
    res.statusCode = this.router.isOurs(host) ? 200 : 404;
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('Content-Length', '0');
    res.end();
    return true;
  }

  /**
   * While another process manages the applications, a request to one of them waits for the end of that process, and
   * is decided anew afterwards: this process knows the applications only as they were some seconds ago.
   */
  private async awaitLeader({ req, res }: Visit): Promise<Outcome> {
    if (this.service.phase !== 'standby' || this.router.isForMain(req)) return undefined;
    if (this.router.route(req).kind === 'malformed') return this.unreadable();
    if (!(await this.mainRoom.hold(this.service.leadership.whenLeading(), departure(req, res)))) return true;
    this.router.decideAnew(req);
    return undefined;
  }

  /** Who is asked for: an unknown or unreadable name is answered here, and leaves no trace. */
  private resolve(visit: Visit): Outcome {
    const { req } = visit;
    const place = this.router.place(req);
    const route = this.router.route(req);
    visit.needsApp = place.needsApp;
    // The page of an application under the main application's address names it in its path only.
    const name = route.kind === 'main' ? place.pageApp : whoIs(route);
    const byPath = route.kind === 'main' && place.pageApp !== undefined;
    if (byPath && !this.service.config.pathAccess) throw new AppError('APP_PATH_ACCESS_OFF');
    if (route.kind === 'malformed') return this.unreadable();
    if (name === undefined || name === 'main') return visit.storagePath === undefined ? false : undefined;
    visit.runner = route.kind === 'unknown' ? undefined : this.service.runner(name);
    if (!visit.runner) throw new AppError('APP_NOT_FOUND', { name: quotable(name) });
    if (place.needsApp && sharesOrigin(route)) separateOrigin(visit.res);
    const completed = byPath ? this.router.completedPage(req) : undefined;
    return completed === undefined ? undefined : this.redirect(visit, completed);
  }

  private redirect({ req, res }: Visit, location: string): true {
    req.resume();
    res.statusCode = 308;
    res.setHeader('Location', location);
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('Content-Length', '0');
    res.end();
    return true;
  }

  /** Below `/storage/`, a request gets uploads of its own application only. */
  private guardStorage({ storagePath, runner }: Visit): Outcome {
    if (storagePath !== undefined) this.storage.assertOwn(storagePath, runner?.name);
    return undefined;
  }

  private unreadable(): never {
    throw new AppError('APP_REQUEST_INVALID');
  }

  /** A monitor wakes nobody, and is no use of the application: one that sleeps is well, and so is one that wakes up. */
  private answerMonitor({ req, res, runner, needsApp }: Visit): Outcome {
    if (!runner || !needsApp || !this.router.place(req).path.endsWith(HEALTH_CHECK)) return undefined;
    // Not up for the first time yet.
    if (runner.state === 'creating') throw new AppError('APP_WAIT_TIMEOUT', { name: runner.name });
    // Tried again by the next visitor.
    if (runner.state === 'failed' || runner.state === 'quarantined') throw runner.lastFailure();
    if (runner.state === 'running' && this.service.supervisor.appStatus[runner.name] !== 'running') {
      // At a command, e.g. an upgrade: the core says which.
      leaseFor(runner, req, res, false);
      return false;
    }
    res.setHeader('Content-Type', 'text/plain; charset=utf-8');
    res.setHeader('Cache-Control', 'no-store');
    res.end('ok');
    return true;
  }

  /**
   * Pages, scripts and styles are the same for all applications; only what needs the instance takes a place in it. The
   * opening of a page already starts the boot, so that the page's first call finds the application up, or nearly so.
   */
  private admit({ req, res, runner, needsApp }: Visit): Outcome | Promise<boolean> {
    if (!runner) return false;
    if (!needsApp) {
      if (wantsPage(req)) {
        this.service.visits.note(runner.name, 0);
        runner.wake('prewarm', { kind: 'visitor', via: 'page' }).catch(() => undefined);
      }
      return takeFileTurn(this.service.limits.of(runner.name), req, res);
    }
    this.service.visits.note(runner.name);
    this.service.limits.use.note(runner.name, progressOf(res));
    return undefined;
  }

  /**
   * Waits for the application to end its command or to come up, and then for a request slot. The response is the
   * application's own, or the same coded error for all that waited.
   */
  private hold({ req, res, runner }: Visit): boolean | Promise<boolean> {
    if (!runner) return false;
    if (runner.state !== 'running' || runner.flight.hold.ended) return this.holdUntilUp(req, res, runner);
    leaseFor(runner, req, res, true);
    return this.gate.takeSlot(req, res, runner, false);
  }

  private async holdUntilUp(req: IncomingMessage, res: ServerResponse, runner: AppRunner): Promise<boolean> {
    const waitsForCommand = runner.flight.hold.ended !== undefined;
    // Without a lease: neither the next command nor the end of the instance waits for a request that waits for them.
    if (waitsForCommand && !(await this.awaitCommand(req, res, runner))) return true;
    leaseFor(runner, req, res, true);
    const held = runner.state !== 'running';
    if (held && !(await this.awaitRunning(req, res, runner))) return true;
    return this.gate.takeSlot(req, res, runner, held || waitsForCommand);
  }

  /** False if the request is answered, or its visitor has left. */
  private async awaitCommand(req: IncomingMessage, res: ServerResponse, runner: AppRunner): Promise<boolean> {
    const { hold } = runner.flight;
    // The next command may have begun already.
    for (let { ended } = hold; ended; { ended } = hold) {
      if (!(await this.stay(req, res, runner, ended))) return false;
    }
    return true;
  }

  /** False if the request is answered, or its visitor has left. */
  private async awaitRunning(req: IncomingMessage, res: ServerResponse, runner: AppRunner): Promise<boolean> {
    const running = runner.wake('visitor', { kind: 'visitor', via: 'request' });
    if (!(await this.stay(req, res, runner, running))) return false;
    if (runner.state !== 'stopped') return true;
    // It was stopped as soon as it was up.
    this.gate.refuse(req, res, new AppError('APP_STOPPED', { name: runner.name }), runner, true);
    return false;
  }

  /** Waits in the application's room. False if the request is answered, or its visitor has left. */
  private async stay(
    req: IncomingMessage,
    res: ServerResponse,
    runner: AppRunner,
    ready: Promise<void>,
  ): Promise<boolean> {
    try {
      return (await runner.room.hold(ready, departure(req, res))) && !res.headersSent;
    } catch (error) {
      if (!isAppError(error)) throw error;
      this.gate.refuse(req, res, error, runner, error.code !== 'APP_TOO_MANY_WAITING');
      return false;
    }
  }
}
