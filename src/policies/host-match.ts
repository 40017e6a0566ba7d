import { RESERVED_APP_NAMES } from '../app-name';
import { normalizeDomain, normalizeHost } from '../host-name';

/** What is known of the registered applications, in memory. */
export interface AppLookup {
  /** Exact, case-sensitive. */
  has(name: string): boolean;
  /** The application that owns a custom domain, given in normalized form. */
  byDomain(host: string): string | undefined;
}

/** Where a request says which application it is for, as read from it; nothing is trusted or checked yet. */
export interface RouteInput {
  /** The effective host (already chosen between `Host` and a trusted `X-Forwarded-Host`). */
  host?: string;
  xApp?: unknown;
  /** The decoded `__appName` of the query: a string, or an array or object when it is repeated or nested. */
  queryApp?: unknown;
  /** Name in `/api/__app/<name>/…`. */
  apiPathApp?: string;
  /** Name in `/files/<name>/…`. */
  filesPathApp?: string;
  xHostname?: unknown;
}

export type RouteVia = 'domain' | 'subdomain' | 'header' | 'query' | 'path' | 'files' | 'hostname' | 'default';

export type Route =
  | { kind: 'main'; via: RouteVia }
  | { kind: 'app'; name: string; via: RouteVia }
  | { kind: 'unknown'; name: string; via: RouteVia }
  | { kind: 'malformed'; via: RouteVia };

const MAIN: Route = { kind: 'main', via: 'default' };

/**
 * Which application a host belongs to: the owner of that custom domain, or `<name>.<base domain>`.
 * Undefined where the host decides nothing: no base domain matches, it is the bare base domain, or the label is one
 * that no application may carry (`www`, `main`, `admin` …), which leaves it to the main application.
 */
export function matchHost(host: string, baseDomains: readonly string[], apps: AppLookup): Route | undefined {
  const owner = apps.byDomain(host);
  if (owner !== undefined) return { kind: 'app', name: owner, via: 'domain' };
  for (const base of baseDomains) {
    if (!host.endsWith(base) || host.charCodeAt(host.length - base.length - 1) !== 46) continue;
    const label = host.slice(0, host.length - base.length - 1);
    if (apps.has(label)) return { kind: 'app', name: label, via: 'subdomain' };
    if (label.includes('.') || RESERVED_APP_NAMES.has(label)) continue;
    return { kind: 'unknown', name: label, via: 'subdomain' };
  }
  return undefined;
}

/** Labels below a base domain that are the main application's own address, as the bare base domain is. */
const MAIN_LABELS = ['www', 'main'];

/**
 * Whether a host is known to be ours, so that a certificate for it may be asked for: an application's own, or the main
 * application's where a base domain tells it. `host`: as somebody gave it, and possibly no host at all. One that no
 * certificate can name (`my_app.example.com`) is not, though requests to it are routed.
 */
export function isOurHost(host: string, baseDomains: readonly string[], apps: AppLookup): boolean {
  const normalized = normalizeHost(host);
  if (normalized === undefined || normalizeDomain(normalized) === undefined) return false;
  const route = matchHost(normalized, baseDomains, apps);
  if (route) return route.kind === 'app';
  return baseDomains.some((base) => [base, ...MAIN_LABELS.map((label) => `${label}.${base}`)].includes(normalized));
}

function named(value: unknown, via: RouteVia, apps: AppLookup): Route {
  if (typeof value !== 'string') return { kind: 'malformed', via };
  if (value === 'main') return { kind: 'main', via };
  return apps.has(value) ? { kind: 'app', name: value, via } : { kind: 'unknown', name: value, via };
}

/**
 * The routing order of DESIGN: an application's own address pins it; otherwise the core's four, the later winning
 * (header, query, API path, files path); otherwise `X-Hostname`, matched like a host; otherwise main.
 * Pure, synchronous, and without a look-up outside memory: it runs on every request.
 */
export function routeRequest(input: RouteInput, baseDomains: readonly string[], apps: AppLookup): Route {
  const host = normalizeHost(input.host);
  if (host !== undefined) {
    const pinned = matchHost(host, baseDomains, apps);
    if (pinned) return pinned;
  }
  if (input.filesPathApp !== undefined) return named(input.filesPathApp, 'files', apps);
  if (input.apiPathApp !== undefined) return named(input.apiPathApp, 'path', apps);
  if (input.queryApp !== undefined && input.queryApp !== '') return named(input.queryApp, 'query', apps);
  if (input.xApp !== undefined && input.xApp !== '') return named(input.xApp, 'header', apps);
  if (typeof input.xHostname === 'string') {
    const hostname = normalizeHost(input.xHostname);
    if (hostname !== undefined && hostname !== host) return matchHost(hostname, baseDomains, apps) ?? MAIN;
  }
  return MAIN;
}
