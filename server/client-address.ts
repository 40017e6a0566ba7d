import { isIP, isIPv6, type BlockList } from 'node:net';
import type { IncomingHttpHeaders } from 'node:http';

/** IPv4 as such, also where a socket for both families tells it as IPv6. */
function plain(address: string | undefined): string | undefined {
  return address?.startsWith('::ffff:') ? address.slice(7) : address;
}

export function isTrusted(address: string | undefined, trusted: BlockList): boolean {
  const known = plain(address);
  return known !== undefined && isIP(known) !== 0 && trusted.check(known, isIPv6(known) ? 'ipv6' : 'ipv4');
}

const FORWARDED = /^\s*([^,]*)/;

/** The `Host` header of a request, or what a trusted proxy says in its place. */
export function requestHost(
  { headers, socket }: { headers: IncomingHttpHeaders; socket?: { remoteAddress?: string } },
  trusted: BlockList,
): string | undefined {
  const forwarded = headers['x-forwarded-host'];
  if (forwarded !== undefined && isTrusted(socket?.remoteAddress, trusted)) {
    const text = Array.isArray(forwarded) ? forwarded[0] : forwarded;
    const first = FORWARDED.exec(text ?? '')?.[1]?.trim();
    if (first) return first;
  }
  return headers.host;
}

/**
 * Where a request came from. What `X-Forwarded-For` says counts as far as trusted proxies have written it: a client may
 * begin it as he likes.
 */
export function clientAddress(
  { headers, socket }: { headers: IncomingHttpHeaders; socket?: { remoteAddress?: string } },
  trusted: BlockList,
): string | undefined {
  const hops = String(headers['x-forwarded-for'] ?? '').split(',');
  let address = plain(socket?.remoteAddress);
  while (hops.length > 0 && isTrusted(address, trusted)) {
    const before = plain(hops.pop()?.trim());
    if (!before || !isIP(before)) break;
    address = before;
  }
  return address;
}
