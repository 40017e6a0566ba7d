// Runs the tests: unit and integration, with --full also those that take long, with --only-full only these. Further
// arguments go to Jest. The last line counts the tests, for CI.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const jest = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js');

function projectsOf(args) {
  if (args.includes('--only-full')) return ['full'];
  return args.includes('--full') ? ['unit', 'integration', 'full'] : ['unit', 'integration'];
}

function runJest(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [jest, ...args], { cwd: root, stdio: 'inherit' });
    const forward = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, forward);
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}

/** A test file that could not even be loaded counts as one failure. */
function countLine(result) {
  const passed = result.numPassedTests;
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  const skipped = result.numPendingTests + result.numTodoTests;
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

const own = ['--full', '--only-full'];
const given = process.argv.slice(2);
const folder = await mkdtemp(path.join(tmpdir(), 'app-supervisor-test-'));
const outputFile = path.join(folder, 'result.json');
try {
  const passedOn = given.filter((arg) => !own.includes(arg));
  const selection = ['--selectProjects', ...projectsOf(given)];
  process.exitCode = await runJest(['--json', `--outputFile=${outputFile}`, ...passedOn, ...selection]);
  const result = await readFile(outputFile, 'utf8').catch(() => undefined);
  if (result) console.log(countLine(JSON.parse(result)));
  else console.error('Jest ended without a result.');
} finally {
  await rm(folder, { recursive: true, force: true });
}
