// @ts-check
/**
 * Brings a clone to the point where NocoBase can start with the plugin in it: packages installed, plugin built, and the
 * built plugin placed where NocoBase finds it. What is up to date is left alone, so that a second run takes an instant.
 *
 * Runs by itself too: `node host/prepare.mjs`.
 */
import { pathToFileURL } from 'node:url';
import { buildPlugin, isBuilt, isPlaced, placePlugin } from './built-plugin.mjs';
import { areInstalled, areLibrariesLinked, installPackages, linkLibraries } from './packages.mjs';
import { HOST_DIR, ROOT_DIR } from './paths.mjs';
import { preparing } from './preparation-lock.mjs';
import { HostProblem } from './problem.mjs';
import { consoleReport } from './report.mjs';

/**
 * @param {{ report?: import('./report.mjs').Report, signal?: AbortSignal }} [options]
 */
export async function prepare({ report = consoleReport(), signal } = {}) {
  requireNode();
  if (isPrepared()) return;
  await preparing(report, signal, async (lock) => {
    /** @type {import('./processes.mjs').RunOptions} */
    const run = { signal, started: (record) => lock.noteProcess('npm', record) };
    if (!areInstalled(ROOT_DIR)) {
      await report.step("installing the plugin's packages", () => installPackages(ROOT_DIR, run));
    }
    if (!areInstalled(HOST_DIR)) {
      await report.step('installing NocoBase and PostgreSQL (about 1 GB, a minute or more)', () =>
        installPackages(HOST_DIR, run),
      );
    }
    if (!areLibrariesLinked(HOST_DIR)) linkLibraries(HOST_DIR);
    if (!isBuilt()) await report.step('building the plugin', () => buildPlugin(run));
    if (!isPlaced()) await report.step('placing the built plugin in NocoBase', () => placePlugin(run));
  });
}

function isPrepared() {
  return areInstalled(ROOT_DIR) && areInstalled(HOST_DIR) && areLibrariesLinked(HOST_DIR) && isBuilt() && isPlaced();
}

function requireNode() {
  if (Number.parseInt(process.versions.node, 10) < 20) {
    throw new HostProblem(`Node.js 20 or newer is needed; this is ${process.version}.`);
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { runAsProgram } = await import('./program.mjs');
  await runAsProgram(({ signal, report }) => prepare({ signal, report }));
}
