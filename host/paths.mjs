// @ts-check
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where this file lives: the package with NocoBase in its `node_modules`. */
export const HOST_DIR = dirname(fileURLToPath(import.meta.url));
/** The repository: the plugin's own package. */
export const ROOT_DIR = dirname(HOST_DIR);
export const HOST_MODULES = join(HOST_DIR, 'node_modules');
export const PLUGIN_NAME = 'nocobase-plugin-app-supervisor';
/** The built plugin as NocoBase sees it: a real directory, as an installed package is. */
export const PLUGIN_DIR = join(HOST_MODULES, PLUGIN_NAME);

/**
 * Loads one of the host's packages; only after `prepare()`, since a fresh clone has none.
 * @param {string} name
 * @returns {any}
 */
export const hostRequire = (name) => createRequire(join(HOST_DIR, 'package.json'))(name);
