import { createRequire } from 'node:module';
import type { Application } from '@nocobase/server';
import { AppError, isAppError } from '../../src/errors';
import { phrase } from '../../src/phrase';
import { jsonSize } from '../../src/policies/query-size';
import { changeHost } from './host-parts';

/**
 * Custom requests, nodes of workflows and the plugin `ai` ask servers that a row of an application names. NocoBase takes
 * answers of any size, and parses them in the shared thread; a few kilobytes unpack to gigabytes.
 */

/** Of one answer, unpacked. */
const MAX_BYTES = 10 * 2 ** 20;
/** Of one file. */
const MAX_FILE_BYTES = 50 * 2 ** 20;
/** Of one answer in JSON. */
const MAX_VALUES = 200_000;
const MAX_DEPTH = 500;
const MAX_REDIRECTS = 5;
/** What is thrown here. */
const MINE: ReadonlySet<string> = new Set(['APP_VALUE_INVALID', 'APP_BODY_TOO_LARGE']);
/** Rows name timeouts of many days. */
const MAX_TIMEOUT_MS = 10 * 60_000;

type Transform = (this: unknown, data: unknown, ...rest: unknown[]) => unknown;

export interface RequestConfig {
  responseType?: string;
  timeout?: number;
  maxContentLength?: number;
  maxRedirects?: number;
  transformResponse?: Transform | Transform[];
}

interface HttpClient {
  interceptors?: {
    request?: { use?(bound: (config: RequestConfig) => RequestConfig, failed: undefined, options: object): unknown };
    response?: { use?(passed: undefined, failed: (error: unknown) => never): unknown };
  };
}

/** @throws APP_VALUE_INVALID if a text that would be parsed is too much */
function assertParsable(text: string): void {
  // The client tries to parse every text, and fails at once with other ones.
  if (!/^\s*[[{]/.test(text)) return;
  const { values, depth } = jsonSize(text);
  if (values <= MAX_VALUES && depth <= MAX_DEPTH) return;
  const reason = phrase('the answer has more than {values} values or {depth} levels', {
    values: MAX_VALUES,
    depth: MAX_DEPTH,
  });
  throw new AppError('APP_VALUE_INVALID', { field: 'response', reason });
}

/** Zero and less stand for no bound. */
const atMost = (given: number | undefined, most: number) =>
  typeof given === 'number' && given > 0 ? Math.min(given, most) : most;

const maxBytes = ({ responseType }: RequestConfig) => (responseType === 'arraybuffer' ? MAX_FILE_BYTES : MAX_BYTES);

/** The settings of a request, with the bounds of its answer. */
export function boundedRequest(config: RequestConfig): RequestConfig {
  const transforms = [config.transformResponse ?? []].flat();
  const measure: Transform = (data) => {
    if (typeof data === 'string') assertParsable(data);
    return data;
  };
  return Object.assign(config, {
    timeout: atMost(config.timeout, MAX_TIMEOUT_MS),
    // A stream is not kept as a whole.
    ...(config.responseType !== 'stream' && { maxContentLength: atMost(config.maxContentLength, maxBytes(config)) }),
    maxRedirects: config.maxRedirects === 0 ? 0 : atMost(config.maxRedirects, MAX_REDIRECTS),
    transformResponse: [measure, ...transforms],
  });
}

interface FailedRequest {
  isAxiosError?: boolean;
  message?: string;
  config?: RequestConfig;
  response?: unknown;
}

/**
 * An answer that exceeds its bounds, in the form of an answer with an error: plugins pass that on with its status, and make
 * an error of the process of any other one.
 */
export function asAnswer(error: unknown): unknown {
  const failed = (error ?? {}) as FailedRequest;
  const isTooLong =
    failed.isAxiosError === true && /^maxContentLength size of \d+ exceeded$/.test(failed.message ?? '');
  const limit = Math.floor((failed.config?.maxContentLength ?? MAX_BYTES) / 2 ** 20);
  const refusal = isTooLong ? new AppError('APP_BODY_TOO_LARGE', { limit, unit: 'MB' }) : error;
  if (!isAppError(refusal) || !MINE.has(refusal.code)) return error;
  const { status, code, message } = refusal;
  const data = { errors: [{ code, message }] };
  return Object.assign(refusal, { isAxiosError: true, response: { status, statusText: code, headers: {}, data } });
}

const bounded = new WeakSet<object>();

/** Bounds the answers that a client of HTTP takes for applications. Once for each client. */
export function boundClient(client: HttpClient, current: () => string | undefined): void {
  if (bounded.has(client)) return;
  const { request, response } = client.interceptors ?? {};
  if (typeof request?.use !== 'function' || typeof response?.use !== 'function') {
    throw new TypeError('the client has no interceptors');
  }
  bounded.add(client);
  const bound = (config: RequestConfig) => (current() === undefined ? config : boundedRequest(config));
  request.use(bound, undefined, { synchronous: true });
  response.use(undefined, (error) => {
    throw current() === undefined ? error : asAnswer(error);
  });
}

/**
 * Bounds what applications take from other servers. What is not found is logged.
 * @param current returns the ID of the application that runs code now; undefined for the main application
 */
export function boundAnswers(app: Application, current: () => string | undefined): void {
  changeHost(app, 'answers of other servers are not bounded: this version of NocoBase has another client', (load) => {
    const utils = createRequire(load.resolve('@nocobase/utils'));
    boundClient(utils('axios') as HttpClient, current);
  });
}
