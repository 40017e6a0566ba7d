// @ts-check
/**
 * The plugin as its users get it: built, packed by `npm pack`, and unpacked into the host's `node_modules`.
 *
 * NocoBase knows it there by `APPEND_PRESET_LOCAL_PLUGINS`, from its very first process on; and as the directory is a
 * real one, shared by all hosts of this clone, whatever is in a host's own plugin storage stands back behind it.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { runNpm } from './packages.mjs';
import { HOST_MODULES, PLUGIN_DIR, ROOT_DIR, hostRequire } from './paths.mjs';
import { HostProblem } from './problem.mjs';

const SOURCES = [
  'src',
  'server',
  'client',
  'migrations',
  'locale',
  'scripts',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
];
const BUILD_STAMP = join(ROOT_DIR, 'node_modules', '.cache', 'app-supervisor-build.json');
const PLACE_STAMP = join(PLUGIN_DIR, '.placed');

/** Whether `dist` is what the build made of the present sources. */
export function isBuilt() {
  if (!existsSync(join(ROOT_DIR, 'dist', 'server', 'index.js'))) return false;
  return readText(BUILD_STAMP) === buildStamp();
}

/** @param {import('./processes.mjs').RunOptions} run */
export async function buildPlugin(run) {
  const sources = digest(SOURCES);
  await runNpm(['run', '--silent', 'build'], ROOT_DIR, run);
  if (!existsSync(join(ROOT_DIR, 'dist', 'server', 'index.js'))) {
    throw new HostProblem('npm run build made no dist/server/index.js.');
  }
  mkdirSync(join(BUILD_STAMP, '..'), { recursive: true });
  writeFileSync(BUILD_STAMP, buildStamp(sources)); // of the sources as they were before: a change meanwhile builds again
}

const buildStamp = (sources = digest(SOURCES)) => JSON.stringify({ sources, dist: digest(['dist']) });

/** Whether the plugin in the host's `node_modules` is the built one. */
export const isPlaced = () => readText(PLACE_STAMP) === packageDigest();

/** Names the built code: it changes whenever the plugin in NocoBase does. */
export const placedCode = () => readText(PLACE_STAMP);

/** @param {import('./processes.mjs').RunOptions} run */
export async function placePlugin(run) {
  const code = packageDigest();
  const beside = mkdtempSync(join(HOST_MODULES, '.placing-'));
  try {
    const answer = await runNpm(['pack', '--json', '--ignore-scripts', '--pack-destination', beside], ROOT_DIR, run);
    const tarball = readdirSync(beside).find((name) => name.endsWith('.tgz'));
    if (!tarball) throw new HostProblem(`npm pack made no package: ${answer.trim().slice(0, 200)}`);
    hostRequire('tar').x({ file: join(beside, tarball), cwd: beside, sync: true });
    writeFileSync(join(beside, 'package', '.placed'), code);
    if (existsSync(PLUGIN_DIR)) renameSync(PLUGIN_DIR, join(beside, 'former'));
    renameSync(join(beside, 'package'), PLUGIN_DIR);
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
}

/** Everything that `npm pack` would take. */
function packageDigest() {
  const { files = [] } = JSON.parse(readFileSync(join(ROOT_DIR, 'package.json'), 'utf8'));
  return digest(['package.json', ...files]);
}

/**
 * @param {string[]} names files and folders of the repository
 * @returns {string}
 */
function digest(names) {
  const hash = createHash('sha256');
  for (const file of names.flatMap((name) => filesIn(join(ROOT_DIR, name)))) {
    hash
      .update(`${relative(ROOT_DIR, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 32);
}

/**
 * @param {string} path
 * @returns {string[]}
 */
function filesIn(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return [];
  if (!found.isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesIn(join(path, name)));
}

/** @param {string} file */
function readText(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
