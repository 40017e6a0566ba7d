import { effectiveLimits, maxBodyBytes } from '../../src/policies/limits';
import type { AppService } from '../app-service';
import { signingSecret } from '../core';
import { BodyGuard, type BodyGuardHost } from '../limits/body-guard';
import { refuse } from './refusal';
import type { Router } from './router';
import type { ServerSettings } from './server-settings';

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

/** What signs the tokens of an application: of its instance, or as sealed while it sleeps. Never throws. */
function secretOf(service: AppService, app: string): string | Buffer | undefined {
  const { apps } = service.supervisor;
  const running = signingSecret(apps[app]);
  if (running) return running;
  const record = service.record(app);
  if (!record) return undefined;
  try {
    // An application without a secret of its own shares that of the main application.
    return service.secrets(record).jwtSecret ?? signingSecret(apps.main);
  } catch {
    return undefined;
  }
}
