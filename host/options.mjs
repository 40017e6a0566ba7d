// @ts-check
/**
 * What the person who starts the host asks for, on the command line and in the environment.
 */
import { join, resolve } from 'node:path';
import { ROOT_DIR } from './paths.mjs';
import { HostProblem } from './problem.mjs';

export const DEFAULT_DATA_DIR = join(ROOT_DIR, '.host');

export const HELP = `Usage: npm start [-- options]

Starts a real NocoBase with the App Supervisor plugin in it, and stays until Ctrl-C.

Options
  --demo        also create two sub-applications with data and pages of their own, and print what to try
  -h, --help    show this

Environment
  APP_PORT           port, default 13000
  APP_HOST           address to listen on, default 127.0.0.1
  HOST_DATA_DIR      where everything is kept, default .host in the repository
  DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_DATABASE, DB_DIALECT
                     a database server to use instead of the PostgreSQL that comes along
  INIT_ROOT_EMAIL, INIT_ROOT_USERNAME, INIT_ROOT_PASSWORD
                     the first administrator; by default the password is made up and shown
  Every other variable reaches NocoBase as it is.
`;

/**
 * @param {string[]} args
 * @returns {{ demo: boolean, help: boolean }}
 */
export function readArguments(args) {
  const options = { demo: false, help: false };
  for (const arg of args) {
    if (arg === '--demo') options.demo = true;
    else if (arg === '--help' || arg === '-h') options.help = true;
    else throw new HostProblem(`Unknown option ${arg}; try npm start -- --help.`);
  }
  return options;
}

/**
 * @param {Record<string, string | undefined>} env
 * @returns {{ port: number, listenHost: string, dataDir: string }}
 */
export function readEnvironment(env) {
  const port = Number(env.APP_PORT || 13000);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new HostProblem(`APP_PORT must be a number from 1 to 65535; it is "${env.APP_PORT}".`);
  }
  return {
    port,
    listenHost: env.APP_HOST || '127.0.0.1',
    dataDir: env.HOST_DATA_DIR ? resolve(env.HOST_DATA_DIR) : DEFAULT_DATA_DIR,
  };
}
