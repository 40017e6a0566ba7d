import { useCallback, useEffect, useState } from 'react';
import type { EntryPlace } from '../../src/app-entry';
import { toApiError, type ApiError } from '../api-error';
import type { Destination, EntrySource } from './entry-source';

export interface Entries {
  /** Undefined until they are there. */
  entries?: Destination[];
  error?: ApiError;
  reload: () => Promise<void>;
}

export function useEntries(source: EntrySource, place: EntryPlace): Entries {
  const [entries, setEntries] = useState<Destination[]>();
  const [error, setError] = useState<ApiError>();

  const reload = useCallback(async () => {
    try {
      setEntries(await source.load(place));
      setError(undefined);
    } catch (failure) {
      setError(toApiError(failure));
    }
  }, [source, place]);

  useEffect(() => {
    void reload();
  }, [reload]);

  return { entries, error, reload };
}
