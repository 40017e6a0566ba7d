import { useCallback } from 'react';
import { MOVING_STATES, type AppState } from '../../src/app-state';
import type { ApplicationPage } from '../api-types';
import type { ApiError } from '../api-error';
import { useSupervisor } from '../supervisor-context';
import { useExistingPage } from './use-existing-page';
import { MOVING_MS, useFresh } from './use-fresh';
import { useLoaded } from './use-loaded';
import type { ChangeAddress, PageAddress } from './use-page-address';

const NOTHING: ApplicationPage = { rows: [], total: 0, states: {} };

export interface Applications extends ApplicationPage {
  /** Whether they could be read at all. */
  known: boolean;
  loading: boolean;
  error?: ApiError;
  refresh: () => Promise<void>;
}

/** The page of applications that the address asks for, kept up to date. */
export function useApplications(address: PageAddress, change: ChangeAddress): Applications {
  const { api } = useSupervisor();
  const { page, pageSize, search, sort } = address;
  const states = address.states.join(',');
  const load = useCallback(
    () => api.list({ page, pageSize, search, sort, states: states ? (states.split(',') as AppState[]) : undefined }),
    [api, page, pageSize, search, sort, states],
  );
  const loaded = useLoaded(load);
  const go = useCallback((existing: number) => change({ page: existing }, { replace: true }), [change]);
  useExistingPage(loaded, address, go);

  const { value, error, loading, refresh } = loaded;
  const moving = value?.rows.some((row) => MOVING_STATES.has(row.state));
  useFresh(refresh, moving ? MOVING_MS : undefined);
  return { ...(value ?? NOTHING), known: value !== undefined, loading, error, refresh };
}
