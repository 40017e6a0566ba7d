/**
 * The address of a database server in one spelling, so that it can be compared: `127.1`, `0x7f.0.0.1`, `[::1]`,
 * `LOCALHOST.` and the like become what they stand for. A Unix socket is the path of its folder.
 * Undefined for what is no host (a port, a scheme, illegal characters).
 */
export function canonicalHost(value: string): string | undefined {
  if (value.startsWith('/')) return isSocketFolder(value) ? value.replace(/\/+$/, '') : undefined;
  if (value.length > 253 || !/^[A-Za-z0-9._:[\]-]+$/.test(value)) return undefined;
  const bare = value.replace(/^\[(.*)\]$/, '$1');
  if (/[[\]]/.test(bare)) return undefined;
  if (bare.includes(':')) return canonicalIPv6(bare);
  const host = parsed(bare)?.replace(/\.$/, '');
  const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
  return bare === value && host?.split('.').every((part) => label.test(part)) ? host : undefined;
}

/** Whether an address is this machine's own, whatever network it has. */
export function isLoopback(host: string): boolean {
  if (host.startsWith('/')) return true;
  return /^(localhost|.*\.localhost|127(\.\d{1,3}){3}|0\.0\.0\.0|::1?)$/.test(host);
}

function isSocketFolder(value: string): boolean {
  return value.length <= 100 && /^(\/[\w.-]+)+\/?$/.test(value) && !value.split('/').includes('..');
}

function canonicalIPv6(address: string): string | undefined {
  const host = parsed(`[${address}]`)?.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host ?? '');
  if (!mapped) return host;
  const bytes = mapped.slice(1).flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]);
  return bytes.join('.');
}

/** As the URL standard reads a host: numbers in every base, letters in lower case. */
function parsed(host: string): string | undefined {
  try {
    return new URL(`http://${host}`).hostname;
  } catch {
    return undefined;
  }
}
