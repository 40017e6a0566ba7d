'use strict';

const { mkdtempSync, rmSync, chmodSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

/**
 * Before a run of the tests: makes the folder of what its processes share, which they find in TEST_RUN_FOLDER. Every
 * account may enter: the embedded PostgreSQL does not run as root.
 */
module.exports = () => {
  if (process.env.TEST_RUN_FOLDER) return; // another project's setup was here
  process.env.TEST_RUN_FOLDER = mkdtempSync(path.join(tmpdir(), 'app-supervisor-run-'));
  chmodSync(process.env.TEST_RUN_FOLDER, 0o755);
  process.once('exit', () => rmSync(process.env.TEST_RUN_FOLDER, { recursive: true, force: true }));
};
