import type { ServerResponse } from 'node:http';
import { atEveryHead } from './response-head';

/** Seconds after which a client may try again, if nothing better is known. */
const RETRY_AFTER_SECONDS = '5';

/** Whether the headers of one call name it: an object, or names and values by turns. */
function names(headers: unknown): boolean {
  if (Array.isArray(headers)) {
    return headers.some((name, index) => index % 2 === 0 && String(name).toLowerCase() === 'retry-after');
  }
  if (typeof headers !== 'object' || headers === null) return false;
  return Object.keys(headers).some((name) => name.toLowerCase() === 'retry-after');
}

function complete(res: ServerResponse, status: number, given: unknown): void {
  if ((status !== 503 && status !== 429) || res.hasHeader('Retry-After')) return;
  if (!names(given)) res.setHeader('Retry-After', RETRY_AFTER_SECONDS);
}

/**
 * From here on every 503 and 429 of this process carries `Retry-After`: those of NocoBase's gateway, of its actions and
 * of plugins too. Other responses cost one comparison. May be repeated.
 */
export function addRetryAfter(): void {
  atEveryHead(complete);
}

export function removeRetryAfter(): void {
  atEveryHead(undefined);
}
