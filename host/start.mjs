// @ts-check
/**
 * `npm start`: from a fresh clone to a NocoBase in the foreground with the plugin at work in it.
 */
import { createDemo } from './demo/create.mjs';
import { startHost } from './index.mjs';
import { HELP, readArguments, readEnvironment } from './options.mjs';
import { runAsProgram } from './program.mjs';

await runAsProgram(
  async ({ signal, hurry, report }) => {
    const { demo, help } = readArguments(process.argv.slice(2));
    if (help) return report.say(HELP);
    const { port, listenHost, dataDir } = readEnvironment(process.env);
    const startedAt = Date.now();

    report.say('NocoBase with the App Supervisor plugin\n');
    const host = await startHost({ dataDir, port, listenHost, prepared: false, report, signal, hurry });
    try {
      const linesToTry = demo ? await createDemo(host, { report, signal }) : [];
      report.say(banner(host, listenHost, Date.now() - startedAt));
      for (const line of linesToTry) report.say(line);
      await untilAskedToStop(host, signal);
    } finally {
      await report.step('stopping', () => host.stop());
    }
  },
  { interruptedCode: 0 },
);

/**
 * @param {import('./index.mjs').Host} host
 * @param {string} listenHost
 * @param {number} milliseconds
 */
function banner({ url, port, credentials, dataDir }, listenHost, milliseconds) {
  const onLoopback = listenHost === '127.0.0.1' || listenHost === '0.0.0.0';
  return [
    '',
    `  Ready in ${(milliseconds / 1000).toFixed(0)} s`,
    '',
    `  Address   ${onLoopback ? `http://localhost:${port}` : url}/`,
    `  Sign in   ${credentials.email}  ${credentials.password}`,
    `  Data      ${dataDir}`,
    '  Stop      Ctrl-C',
    '',
  ].join('\n');
}

/**
 * @param {import('./index.mjs').Host} host
 * @param {AbortSignal} signal
 */
async function untilAskedToStop(host, signal) {
  const asked = new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
  signal.throwIfAborted();
  const problem = await Promise.race([asked, host.untilEnded()]);
  if (problem) throw problem;
  signal.throwIfAborted();
}
