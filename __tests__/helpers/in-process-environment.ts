import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * Imported before anything of NocoBase by tests that run it in their own process: its modules make loggers, and
 * print, while they are loaded. The storage is this test file's alone; it is made when something is written there, and
 * goes when the tests are over.
 */
export const temporaryFolder = path.join(tmpdir(), `app-supervisor-in-process-${randomBytes(6).toString('hex')}`);

Object.assign(process.env, {
  STORAGE_PATH: path.join(temporaryFolder, 'storage'),
  // No log file is opened before there is something to log.
  LOGGER_TRANSPORT: 'console',
  LOGGER_LEVEL: 'error',
});

// Every plugin listens to the few events of its application; Node takes that for a leak.
EventEmitter.defaultMaxListeners = 50;

// What NocoBase and Sequelize print would hide what the tests say; what matters stands in the log files.
for (const level of ['log', 'info', 'warn', 'error', 'debug'] as const) {
  jest.spyOn(console, level).mockImplementation(() => undefined);
}

afterAll(() => rmSync(temporaryFolder, { recursive: true, force: true }));
