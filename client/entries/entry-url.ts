import { MAIN_ENTRY, type AppEntry } from '../../src/app-entry';

export interface EntryPage {
  /** The public path of this client in front of a path of its own. */
  routeUrl: (path: string) => string;
  /** Whether this page is on a host that is a sub-application's own: no path leads to another one there. */
  onOwnHost: boolean;
  /** `location.port`: where NocoBase is reached at a port, its applications' own hosts are too. */
  port: string;
}

/**
 * Where an entry leads, in the same client: to its custom domain, else below the path of this client. From a host that
 * belongs to one application only hosts lead to others; undefined where there is none.
 */
export function entryUrl({ name, domain, hosts }: AppEntry, page: EntryPage): string | undefined {
  const host = domain ?? (page.onOwnHost ? hosts[0] : undefined);
  if (host) {
    const port = page.port && !/:\d+$/.test(host) ? `:${page.port}` : '';
    return `//${host}${port}${page.routeUrl('/admin/')}`;
  }
  if (page.onOwnHost) return undefined;
  return page.routeUrl(name === MAIN_ENTRY ? '/admin/' : `/apps/${encodeURIComponent(name)}/admin/`);
}
