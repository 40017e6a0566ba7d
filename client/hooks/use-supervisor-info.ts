import { useCallback, useEffect, useState } from 'react';
import type { SupervisorInfo } from '../api';
import { toApiError, type ApiError } from '../api-error';
import { useSupervisor } from '../supervisor-context';

export interface SupervisorInfoState {
  info?: SupervisorInfo;
  error?: ApiError;
  loading: boolean;
  refresh: () => Promise<void>;
}

/** Whether the supervisor works in this process, and if not, why. */
export function useSupervisorInfo(): SupervisorInfoState {
  const { api } = useSupervisor();
  const [info, setInfo] = useState<SupervisorInfo>();
  const [error, setError] = useState<ApiError>();
  const [loading, setLoading] = useState(true);

  const refresh = useCallback(async () => {
    setLoading(true);
    try {
      setInfo(await api.info());
      setError(undefined);
    } catch (failure) {
      setError(toApiError(failure));
    } finally {
      setLoading(false);
    }
  }, [api]);

  useEffect(() => {
    void refresh();
  }, [refresh]);

  return { info, error, loading, refresh };
}
