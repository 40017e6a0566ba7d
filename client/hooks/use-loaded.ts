import { useCallback, useEffect, useRef, useState } from 'react';
import { toApiError, type ApiError } from '../api-error';

export interface Loaded<T> {
  value?: T;
  error?: ApiError;
  loading: boolean;
  refresh: () => Promise<void>;
}

/** What `load` answers, once it is there; of answers that cross, the last one asked for. It stays when a later one fails. */
export function useLoaded<T>(load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ value?: T; error?: ApiError; loading: boolean }>({ loading: true });
  const lastRequest = useRef(0);

  const refresh = useCallback(async () => {
    const request = ++lastRequest.current;
    const settle = (change: { value?: T; error?: ApiError }) => {
      if (request !== lastRequest.current) return;
      setState((before) => ({ value: before.value, ...change, loading: false }));
    };
    try {
      settle({ value: await load(), error: undefined });
    } catch (failure) {
      // What is shown stays: NocoBase may only be restarting.
      settle({ error: toApiError(failure) });
    }
  }, [load]);

  useEffect(() => {
    setState((before) => ({ ...before, loading: true }));
    void refresh();
    return () => {
      lastRequest.current++;
    };
  }, [refresh]);

  return { ...state, refresh };
}
