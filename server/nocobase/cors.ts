import type { IncomingMessage, ServerResponse } from 'node:http';
import { getCorsWhitelist } from '@nocobase/utils';

/** The headers that a page of another origin may read in a refusal. */
const EXPOSED = 'Retry-After,RateLimit-Limit,RateLimit-Remaining,RateLimit-Reset';
const METHODS = 'GET,HEAD,PUT,POST,DELETE,PATCH';

/** Whether a browser asks if a page of another origin may send a request. */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}

/**
 * Gives a refusal the headers by which a page of another origin may read it, by the rule of NocoBase's own responses:
 * every origin if there is no `CORS_ORIGIN_WHITELIST`, else those on it, which may also send credentials. Requests
 * without an origin, which are most, cost one look. A response to which NocoBase gave the headers keeps them.
 */
export function writeCors(req: IncomingMessage, res: ServerResponse): void {
  const { origin } = req.headers;
  if (origin === undefined || res.hasHeader('Access-Control-Allow-Origin')) return;
  addVary(res);
  const whitelist = getCorsWhitelist();
  const listed = whitelist !== null && (whitelist.has('*') || whitelist.has(origin));
  if (whitelist !== null && !listed) return;
  res.setHeader('Access-Control-Allow-Origin', origin);
  if (listed) res.setHeader('Access-Control-Allow-Credentials', 'true');
  if (!isPreflight(req)) {
    res.setHeader('Access-Control-Expose-Headers', EXPOSED);
    return;
  }
  res.setHeader('Access-Control-Allow-Methods', METHODS);
  const asked = req.headers['access-control-request-headers'];
  if (asked !== undefined) res.setHeader('Access-Control-Allow-Headers', asked);
}

/** What a response depends on besides its address. A cache in between must not give it to another origin. */
function addVary(res: ServerResponse): void {
  const before = String(res.getHeader('Vary') ?? '');
  if (before === '*' || /\borigin\b/i.test(before)) return;
  res.setHeader('Vary', before === '' ? 'Origin' : `${before}, Origin`);
}
