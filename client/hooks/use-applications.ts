import { useCallback, useEffect, useRef, useState } from 'react';
import type { AppState } from '../../src/app-state';
import type { ApplicationPage } from '../api';
import { toApiError, type ApiError } from '../api-error';
import { useSupervisor } from '../supervisor-context';
import { usePolling } from './use-polling';

/** States that soon become another one: the page looks more often while it shows one of them. */
const MOVING_STATES: ReadonlySet<AppState> = new Set<AppState>(['creating', 'booting', 'draining']);
const POLL_MOVING_MS = 3_000;
const POLL_RESTING_MS = 15_000;

export interface Applications extends ApplicationPage {
  page: number;
  pageSize: number;
  loading: boolean;
  error?: ApiError;
  turnTo: (page: number, pageSize: number) => void;
  refresh: () => Promise<void>;
}

/** One page of the applications, kept up to date. */
export function useApplications(): Applications {
  const { api } = useSupervisor();
  const [{ page, pageSize }, setQuery] = useState({ page: 1, pageSize: 20 });
  const [content, setContent] = useState<ApplicationPage>({ rows: [], total: 0 });
  const [loading, setLoading] = useState(true);
  const [error, setError] = useState<ApiError>();
  const lastRequest = useRef(0);

  const refresh = useCallback(async () => {
    const request = ++lastRequest.current;
    const isLatest = () => request === lastRequest.current;
    try {
      const loaded = await api.list(page, pageSize);
      if (!isLatest()) return;
      setContent(loaded);
      setError(undefined);
      // The last row of the last page may just have been deleted.
      const lastPage = Math.max(1, Math.ceil(loaded.total / pageSize));
      if (page > lastPage) setQuery({ page: lastPage, pageSize });
    } catch (failure) {
      // The rows stay: NocoBase may only be restarting.
      if (isLatest()) setError(toApiError(failure));
    } finally {
      if (isLatest()) setLoading(false);
    }
  }, [api, page, pageSize]);

  useEffect(() => {
    setLoading(true);
    void refresh();
    return () => {
      lastRequest.current++;
    };
  }, [refresh]);

  const moving = content.rows.some((row) => MOVING_STATES.has(row.state));
  usePolling(refresh, moving ? POLL_MOVING_MS : POLL_RESTING_MS);

  const turnTo = useCallback((next: number, size: number) => setQuery({ page: next, pageSize: size }), []);
  return { ...content, page, pageSize, loading, error, turnTo, refresh };
}
