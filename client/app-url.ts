import type { ApplicationRow } from './api-types';

export interface Page {
  /** The public path of this client in front of a path of its own. */
  routeUrl: (path: string) => string;
  /** `location.port`: where NocoBase is reached at a port, its applications' own hosts are too. */
  port: string;
}

type Addressed = Pick<ApplicationRow, 'name'> & Partial<Pick<ApplicationRow, 'address'>>;

/** Where a host of an application's own leads, in the same client. */
export function hostUrl(host: string, { routeUrl, port }: Page): string {
  return `//${port && !/:\d+$/.test(host) ? `${host}:${port}` : host}${routeUrl('/admin/')}`;
}

/** Where an application is reached below the main application's address, in the same client. */
export function pathUrl(name: string, { routeUrl }: Pick<Page, 'routeUrl'>): string {
  return routeUrl(`/apps/${encodeURIComponent(name)}/admin/`);
}

/**
 * Where an application is visited: at a host of its own, if it has one, else below the path of this client. At a host
 * of its own, its scripts cannot read what the main application keeps in the browser.
 */
export function visitUrl({ name, address }: Addressed, page: Page): string {
  const [host] = address?.hosts ?? [];
  return host === undefined ? pathUrl(name, page) : hostUrl(host, page);
}

/**
 * All addresses of an application as full URLs, for an administrator to read and copy: its own hosts first, its path
 * last. The first is the one that `visitUrl` leads to.
 * @param origin of the page that shows them, e.g. `https://example.com:8443`
 */
export function addressUrls({ name, address }: Addressed, page: Page, origin: string): string[] {
  const protocol = origin.slice(0, origin.indexOf('//'));
  const hosts = address?.hosts ?? [];
  return [...hosts.map((host) => `${protocol}${hostUrl(host, page)}`), `${origin}${pathUrl(name, page)}`];
}
