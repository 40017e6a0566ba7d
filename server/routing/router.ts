import { isOurHost, routeRequest, type AppLookup, type Route } from '../../src/policies/host-match';
import type { AppService } from '../app-service';
import { MainHosts } from './main-hosts';
import { RequestReader, type RequestPlace, type RoutedRequest } from './request-reader';

const NO_APPLICATIONS: AppLookup = { has: () => false, byDomain: () => undefined };
const MAIN: Route = { kind: 'main', via: 'default' };

/** On a request that was found to be plainly for the main application. A map of such would cost more than the finding. */
const PLAINLY_MAIN = Symbol('plainly for the main application');

/** On a request that was read in full. */
const DECIDED = Symbol('the decision on the request');

const PLACE = Symbol('what the path of the request is for');

type Marked = RoutedRequest & { [PLAINLY_MAIN]?: true; [DECIDED]?: Route; [PLACE]?: RequestPlace };

/**
 * Decides which application a request is for, once a request: the front door and the core's selector chain get the
 * same answer, also after the core has rewritten the URL.
 */
export class Router {
  private readonly reader: RequestReader;
  private readonly mainHosts: MainHosts;
  /** By the headers object: for sockets the core asks with a request of its own making, and the same headers. */
  private readonly ofSockets = new WeakMap<object, Route>();

  constructor(private readonly service: AppService) {
    this.reader = new RequestReader(service.config);
    this.mainHosts = new MainHosts(service.config, service.registry);
  }

  /** Before the applications are known, nothing can be decided. */
  get ready(): boolean {
    return this.service.routes;
  }

  /**
   * Whether a request is for the main application, and names no application in a page's path either. What most
   * requests are is told here by a glance, and remembered for `route`.
   */
  isForMain(req: RoutedRequest): boolean {
    const { host } = req.headers;
    if (host !== undefined && !this.isSingle && this.reader.isPlain(req) && this.mainHosts.has(host)) {
      (req as Marked)[PLAINLY_MAIN] = true;
      return true;
    }
    return this.route(req).kind === 'main' && this.place(req).pageApp === undefined;
  }

  route(req: RoutedRequest): Route {
    const marked = req as Marked;
    if (marked[PLAINLY_MAIN]) return MAIN;
    const known = marked[DECIDED] ?? this.ofSockets.get(req.headers);
    if (known) return known;
    const { supervisor, config, registry } = this.service;
    const route: Route =
      this.isSingle && supervisor.singleAppName
        ? { kind: 'app', name: supervisor.singleAppName, via: 'default' }
        : routeRequest(this.reader.read(req), config, registry);
    marked[DECIDED] = route;
    if (req.headers.upgrade !== undefined) this.ofSockets.set(req.headers, route);
    return route;
  }

  /** Drops the decision on a request that was made before the applications were known as they are. */
  decideAnew(req: RoutedRequest): void {
    (req as Marked)[DECIDED] = undefined;
    this.ofSockets.delete(req.headers);
  }

  /**
   * As far as a request tells before the applications are known: names that no application is known by yet count as
   * `unknown`.
   */
  routeUnlisted(req: RoutedRequest): Route {
    return routeRequest(this.reader.read(req), this.service.config, NO_APPLICATIONS);
  }

  private get isSingle(): boolean {
    const { supervisor } = this.service;
    return supervisor.runningMode === 'single' && Boolean(supervisor.singleAppName);
  }

  /** The host of a TLS proxy's question, which is asked of the main application only. */
  askedHost(req: RoutedRequest): string | undefined {
    const host = this.reader.askedHost(req);
    return host === undefined || !this.isForMain(req) ? undefined : host;
  }

  isOurs(host: string): boolean {
    return isOurHost(host, this.service.config, this.service.registry);
  }

  isAllowed(req: RoutedRequest): boolean {
    return this.reader.isAllowed(req);
  }

  /** See `RequestReader.storagePath`. */
  storagePath(req: RoutedRequest): string | undefined {
    return this.reader.storagePath(req);
  }

  /** See `RequestReader.completedPage`. */
  completedPage(req: RoutedRequest): string | undefined {
    return this.reader.completedPage(req);
  }

  place(req: RoutedRequest): RequestPlace {
    const marked = req as Marked;
    return (marked[PLACE] ??= this.reader.place(req));
  }
}
