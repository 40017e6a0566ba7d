import { ByteMeter, FormMeter, JsonMeter, type BodyMeasure, type BodyMeter } from '../body-meter';

/** How a body is read: parsed as a whole, written to a file part by part, or left alone. */
export type BodyKind = 'json' | 'form' | 'multipart' | 'other';

/** What a body may have at most. */
export type BodyBounds = Readonly<BodyMeasure>;

/** A bound that a body exceeds, in words for an error. */
export interface ExceededBound {
  limit: number;
  unit: string;
}

/**
 * The kind of a body by its `Content-Type`. Wider than what NocoBase parses: a type that it would take for JSON or a
 * form must never count as another kind. `multipart/…` is never parsed as JSON, whatever follows.
 */
export function bodyKind(contentType = ''): BodyKind {
  const type = contentType.trim().toLowerCase();
  if (type.startsWith('multipart/')) return 'multipart';
  if (type.includes('json') || type.includes('csp-report')) return 'json';
  return type.includes('urlencoded') ? 'form' : 'other';
}

export function meterFor(kind: BodyKind): BodyMeter {
  if (kind === 'json') return new JsonMeter();
  return kind === 'form' ? new FormMeter() : new ByteMeter();
}

/** The first bound that a body exceeds; undefined if it exceeds none. */
export function exceededBound(
  { bytes, values, depth }: Readonly<BodyMeasure>,
  bounds: BodyBounds,
): ExceededBound | undefined {
  if (bytes > bounds.bytes) return bytesInWords(bounds.bytes);
  if (values > bounds.values) return { limit: bounds.values, unit: 'values' };
  return depth > bounds.depth ? { limit: bounds.depth, unit: 'levels of nesting' } : undefined;
}

function bytesInWords(bytes: number): ExceededBound {
  if (bytes >= 2 ** 20) return { limit: Math.floor(bytes / 2 ** 20), unit: 'MB' };
  return bytes >= 1_024 ? { limit: Math.floor(bytes / 1_024), unit: 'KB' } : { limit: bytes, unit: 'bytes' };
}

/** Actions that take a file: a body for them may arrive for as long as a large file takes. */
const UPLOAD_ACTION = /^(create|update|upload|add|import\w*|restore\w*)$/;

/**
 * Whether a request by its method and path is an upload or an import: `<resource>:<action>`, or `POST` on a resource
 * without an action, which is `create`.
 * @param path without the query
 */
export function isUploadAction(method: string | undefined, path: string): boolean {
  const last = path.slice(path.lastIndexOf('/') + 1);
  const colon = last.lastIndexOf(':');
  return colon < 0 ? method === 'POST' : UPLOAD_ACTION.test(last.slice(colon + 1));
}
