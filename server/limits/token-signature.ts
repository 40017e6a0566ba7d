import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Tokens of NocoBase have a few hundred bytes. */
const MAX_TOKEN_BYTES = 8_192;

const HASHES: Readonly<Record<string, string>> = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' };

const parsePart = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));

/** The token of a request, from the places where NocoBase reads one; undefined without one. */
export function readToken({ headers, url = '' }: Pick<IncomingMessage, 'headers' | 'url'>): string | undefined {
  if (headers.authorization) return headers.authorization.replace(/^Bearer\s+/i, '');
  const query = url.indexOf('?');
  return query < 0 ? undefined : (new URLSearchParams(url.slice(query + 1)).get('token') ?? undefined);
}

/**
 * Whether a token was signed with this secret, for a user. Expired and revoked ones count, since NocoBase renews the
 * former: this says how much may be parsed, not who is signed in. Tokens without a user (those of public forms, which
 * anonymous visitors get) do not count. Never throws.
 */
export function isSignedForUser(token: string | undefined, secret: string | Buffer | undefined): boolean {
  if (!token || !secret || token.length > MAX_TOKEN_BYTES) return false;
  const [header, payload, signature, ...rest] = token.split('.');
  if (!header || !payload || !signature || rest.length > 0) return false;
  try {
    const { alg } = parsePart(header) as { alg?: unknown };
    const hash = typeof alg === 'string' && Object.hasOwn(HASHES, alg) ? HASHES[alg] : undefined;
    if (!hash) return false;
    const expected = createHmac(hash, secret).update(`${header}.${payload}`).digest();
    const given = Buffer.from(signature, 'base64url');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
    const { userId } = parsePart(payload) as { userId?: unknown };
    return userId !== undefined && userId !== null;
  } catch {
    return false;
  }
}
