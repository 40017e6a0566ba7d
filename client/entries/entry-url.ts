import { hostUrl, pathUrl, type Page } from '../app-url';
import { MAIN_ENTRY, type AppEntry } from '../../src/app-entry';

export interface EntryPage extends Page {
  /** Whether this page is on a host that is a sub-application's own: no path leads to another one there. */
  onOwnHost: boolean;
}

/**
 * Where an entry leads, in the same client: to its first own host, else below the path of this client. From a host that
 * belongs to one application only hosts lead to others; undefined if there is none.
 */
export function entryUrl({ name, hosts }: AppEntry, page: EntryPage): string | undefined {
  // The main application is where this page is, unless the page is on a host of its own.
  const [host] = name === MAIN_ENTRY && !page.onOwnHost ? [] : hosts;
  if (host !== undefined) return hostUrl(host, page);
  if (page.onOwnHost) return undefined;
  return name === MAIN_ENTRY ? page.routeUrl('/admin/') : pathUrl(name, page);
}
