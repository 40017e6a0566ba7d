import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';

/** One request as it goes over the wire. */
export interface HostileRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: Buffer;
  /** Sent in pieces of this size, without a length. */
  chunk?: number;
}

/** One frame of a WebSocket. */
export type HostileFrame =
  | { kind: 'text' | 'binary'; data: Buffer }
  | { kind: 'fragments'; pieces: Buffer[] }
  | { kind: 'ping' | 'pong'; data: Buffer }
  | { kind: 'raw'; data: Buffer };

const weighted = <T>(...options: [number, fc.Arbitrary<T>][]) =>
  fc.oneof(...options.map(([weight, arbitrary]) => ({ weight, arbitrary })));

/** Mostly small, sometimes as large as anything may be. */
const size = (max: number) =>
  weighted<number>([20, fc.nat({ max: 50 })], [4, fc.nat({ max: 5_000 })], [1, fc.nat({ max })]);

const nestedText = fc
  .tuple(fc.constantFrom('[', '{"a":', '[{"a":', '[[],'), size(300_000), fc.boolean())
  .map(([open, levels, closed]) => {
    const closing = open.startsWith('{') ? '}' : open === '[{"a":' ? '}]' : ']';
    return open.repeat(levels) + '1' + (closed ? closing.repeat(levels) : '');
  });
const manyValues = fc
  .tuple(fc.constantFrom('{}', '[]', '1', 'null', '""', '{"a":1}', '"x,y"'), size(400_000))
  .map(([value, count]) => `[${`${value},`.repeat(count)}${value}]`);
const manyMembers = size(50_000).map(
  (count) => `{${Array.from({ length: count }, (_, index) => `"k${index}":${index},`).join('')}"z":1}`,
);
const longText = fc
  .tuple(fc.constantFrom('x', '\\"', '\\\\', 'ä', '[', ','), size(3_000_000))
  .map(([letter, count]) => `{"a":"${letter.repeat(count)}"}`);
const longKey = size(2_000_000).map((length) => `{"${'k'.repeat(length)}":1}`);
const special = fc.constantFrom(
  ...[
    '',
    'null',
    '0',
    '"x"',
    '[',
    '{',
    '{"a"',
    '{"__proto__":{"a":1}}',
    '{"constructor":{"prototype":{}}}',
    '\0',
    '\ufeff{}',
  ],
  ...[
    '{"values":null}',
    '{"filter":{"$and":null}}',
    '{"filterByTk":{"$ne":null}}',
    '{"a":1e999}',
    '{"a":"\\ud800"}',
    'NaN',
  ],
  ...['{"account":{"a":1},"password":[]}', '{"email":null,"password":1}', '{"account":"\\u0000","password":"\\u0000"}'],
);
const jsonText = weighted<string>(
  [6, fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value))],
  [4, special],
  [2, nestedText],
  [2, manyValues],
  [1, manyMembers],
  [1, longText],
  [1, longKey],
  [1, fc.string()],
);
const formText = weighted<string>(
  [4, fc.webQueryParameters()],
  [1, size(100_000).map((count) => 'a=1&'.repeat(count))],
  [1, size(100_000).map((count) => `a${'[b]'.repeat(count)}=1`)],
  [1, size(50_000).map((count) => 'a[]=1&'.repeat(count))],
  [1, size(100_000).map((count) => `a${'.b'.repeat(count)}=1`)],
  [1, fc.constantFrom('a[__proto__][x]=1', 'a[999999999]=1', '%', '%zz=%', '&&&&', '=', 'a[', 'a]b[c=1')],
);
const multipartText = fc
  .tuple(fc.constantFrom('b', 'x', ''), fc.string(), size(100_000))
  .map(
    ([mark, name, length]) =>
      `--${mark}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n${'x'.repeat(length)}\r\n--${mark}--`,
  );

interface Typed {
  type: string;
  text: string;
}
const typedBody: fc.Arbitrary<Typed> = weighted<Typed>(
  [
    6,
    fc.record({
      type: fc.constantFrom(
        ...['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON;', 'application/vnd.api+json'],
        ...['application/csp-report', 'application/json; charset=utf-16'],
      ),
      text: jsonText,
    }),
  ],
  [2, fc.record({ type: fc.constant('application/x-www-form-urlencoded'), text: formText })],
  [
    2,
    fc.record({
      type: fc.constantFrom('multipart/form-data; boundary=b', 'multipart/form-data', 'multipart/mixed; boundary=b'),
      text: multipartText,
    }),
  ],
  [
    1,
    fc.record({
      type: fc.constantFrom('', 'text/plain', 'application/xml', 'application/octet-stream', '/', ';', 'a/b/c'),
      text: weighted<string>([1, fc.string()], [1, jsonText]),
    }),
  ],
);

const ENCODERS: Record<string, (bytes: Buffer) => Buffer> = {
  gzip: (bytes) => gzipSync(bytes, { level: 1 }),
  deflate: (bytes) => deflateSync(bytes, { level: 1 }),
  br: (bytes) => brotliCompressSync(bytes.subarray(0, 200_000)),
};
const encodingName = weighted<string>(
  [12, fc.constant('')],
  [4, fc.constantFrom('gzip', 'deflate', 'br')],
  [1, fc.constantFrom('x-gzip', 'identity', 'gzip, gzip', 'GZIP', 'zstd')],
);

const RESOURCES = [
  ...['users', 'roles', 'attachments', 'storages', 'applications', 'appSupervisor', 'auth', 'app', 'pm', 'collections'],
  ...[
    'uiSchemas',
    'systemSettings',
    'authenticators',
    'workflows',
    'publicForms',
    'backupFiles',
    'nope',
    'a.b',
    '%00',
    'ä',
  ],
];
const ACTIONS = [
  ...[
    'list',
    'get',
    'create',
    'update',
    'destroy',
    'signIn',
    'signUp',
    'check',
    'getInfo',
    'getLang',
    'import',
    'export',
  ],
  ...[
    'importXlsx',
    'upload',
    'query',
    'firstOrCreate',
    'move',
    'set',
    'add',
    'remove',
    'toggle',
    'enable',
    'entries',
    'ask',
  ],
  ...['nope', '', '%00', '__proto__', 'constructor'],
];
const queryText = weighted<string>(
  [6, fc.constant('')],
  [
    4,
    fc
      .tuple(
        fc.constantFrom('filter', 'filterByTk', 'fields', 'appends', 'sort', 'page', 'pageSize', 'token', 'except'),
        jsonText,
      )
      .map(([name, text]) => `?${name}=${encodeURIComponent(text.slice(0, 20_000).replace(/[\ud800-\udfff]/g, ''))}`),
  ],
  [2, formText.map((text) => `?${text.slice(0, 20_000).replace(/[^\x21-\x7e]/g, '')}`)],
  [
    1,
    fc.constantFrom(
      '?%',
      '?filter=%',
      '?filter={',
      '?a=%zz',
      '?filter[$and]=1',
      '?page=-1&pageSize=1e9',
      '?sort=-',
      '?appends[]=x.y.z',
    ),
  ],
);

/** Requests to these applications by every way of naming one, none of them with a valid token. */
export function hostileRequest(apps: readonly string[], tokens: readonly string[]): fc.Arbitrary<HostileRequest> {
  const apiPath = fc
    .tuple(fc.constantFrom(...RESOURCES), fc.constantFrom(...ACTIONS), fc.constantFrom('', '/1', '/1/roles'), queryText)
    .map(([resource, action, nested, query]) => `/${resource}${nested}:${action}${query}`);
  const otherPath = fc.constantFrom(
    ...[
      '/',
      '/admin',
      '/v/admin',
      '/static/plugins/x',
      '/files/x/1',
      '/storage/uploads/x',
      '/ws',
      '/dist/x',
      '/nope',
      '/apps/x/',
    ],
    ...[
      '/api',
      '/api/',
      '/api/__app/',
      '/api/__app//x',
      '/files/',
      '/files/%zz',
      '//',
      '/%',
      '/api/%E0%A4%A',
      '/api/users:list#x',
    ],
  );
  const token = weighted<string>([6, fc.constant('')], [1, fc.string()], [2, fc.constantFrom(...tokens)]);
  const where = fc.tuple(fc.constantFrom(...apps), fc.constantFrom('header', 'path', 'query', 'host'));
  const body = fc.option(
    fc.tuple(typedBody, encodingName, fc.option(fc.integer({ min: 1, max: 70_000 }), { freq: 3 })),
    {
      freq: 3,
    },
  );
  const odd = fc.dictionary(
    fc.constantFrom(
      'accept',
      'x-authenticator',
      'x-role',
      'x-timezone',
      'x-locale',
      'accept-language',
      'cookie',
      'x-hostname',
      'x-data-source',
      'range',
      'if-none-match',
    ),
    weighted<string>([6, fc.string()], [1, size(30_000).map((count) => 'x'.repeat(count))]),
    { maxKeys: 3 },
  );
  const method = weighted<string>(
    [4, fc.constant('POST')],
    [4, fc.constant('GET')],
    [1, fc.constantFrom('PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'SEARCH')],
  );
  return fc
    .tuple(method, weighted<string>([5, apiPath], [1, otherPath]), where, token, body, odd)
    .map(([verb, path, [app, way], bearer, content, headers]) => {
      const request: HostileRequest = { method: verb, path, headers: {} };
      for (const [name, value] of Object.entries(headers)) request.headers[name] = printable(value);
      if (bearer) request.headers.authorization = printable(`Bearer ${bearer}`);
      address(request, app, way, path.startsWith('/api') || !path.includes(':'));
      if (content) fill(request, ...content);
      return request;
    });
}

const printable = (text: string) => text.replace(/[^\x20-\x7e]/g, '?').trim();

function address(request: HostileRequest, app: string, way: string, isWhole: boolean): void {
  const api = isWhole ? request.path : `/api${request.path}`;
  request.path = api;
  if (app === '') return;
  if (way === 'header') request.headers['x-app'] = app;
  else if (way === 'host') request.headers.host = `${app}.localhost`;
  else if (way === 'query') request.path = `${api}${api.includes('?') ? '&' : '?'}__appName=${app}`;
  else if (!isWhole) request.path = `/api/__app/${app}${api.slice(4)}`;
}

function fill(request: HostileRequest, { type, text }: Typed, encoding: string, chunk: number | null): void {
  const bytes = Buffer.from(text);
  const encode = ENCODERS[encoding];
  request.body = encode ? encode(bytes) : bytes;
  if (type) request.headers['content-type'] = type;
  if (encoding) request.headers['content-encoding'] = encoding;
  // At most a thousand pieces.
  if (chunk !== null) request.chunk = Math.max(chunk, Math.ceil(request.body.length / 1_000));
}

const messageText = weighted<string>(
  [6, fc.constantFrom('ping', '', 'null', '0', '[]', '{}', '{"type":null}', '{"type":"x"}', '{"type":"auth:token"}')],
  [6, fc.string().map((token) => JSON.stringify({ type: 'auth:token', payload: { token, authenticator: token } }))],
  [3, fc.jsonValue({ maxDepth: 3 }).map((payload) => JSON.stringify({ type: 'x', payload }))],
  [
    1,
    fc.constantFrom(
      '{"type":"auth:token","payload":null}',
      '{"type":"__proto__"}',
      '{"type":["x"]}',
      '{"type":"auth:token","payload":{"token":{}}}',
    ),
  ],
  [2, jsonText],
);

export const hostileFrame: fc.Arbitrary<HostileFrame> = weighted<HostileFrame>(
  [10, messageText.map((text) => ({ kind: 'text' as const, data: Buffer.from(text) }))],
  [2, fc.uint8Array({ maxLength: 2_000 }).map((data) => ({ kind: 'binary' as const, data: Buffer.from(data) }))],
  [
    2,
    fc
      .tuple(messageText, fc.integer({ min: 1, max: 300 }))
      .map(([text, count]) => ({ kind: 'fragments' as const, pieces: cut(Buffer.from(text), count) })),
  ],
  [2, fc.uint8Array({ maxLength: 125 }).map((data) => ({ kind: 'ping' as const, data: Buffer.from(data) }))],
  [1, fc.uint8Array({ maxLength: 125 }).map((data) => ({ kind: 'pong' as const, data: Buffer.from(data) }))],
  [
    1,
    fc.uint8Array({ minLength: 1, maxLength: 200 }).map((data) => ({ kind: 'raw' as const, data: Buffer.from(data) })),
  ],
);

function cut(bytes: Buffer, count: number): Buffer[] {
  const step = Math.max(1, Math.ceil(bytes.length / count));
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += step) pieces.push(bytes.subarray(at, at + step));
  return pieces.length > 0 ? pieces : [bytes];
}
