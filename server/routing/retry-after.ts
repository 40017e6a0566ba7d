import { ServerResponse } from 'node:http';

/** Seconds after which a client may try again, if nothing better is known. */
const RETRY_AFTER_SECONDS = '5';

type WriteHead = (this: ServerResponse, status: number, reason?: unknown, headers?: unknown) => ServerResponse;

const responses = ServerResponse.prototype as unknown as { writeHead: WriteHead };
let original: WriteHead | undefined;

/** Whether the headers of one call name it: an object, or names and values by turns. */
function names(headers: unknown): boolean {
  if (Array.isArray(headers)) {
    return headers.some((name, index) => index % 2 === 0 && String(name).toLowerCase() === 'retry-after');
  }
  if (typeof headers !== 'object' || headers === null) return false;
  return Object.keys(headers).some((name) => name.toLowerCase() === 'retry-after');
}

function writeHead(this: ServerResponse, status: number, reason?: unknown, headers?: unknown): ServerResponse {
  if ((status === 503 || status === 429) && !this.headersSent && !this.hasHeader('Retry-After')) {
    if (!names(reason) && !names(headers)) this.setHeader('Retry-After', RETRY_AFTER_SECONDS);
  }
  return (original as WriteHead).call(this, status, reason, headers);
}

/**
 * From here on every 503 and 429 of this process carries `Retry-After`: those of NocoBase's gateway, of its actions and
 * of plugins too. It stands where Node writes the head of a response, so that other responses cost one comparison.
 * May be repeated.
 */
export function addRetryAfter(): void {
  if (original) return;
  original = responses.writeHead;
  responses.writeHead = writeHead;
}

/** Restores Node's own, unless another library has replaced ours meanwhile. */
export function removeRetryAfter(): void {
  if (!original || responses.writeHead !== writeHead) return;
  responses.writeHead = original;
  original = undefined;
}
