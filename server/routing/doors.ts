import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Gateway, type Application } from '@nocobase/server';
import type { AppService } from '../app-service';
import { coreServer, socketHandlers } from '../core';
import { gateCommands } from '../lifecycle/own-commands';
import type { BodyGuard } from '../limits/body-guard';
import { answerFailedRequests, leaveFailedRequests } from './failed-requests';
import { FrontDoor } from './front-door';
import { guardBodies } from './guarded-bodies';
import { runMainRequest } from './main-commands';
import { ProcessEnd } from './process-end';
import { handleLeased } from './request-lease';
import { addRetryAfter, removeRetryAfter } from './retry-after';
import { Router } from './router';
import { selectApplication, setSelectorRouter } from './selector';
import { ServerSettings } from './server-settings';
import { SocketDoor } from './socket-door';

interface Doors {
  service: AppService;
  router: Router;
  front: FrontDoor;
  sockets: SocketDoor;
  end: ProcessEnd;
  settings: ServerSettings;
  bodies: BodyGuard;
  onRequest: (req: IncomingMessage, res: ServerResponse) => Promise<boolean> | false;
  /** The core awaits it, though its type does not say so. */
  onUpgrade: (req: IncomingMessage, socket: Duplex, head: Buffer) => Promise<boolean>;
}

/** The gateway's hooks are one a process, while the plugin is constructed anew at each reload of the main application. */
let doors: Doors | undefined;

/** From here on every request and every socket passes our doors first. May be repeated. */
export function openDoors(service: AppService): void {
  if (doors && doors.service !== service) closeDoors();
  service.beginStart();
  if (!doors) {
    const router = new Router(service);
    const front = new FrontDoor(service, router);
    const sockets = new SocketDoor(service, router, () => socketHandlers().at(-1) === doors?.onUpgrade);
    const end = new ProcessEnd(service, front.traffic, sockets);
    const settings = new ServerSettings(service.config.sizes);
    doors = {
      service,
      front,
      end,
      settings,
      bodies: guardBodies(service, router, settings),
      router,
      sockets,
      onRequest: (req, res) => front.handle(req, res),
      onUpgrade: (req, socket, head) => sockets.handle(req, socket, head),
    };
    Gateway.registerRequestHandler(doors.onRequest as never);
    Gateway.registerWsHandler(doors.onUpgrade as never);
    sockets.open();
    end.install();
    addRetryAfter();
    answerFailedRequests((error) => service.supervisor.logger.error('gateway', { error: String(error) }));
  }
  doors.settings.raise();
  doors.bodies.install(coreServer());
}

/**
 * Holds requests to the main application while it executes a command of its own. Called once with its instance, before
 * anything is loaded into it; until it is up for the first time, its requests wait for that.
 */
export function holdMainCommands(main: Application): void {
  gateCommands(main, () => {
    const { service, front } = doors ?? {};
    return service?.routes && service.mainUp && !service.ending ? front?.mainCommands : undefined;
  });
}

/** Our place in the core's selector chain; the chain is another one after each `Gateway.reset()`. */
export function joinSelectors(): void {
  setSelectorRouter(doors?.router);
  // The core awaits the chain, though its type does not say so.
  // eslint-disable-next-line @typescript-eslint/no-misused-promises
  Gateway.getInstance().addAppSelectorMiddleware(selectApplication);
  const gateway = Gateway.getInstance();
  // The last before the application itself. The core has no way to take it off, so it is one for the process.
  if (!gateway.middlewares.nodes.includes(encloseRequest)) gateway.use(encloseRequest);
}

interface HandledRequest {
  appName: string;
  /** Missing only if a version of NocoBase hands on less. */
  res?: ServerResponse;
}

/**
 * Runs the handler of a request. Its faults count as the application's, and it keeps the application's instance until it
 * ends, also after its visitor has left. A command that the handler gives does not wait for the request.
 */
function encloseRequest({ appName, res }: HandledRequest, next: () => Promise<void>): Promise<void> {
  if (!doors) return next();
  if (appName === 'main') return runMainRequest(res, next);
  if (!doors.service.active) return next();
  return doors.service.fence.within(appName, () => handleLeased(res, next));
}

/** The applications have become known: sockets that were let in before are asked to come again. */
export function welcomeAnew(): void {
  doors?.sockets.closeEarlySockets();
}

export function closeDoors(): void {
  setSelectorRouter(undefined);
  if (!doors) return;
  Gateway.unregisterRequestHandler(doors.onRequest as never);
  Gateway.unregisterWsHandler(doors.onUpgrade as never);
  doors.sockets.close();
  doors.end.uninstall();
  doors.settings.giveBack();
  doors.bodies.uninstall();
  removeRetryAfter();
  leaveFailedRequests();
  doors = undefined;
}
