import { useCallback, useEffect } from 'react';
import type { AppState } from '../../src/app-state';
import type { ApplicationPage } from '../api-types';
import type { ApiError } from '../api-error';
import { useSupervisor } from '../supervisor-context';
import { MOVING_MS, useFresh } from './use-fresh';
import { useLoaded } from './use-loaded';
import type { ChangeAddress, PageAddress } from './use-page-address';

/** States that soon become another one. */
export const MOVING_STATES: ReadonlySet<AppState> = new Set<AppState>(['creating', 'booting', 'draining']);

const NOTHING: ApplicationPage = { rows: [], total: 0, states: {} };

export interface Applications extends ApplicationPage {
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
  const { value, error, loading, refresh } = useLoaded(load);

  // The last row of the last page may just have been deleted.
  const lastPage = value ? Math.max(1, Math.ceil(value.total / pageSize)) : Infinity;
  useEffect(() => {
    if (!loading && page > lastPage) change({ page: lastPage }, { replace: true });
  }, [loading, page, lastPage, change]);

  const moving = value?.rows.some((row) => MOVING_STATES.has(row.state));
  useFresh(refresh, moving ? MOVING_MS : undefined);
  return { ...(value ?? NOTHING), loading, error, refresh };
}
