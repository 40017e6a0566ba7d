// @ts-check
/**
 * A client of NocoBase's REST API, just large enough for the host's own errands.
 */
import { HostProblem, reasonOf } from './problem.mjs';

const ANSWER_MS = 120_000;

export class RestError extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message);
    this.name = 'RestError';
    this.status = status;
    this.code = code;
  }
}

export class RestClient {
  /**
   * @param {string} api for example `http://127.0.0.1:13000/api`
   * @param {{ headers?: Record<string, string>, signal?: AbortSignal }} [options]
   */
  constructor(api, { headers = {}, signal } = {}) {
    this.api = api;
    this.headers = headers;
    this.signal = signal;
  }

  /**
   * The same API as another application of this NocoBase sees it.
   * @param {string} name
   */
  app(name) {
    return new RestClient(this.api, { headers: { 'X-App': name }, signal: this.signal });
  }

  /** @param {{ email: string, password: string }} credentials */
  async signIn({ email, password }) {
    const { token } = await this.post('auth:signIn', { account: email, password }, { 'X-Authenticator': 'basic' });
    return new RestClient(this.api, {
      headers: { ...this.headers, Authorization: `Bearer ${token}`, 'X-Role': 'root' },
      signal: this.signal,
    });
  }

  /** @param {string} action */
  get(action) {
    return this.#send('GET', action);
  }

  /**
   * @param {string} action
   * @param {unknown} [body]
   * @param {Record<string, string>} [headers]
   */
  post(action, body, headers) {
    return this.#send('POST', action, body, headers);
  }

  /**
   * @param {string} method
   * @param {string} action
   * @param {unknown} [body]
   * @param {Record<string, string>} [headers]
   * @returns {Promise<any>} the `data` of the answer
   */
  async #send(method, action, body, headers = {}) {
    const limit = AbortSignal.timeout(ANSWER_MS);
    const signal = this.signal ? AbortSignal.any([limit, this.signal]) : limit;
    let answer;
    let text;
    try {
      answer = await fetch(`${this.api}/${action}`, {
        method,
        signal,
        headers: { ...this.headers, ...headers, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      text = await answer.text();
    } catch (error) {
      this.signal?.throwIfAborted();
      throw new HostProblem(`NocoBase did not answer ${action}: ${reasonOf(error)}.`, { cause: error });
    }
    const parsed = parse(text);
    if (answer.ok) return parsed?.data ?? parsed;
    const first = parsed?.errors?.[0] ?? parsed?.error ?? {};
    throw new RestError(
      answer.status,
      first.code ?? '',
      first.message ?? `${method} ${action}: status ${answer.status}`,
    );
  }
}

/**
 * A filter, as a query takes it.
 * @param {unknown} filter
 */
export const encode = (filter) => encodeURIComponent(JSON.stringify(filter));

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
