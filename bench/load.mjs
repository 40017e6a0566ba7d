// @ts-check
/**
 * Load on one address over connections that are kept: as soon as an answer is complete the next request goes out. It
 * works on bare sockets, so that the client costs much less of the machine than the server that is measured.
 */
import { connect } from 'node:net';

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const END_OF_CHUNKS = Buffer.from('0\r\n\r\n');

/**
 * @typedef {object} Load
 * @property {number} requests answered within the time
 * @property {number} others of these, how many with another status than 200
 * @property {number} seconds
 * @property {number[]} ms of each request
 */

/**
 * @param {object} what
 * @param {string} what.url
 * @param {number} what.connections
 * @param {number} what.seconds
 * @param {Record<string, string>} [what.headers]
 * @returns {Promise<Load>}
 */
export async function load({ url, connections, seconds, headers = {} }) {
  const { hostname, port } = new URL(url);
  const request = requestText(url, headers);
  /** @type {Load} */
  const total = { requests: 0, others: 0, seconds: 0, ms: [] };
  const startedAt = performance.now();
  const end = startedAt + seconds * 1_000;
  const client = () => oneAfterAnother({ hostname, port: Number(port), request, end, total });
  await Promise.all(Array.from({ length: connections }, client));
  total.seconds = (performance.now() - startedAt) / 1_000;
  return total;
}

/**
 * @param {{ hostname: string, port: number, request: string, end: number, total: Load }} what
 * @returns {Promise<void>}
 */
function oneAfterAnother({ hostname, port, request, end, total }) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port, noDelay: true });
    let received = Buffer.alloc(0);
    let sentAt = 0;
    const send = () => {
      sentAt = performance.now();
      socket.write(request);
    };
    socket.once('connect', send);
    socket.once('error', reject);
    socket.once('end', () => reject(new Error('the server closed a connection under load')));
    socket.setTimeout(60_000, () => socket.destroy(new Error('no answer within 60 s under load')));
    socket.on('data', (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      if (!isComplete(received)) return;
      total.requests += 1;
      total.ms.push(performance.now() - sentAt);
      if (received.subarray(9, 12).toString('latin1') !== '200') total.others += 1;
      received = Buffer.alloc(0);
      if (performance.now() < end) return send();
      socket.removeAllListeners('end');
      socket.destroy();
      resolve();
    });
  });
}

/**
 * A GET request as it is sent.
 * @param {string} url
 * @param {Record<string, string>} headers
 */
export function requestText(url, headers) {
  const { host, pathname, search } = new URL(url);
  const extra = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${extra.join('')}\r\n`;
}

/**
 * Whether a response is there as a whole.
 * @param {Buffer} received
 */
export function isComplete(received) {
  const head = received.indexOf(END_OF_HEAD);
  if (head < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(received.subarray(0, head).toString('latin1'));
  if (length) return received.length >= head + END_OF_HEAD.length + Number(length[1]);
  return received.subarray(-END_OF_CHUNKS.length).equals(END_OF_CHUNKS);
}
