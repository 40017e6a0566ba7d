import type { BodyBounds } from '../src/policies/body-size';
import type { FlowLimit } from '../src/policies/flow';
import type { QueryBounds } from '../src/policies/query-size';

/** Reads a whole number from the environment; a value out of range is reported and replaced by the fallback. */
type ReadNumber = (variable: string, fallback: number, min: number) => number;

/** What one WebSocket message may hold, and what may pass in a second. */
export interface WebSocketSizes {
  /** One message. NocoBase parses each one, whoever sends it. */
  message: BodyBounds;
  /** Bytes of one connection. */
  bytes: FlowLimit;
  /** Messages and bytes of all connections of one application. */
  appMessages: FlowLimit;
  appBytes: FlowLimit;
}

/**
 * How large requests and messages may be. Everything is measured before anything is parsed. A limit of 0 in the
 * environment means no limit, and is `Infinity` here.
 */
export interface SizeConfig {
  /** How long an idle connection stays open, in milliseconds. */
  keepAliveMs: number;
  /** All headers of one request, in bytes. */
  headerBytes: number;
  /** Path and query of one request, in bytes. */
  urlBytes: number;
  /** The query of one request, which NocoBase parses also without a token. */
  query: QueryBounds;
  /** A body that NocoBase parses as a whole, with a validly signed token and without one. */
  body: BodyBounds;
  anonymousBody: BodyBounds;
  /** The records that one request may create or change in an application. */
  records: number;
  /** What a spreadsheet that is imported into an application may hold when it is unpacked, in bytes. */
  importBytes: number;
  webSocket: WebSocketSizes;
}

/** NocoBase's own, if `REQUEST_BODY_LIMIT` says nothing. */
const DEFAULT_BODY_BYTES = 10 * 2 ** 20;
/** No sign-in, sign-up or form of a visitor is nested as deeply. */
const ANONYMOUS_DEPTH = 50;
const MESSAGE_VALUES = 5_000;
/** As for a body without a token. */
const QUERY_VALUES = 5_000;
/** NocoBase's parser makes an object, which its actions do not expect, of more than 100 parameters of one name. */
const QUERY_REPEATED = 100;
/** A statement of PostgreSQL has 1,664 columns at most, with those that NocoBase adds. */
const QUERY_NAMES = 1_000;
/** How much may come at once, as a multiple of what may come in a second. */
const BYTE_BURST = 4;
/** After a restart all open pages of an application come back, and introduce themselves, at once. */
const APP_MESSAGE_BURST = 10;

const UNITS: Readonly<Record<string, number>> = { b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30, tb: 2 ** 40 };

const orInfinity = (value: number): number => (value === 0 ? Infinity : value);

/** A size as NocoBase's parser reads it, such as `10mb`; undefined for what is none. */
function parseBytes(text = ''): number | undefined {
  const [, number, unit = 'b'] = /^\s*(\d+(?:\.\d+)?) *(kb|mb|gb|tb|b)?\s*$/i.exec(text) ?? [];
  return number === undefined ? undefined : Math.floor(Number(number) * (UNITS[unit.toLowerCase()] ?? 1));
}

function readBodies(
  read: ReadNumber,
  requestBodyLimit: string | undefined,
): Pick<SizeConfig, 'body' | 'anonymousBody'> {
  const body = {
    bytes: parseBytes(requestBodyLimit) ?? DEFAULT_BODY_BYTES,
    values: orInfinity(read('APP_SUPERVISOR_BODY_VALUES', 60_000, 0)),
    depth: orInfinity(read('APP_SUPERVISOR_BODY_DEPTH', 500, 0)),
  };
  const bytes = orInfinity(read('APP_SUPERVISOR_ANONYMOUS_BODY_SIZE', 1_024, 0)) * 1_024;
  const values = orInfinity(read('APP_SUPERVISOR_ANONYMOUS_BODY_VALUES', 5_000, 0));
  const anonymousBody = {
    bytes: Math.min(bytes, body.bytes),
    values: Math.min(values, body.values),
    depth: Math.min(ANONYMOUS_DEPTH, body.depth),
  };
  return { body, anonymousBody };
}

function readQuery(read: ReadNumber): QueryBounds {
  const depth = orInfinity(read('APP_SUPERVISOR_QUERY_DEPTH', 20, 0));
  return {
    parameters: orInfinity(read('APP_SUPERVISOR_QUERY_PARAMETERS', 1_000, 0)),
    repeated: QUERY_REPEATED,
    depth,
    steps: depth,
    values: QUERY_VALUES,
    names: QUERY_NAMES,
  };
}

function readWebSocket(read: ReadNumber): WebSocketSizes {
  const bytes = orInfinity(read('APP_SUPERVISOR_WEBSOCKET_MESSAGE_SIZE', 1_024, 0)) * 1_024;
  const perSecond = orInfinity(read('APP_SUPERVISOR_WEBSOCKET_TRAFFIC', 512, 0)) * 1_024;
  // One message of the largest size must always be possible.
  const burst = Math.max(bytes, perSecond * BYTE_BURST);
  const appPerSecond = orInfinity(read('APP_SUPERVISOR_WEBSOCKET_APP_TRAFFIC', 4_096, 0)) * 1_024;
  const appMessages = orInfinity(read('APP_SUPERVISOR_WEBSOCKET_APP_MESSAGES', 500, 0));
  return {
    message: { bytes, values: MESSAGE_VALUES, depth: ANONYMOUS_DEPTH },
    bytes: { perSecond, burst },
    appMessages: { perSecond: appMessages, burst: appMessages * APP_MESSAGE_BURST },
    appBytes: { perSecond: appPerSecond, burst: Math.max(bytes, appPerSecond * BYTE_BURST) },
  };
}

/** @param requestBodyLimit the variable of NocoBase, as it stands in the environment */
export function readSizes(read: ReadNumber, requestBodyLimit: string | undefined): SizeConfig {
  return {
    // Nginx, Caddy and Traefik keep idle connections for 60 seconds and longer.
    keepAliveMs: read('APP_SUPERVISOR_KEEP_ALIVE_TIMEOUT', 65, 1) * 1_000,
    headerBytes: read('APP_SUPERVISOR_HEADER_SIZE', 64, 1) * 1_024,
    urlBytes: orInfinity(read('APP_SUPERVISOR_URL_SIZE', 16, 0)) * 1_024,
    query: readQuery(read),
    ...readBodies(read, requestBodyLimit),
    records: orInfinity(read('APP_SUPERVISOR_BODY_RECORDS', 1_000, 0)),
    importBytes: orInfinity(read('APP_SUPERVISOR_IMPORT_SIZE', 10, 0)) * 2 ** 20,
    webSocket: readWebSocket(read),
  };
}
