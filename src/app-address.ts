import { normalizeHost } from './host-name';

/** Where an application is reached. */
export interface AppAddress {
  /** Under the main application's address; the second client has the same path below its own prefix. */
  path: string;
  /** Hosts that are its own: its custom domain first, then one below each base domain. */
  hosts: string[];
}

/** What of the process decides about addresses. */
export interface AddressConfig {
  /** Without a slash at its end. */
  publicPath: string;
  baseDomains: readonly string[];
}

/** A name that cannot be a host label has no address below a base domain. */
export function appAddress(
  { name, cname }: { name: string; cname?: string },
  { publicPath, baseDomains }: AddressConfig,
): AppAddress {
  const below = baseDomains.map((base) => `${name}.${base}`).filter((host) => normalizeHost(host) === host);
  const hosts = cname ? [cname.toLowerCase(), ...below] : below;
  return { path: `${publicPath}/apps/${encodeURIComponent(name)}/`, hosts: [...new Set(hosts)] };
}
