import { hostUrl, pathUrl, type Page } from '../app-url';
import { MAIN_ENTRY, type AppEntry } from '../../src/app-entry';

export interface EntryPage extends Page {
  /** Whether this page is on a host that is a sub-application's own: no path leads to another one there. */
  onOwnHost: boolean;
}

/**
 * Where an entry leads, in the same client: to its custom domain, else below the path of this client. From a host that
 * belongs to one application only hosts lead to others; undefined where there is none.
 */
export function entryUrl({ name, domain, hosts }: AppEntry, page: EntryPage): string | undefined {
  const host = domain ?? (page.onOwnHost ? hosts[0] : undefined);
  if (host) return hostUrl(host, page);
  if (page.onOwnHost) return undefined;
  return name === MAIN_ENTRY ? page.routeUrl('/admin/') : pathUrl(name, page);
}
