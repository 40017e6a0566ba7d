// @ts-check
/**
 * Somebody who wants an application: one request, or requests until the application answers.
 */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Answered by the application's own instance, to anybody. */
export const OPEN_ACTION = 'app:getInfo';
/** Answered to anybody, after one query. */
export const QUERY_ACTION = 'authenticators:publicList';
/** How long a refused visitor waits before it asks again, where nothing else is said. */
const AGAIN_MS = 100;
const GIVE_UP_MS = 240_000;

const agent = new Agent({ keepAlive: true, maxSockets: Infinity });

/**
 * @param {string} url
 * @param {Record<string, string>} [headers]
 * @returns {Promise<{ status: number, text: string, ms: number }>}
 */
export async function ask(url, headers = {}) {
  const startedAt = performance.now();
  for (;;) {
    const answer = await askOnce(url, headers);
    if (answer) return { ...answer, ms: performance.now() - startedAt };
  }
}

/**
 * @param {string} url
 * @param {Record<string, string>} headers
 * @returns {Promise<{ status: number, text: string } | undefined>} undefined where a kept connection had just been closed
 */
function askOnce(url, headers) {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, headers, timeout: GIVE_UP_MS }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      answer.once('end', () => {
        resolve({ status: answer.statusCode ?? 0, text });
      });
      answer.once('error', reject);
    });
    call.once('timeout', () => call.destroy(new Error(`no answer from ${url}`)));
    call.once('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      // The server closes what is idle for 5 s, at the very moment of the next request perhaps: a browser asks again.
      if (call.reusedSocket && error.code === 'ECONNRESET') resolve(undefined);
      else reject(error);
    });
    call.end();
  });
}

/**
 * Asks an application until its answer is 200.
 * @param {string} api
 * @param {string} app
 * @returns {Promise<{ ms: number, refused: number }>} the time until then, and how many answers were another
 */
export async function visit(api, app) {
  const { ms, refused, gaveUp } = await persist(api, app);
  if (gaveUp) throw new Error(`the application ${app} did not answer 200 within ${GIVE_UP_MS / 1000} s`);
  return { ms, refused };
}

/**
 * The same by somebody who may give up.
 * @param {string} api
 * @param {string} app
 * @param {number} [againMs]
 * @returns {Promise<{ ms: number, refused: number, gaveUp: boolean }>}
 */
export async function persist(api, app, againMs = AGAIN_MS) {
  const startedAt = performance.now();
  for (let refused = 0; ; refused += 1) {
    const { status } = await ask(`${api}/${OPEN_ACTION}`, { 'X-App': app });
    const ms = performance.now() - startedAt;
    if (status === 200 || ms > GIVE_UP_MS) return { ms, refused, gaveUp: status !== 200 };
    await sleep(againMs);
  }
}

/**
 * Asks at fixed times, whether the former answers have come or not; a time is counted from when it was due.
 * @param {string} url
 * @param {number} everyMs
 * @param {AbortSignal} until
 * @param {Record<string, string>} [headers]
 * @returns {Promise<{ ms: number[], refused: number, texts: string[] }>} `texts`: of the refusals
 */
export async function watch(url, everyMs, until, headers = {}) {
  /** @type {Promise<{ ms: number, status: number, text: string }>[]} */
  const answers = [];
  for (let due = performance.now(); !until.aborted; due += everyMs) {
    await sleep(Math.max(0, due - performance.now()), undefined, { signal: until }).catch(() => undefined);
    if (until.aborted) break;
    const answer = ask(url, headers).then(({ status, text }) => ({ status, text, ms: performance.now() - due }));
    // Whoever waits for all of them hears of it; until then it is nobody's.
    answer.catch(() => undefined);
    answers.push(answer);
  }
  const all = await Promise.all(answers);
  const texts = all.filter(({ status }) => status !== 200).map(({ text }) => text);
  return { ms: all.map(({ ms }) => ms), refused: texts.length, texts };
}
