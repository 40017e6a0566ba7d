// @ts-check
/**
 * What can go wrong in the host, as the person in front of the terminal should read it.
 */

/** Something the operator can put right: one sentence, never a stack. */
export class HostProblem extends Error {
  /**
   * @param {string} sentence what happened and what to do about it
   * @param {{ details?: string[], cause?: unknown }} [more] lines of a log that help, and the error behind it
   */
  constructor(sentence, { details = [], cause } = {}) {
    super(sentence, { cause });
    this.name = 'HostProblem';
    this.details = details;
  }
}

/** The operator asked to stop (Ctrl-C, SIGTERM) while a step was still under way. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

/**
 * The code and message of whatever was thrown.
 * @param {any} error
 * @returns {string}
 */
export function reasonOf(error) {
  const message = String(error?.errors?.[0]?.message ?? error?.message ?? error)
    .split('\n')[0]
    .trim();
  const code = error?.code ?? error?.errors?.[0]?.code ?? error?.cause?.code;
  return code && !message.includes(String(code)) ? `${message} (${code})` : message;
}
