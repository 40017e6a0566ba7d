// @ts-check
/**
 * Load that an application is flooded with: connections in a closed loop, in a process of its own with less priority,
 * so that the client's work delays neither the server nor the measured requests. A connection that the server closes is
 * opened again.
 */
import { fork } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { getPriority, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { hostRequire } from '../host/paths.mjs';
import { isComplete, requestText } from './load.mjs';

/** Before a connection is opened again, so that a server that closes at once does not turn the loop into a scan. */
const REOPEN_MS = 5;
/** How long the process may take to start or to tell its counts. */
const END_MS = 10_000;
/** Added to the "nice" value. */
const LESS_PRIORITY = 10;
const PLAN = 'BENCH_FLOOD_PLAN';

/**
 * @typedef {object} FloodPlan
 * @property {'http' | 'websocket'} protocol
 * @property {string} url
 * @property {number} connections
 * @property {Record<string, string>} [headers] of an HTTP request
 * @property {number} [pauseMs] between a response and the next request of a connection
 * @property {number} [bytes] of a WebSocket message
 *
 * @typedef {object} FloodCounts
 * @property {Record<string, number>} answers by status, or the number of WebSocket messages sent
 * @property {number} closed connections that the server closed
 */

/** @param {number} pid of the first process of a session */
function lowerPriority(pid) {
  setPriority(pid, Math.min(19, getPriority() + LESS_PRIORITY));
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(LESS_PRIORITY));
  } catch {
    // A system that does not group processes by session.
  }
}

/**
 * Starts a flood; `stop` ends it and returns its counts.
 * @param {FloodPlan} plan
 * @returns {Promise<{ stop: () => Promise<FloodCounts> }>}
 */
export async function startFlood(plan) {
  const env = { ...process.env, [PLAN]: JSON.stringify(plan) };
  // In a session of its own: Linux shares the processor between sessions first.
  const child = fork(fileURLToPath(import.meta.url), [], { env, detached: true });
  lowerPriority(/** @type {number} */ (child.pid));
  const said = async () => {
    const late = AbortSignal.timeout(END_MS);
    const [message] = await Promise.race([
      once(child, 'message', { signal: late }),
      once(child, 'exit', { signal: late }).then(() => Promise.reject(new Error('the flood ended by itself'))),
    ]);
    return message;
  };
  await said();
  return {
    async stop() {
      try {
        child.send('stop');
        return /** @type {FloodCounts} */ (await said());
      } finally {
        child.kill('SIGKILL');
      }
    },
  };
}

/** @type {FloodCounts} */
const counts = { answers: {}, closed: 0 };
const over = new AbortController();
// One listener for each connection.
setMaxListeners(0, over.signal);

/** @param {string} name */
function count(name) {
  counts.answers[name] = (counts.answers[name] ?? 0) + 1;
}

/**
 * Requests over one connection until it is closed.
 * @param {{ hostname: string, port: number, request: string, pauseMs: number }} target
 * @returns {Promise<void>}
 */
function requestsOverOne({ hostname, port, request, pauseMs }) {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port, noDelay: true });
    let received = Buffer.alloc(0);
    const end = () => socket.destroy();
    over.signal.addEventListener('abort', end, { once: true });
    socket.once('connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      if (!isComplete(received)) return;
      count(received.subarray(9, 12).toString('latin1'));
      received = Buffer.alloc(0);
      if (pauseMs === 0) socket.write(request);
      else setTimeout(() => socket.writable && socket.write(request), pauseMs);
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      over.signal.removeEventListener('abort', end);
      if (!over.signal.aborted) counts.closed += 1;
      resolve();
    });
  });
}

/**
 * Messages over one connection, each as soon as the former one is with the system, until it is closed.
 * @param {{ url: string, message: Buffer, WebSocket: typeof import('ws').WebSocket }} target
 * @returns {Promise<void>}
 */
function messagesOverOne({ url, message, WebSocket }) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    const end = () => socket.terminate();
    over.signal.addEventListener('abort', end, { once: true });
    const send = () => {
      if (socket.readyState !== WebSocket.OPEN) return;
      socket.send(message, (error) => {
        if (error) return socket.terminate();
        count('message');
        setImmediate(send);
      });
    };
    socket.once('open', send);
    socket.on('error', () => socket.terminate());
    socket.once('close', () => {
      over.signal.removeEventListener('abort', end);
      if (!over.signal.aborted) counts.closed += 1;
      resolve();
    });
  });
}

/** @param {FloodPlan} plan */
function connectionOf({ protocol, url, headers = {}, pauseMs = 0, bytes = 64 }) {
  if (protocol === 'websocket') {
    const message = Buffer.from(JSON.stringify({ type: 'bench', payload: 'x'.repeat(bytes) }));
    const { WebSocket } = hostRequire('ws');
    return () => messagesOverOne({ url, message, WebSocket });
  }
  const { hostname, port } = new URL(url);
  const request = requestText(url, headers);
  return () => requestsOverOne({ hostname, port: Number(port), request, pauseMs });
}

/** @param {FloodPlan} plan */
async function flood(plan) {
  const connection = connectionOf(plan);
  const client = async () => {
    while (!over.signal.aborted) {
      await connection();
      await sleep(REOPEN_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  };
  const clients = Promise.all(Array.from({ length: plan.connections }, client));
  process.once('message', () => over.abort());
  // The process that started this one has ended.
  process.once('disconnect', () => process.exit());
  process.send?.('started');
  await clients;
  process.send?.(counts);
}

const plan = process.env[PLAN];
if (process.send && plan) await flood(JSON.parse(plan));
