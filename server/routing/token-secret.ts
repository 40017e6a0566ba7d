import type { AppService } from '../app-service';
import { signingSecret } from '../core';

/** What signs the tokens of an application: of its instance, or as sealed while it sleeps. Never throws. */
export function secretOf(service: AppService, app: string): string | Buffer | undefined {
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
