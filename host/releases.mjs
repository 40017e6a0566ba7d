// @ts-check
/**
 * Whatever is acquired hands in its release; the releases run in reverse order, each exactly once, also when one of
 * them fails.
 */
export class Releases {
  /** @type {Array<() => unknown>} */
  #stack = [];
  /** @type {Promise<void> | undefined} */
  #running;

  /** @param {() => unknown} release */
  add(release) {
    this.#stack.push(release);
  }

  /** @returns {Promise<void>} */
  run() {
    this.#running ??= this.#unwind();
    return this.#running;
  }

  async #unwind() {
    /** @type {unknown[]} */
    const failures = [];
    for (let release = this.#stack.pop(); release; release = this.#stack.pop()) {
      try {
        await release();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
