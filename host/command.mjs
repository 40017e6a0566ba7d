// @ts-check
/**
 * `npm run -s nocobase -- app …`: the plugin's command, against the NocoBase that `npm start` runs with the same
 * HOST_DATA_DIR.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { socketPath } from './nocobase-environment.mjs';
import { readEnvironment } from './options.mjs';
import { ROOT_DIR } from './paths.mjs';
import { HostProblem } from './problem.mjs';

const PROGRAM = join(ROOT_DIR, 'dist', 'server', 'app-command.js');

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof HostProblem)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

/** @param {string[]} args */
async function main(args) {
  const { dataDir } = readEnvironment(process.env);
  if (args[0] !== 'app')
    throw new HostProblem('Here only the command app is offered: npm run -s nocobase -- app --help.');
  if (!existsSync(PROGRAM)) throw new HostProblem('The plugin is not built yet; run npm start, or npm run build.');
  const env = { ...process.env, STORAGE_PATH: join(dataDir, 'storage'), SOCKET_PATH: socketPath(dataDir) };
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: 'inherit', env });
  // A terminal has sent it to the command already; whoever sends it to us alone means the command.
  for (const name of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(name, () => child.kill(name));
  }
  const [code, signal] = await new Promise((resolve) => child.once('close', (...ended) => resolve(ended)));
  process.exitCode = code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (signal)];
}
