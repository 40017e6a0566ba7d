import type { ApplicationRow } from './api';

interface Page {
  routeUrl: (path: string) => string;
  /** `location.port`: where NocoBase is reached at a port, its applications' own domains are too. */
  port: string;
}

/** Where an application is visited: at its own domain, else below the path of this client. */
export function visitUrl({ name, cname }: Pick<ApplicationRow, 'name' | 'cname'>, page: Page): string {
  if (!cname) return page.routeUrl(`/apps/${encodeURIComponent(name)}/admin/`);
  const port = page.port && !/:\d+$/.test(cname) ? `:${page.port}` : '';
  return `//${cname}${port}${page.routeUrl('/admin/')}`;
}
