import type { AppState } from '../src/app-state';
import type { ApplicationAction } from './api-types';

const ALLOWED: Record<Exclude<ApplicationAction, 'destroy'>, ReadonlySet<AppState>> = {
  start: new Set<AppState>(['asleep', 'stopped', 'failed', 'quarantined']),
  stop: new Set<AppState>(['asleep', 'booting', 'running', 'failed', 'quarantined']),
  restart: new Set<AppState>(['running']),
};

/** Which buttons make sense in a state. The server decides; this only spares a useless click. */
export function isOffered(action: ApplicationAction, state: AppState): boolean {
  return action === 'destroy' || ALLOWED[action].has(state);
}
