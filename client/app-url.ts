import type { ApplicationRow } from './api-types';

interface Page {
  routeUrl: (path: string) => string;
  /** `location.port`: where NocoBase is reached at a port, its applications' own domains are too. */
  port: string;
}

type Addressed = Pick<ApplicationRow, 'name' | 'cname'>;

const withPort = (host: string, port: string) => (port && !/:\d+$/.test(host) ? `${host}:${port}` : host);

/** Where an application is visited: at its own domain, else below the path of this client. */
export function visitUrl({ name, cname }: Addressed, page: Page): string {
  if (!cname) return page.routeUrl(`/apps/${encodeURIComponent(name)}/admin/`);
  return `//${withPort(cname, page.port)}${page.routeUrl('/admin/')}`;
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
  const path = page.routeUrl(`/apps/${encodeURIComponent(name)}/admin/`);
  return [
    ...hosts.map((host) => ({ text: host, url: `//${withPort(host, page.port)}${page.routeUrl('/admin/')}` })),
    { text: path, url: path },
  ];
}
