/** What an administrator is told of a failed request: the code to look up, and the sentence. */
export interface ApiError {
  code?: string;
  /** Already in the caller's language; absent when nothing was answered. */
  message?: string;
  /** The field of the request that the error is about, e.g. `options.database.host`. */
  field?: string;
}

function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}

/** Reads `{errors: [{code, message}]}` of an action, `{error: {...}}` of the gateway, or a network failure. */
export function toApiError(error: unknown): ApiError {
  const body = asRecord(asRecord(asRecord(error)?.response)?.data);
  const errors = body?.errors;
  const told = asRecord(Array.isArray(errors) ? errors[0] : body?.error);
  const message = told?.message;
  // Without an answer there is only the browser's word for it, in no language of the reader's.
  const code = told?.code ?? asRecord(error)?.code;
  return {
    code: typeof code === 'string' ? code : undefined,
    message: typeof message === 'string' && message ? message : undefined,
    ...(typeof told?.field === 'string' && { field: told.field }),
  };
}
