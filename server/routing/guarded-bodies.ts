import { effectiveLimits, maxBodyBytes } from '../../src/policies/limits';
import type { AppService } from '../app-service';
import { BodyGuard, type BodyGuardHost } from '../limits/body-guard';
import { refuse } from './refusal';
import type { Router } from './router';
import type { ServerSettings } from './server-settings';
import { secretOf } from './token-secret';

/** The guard of all request bodies, with what it asks of the service and of the router. */
export function guardBodies(service: AppService, router: Router, settings: ServerSettings): BodyGuard {
  const host: BodyGuardHost = {
    sizes: service.config.sizes,
    get ready() {
      return service.routes;
    },
    appOf(req) {
      const route = router.route(req);
      return route.kind === 'app' ? route.name : 'main';
    },
    secretOf: (app) => secretOf(service, app),
    maxBodyBytes: (app) => maxBodyBytes(effectiveLimits(service.config.limits, service.record(app)?.limits)),
    bodyTimeMs: () => settings.formerRequestTimeoutMs,
    refuse,
    noteTooLarge: (app) => service.limits.note(app, 'body'),
  };
  return new BodyGuard(host);
}
