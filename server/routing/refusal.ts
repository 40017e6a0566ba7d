import type { IncomingMessage, ServerResponse } from 'node:http';
import { forVisitors, type AppError, type ErrorCode } from '../../src/errors';
import type { AppRunner } from '../lifecycle/app-runner';

/** Seconds after which a client may try again, where nothing better is known. */
const RETRY_AFTER_SECONDS = 5;
const PAGE_RETRY_SECONDS = 30;

/** The codes under which the clients of NocoBase know a condition; they treat others as errors in general. */
function bodyOf(error: AppError) {
  const { code, message, status } = forVisitors(error);
  return { error: { status, code, message, maintaining: true } };
}

/** Text for HTML: names and reasons come from outside. */
function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (sign) => entities[sign] ?? sign);
}

type Language = 'en' | 'zh';

const TITLES: Partial<Record<ErrorCode, Record<Language, string>>> = {
  APP_NOT_FOUND: { en: 'Application not found', zh: '应用不存在' },
  APP_FILE_NOT_FOUND: { en: 'File not found', zh: '文件不存在' },
  APP_STOPPED: { en: 'Application stopped', zh: '应用已停止' },
};

const FALLBACK_TITLE: Record<Language, string> = { en: 'Application unavailable', zh: '应用暂时不可用' };

/** What a visitor needs to know; the reason of a failure is for the administrator. */
const ADVICE: Partial<Record<ErrorCode, Record<Language, string>>> = {
  APP_NOT_FOUND: { en: 'There is no application at this address.', zh: '此地址没有应用。' },
  APP_FILE_NOT_FOUND: { en: 'There is no file at this address.', zh: '此地址没有文件。' },
  APP_STOPPED: {
    en: 'This application was stopped by its administrator. Please come back later.',
    zh: '此应用已被管理员停止，请稍后再来。',
  },
};

const FALLBACK_ADVICE: Record<Language, string> = {
  en: 'This application cannot be reached at the moment. Please try again in a minute.',
  zh: '此应用暂时无法访问，请稍后再试。',
};

function languageOf(req: IncomingMessage): Language {
  return /^\s*zh\b/i.test(req.headers['accept-language'] ?? '') ? 'zh' : 'en';
}

function page(error: AppError, language: Language): string {
  const title = escapeHtml((TITLES[error.code] ?? FALLBACK_TITLE)[language]);
  const advice = escapeHtml((ADVICE[error.code] ?? FALLBACK_ADVICE)[language]);
  const lang = language === 'zh' ? 'zh-CN' : 'en';
  const refresh = error.status === 503 ? `<meta http-equiv="refresh" content="${PAGE_RETRY_SECONDS}">` : '';
  return `<!doctype html>
<html lang="${lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${refresh}
<title>${title}</title><style>
:root{color-scheme:light dark}
body{font:16px/1.6 system-ui,sans-serif;margin:18vh auto 0;max-width:34em;padding:0 1.5em;text-align:center}
h1{font-size:1.5em;font-weight:600}code{opacity:.6;font-size:.85em}</style></head>
<body><main><h1>${title}</h1><p>${advice}</p><code>${error.code}</code></main></body></html>
`;
}

/** A browser opens a page, in contrast to what the page then fetches. */
export function wantsPage(req: IncomingMessage): boolean {
  return (req.method === 'GET' || req.method === 'HEAD') && (req.headers.accept ?? '').includes('text/html');
}

/** What is true of the connection and the caller, whoever answers. */
const KEPT_HEADERS = /^(access-control-.+|connection|vary|x-request-id)$/;

/** Takes back what an application has said of an answer that it will not give: its length, its encoding, its cookies. */
function forgetAnswer(res: ServerResponse): void {
  for (const name of res.getHeaderNames()) if (!KEPT_HEADERS.test(name)) res.removeHeader(name);
  res.statusMessage = '';
}

/** Answers a request that no application will answer: JSON as the core's own, or a small plain page in a browser. */
export function refuse(req: IncomingMessage, res: ServerResponse, error: AppError, runner?: AppRunner): void {
  if (res.headersSent || res.destroyed) return;
  forgetAnswer(res);
  res.statusCode = error.status;
  res.setHeader('Cache-Control', 'no-store');
  if (error.status === 503) {
    const { retryAt } = runner?.describe() ?? {};
    const wait = retryAt ? Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000)) : RETRY_AFTER_SECONDS;
    res.setHeader('Retry-After', String(wait));
  }
  // The rest of a body that nobody will read would keep the connection from its next request.
  req.resume();
  if (wantsPage(req)) {
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.end(page(error, languageOf(req)));
    return;
  }
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.end(JSON.stringify(bodyOf(error)));
}

/** Ends a request that is not waited for any longer: with this answer, or in the middle of the one that has begun. */
export function cutOff(req: IncomingMessage, res: ServerResponse, error: AppError): void {
  if (res.headersSent) res.destroy();
  else refuse(req, res, error);
}
