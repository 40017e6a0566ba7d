/** The headers by which a client learns of a limit that it met: names and values by turns. */
export function rateHeaders(limit: number, seconds: number): string[] {
  return ['RateLimit-Limit', String(limit), 'RateLimit-Remaining', '0', 'RateLimit-Reset', String(seconds)];
}
