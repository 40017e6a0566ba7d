// @ts-check
/**
 * The NocoBase process. It sets the environment as NocoBase's own command line does, and runs the same entry; but it
 * is no child of pm2's, and it does not outlive the launcher: standard input is a pipe that nobody writes to, and whose
 * end means that the launcher is gone, however that happened.
 */
'use strict';

/** Longer than the plugin's own deadline. */
const STOP_MS = (Number(process.env.APP_SUPERVISOR_SHUTDOWN_TIMEOUT) || 20) * 1_000 + 3_000;

process.stdin.once('close', () => {
  process.emit('SIGTERM', 'SIGTERM'); // NocoBase's own way to stop
  setTimeout(() => process.exit(1), STOP_MS).unref();
  const postgres = Number(process.env.HOST_POSTGRES_PID);
  if (!postgres) return;
  process.once('exit', () => {
    try {
      process.kill(postgres, 'SIGINT');
    } catch {
      // it has gone too
    }
  });
});
process.stdin.resume();
/** @type {any} */ (process.stdin).unref();

// @ts-expect-error a command line tool's module, without types
const { generateAppDir, initEnv } = require('@nocobase/cli-v1/src/util');

initEnv();
try {
  generateAppDir(); // writes the address of the API into the admin UI's page
} catch (error) {
  const readOnly = ['EACCES', 'EPERM', 'EROFS'].includes(/** @type {any} */ (error).code);
  if (!readOnly) throw error; // a user who may not write here finds it written by the one who installed
}

require('@nocobase/app/lib/index.js');
