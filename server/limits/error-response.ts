import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import { forVisitors, type AppError, type ErrorCode } from '../../src/errors';
import { isPreflight, writeCors } from '../nocobase/cors';

type Language = 'en' | 'zh';

const PAGE_REFRESH_SECONDS = 30;

const TITLES: Partial<Record<ErrorCode, Record<Language, string>>> = {
  APP_NOT_FOUND: { en: 'Application not found', zh: '应用不存在' },
  APP_FILE_NOT_FOUND: { en: 'File not found', zh: '文件不存在' },
  APP_STOPPED: { en: 'Application stopped', zh: '应用已停止' },
  APP_TOO_MANY_REQUESTS: { en: 'Too many requests', zh: '请求过多' },
  APP_BUSY: { en: 'Application busy', zh: '应用繁忙' },
};

const FALLBACK_TITLE: Record<Language, string> = { en: 'Application unavailable', zh: '应用暂时不可用' };

const BUSY: Record<Language, string> = {
  en: 'This application is very busy at the moment. Please try again in a few seconds.',
  zh: '此应用目前非常繁忙，请几秒后重试。',
};

/** The advice for a visitor; the reason of a failure is for the administrator. */
const ADVICE: Partial<Record<ErrorCode, Record<Language, string>>> = {
  APP_NOT_FOUND: { en: 'There is no application at this address.', zh: '此地址没有应用。' },
  APP_FILE_NOT_FOUND: { en: 'There is no file at this address.', zh: '此地址没有文件。' },
  APP_STOPPED: {
    en: 'This application was stopped by its administrator. Please come back later.',
    zh: '此应用已被管理员停止，请稍后再来。',
  },
  APP_TOO_MANY_REQUESTS: BUSY,
  APP_BUSY: BUSY,
};

const FALLBACK_ADVICE: Record<Language, string> = {
  en: 'This application cannot be reached at the moment. Please try again in a minute.',
  zh: '此应用暂时无法访问，请稍后再试。',
};

/** Text for HTML: names and reasons come from outside. */
function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (sign) => entities[sign] ?? sign);
}

function page(code: ErrorCode, status: number, language: Language): string {
  const title = escapeHtml((TITLES[code] ?? FALLBACK_TITLE)[language]);
  const advice = escapeHtml((ADVICE[code] ?? FALLBACK_ADVICE)[language]);
  const lang = language === 'zh' ? 'zh-CN' : 'en';
  const comesBack = status === 503 || status === 429;
  const refresh = comesBack ? `<meta http-equiv="refresh" content="${PAGE_REFRESH_SECONDS}">` : '';
  return `<!doctype html>
<html lang="${lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${refresh}
<title>${title}</title><style>
:root{color-scheme:light dark}
body{font:16px/1.6 system-ui,sans-serif;margin:18vh auto 0;max-width:34em;padding:0 1.5em;text-align:center}
h1{font-size:1.5em;font-weight:600}code{opacity:.6;font-size:.85em}</style></head>
<body><main><h1>${title}</h1><p>${advice}</p><code>${code}</code></main></body></html>
`;
}

/** Whether a browser opens a page, in contrast to what the page then fetches. */
export function wantsPage({ method, headers }: IncomingMessage): boolean {
  return (method === 'GET' || method === 'HEAD') && (headers.accept ?? '').includes('text/html');
}

function languageOf({ headers }: IncomingMessage): Language {
  return /^\s*zh\b/i.test(headers['accept-language'] ?? '') ? 'zh' : 'en';
}

/** A body with its headers, as Node takes them: names and values by turns. */
interface Variant {
  body: string;
  headers: readonly string[];
}

function variant(type: string, body: string): Variant {
  const length = String(Buffer.byteLength(body));
  return { body, headers: ['Cache-Control', 'no-store', 'Content-Type', type, 'Content-Length', length] };
}

/** A request body of at most this size is read to its end, so that the connection can be used again. */
const MAX_DISCARDED_BYTES = 64 * 1024;

/** Whether the rest of the body is too large, or of unknown length, to be read for nothing. */
function hasLargeBody({ headers, complete }: IncomingMessage): boolean {
  if (complete) return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > MAX_DISCARDED_BYTES;
}

/** How long a client may go on sending a body that is not read, before its connection is closed. */
const LINGER_MS = 2_000;

/** Closes a connection on which an unread body arrives, once the client has had the time to read its response. */
function closeAfter({ socket }: IncomingMessage, res: ServerResponse): void {
  res.once('finish', () => {
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    timer.unref();
    socket.once('close', () => clearTimeout(timer));
  });
}

/**
 * An error response that is built once and sent many times: no error object and no JSON for each request. It is JSON
 * in the core's shape, or a small page for a browser.
 */
export class ErrorResponse {
  readonly code: ErrorCode;
  readonly status: number;
  private readonly json: Variant;
  private readonly pages: Partial<Record<Language, Variant>> = {};

  /** Visitors get the error without what is an administrator's to know. */
  constructor(error: AppError) {
    const { code, status, message } = forVisitors(error);
    this.code = code;
    this.status = status;
    const body = { error: { status, code, message, maintaining: true } };
    this.json = variant('application/json; charset=utf-8', JSON.stringify(body));
  }

  /**
   * Sends it; does nothing if a response has begun already. A preflight is answered 204, so that a page of another
   * origin can read the error of its request.
   * @param retryAfter seconds, for 503 and 429
   * @param extra further headers, names and values by turns
   */
  send(req: IncomingMessage, res: ServerResponse, retryAfter?: number, extra?: readonly string[]): void {
    if (res.headersSent || res.destroyed) return;
    if (hasLargeBody(req)) {
      res.setHeader('Connection', 'close');
      closeAfter(req, res);
    }
    // The rest of a body that is not read would block the connection.
    req.resume();
    if (isPreflight(req)) {
      writeCors(req, res);
      res.writeHead(204, ['Cache-Control', 'no-store', 'Content-Length', '0']);
      res.end();
      return;
    }
    const { body, headers } = wantsPage(req) ? this.page(languageOf(req)) : this.json;
    const all = [...headers];
    if (retryAfter !== undefined) all.push('Retry-After', String(retryAfter));
    if (extra) all.push(...extra);
    writeCors(req, res);
    res.writeHead(this.status, all);
    res.end(body);
  }

  /** The same in JSON, for a connection without a response object. */
  asText(retryAfter: number | undefined, extra: readonly string[]): { head: string; body: string } {
    const { body, headers } = this.json;
    const all = [...headers, ...(retryAfter === undefined ? [] : ['Retry-After', String(retryAfter)]), ...extra];
    const lines = [`HTTP/1.1 ${this.status} ${STATUS_CODES[this.status] ?? ''}`];
    for (let at = 0; at < all.length; at += 2) lines.push(`${all[at]}: ${all[at + 1]}`);
    return { head: `${lines.join('\r\n')}\r\n\r\n`, body };
  }

  private page(language: Language): Variant {
    this.pages[language] ??= variant('text/html; charset=utf-8', page(this.code, this.status, language));
    return this.pages[language];
  }
}

/** Callers choose names and addresses: what is kept of them is bounded, and dropped as a whole. */
const MAX_KEPT = 500;

/** Error responses by a key, built when they are first needed. */
export class ErrorResponses {
  private readonly kept = new Map<string, ErrorResponse>();

  get(key: string, build: () => AppError): ErrorResponse {
    const known = this.kept.get(key);
    if (known) return known;
    if (this.kept.size >= MAX_KEPT) this.kept.clear();
    const response = new ErrorResponse(build());
    this.kept.set(key, response);
    return response;
  }

  get size(): number {
    return this.kept.size;
  }
}
