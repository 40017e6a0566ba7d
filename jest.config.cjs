'use strict';

const { existsSync } = require('node:fs');
const path = require('node:path');

const present = (folders) =>
  folders.filter((folder) => existsSync(path.join(__dirname, folder))).map((folder) => `<rootDir>/${folder}`);

/** @type {import('jest').Config} */
const shared = {
  globalSetup: '<rootDir>/scripts/test/run-folder.cjs',
  testEnvironment: '<rootDir>/scripts/test/environment.cjs',
  roots: present(['__tests__', 'src', 'server', 'client', 'migrations']),
  transform: {
    '^.+\\.tsx?$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', tsx: true, decorators: false },
          transform: { react: { runtime: 'automatic' } },
          keepClassNames: true,
        },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  // NocoBase runs as it is delivered.
  transformIgnorePatterns: ['/node_modules/', '<rootDir>/host/', '<rootDir>/dist/'],
  modulePaths: ['<rootDir>/host/node_modules'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/\\.host/'],
};

/** One group of tests; its time limit a test stands in scripts/test/timeouts. */
const project = (displayName, folders, setup) => ({
  ...shared,
  displayName,
  testMatch: folders.map((folder) => `<rootDir>/__tests__/${folder}/**/*.test.{ts,tsx}`),
  setupFilesAfterEnv: setup ? [`<rootDir>/scripts/test/${setup}`] : [],
});

/** @type {import('jest').Config} */
module.exports = {
  maxWorkers: 2,
  // A NocoBase in the process of a test file is not freed whole; a heap of some gigabytes makes each file slower.
  workerIdleMemoryLimit: '1GB',
  // Hundreds of random histories take their time on a busy machine. The other groups have limits of their own.
  testTimeout: 60_000,
  projects: [
    project('unit', ['unit']),
    project('integration', ['integration'], 'timeout-integration.cjs'),
    project('full', ['full', 'browser'], 'timeout-full.cjs'),
  ],
};
