// @ts-check
/**
 * Progress on the console: one line a step with the seconds it took. On a terminal the line of the step under way is
 * rewritten in place; elsewhere (CI, a pipe) a long step says every fifteen seconds that it is still at work.
 */

const HEARTBEAT_MS = 15_000;

/**
 * @typedef {object} Report
 * @property {<T>(title: string, work: (note: (text: string) => void) => Promise<T>) => Promise<T>} step
 * @property {(text?: string) => void} say
 */

/** @type {Report} */
export const silent = {
  step: (_title, work) => work(() => {}),
  say: () => {},
};

/**
 * @param {NodeJS.WriteStream} [out]
 * @returns {Report}
 */
export function consoleReport(out = process.stdout) {
  const terminal = Boolean(out.isTTY);
  return {
    say: (text = '') => void out.write(`${text}\n`),
    async step(title, work) {
      const startedAt = Date.now();
      const seconds = () => `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
      let latest = '';
      const showPending = () => {
        const line = `  … ${title}${latest ? ` – ${latest}` : ''} (${seconds()})`;
        if (terminal) out.write(`\r\x1b[2K${line.slice(0, Math.max(20, (out.columns ?? 80) - 1))}`);
        else out.write(`${line}\n`);
      };
      if (terminal) showPending();
      const heartbeat = setInterval(showPending, terminal ? 250 : HEARTBEAT_MS);
      const finish = (/** @type {string} */ mark) =>
        out.write(`${terminal ? '\r\x1b[2K' : ''}  ${mark} ${title} (${seconds()})\n`);
      try {
        const result = await work((text) => {
          latest = text;
        });
        finish('✓');
        return result;
      } catch (error) {
        finish('✗');
        throw error;
      } finally {
        clearInterval(heartbeat);
      }
    },
  };
}
