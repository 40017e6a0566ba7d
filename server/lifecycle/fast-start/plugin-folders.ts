import { access } from 'node:fs/promises';
import path from 'node:path';
import { Plugin } from '@nocobase/server';
import { PackageMemo, packageStampOf } from './memo';

/**
 * Where a plugin's package lies, and whether it brings collections or descriptions for the AI at all. NocoBase resolves
 * the place anew for each of these questions and each application.
 */
const places = new PackageMemo<string | undefined>(1_000);
const folders = new PackageMemo<boolean>(2_000);

interface PluginInternals {
  options: { packageName?: string };
  getPluginBasePath(): Promise<string | undefined>;
  loadCollections(): Promise<void>;
  loadAI(): Promise<void>;
}

/** Only where the class of the plugin has not its own way of doing it. */
function inherits(plugin: PluginInternals, method: keyof PluginInternals): boolean {
  const base = Plugin.prototype as unknown as PluginInternals;
  return !Object.hasOwn(plugin, method) && plugin[method] === base[method];
}

/** Gives one plugin of one application, before it is loaded, what is known of its package. */
export function knowPluginFolders(plugin: Plugin): void {
  const internals = plugin as unknown as PluginInternals;
  const { packageName } = internals.options;
  if (!packageName || !inherits(internals, 'getPluginBasePath')) return;
  // Once a start: the package does not change under an application that is being loaded.
  const stamp = packageStampOf(packageName);
  const find = internals.getPluginBasePath.bind(plugin);
  const place = () => places.get(packageName, stamp, find);
  internals.getPluginBasePath = place;
  for (const [method, folder] of [
    ['loadCollections', path.join('server', 'collections')],
    ['loadAI', 'ai'],
  ] as const) {
    if (!inherits(internals, method)) continue;
    const load = internals[method].bind(plugin);
    const exists = async () => {
      const base = await place();
      if (!base) return false;
      return access(path.resolve(base, folder)).then(
        () => true,
        () => false,
      );
    };
    internals[method] = async () => {
      if (await folders.get(`${packageName} ${folder}`, stamp, exists)) await load();
    };
  }
}
