import { useCallback, useState } from 'react';
import { toApiError, type ApiError } from '../../api-error';

interface Submission {
  saving: boolean;
  error?: ApiError;
  /** Hands something in; a failure is kept to be shown. @returns whether it worked */
  submit: (work: () => Promise<unknown>) => Promise<boolean>;
  /** What was wrong is no longer of interest. */
  forget: () => void;
}

/** A form that is being handed in, or was refused. */
export function useSubmission(): Submission {
  const [saving, setSaving] = useState(false);
  const [error, setError] = useState<ApiError>();
  const submit = useCallback(async (work: () => Promise<unknown>) => {
    setSaving(true);
    setError(undefined);
    try {
      await work();
      return true;
    } catch (failure) {
      setError(toApiError(failure));
      return false;
    } finally {
      setSaving(false);
    }
  }, []);
  return { saving, error, submit, forget: useCallback(() => setError(undefined), []) };
}
