/** Close enough to tell an address from a name; it is compared, never connected to. */
function looksLikeIPv6(host: string): boolean {
  return /^[0-9a-f:.]{2,45}$/.test(host) && host.split(':').length >= 3;
}

/**
 * A host as it is compared: lower case, without port, trailing dot and IPv6 brackets.
 * Undefined for what is not a host at all (empty, over 253 characters, illegal characters).
 */
export function normalizeHost(value: string | undefined): string | undefined {
  if (!value || value.length > 300) return undefined;
  let host = value.trim().toLowerCase();
  if (host.startsWith('[')) {
    const end = host.indexOf(']');
    if (end < 0 || !/^(:\d{0,5})?$/.test(host.slice(end + 1))) return undefined;
    host = host.slice(1, end);
    return looksLikeIPv6(host) ? host : undefined;
  }
  const colon = host.indexOf(':');
  if (colon >= 0 && host.indexOf(':', colon + 1) >= 0) {
    // A bare IPv6 address cannot carry a port.
    return looksLikeIPv6(host) ? host : undefined;
  }
  if (colon >= 0) {
    if (!/^\d{0,5}$/.test(host.slice(colon + 1))) return undefined;
    host = host.slice(0, colon);
  }
  if (host.endsWith('.')) host = host.slice(0, -1);
  return host.length <= 253 && /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(host) && !host.includes('..')
    ? host
    : undefined;
}

/** Characters that end a host or change its meaning in a URL; a custom domain holds none of them. */
const NO_HOST_CHARACTER = /[\s:/[\]\\@?#%]/;

/**
 * An international host name in its ASCII form (`xn--…`), as browsers send it; undefined for what is no host name.
 * Source: https://url.spec.whatwg.org/#concept-domain-to-ascii
 */
function toAscii(value: string): string | undefined {
  try {
    return new URL(`http://${value}/`).hostname;
  } catch {
    return undefined;
  }
}

/**
 * A host name as a person may give it as a custom domain, in the form in which it is stored and compared: lower case,
 * ASCII. Undefined for what is none, e.g. with a scheme, a path or a port, or an IP address.
 */
export function normalizeDomain(value: string): string | undefined {
  const given = value.trim();
  if (given.length > 300 || NO_HOST_CHARACTER.test(given)) return undefined;
  // eslint-disable-next-line no-control-regex
  const host = normalizeHost(/^[\x00-\x7f]*$/.test(given) ? given : toAscii(given));
  if (!host || /^[\d.]+$/.test(host)) return undefined;
  return host.split('.').every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label)) ? host : undefined;
}
