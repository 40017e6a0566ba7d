import type { IncomingHttpHeaders } from 'node:http';
import qs from 'qs';
import type { RouteInput } from '../../src/policies/host-match';
import { isAllowedTarget } from '../../src/policies/request-path';
import { requestHost } from '../client-address';
import type { SupervisorConfig } from '../config';

/** What routing reads of a request or of a socket's opening. The core asks with `{url, headers}` alone for sockets. */
export interface RoutedRequest {
  url?: string;
  originalUrl?: string;
  headers: IncomingHttpHeaders;
  socket?: { remoteAddress?: string };
}

/** What a request is for, as far as its path tells. */
export interface RequestPlace {
  path: string;
  /** The application named in a page's path, `/apps/<name>/…` or `/v/apps/<name>/…`. */
  pageApp?: string;
  /** Only an application's instance can answer it. */
  needsApp: boolean;
}

/** What an address must not contain to be taken at a glance: escapes, and every way of naming an application. */
const NOT_PLAIN = /[#%\\]|__app/i;

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/**
 * Path and query as the core's parser sees them: without the fragment and without the origin of an absolute address,
 * both of which a client may send, and with a backslash in the path read as a slash.
 */
function locate({ originalUrl, url = '/' }: RoutedRequest): { path: string; query?: string } {
  let target = originalUrl ?? url;
  const fragment = target.indexOf('#');
  if (fragment >= 0) target = target.slice(0, fragment);
  if (!target.startsWith('/')) target = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '');
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  return { path: path.replaceAll('\\', '/') || '/', query: mark < 0 ? undefined : target.slice(mark + 1) };
}

/** The path segment after a prefix; undefined when the path does not start with it or has none. */
function segmentAfter(path: string, prefix: string): string | undefined {
  if (!path.startsWith(prefix)) return undefined;
  const end = path.indexOf('/', prefix.length);
  const segment = end < 0 ? path.slice(prefix.length) : path.slice(prefix.length, end);
  return segment || undefined;
}

/**
 * Reads requests for the routing policy, in the core's own way where the core has one (its selector reads header,
 * query, API path and files path; the test of this file holds the two against each other).
 */
export class RequestReader {
  private readonly apiPrefix: string;
  private readonly apiAppPrefix: string;
  private readonly askPath: string;
  private readonly filesPrefixes: string[];
  private readonly uploadsPrefix: string;
  private readonly storagePrefixes: string[];
  private readonly pagePrefixes: string[];
  /** Below these the path names an application. */
  private readonly namingPrefixes: string[];

  constructor(
    private readonly config: Pick<SupervisorConfig, 'apiBasePath' | 'publicPath' | 'trustedProxies'>,
    modernPrefix = process.env.APP_MODERN_CLIENT_PREFIX || 'v',
  ) {
    const { apiBasePath, publicPath } = config;
    this.apiPrefix = apiBasePath;
    this.apiAppPrefix = `${apiBasePath}/__app/`;
    this.askPath = `${apiBasePath}/appSupervisor:ask`;
    this.filesPrefixes = [...new Set([`${publicPath}/files/`, '/files/'])];
    this.uploadsPrefix = `${publicPath}/storage/uploads/`;
    this.storagePrefixes = [...new Set([`${publicPath}/storage`, '/storage'])];
    const modern = modernPrefix.replace(/^\/+|\/+$/g, '');
    this.pagePrefixes = [`${publicPath}/apps/`, `${publicPath}/${modern}/apps/`];
    this.namingPrefixes = [...this.filesPrefixes, ...this.pagePrefixes];
  }

  /** Whether NocoBase may see the target of this request: see `isAllowedTarget`. */
  isAllowed({ url = '/' }: RoutedRequest): boolean {
    return isAllowedTarget(url, `${this.apiPrefix}/`);
  }

  /** What follows `/storage/` in the path, as it arrived; undefined for every other path. */
  storagePath(req: RoutedRequest): string | undefined {
    const target = req.originalUrl ?? req.url ?? '/';
    // Decides for nearly all requests, and costs no allocation.
    if (target.charCodeAt(0) === 47 && !this.namesStorage(target)) return undefined;
    const { path } = locate(req);
    const prefix = this.storagePrefixes.find((known) => path.startsWith(`${known}/`));
    return prefix === undefined ? undefined : path.slice(prefix.length + 1);
  }

  private namesStorage(target: string): boolean {
    for (const prefix of this.storagePrefixes) if (target.startsWith(prefix)) return true;
    return false;
  }

  /**
   * Whether a glance tells that nothing but its host can name an application in this request. False says nothing:
   * such a request is read in full.
   */
  isPlain({ url, originalUrl, headers }: RoutedRequest): boolean {
    if (url === undefined || originalUrl !== undefined || url.charCodeAt(0) !== 47 || NOT_PLAIN.test(url)) return false;
    if (headers['x-app'] !== undefined || headers['x-hostname'] !== undefined) return false;
    if (headers['x-forwarded-host'] !== undefined) return false;
    for (const prefix of this.namingPrefixes) if (url.startsWith(prefix)) return false;
    return true;
  }

  read(req: RoutedRequest): RouteInput {
    const { path, query } = locate(req);
    const { headers } = req;
    const input: RouteInput = {
      host: requestHost(req, this.config.trustedProxies),
      xApp: headers['x-app'],
      apiPathApp: segmentAfter(path, this.apiAppPrefix),
      xHostname: headers['x-hostname'],
    };
    for (const prefix of this.filesPrefixes) {
      const segment = segmentAfter(path, prefix);
      if (segment !== undefined) input.filesPathApp = decoded(segment);
    }
    // Few requests carry the parameter; a key may also be written with percent signs.
    if (query !== undefined && /__appname|%/i.test(query)) input.queryApp = qs.parse(query).__appName;
    return input;
  }

  /** The host of which a proxy asks whether it is ours: empty where none or several are named; undefined of all else. */
  askedHost({ url = '' }: RoutedRequest): string | undefined {
    if (!url.startsWith(this.askPath)) return undefined;
    const query = url.slice(this.askPath.length);
    if (query !== '' && !query.startsWith('?')) return undefined;
    const [host = '', ...others] = new URLSearchParams(query).getAll('domain');
    return others.length > 0 ? '' : host;
  }

  /**
   * The path and query with a slash after the ID of the application, where the path ends with the ID: NocoBase's client
   * looks for its pages below `/apps/<name>/`. Undefined for every other path.
   */
  completedPage(req: RoutedRequest): string | undefined {
    const { path, query } = locate(req);
    const prefix = this.pagePrefixes.find((known) => path.startsWith(known));
    if (prefix === undefined || path.length === prefix.length || path.includes('/', prefix.length)) return undefined;
    return `${path}/${query === undefined ? '' : `?${query}`}`;
  }

  place(req: RoutedRequest): RequestPlace {
    const { path } = locate(req);
    const needsApp =
      path.startsWith(this.apiPrefix) ||
      path.startsWith(this.uploadsPrefix) ||
      this.filesPrefixes.some((prefix) => path.startsWith(prefix));
    if (needsApp) return { path, needsApp };
    for (const prefix of this.pagePrefixes) {
      const segment = segmentAfter(path, prefix);
      if (segment !== undefined) return { path, needsApp, pageApp: decoded(segment) };
    }
    return { path, needsApp };
  }
}
