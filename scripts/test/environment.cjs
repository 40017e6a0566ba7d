'use strict';

const { TestEnvironment } = require('jest-environment-node');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const root = path.resolve(__dirname, '..', '..');

/**
 * Node, and `importHost('index.mjs')`: imports an ES module of host/ by Node itself, outside of Jest's sandbox (which
 * knows no ES modules, and whose `process` hears no signals). A module is loaded once a worker.
 */
module.exports = class HostEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    this.global.importHost = (file) => import(pathToFileURL(path.join(root, 'host', file)).href);
  }
};
