import { useEffect } from 'react';
import type { Loaded } from './use-loaded';

/** Goes to the last page where the present one is no longer: its last row may just have been deleted. */
export function useExistingPage(
  { value, loading }: Pick<Loaded<{ total: number }>, 'value' | 'loading'>,
  { page, pageSize }: { page: number; pageSize: number },
  go: (page: number) => void,
): void {
  const lastPage = value ? Math.max(1, Math.ceil(value.total / pageSize)) : Infinity;
  useEffect(() => {
    if (!loading && page > lastPage) go(lastPage);
  }, [loading, page, lastPage, go]);
}
