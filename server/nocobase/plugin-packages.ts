import { existsSync } from 'node:fs';
import path from 'node:path';
import { PluginManager } from '@nocobase/server';

/** Every plugin's package has it beside its code; NocoBase loads the server's part by it. */
const PLUGIN_FILE = 'server.js';

const folderOf = (packageName: string) => path.resolve(process.env.NODE_MODULES_PATH || 'node_modules', packageName);

/** Resolves to whether NocoBase would find a plugin by this name or package name in what is installed. Never rejects. */
export async function isInstalledPlugin(name: string): Promise<boolean> {
  try {
    await PluginManager.getPackageJson(name);
    return !isLibrary(name);
  } catch {
    return false;
  }
}

/**
 * Whether NocoBase would load a package by this name that is no plugin. Loading it would run code that was not made for
 * this process.
 */
export function isLibrary(name: string): boolean {
  const candidates = [...PluginManager.getPluginPkgPrefix().map((prefix) => `${prefix}${name}`), name];
  const folder = candidates.map(folderOf).find((candidate) => existsSync(path.join(candidate, 'package.json')));
  return folder !== undefined && !existsSync(path.join(folder, PLUGIN_FILE));
}
