import type { ServerResponse } from 'node:http';
import type { Route } from '../../src/policies/host-match';
import { atHead } from './response-head';

/**
 * An application that is named in the path, in a header or in the query is reached at the host of the main application, or of
 * another application. What it answers may be opened there as a page: a script in it would read what the browser keeps for
 * that host, sign-ins included.
 */

/** Such a page gets an origin of its own. It may do what a page in a frame of an application does. */
const SANDBOX =
  'sandbox allow-downloads allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox allow-scripts';
const HEADER = 'Content-Security-Policy';

/**
 * Types that run no script of their origin. Browsers do not show a PDF with this header. Types of XML may hold scripts, and a
 * response without a type is guessed to be a page.
 */
const WITHOUT_SCRIPTS =
  /^(?:application\/(?:json|pdf|octet-stream|zip|gzip|x-tar)|text\/(?:plain|css|csv|event-stream)|(?:audio|video|font)\/[\w.-]+|image\/(?!svg)[\w.-]+)$/;

/** Whether a route leads to an application without a host of its own in the address. */
export function sharesOrigin(route: Route): boolean {
  return route.kind === 'app' && route.via !== 'domain' && route.via !== 'subdomain' && route.via !== 'default';
}

/** Keeps a response of an application from being a page of the origin that it shares with others. */
export function separateOrigin(res: ServerResponse): void {
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.setHeader(HEADER, SANDBOX);
  atHead(res, settle);
}

/** The type, other policies and headers that were taken away are known only at the head. */
function settle(res: ServerResponse): void {
  res.setHeader('X-Content-Type-Options', 'nosniff');
  const policy = res.getHeader(HEADER);
  const type = res.getHeader('Content-Type');
  if (typeof type === 'string' && WITHOUT_SCRIPTS.test(mediaType(type))) {
    if (policy === SANDBOX) res.removeHeader(HEADER);
    return;
  }
  // Browsers obey each of several policies.
  const policies = Array.isArray(policy) ? policy : policy === undefined ? [] : [String(policy)];
  if (!policies.includes(SANDBOX)) res.setHeader(HEADER, [...policies, SANDBOX]);
}

function mediaType(type: string): string {
  const end = type.indexOf(';');
  return (end < 0 ? type : type.slice(0, end)).trim().toLowerCase();
}
