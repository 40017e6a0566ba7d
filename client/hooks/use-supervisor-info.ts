import { useCallback } from 'react';
import type { SupervisorInfo } from '../api-types';
import { useSupervisor } from '../supervisor-context';
import { useLoaded, type Loaded } from './use-loaded';

/** Whether the supervisor works in this process, and if not, why. */
export function useSupervisorInfo(): Loaded<SupervisorInfo> {
  const { api } = useSupervisor();
  return useLoaded(useCallback(() => api.info(), [api]));
}
