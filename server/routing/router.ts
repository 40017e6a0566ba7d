import { routeRequest, type AppLookup, type Route } from '../../src/policies/host-match';
import type { AppService } from '../app-service';
import { RequestReader, type RequestPlace, type RoutedRequest } from './request-reader';

const NO_APPLICATIONS: AppLookup = { has: () => false, byDomain: () => undefined };

/**
 * Decides which application a request is for, once a request: the front door and the core's selector chain get the
 * same answer, also after the core has rewritten the URL.
 */
export class Router {
  private readonly reader: RequestReader;
  /** By the headers object: for sockets the core asks with a request of its own making, and the same headers. */
  private readonly decided = new WeakMap<object, Route>();

  constructor(private readonly service: AppService) {
    this.reader = new RequestReader(service.config);
  }

  /** Before the applications are known, nothing can be decided. */
  get ready(): boolean {
    return this.service.active;
  }

  route(req: RoutedRequest): Route {
    const known = this.decided.get(req.headers);
    if (known) return known;
    const { supervisor, config, registry } = this.service;
    const route: Route =
      supervisor.runningMode === 'single' && supervisor.singleAppName
        ? { kind: 'app', name: supervisor.singleAppName, via: 'default' }
        : routeRequest(this.reader.read(req), config.baseDomains, registry);
    this.decided.set(req.headers, route);
    return route;
  }

  /**
   * As far as a request tells before the applications are known: names that no application is known by yet count as
   * `unknown`.
   */
  routeUnlisted(req: RoutedRequest): Route {
    return routeRequest(this.reader.read(req), this.service.config.baseDomains, NO_APPLICATIONS);
  }

  place(req: RoutedRequest): RequestPlace {
    return this.reader.place(req);
  }
}
