import type { IncomingMessage, ServerResponse } from 'node:http';
import { Gateway } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { cutOff } from './refusal';

type Handle = (this: unknown, req: IncomingMessage, res: ServerResponse) => Promise<unknown>;
type Report = (error: unknown) => void;

const gateway = Gateway.prototype as unknown as { requestHandler: Handle };
let original: Handle | undefined;
let ours: Handle | undefined;

/**
 * NocoBase looks for the package that a path below `/static/plugins/` names, and there may be none. For any other path, a
 * module that is missing means a broken installation.
 */
function isMissingPackage({ url = '' }: IncomingMessage, error: unknown): boolean {
  return url.includes('/static/plugins/') && (error as { code?: unknown } | null)?.code === 'MODULE_NOT_FOUND';
}

/**
 * Answers requests on which NocoBase's gateway fails before any application has them, such as those for the files of a
 * plugin that is not installed. Nothing awaits the gateway: such a request would never be answered, and its connection
 * would stay open. May be repeated.
 */
export function answerFailedRequests(report: Report): void {
  if (original) return;
  const handle = gateway.requestHandler;
  original = handle;
  ours = function answered(req, res) {
    // Not an async function: that would cost every request of the process one promise more.
    return handle.call(this, req, res).catch((error: unknown) => {
      const isMissing = isMissingPackage(req, error);
      if (!isMissing) report(error);
      cutOff(req, res, new AppError(isMissing ? 'APP_FILE_NOT_FOUND' : 'APP_UNEXPECTED'));
    });
  };
  gateway.requestHandler = ours;
}

/** Restores NocoBase's own, unless another plugin has replaced ours meanwhile. */
export function leaveFailedRequests(): void {
  if (!original || gateway.requestHandler !== ours) return;
  gateway.requestHandler = original;
  original = undefined;
}
