import type { ApplicationRow } from './api-types';

export interface Page {
  /** The public path of this client in front of a path of its own. */
  routeUrl: (path: string) => string;
  /** `location.port`: where NocoBase is reached at a port, its applications' own hosts are too. */
  port: string;
}

type Addressed = Pick<ApplicationRow, 'name' | 'cname'>;

/** Where a host of an application's own leads, in the same client. */
export function hostUrl(host: string, { routeUrl, port }: Page): string {
  return `//${port && !/:\d+$/.test(host) ? `${host}:${port}` : host}${routeUrl('/admin/')}`;
}

/** Where an application is reached below the main application's address, in the same client. */
export function pathUrl(name: string, { routeUrl }: Pick<Page, 'routeUrl'>): string {
  return routeUrl(`/apps/${encodeURIComponent(name)}/admin/`);
}

/** Where an application is visited: at its own domain, else below the path of this client. */
export function visitUrl({ name, cname }: Addressed, page: Page): string {
  return cname ? hostUrl(cname, page) : pathUrl(name, page);
}

export interface AddressLink {
  text: string;
  url: string;
}

/** All addresses of an application, as an administrator reads them: its own hosts first, its path last. */
export function addressLinks(
  { name, cname, address }: Addressed & Pick<ApplicationRow, 'address'>,
  page: Page,
): AddressLink[] {
  const hosts = address?.hosts ?? (cname ? [cname] : []);
  const path = pathUrl(name, page);
  return [...hosts.map((host) => ({ text: host, url: hostUrl(host, page) })), { text: path, url: path }];
}
