import { useEffect, useRef, useState } from 'react';
import { toApiError, type ApiError } from '../api-error';
import type { DialogProps } from './use-dialog';

export interface Submission {
  saving: boolean;
  error?: ApiError;
  /** Hands something in, one thing at a time; a failure is kept to be shown. @returns the answer, if it worked */
  submit: <Answer extends object>(work: () => Promise<Answer>) => Promise<Answer | undefined>;
  /** Shows a failure here, or, where this has been closed, lets it be told elsewhere. */
  fail: (failure: ApiError) => void;
  /** What was wrong is no longer of interest. */
  forget: () => void;
}

/** Something that is being handed in, or was refused; in a dialog, which may be closed meanwhile. */
export function useSubmission(dialog?: Pick<DialogProps, 'open' | 'onLateFailure'>): Submission {
  const [saving, setSaving] = useState(false);
  const [error, setError] = useState<ApiError>();
  const busy = useRef(false);
  const open = dialog?.open ?? true;
  const shown = useRef(open);
  useEffect(() => {
    shown.current = open;
    return () => {
      shown.current = false;
    };
  }, [open]);

  const fail: Submission['fail'] = (failure) => (shown.current ? setError(failure) : dialog?.onLateFailure(failure));
  const submit: Submission['submit'] = async (work) => {
    if (busy.current) return undefined;
    busy.current = true;
    setSaving(true);
    setError(undefined);
    try {
      return await work();
    } catch (failure) {
      fail(toApiError(failure));
      return undefined;
    } finally {
      busy.current = false;
      setSaving(false);
    }
  };
  return { saving, error, submit, fail, forget: () => setError(undefined) };
}
