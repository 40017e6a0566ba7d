// @ts-check
/**
 * What every program of the host has in common: the one place where signals are handled, and how an end is told.
 */
import { HostProblem, Interrupted } from './problem.mjs';
import { consoleReport } from './report.mjs';

/** npm passes a Ctrl-C on to us, although the terminal has sent it already: so soon after the first, it is no second. */
const SAME_CTRL_C_MS = 1_000;

/** How soon it is noticed that npm is gone. */
const PARENT_CHECK_MS = 250;

/**
 * @typedef {object} Program
 * @property {AbortSignal} signal aborted when the operator wants an end: everything under way gives up, orderly
 * @property {AbortSignal} hurry aborted when the operator asks a second time: no more waiting
 * @property {import('./report.mjs').Report} report
 */

/**
 * @param {(program: Program) => Promise<void>} main
 * @param {{ interruptedCode?: number }} [options] the exit code after an interruption
 */
export async function runAsProgram(main, { interruptedCode = 130 } = {}) {
  const stop = new AbortController();
  const hurry = new AbortController();
  let askedAt = 0;
  const onSignal = () => {
    if (!stop.signal.aborted) {
      askedAt = Date.now();
      stop.abort(new Interrupted());
    } else if (Date.now() - askedAt > SAME_CTRL_C_MS) {
      hurry.abort();
    }
  };
  for (const name of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(name, onSignal);
  process.on('uncaughtException', (error) => stop.abort(error));
  process.on('unhandledRejection', (error) => stop.abort(error));
  for (const out of [process.stdout, process.stderr]) out.on('error', () => stop.abort(new Interrupted())); // reader gone
  if (process.env.npm_lifecycle_event) watchParent(() => stop.abort(new Interrupted()));

  let code = 0;
  try {
    await main({ signal: stop.signal, hurry: hurry.signal, report: consoleReport() });
  } catch (error) {
    code = error instanceof Interrupted ? interruptedCode : 1;
    tell(error);
  }
  process.exit(code);
}

/**
 * npm passes a SIGTERM on to the shell between it and us, which dies of it without a word to us.
 * @param {() => void} onGone
 */
function watchParent(onGone) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    onGone();
  }, PARENT_CHECK_MS);
  watch.unref();
}

/** @param {any} error */
function tell(error) {
  if (error instanceof Interrupted) return;
  if (!(error instanceof HostProblem)) {
    console.error(error);
    return;
  }
  if (error.details.length > 0) console.error(`\n${error.details.map((line) => `    ${line}`).join('\n')}`);
  console.error(`\n${error.message}`);
}
