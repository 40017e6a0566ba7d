// @ts-check
/**
 * Asks the probe in a measured process (`probe.cjs`).
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const ANSWER_MS = 120_000;
const APPEAR_MS = 10_000;

export class Probe {
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /** @param {import('node:net').Socket} socket */
  constructor(socket) {
    this.socket = socket;
    this.lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  /** @param {string} path */
  static async reach(path) {
    for (const deadline = Date.now() + APPEAR_MS; ; await sleep(50)) {
      const socket = connect(path);
      const connected = await new Promise((resolve) => {
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      });
      if (connected) return new Probe(socket.on('error', () => socket.destroy()));
      if (Date.now() > deadline) throw new Error(`the probe at ${path} does not answer`);
    }
  }

  /**
   * @param {string} question
   * @param {object} [details]
   * @returns {Promise<any>}
   */
  ask(question, details = {}) {
    const answer = this.#last.then(() => this.#exchange({ question, ...details }));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  /** @param {{ question: string }} message */
  async #exchange(message) {
    this.socket.write(`${JSON.stringify(message)}\n`);
    const limit = new AbortController();
    const late = sleep(ANSWER_MS, undefined, { signal: limit.signal }).then(() => {
      throw new Error(`the probe did not answer "${message.question}" within ${ANSWER_MS / 1000} s`);
    });
    try {
      const line = await Promise.race([this.lines.next(), late]);
      if (line.done) throw new Error(`the measured process ended at "${message.question}"`);
      const { answer, error } = JSON.parse(line.value);
      if (error) throw new Error(`the probe failed at "${message.question}": ${error}`);
      return answer;
    } finally {
      limit.abort();
      late.catch(() => undefined);
    }
  }

  close() {
    this.socket.destroy();
  }
}
