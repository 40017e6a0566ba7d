import { domainsOf } from './app-record';
import { normalizeHost } from './host-name';

/** Where an application is reached. */
export interface AppAddress {
  /** Under the main application's address; the second client has the same path below its own prefix. */
  path: string;
  /** Hosts that are its own: its custom domains first, then one below each base domain. */
  hosts: string[];
  /** The address to visit, as a full URL: at its first own host, else below the main application's address. */
  url: string;
}

/** What of the process decides about addresses. */
export interface AddressConfig {
  /** Without a slash at its end. */
  publicPath: string;
  baseDomains: readonly string[];
  /** The main application's address: `scheme://host[:port]`. Hosts of applications have the same scheme and port. */
  origin: string;
}

/**
 * The main application's address as NocoBase's own variables tell it: `APP_PUBLIC_ORIGIN`, else this machine with
 * `APP_PORT`.
 */
export function originOf({ APP_PUBLIC_ORIGIN, APP_PORT }: Record<string, string | undefined>): string {
  try {
    const { protocol, origin } = new URL((APP_PUBLIC_ORIGIN ?? '').trim());
    if (protocol === 'http:' || protocol === 'https:') return origin;
  } catch {
    // Not set, or no address.
  }
  return `http://localhost:${APP_PORT || '13000'}`;
}

/** A name that cannot be a host label has no address below a base domain. */
export function appAddress(
  { name, cname, domains }: { name: string; cname?: string; domains?: string[] },
  { publicPath, baseDomains, origin }: AddressConfig,
): AppAddress {
  const below = baseDomains.map((base) => `${name}.${base}`).filter((host) => normalizeHost(host) === host);
  const hosts = [...domainsOf({ cname, domains }), ...below];
  const path = `${publicPath}/apps/${encodeURIComponent(name)}/`;
  const { protocol, port } = new URL(origin);
  const [host] = hosts;
  const own = `${protocol}//${host}${port && `:${port}`}${publicPath}/`;
  return { path, hosts: [...new Set(hosts)], url: host === undefined ? `${origin}${path}` : own };
}
