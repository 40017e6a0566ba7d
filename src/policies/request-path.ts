/**
 * Decides on the path of a request target as it arrives, before anything reads it. Nothing is rewritten: a path is
 * refused, or it stays as it is.
 */

const DOTS = '..';
const ESCAPE = '%';

/** The part of a request target that is its path. Query and fragment are never decoded as a path. */
function pathOf(target: string): string {
  const end = target.search(/[?#]/);
  return end < 0 ? target : target.slice(0, end);
}

function decode(path: string, apiPrefix: string): string {
  // NocoBase decodes a path of its API with `decodeURI`: `%2F` stays a part of a key. Files are decoded in full.
  return path.startsWith(apiPrefix) ? decodeURI(path) : decodeURIComponent(path);
}

function isTraversal(path: string): boolean {
  return path.includes(DOTS) && path.split(/[/\\]/).includes(DOTS);
}

/**
 * Whether NocoBase may see a request target. Refused are paths that cannot be decoded, and those with a `..` segment or
 * a NUL, before or after the one decoding that NocoBase does. A backslash separates segments, as it does for NocoBase's
 * parser. A target without `..` and `%` costs two searches and no allocation.
 * @param apiPrefix the path of the API with a slash at its end
 */
export function isAllowedTarget(target: string, apiPrefix: string): boolean {
  const dots = target.indexOf(DOTS);
  const escape = target.indexOf(ESCAPE);
  if (dots < 0 && escape < 0) return true;
  const query = target.indexOf('?');
  if (query >= 0 && (dots < 0 || dots > query) && (escape < 0 || escape > query)) return true;
  const path = pathOf(target);
  if (isTraversal(path)) return false;
  try {
    const decoded = decode(path, apiPrefix);
    return !decoded.includes('\0') && !isTraversal(decoded);
  } catch {
    return false;
  }
}
