// @ts-check
import { createServer } from 'node:net';
import { HostProblem } from './problem.mjs';

/**
 * Listens for a moment, and tells the port that it got.
 * @param {number} port 0 for any
 * @param {string} host
 * @returns {Promise<number>}
 */
function probe(port, host) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => {
      const { port: got } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(got));
    });
  });
}

/**
 * @param {string} [host]
 * @returns {Promise<number>}
 */
export const freePort = (host = '127.0.0.1') => probe(0, host);

/**
 * @param {number} port
 * @param {string} [host]
 * @returns {Promise<boolean>}
 */
export const isFree = (port, host = '127.0.0.1') =>
  probe(port, host).then(
    () => true,
    () => false,
  );

/**
 * @param {number} port
 * @param {string} host
 */
export async function requireFree(port, host) {
  try {
    await probe(port, host);
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'EADDRINUSE') {
      throw new HostProblem(
        `Port ${port} on ${host} is taken by another program; stop that program or choose another port with APP_PORT.`,
      );
    }
    if (code === 'EACCES') {
      throw new HostProblem(`This user may not listen on port ${port}; choose one above 1023 with APP_PORT.`);
    }
    throw new HostProblem(`Cannot listen on ${host} port ${port} (${code}); check APP_HOST and APP_PORT.`);
  }
}
