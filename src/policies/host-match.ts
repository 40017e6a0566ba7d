import { RESERVED_APP_NAMES } from '../app-name';
import { normalizeDomain, normalizeHost } from '../host-name';

/** What is known of the registered applications, in memory. */
export interface AppLookup {
  /** Exact, case-sensitive. */
  has(name: string): boolean;
  /** The application that owns a custom domain, given in normalized form; also one that was removed. */
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

/** What the configuration says about hosts; all normalized. */
export interface HostConfig {
  /** `<name>.<base domain>` is an application's address. */
  baseDomains: readonly string[];
  /** Hosts by which the main application is reached, where they lie below a custom domain. */
  mainHosts: ReadonlySet<string>;
}

/** Labels below a base domain that are the main application's own address, as the bare base domain is. */
const MAIN_LABELS = ['www', 'main'];

/** Whether the configuration names this host as one of the main application's. */
export function isMainHost(host: string, { baseDomains, mainHosts }: HostConfig): boolean {
  if (mainHosts.has(host)) return true;
  return baseDomains.some((base) => [base, ...MAIN_LABELS.map((label) => `${label}.${base}`)].includes(host));
}

function isBelowCustomDomain(host: string, apps: AppLookup): boolean {
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    if (apps.byDomain(host.slice(dot + 1)) !== undefined) return true;
  }
  return false;
}

/**
 * Decides which application a host belongs to: the owner of that custom domain, or `<name>.<base domain>`. A host below
 * a custom domain that is neither is unknown: a customer's visitors must not see the main application's sign-in page
 * there. Undefined if the host decides nothing: it is one of the main application's, its label is one that no
 * application may carry (`admin` …), or nothing is known of it.
 */
export function matchHost(host: string, config: HostConfig, apps: AppLookup): Route | undefined {
  const { baseDomains } = config;
  const owner = apps.byDomain(host);
  if (owner !== undefined) {
    // The domain of a removed application shows nothing, least of all the main application.
    return apps.has(owner)
      ? { kind: 'app', name: owner, via: 'domain' }
      : { kind: 'unknown', name: host, via: 'domain' };
  }
  for (const base of baseDomains) {
    if (!host.endsWith(base) || host.charCodeAt(host.length - base.length - 1) !== 46) continue;
    const label = host.slice(0, host.length - base.length - 1);
    if (apps.has(label)) return { kind: 'app', name: label, via: 'subdomain' };
    // Below the address of an application, its visitors must not see the main application's sign-in page either.
    const isBelowApp = label.includes('.') && apps.has(label.slice(label.lastIndexOf('.') + 1));
    if (isBelowApp && !isMainHost(host, config)) return { kind: 'unknown', name: host, via: 'subdomain' };
    if (label.includes('.') || RESERVED_APP_NAMES.has(label)) continue;
    return { kind: 'unknown', name: label, via: 'subdomain' };
  }
  if (isBelowCustomDomain(host, apps) && !isMainHost(host, config))
    return { kind: 'unknown', name: host, via: 'domain' };
  return undefined;
}

/**
 * Whether a host is known to be ours, so that a certificate for it may be asked for: an application's own, or the main
 * application's where a base domain tells it. `host`: as somebody gave it, and possibly no host at all. One that no
 * certificate can name (`my_app.example.com`) is not, though requests to it are routed.
 */
export function isOurHost(host: string, config: HostConfig, apps: AppLookup): boolean {
  const normalized = normalizeHost(host);
  if (normalized === undefined || normalizeDomain(normalized) === undefined) return false;
  const route = matchHost(normalized, config, apps);
  if (route) return route.kind === 'app';
  return isMainHost(normalized, config);
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
export function routeRequest(input: RouteInput, config: HostConfig, apps: AppLookup): Route {
  const host = normalizeHost(input.host);
  if (host !== undefined) {
    const pinned = matchHost(host, config, apps);
    if (pinned) return pinned;
  }
  if (input.filesPathApp !== undefined) return named(input.filesPathApp, 'files', apps);
  if (input.apiPathApp !== undefined) return named(input.apiPathApp, 'path', apps);
  if (input.queryApp !== undefined && input.queryApp !== '') return named(input.queryApp, 'query', apps);
  if (input.xApp !== undefined && input.xApp !== '') return named(input.xApp, 'header', apps);
  if (typeof input.xHostname === 'string') {
    const hostname = normalizeHost(input.xHostname);
    if (hostname !== undefined && hostname !== host) return matchHost(hostname, config, apps) ?? MAIN;
  }
  return MAIN;
}
