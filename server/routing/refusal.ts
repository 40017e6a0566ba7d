import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AppError } from '../../src/errors';
import type { AppRunner } from '../lifecycle/app-runner';
import { ErrorResponse } from '../limits/error-response';

/** Seconds after which a client may try again, if nothing better is known. */
const RETRY_AFTER_SECONDS = 5;

/** Headers that are true of the connection and the caller, whatever the response is. */
const KEPT_HEADERS = /^(access-control-.+|connection|vary|x-request-id)$/;

/** Removes what an application has set of a response that it will not give: its length, its encoding, its cookies. */
function forgetAnswer(res: ServerResponse): void {
  for (const name of res.getHeaderNames()) if (!KEPT_HEADERS.test(name)) res.removeHeader(name);
  res.statusMessage = '';
}

/**
 * The seconds for `Retry-After`; undefined for a status that has none.
 * @param retryAt epoch milliseconds before which nothing changes
 */
export function retryAfter({ status }: Pick<AppError, 'status'>, retryAt?: number): number | undefined {
  if (status !== 503 && status !== 429) return undefined;
  return retryAt ? Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000)) : RETRY_AFTER_SECONDS;
}

/** Answers a request that no application will answer: JSON as the core's own, or a small plain page in a browser. */
export function refuse(req: IncomingMessage, res: ServerResponse, error: AppError, runner?: AppRunner): void {
  if (res.headersSent || res.destroyed) return;
  forgetAnswer(res);
  new ErrorResponse(error).send(req, res, retryAfter(error, runner?.describe().retryAt));
}

/** Ends a request that is not waited for any longer: with this answer, or in the middle of the one that has begun. */
export function cutOff(req: IncomingMessage, res: ServerResponse, error: AppError): void {
  if (res.headersSent) res.destroy();
  else refuse(req, res, error);
}
